"""The integration registry: what is right is read, and every mistake is told at once with its way out."""

from datetime import date
from pathlib import Path

import pytest

from inventory_stream.adapters.channel_registry import MISTAKES_SHOWN_MAX, load_registry
from inventory_stream.errors import SettingsError
from tests.unit.adapters.specs import SPECS

TODAY = date(2026, 11, 22)
SECRET = "hunter2-correct-horse"  # noqa: S105  # nobody's

GOOD = """
[[integration]]
name = "shop-nl"
adapter = "parts"
channel = "web"
account = "shop-1.example"
owner = "web team"
escalation = "+31 20 000 0000"
freshness_seconds = 30
error_budget = 0.01
mode = "shadow"
retires = 2027-06-30
url = "https://shop-1.example/api"
[integration.secrets]
token = "env:SHOP_TOKEN"
webhook = "file:/run/secrets/shop-webhook"
[integration.options]
plan = "plus"
"""


def written(folder: Path, *entries: str) -> Path:
    """Write a registry of these entries."""
    path = folder / "registry.toml"
    path.write_text("\n".join(entries))
    return path


def refusal(folder: Path, *entries: str) -> list[str]:
    """Give the lines by which a registry is refused."""
    with pytest.raises(SettingsError) as refused:
        load_registry(written(folder, *entries), SPECS, today=TODAY)
    return str(refused.value).splitlines()


def test_entry_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Each field has its place, those that are left out their default."""
    (entry,) = load_registry(written(tmp_path, GOOD), SPECS, today=TODAY)
    assert (entry.name, entry.adapter, entry.channel, entry.account) == (
        "shop-nl",
        "parts",
        "web",
        "shop-1.example",
    )
    assert entry.secrets == {"token": "env:SHOP_TOKEN", "webhook": "file:/run/secrets/shop-webhook"}
    assert (entry.options, entry.mode, entry.retires) == ({"plan": "plus"}, "shadow", date(2027, 6, 30))
    assert (entry.mass_change_share, entry.reconcile_seconds) == (0.3, 900.0)


def test_empty_registry_has_no_integrations(tmp_path: Path) -> None:
    """A file without entries is no mistake: channels come one by one."""
    assert load_registry(written(tmp_path, "# none yet"), SPECS, today=TODAY) == ()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"parts"', '"partz"', "adapter: 'partz' is not known; there are: parts"),
        ('token = "env:SHOP_TOKEN"', "", "secrets.token: missing; write token = 'env:NAME'"),
        ('"env:SHOP_TOKEN"', f'"{SECRET}"', "secrets.token: no reference"),
        ('"env:SHOP_TOKEN"', '"file:relative"', "secrets.token: no reference"),
        ("webhook =", "hook =", "secrets.hook: unknown to parts; there are: token, webhook"),
        ("plan =", "plam =", "options.plam: unknown to parts; there are: plan"),
        ('"plus"', '"none"', "plan: one of standard, plus"),
        ("2027-06-30", "2026-11-22", "retires: 2026-11-22 has come; take the entry out"),
        ("https://shop-1", "http://shop-1", "url: write https://host/path"),
        ("https://shop-1", f"https://me:{SECRET}@shop-1", "url: has a user or a password in it"),
        ("/api", "/api?key=1", "url: has a query or a fragment"),
        ("https://shop-1.example/api", "https://[::1", "url: cannot be read"),
        ('"shop-nl"', '"Shop NL"', "name: 1 to 63 of a-z"),
        ('"shop-1.example"', '""', "account: 1 to 128 characters"),
        ("= 0.01", "= 1.0", "error_budget: Input should be less than 1"),
        ("freshness_seconds = 30", "freshness_seconds = 0", "freshness_seconds: Input should be greater"),
        ('mode = "shadow"', 'mode = "maybe"', "mode: Input should be 'on', 'shadow' or 'off'"),
        ('owner = "web team"', "", "owner: missing"),
        ('owner = "web team"', 'owner = "x"\nonwer = "y"', "onwer: unknown field; there are name"),
    ],
)
def test_mistake_is_named_with_file_entry_and_way_out(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    """One mistake is one line, which names the file, the entry, the field and what to do."""
    assert before in GOOD
    (line,) = refusal(tmp_path, GOOD.replace(before, after))
    assert f"{tmp_path}/registry.toml', integration 1" in line
    assert told in line
    assert SECRET not in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Nobody has to mend a file line by line: entries, names and accounts, too, are told together."""
    lines = refusal(tmp_path, GOOD, GOOD.replace("2027-06-30", "2020-01-01"), GOOD.replace("web", "x" * 129))
    assert any("integration 2 (shop-nl): name: 'shop-nl' stands there twice" in line for line in lines)
    assert any("integration 2 (shop-nl): account:" in line and "two entries" in line for line in lines)
    assert any("integration 2 (shop-nl): retires" in line for line in lines)
    assert any("integration 3 (shop-nl): channel: 1 to 128" in line for line in lines)


def test_mistakes_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    """A thousand broken entries fill one screen, not a log."""
    lines = refusal(tmp_path, *["[[integration]]\nfoo = 1"] * 100)
    assert len(lines) == MISTAKES_SHOWN_MAX + 1
    assert lines[-1].startswith("and ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("integration = 3", "write [[integration]] with two brackets"),
        ("[[integrations]]\nname = 'x'", "integrations: unknown; each account is one [[integration]]"),
        ("[[integration]\n", "cannot be read as TOML"),
        ("x" * 5_000_000, "that is no registry"),
    ],
)
def test_file_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """What is no registry at all says what it should be."""
    (line,) = refusal(tmp_path, text)
    assert told in line


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The setting and the path stand in the message."""
    with pytest.raises(SettingsError, match=r"channels\.registry_file = .*nowhere.toml.*No such file"):
        load_registry(tmp_path / "nowhere.toml", SPECS)
