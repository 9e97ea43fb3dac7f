"""Fields that do not fit their schema are counted by name, and names are bounded."""

from inventory_stream.flows.channels.drift import FIELDS_MAX, OTHER_FIELDS, Misfit, SchemaDrift


def test_misfits_are_counted_by_channel_field_and_kind() -> None:
    """One channel's drift is not another's; the most frequent comes first."""
    heard: list[tuple[str, str, str]] = []
    drift = SchemaDrift(lambda *misfit: heard.append(misfit))
    for field in ("qty", "name", "qty"):
        drift.misfit("shopify", field, "missing")
    drift.misfit("amazon", "qty", "type")
    assert drift.misfits("shopify") == [Misfit("qty", "missing", 2), Misfit("name", "missing", 1)]
    assert (drift.total("shopify"), drift.total("amazon"), drift.total("square")) == (3, 1, 0)
    assert heard[-1] == ("amazon", "qty", "type")


def test_names_from_outside_are_bounded() -> None:
    """A channel that answers with random names fills neither memory nor the metrics."""
    heard: set[str] = set()
    drift = SchemaDrift(lambda _, field, __: heard.add(field))
    for number in range(10 * FIELDS_MAX):
        drift.misfit("shopify", f"field-{number}", "unknown")
    assert len(heard) == FIELDS_MAX + 1
    assert OTHER_FIELDS in heard
    assert drift.total("shopify") == 10 * FIELDS_MAX


def test_names_are_short_and_harmless() -> None:
    """A name may be a kilobyte of escapes; a log and a metric see a hundred printable characters."""
    heard: list[str] = []
    SchemaDrift(lambda _, field, __: heard.append(field)).misfit(
        "shopify", "\x1b[31m" + "x" * 1_000, "unknown"
    )
    assert heard == ["?[31m" + "x" * 95]
