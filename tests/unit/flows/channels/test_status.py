"""What `channels status` says: the story of an account, and the way out of what does not go."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from inventory_stream.flows.channels.gate import STOPPING, ZEROS_FIRST
from inventory_stream.flows.channels.status import WAYS_OUT, Story, as_json, keys_of, lines, story_of
from models.channels import AccountRow, OutcomeRow, ReportRow, StatusRow, outcome_key
from tests.unit.adapters.specs import entry

NOW_MS = 1_800_000_000_000
TODAY = date(2027, 1, 15)
SHOP = entry("shop-nl", "web", "shop/1")
STATUS = StatusRow(worker="w1", at_ms=NOW_MS - 1_000, mode="on", listings=10, in_step=10)


def story(
    status: StatusRow | None = STATUS, account: AccountRow | None = None, report: ReportRow | None = None
) -> Story:
    """Tell it from rows as they stand in the topic."""
    there: dict[str, OutcomeRow] = {}
    if status is not None:
        there[outcome_key("web", "shop/1", "@status")] = status
    if account is not None:
        there[outcome_key("web", "shop/1", "@account")] = account
    if report is not None:
        there[outcome_key("web", "shop/1", "@report")] = report
    return story_of(SHOP, there, NOW_MS)


def text(told: Story) -> str:
    """Give all lines."""
    return "\n".join(lines(told, TODAY))


def test_account_in_order_needs_nobody() -> None:
    """The headline says what it is and that the promise is kept."""
    told = story()
    assert told.is_well
    assert text(told).splitlines()[0] == "shop-nl  parts  web/shop/1  on  SLA met"
    assert "owner web team; if it burns: on call" in text(told)


@pytest.mark.parametrize("status", [None, with_fields(STATUS, at_ms=NOW_MS - 15_001)])
def test_account_without_a_worker_says_how_to_start_one(status: StatusRow | None) -> None:
    """No row, or an old one: nobody speaks for the account."""
    told = story(status)
    assert not told.is_well
    assert "NO WORKER owns this account: start `inventory-stream worker channels`" in text(told)


@pytest.mark.parametrize("kind", sorted({*WAYS_OUT, "something-new"}))
def test_every_parking_has_a_way_out(kind: str) -> None:
    """Why, and what to type, with the account's name in it."""
    told = story(account=AccountRow(parked={kind: "because"}))
    assert not told.is_well
    assert f"PARKED {kind}: because" in text(told)
    assert "{name}" not in text(told)
    assert "way out: " in text(told)


def test_every_kind_that_stops_is_known_here() -> None:
    """What the worker parks for has a sentence of its own."""
    assert {*STOPPING, ZEROS_FIRST} <= WAYS_OUT.keys()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"waiting_zeros": 2, "waiting_cuts": 1_234}, "waiting: 2 zeros, 1,234 cuts"),
        ({"deferred": 2}, "2 to be tried again"),
        ({"exposure_units": 7}, "exposure 7 units"),
        ({"oldest_waiting_ms": 45_200}, "oldest 45.2 s"),
        ({"breaker": "open"}, "breaker open"),
        ({"sla": "breached: an update waits"}, "SLA breached: an update waits"),
        ({"last_error": "429", "last_error_ms": NOW_MS - 180_000}, "last error 3 min ago: 429"),
        ({"orders_through_ms": NOW_MS}, "orders in through 2027-01-15"),
        ({"unmapped_skus": 12}, "12 SKUs of the ledger not mapped"),
        ({"unbacked": 1_200}, "1,200 listings show units of SKUs that the ledger does not know"),
        ({"dead": 3}, "mend what was refused, then `channels replay shop-nl`"),
        ({"schema_drift": 4}, "4 times its answers did not fit their schema"),
        (
            {"push_ms_p95": 120, "zero_ms_p99": 80},
            "95 % of changes there within 120 ms, 99 % of zeros within 80 ms",
        ),
        ({"mapping_wrong": "line 3"}, "MAPPING FILE wrong, the one before it is in use: line 3"),
    ],
)
def test_what_the_worker_tells_is_shown(fields: dict[str, Any], told: str) -> None:
    """Each number that somebody acts on has its words."""
    assert told in text(story(with_fields(STATUS, **fields)))


@pytest.mark.parametrize(
    "fields", [{"dead": 1}, {"unbacked": 1}, {"sla": "breached: x"}, {"mapping_wrong": "x"}]
)
def test_trouble_needs_somebody(fields: dict[str, Any]) -> None:
    """`status` ends with 1 for it."""
    assert not story(with_fields(STATUS, **fields)).is_well


def test_operators_and_reports_are_shown() -> None:
    """Who did what last and why, what is stopped, and how the newest comparison ended."""
    account = AccountRow(
        mode="off", by="ann", reason="prices", at_ms=NOW_MS - 7_200_000, stopped_listings=("l1",)
    )
    report = ReportRow("r1", 1, NOW_MS - 60_000, 500, 497, 0, 3, 3)
    told = text(story(account=account, report=report))
    assert told.splitlines()[0] == "shop-nl  parts  web/shop/1  off  SLA met"
    assert "last act by ann, 2 h ago: prices" in told
    assert "1 listings stopped, e.g. l1" in told
    assert "compared 1 min ago: 500 listings, 3 differed, 3 mended" in told


@pytest.mark.parametrize(("day", "soon"), [(date(2027, 2, 14), True), (date(2027, 2, 15), False)])
def test_end_of_an_integration_is_told_a_month_before(day: date, soon: bool) -> None:  # noqa: FBT001  # a column
    """Somebody has to prepare it."""
    told = "\n".join(lines(story()._replace(integration=replace(SHOP, retires=day)), TODAY))
    assert f"retires {day}" in told
    assert ("prepare its end" in told) is soon


def test_json_has_every_field_of_the_rows() -> None:
    """A program sees zeros, too, which the record leaves out."""
    told = as_json(story(account=AccountRow(parked={"auth": "401"})))
    assert told["status"]["dead"] == 0
    assert told["ways_out"]["auth"].endswith("`channels resume shop-nl`")
    assert (told["is_well"], told["report"]) == (False, None)


def test_rows_of_the_account_alone_are_asked_for() -> None:
    """A million listings are not decoded for a status."""
    assert keys_of(SHOP) == {"web/shop%2F1/@account", "web/shop%2F1/@status", "web/shop%2F1/@report"}


def test_deliveries_that_wait_unread_need_somebody() -> None:
    """What they sold is in no stock: their number and the way out stand there though all else is well."""
    told = story()._replace(letters=1_002)
    assert not told.is_well
    assert "1,002 deliveries wait unread" in text(told)
    assert "`channels replay shop-nl`" in text(told)
    assert as_json(told)["letters"] == 1_002
