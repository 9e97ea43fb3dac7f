"""`atp outlook`: from ledger rows to what may be promised for which day (R13)."""

from io import StringIO

import orjson
import pytest
from rich.console import Console

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.cli.outlook import as_json, print_outlook
from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.outlook import SkuOutlook, outlook_of
from models.rows import (
    BackorderRow,
    IncomingRow,
    TimeZoneRow,
    TransferRow,
    backorder_key,
    incoming_key,
    position_key,
    time_zone_key,
    transfer_key,
)
from tests.fakes.ledger_reader import FakeLedger

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
DAY_MS = 86_400_000


def incoming(
    ledger: FakeLedger, name: str, units: int, day: int, *, received: int = 0, ended: int = 0
) -> None:
    """Append an incoming of S for A, expected at noon of a day."""
    row = IncomingRow(0, name, "S", "A", units, received, NOON + day * DAY_MS, ended)
    ledger.row(0, incoming_key(name), row)


async def read(ledger: FakeLedger, location: str | None = None, days: int = 3) -> SkuOutlook | None:
    """Read S in both partitions, the empty one first."""
    ledger.claim(1)
    return await outlook_of(ledger, LiveRows, [1, 0], "S", NOON, days, location)


@pytest.fixture
def ledger() -> FakeLedger:
    """Partition 0 with S at A and B; 3 of A's 10 are reserved."""
    ledger = FakeLedger(NOON)
    ledger.claim(0)
    ledger.position(0, "S", "A", 10, reserved=3)
    ledger.position(0, "S", "B", 2)
    ledger.position(0, "OTHER", "A", 99)
    return ledger


async def test_outlook_adds_what_is_on_the_way_from_its_day_on(ledger: FakeLedger) -> None:
    """R12, R13: open units of incoming and transfers count at their target, on their day, and not before."""
    incoming(ledger, "PO1", 6, 2, received=2)
    ledger.row(0, transfer_key("T1"), TransferRow(0, "T1", "S", "A", "B", 7, 5, 5, 0, NOON + DAY_MS))
    found = await read(ledger)
    assert found is not None
    assert {one.location: list(one.units) for one in found.locations} == {
        "A": [7, 7, 11, 11],
        "B": [2, 7, 7, 7],
    }
    assert list(found.total) == [9, 14, 18, 18]


async def test_outlook_counts_nothing_that_is_overdue_undated_or_over(ledger: FakeLedger) -> None:
    """R13: overdue goods count 0 but are told; what has ended, or belongs to another SKU, is not."""
    incoming(ledger, "LATE", 6, -1)
    incoming(ledger, "OVER", 6, 1, ended=NOON)
    ledger.row(0, transfer_key("T1"), TransferRow(0, "T1", "S", "B", "A", 0, 5, 5, 0, 0))
    ledger.row(0, incoming_key("NOT"), IncomingRow(0, "NOT", "OTHER", "A", 5, 0, NOON + DAY_MS))
    incoming(ledger, "GONE", 6, 1)
    ledger.tombstone(0, incoming_key("GONE"))
    found = await read(ledger, "A")
    assert found is not None
    (one,) = found.locations
    assert list(one.units) == [7, 7, 7, 7]
    assert [(each.name, each.is_counted) for each in one.awaited] == [("T1", False), ("LATE", False)]


async def test_outlook_knows_a_location_that_has_no_position_yet(ledger: FakeLedger) -> None:
    """R13: a first delivery can be promised before anything of it was ever there."""
    row = IncomingRow(0, "PO1", "S", "C", 4, 0, NOON + DAY_MS)
    ledger.row(0, incoming_key("PO1"), row)
    found = await read(ledger, "C", days=1)
    assert found is not None
    assert list(found.total) == [0, 4]


async def test_outlook_follows_each_locations_calendar(ledger: FakeLedger) -> None:
    """R13: goods of 18:00 UTC arrive today in Greenwich, and tomorrow in Tokyo."""
    row = IncomingRow(0, "PO1", "S", "A", 4, 0, NOON - DAY_MS + 6 * 3_600_000)
    ledger.row(0, incoming_key("PO1"), row)
    late = await read(ledger, "A", days=1)
    ledger.row(0, time_zone_key("A"), TimeZoneRow(0, "A", "Asia/Tokyo"))
    tokyo = await read(ledger, "A", days=1)
    assert late is not None
    assert tokyo is not None
    assert (list(late.total), list(tokyo.total)) == ([7, 7], [7, 11])


async def test_outlook_shows_no_less_than_nothing(ledger: FakeLedger) -> None:
    """R5: an over-committed location is no debt of the others; its debt is paid before it promises again."""
    ledger.position(0, "S", "B", -5)
    ledger.row(0, incoming_key("PO1"), IncomingRow(0, "PO1", "S", "B", 9, 0, NOON + DAY_MS))
    found = await read(ledger, days=1)
    assert found is not None
    assert list(found.total) == [7, 11]


async def test_outlook_is_none_when_nobody_knows_the_sku(ledger: FakeLedger) -> None:
    """An unknown SKU or location is said, not shown as zero."""
    assert await read(ledger, "Z") is None
    ledger.partitions[0] = ledger.partitions[0][:1]
    assert await read(ledger) is None


async def test_outlook_says_so_when_it_cannot_read_a_row(ledger: FakeLedger) -> None:
    """A row that cannot be decoded, or a zone that is not known here, is one line and no number."""
    ledger.row(0, time_zone_key("A"), TimeZoneRow(0, "A", "Mars/Olympus"))
    with pytest.raises(CorruptLedgerError, match="tzdata"):
        await read(ledger)
    ledger.append(0, position_key("S", "A"), b"\x90")
    with pytest.raises(CorruptLedgerError, match="p/S/A"):
        await read(ledger)


async def test_outlook_is_printed_and_told_as_json(ledger: FakeLedger) -> None:
    """People see a row per change and why something does not count; programs see every day."""
    incoming(ledger, "PO[b]", 6, 2)
    incoming(ledger, "LATE", 6, -1)
    found = await read(ledger, "A")
    assert found is not None
    printed = StringIO()
    print_outlook(found, Console(width=80, markup=False, file=printed))
    text = printed.getvalue()
    assert "2026-01-01" in text
    assert "2026-01-02" not in text
    assert "PO[b]" in text
    assert "no: overdue" in text
    told = orjson.loads(orjson.dumps(as_json(found)))
    assert [day["units"] for day in told["locations"][0]["days"]] == [7, 7, 13, 13]
    assert told["locations"][0]["days"][3]["date"] == "2026-01-04"


@pytest.mark.parametrize(
    ("tied", "expected"),
    [(None, [7, 7, 8, 8]), ("PO1", [7, 7, 8, 8]), ("LATE", [7, 7, 11, 11]), ("GONE", [7, 7, 8, 8])],
    ids=["open", "tied to what comes", "tied to what is overdue", "tied to what was called off"],
)
async def test_outlook_gives_goods_to_those_who_wait(
    ledger: FakeLedger, tied: str | None, expected: list[int]
) -> None:
    """R13, R24: 3 units wait; what is backordered on overdue goods counts 0 as they do."""
    incoming(ledger, "PO1", 4, 2)
    incoming(ledger, "LATE", 6, -1)
    ledger.row(0, backorder_key("S", "A"), BackorderRow(0, "S", "A", 9, 3, tied))
    found = await read(ledger, "A")
    assert found is not None
    assert list(found.locations[0].units) == expected
