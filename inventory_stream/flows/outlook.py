"""The use case "what may be promised for later": a SKU's positions and what is on the way to them (R13)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, cast

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ledger.promise import after_backorders, day_of, days_until, promises
from inventory_stream.ledger.zones import UTC_NAME, is_zone
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from models.rows import (
    INCOMING_PREFIX,
    TRANSFER_PREFIX,
    BackorderRow,
    IncomingRow,
    PositionRow,
    TimeZoneRow,
    TransferRow,
    backorder_key,
    position_key,
)

_ZONE_PREFIX: Final = b"s/zone/"
_STATED: Final = (INCOMING_PREFIX, TRANSFER_PREFIX, _ZONE_PREFIX, b"s/backorder/")


@dataclass(frozen=True, slots=True)
class Awaited:
    """Units on the way. `day` counts from today at the location; None: nobody said when."""

    kind: str
    name: str
    units: int
    expected_at_ms: int | None
    day: int | None

    @property
    def is_counted(self) -> bool:
        """Whether promises rely on it: it has a day, and is not overdue."""
        return self.day is not None and self.day >= 0


@dataclass(frozen=True, slots=True)
class LocationOutlook:
    """One location: `units[d]` may be promised today for day d, counted from `today`."""

    location: str
    time_zone: str
    today: date
    units: Sequence[int]
    awaited: Sequence[Awaited]


@dataclass(frozen=True, slots=True)
class SkuOutlook:
    """A SKU as the ledger has it now. Units are never below 0, and `total` is their sum (R5)."""

    sku: str
    now_ms: int
    locations: Sequence[LocationOutlook]

    @property
    def total(self) -> Sequence[int]:
        """Units by day over all locations, each by its own calendar."""
        return [sum(units) for units in zip(*(one.units for one in self.locations), strict=True)]


@dataclass(slots=True)
class _Found:
    """What a partition holds of a SKU, and the time zones it knows."""

    positions: dict[bytes, PositionRow] = field(default_factory=dict)
    stated: dict[bytes, IncomingRow | TransferRow] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    backorders: dict[bytes, BackorderRow] = field(default_factory=dict)


async def outlook_of(
    reader: LedgerReader,
    row_filter: RowFilterFactory,
    partitions: Sequence[int],
    sku: str,
    now_ms: int,
    days: int,
    location: str | None = None,
) -> SkuOutlook | None:
    """Read what may be promised of a SKU for today and each of the next `days`.

    Args:
        reader: The ledger topic.
        row_filter: Makes a partition's term filter (P4).
        partitions: Where to look, one after the other, until one knows the SKU.
        sku: The SKU.
        now_ms: What "today" is, ms since the Unix epoch.
        days: How far to look.
        location: Only this one.

    Returns:
        None when no partition knows the SKU, or not at that location.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    for partition in partitions:
        found = await _read(reader, row_filter, partition, sku)
        awaiting = {place for row in found.stated.values() if (place := target_of(row)) is not None}
        places = sorted(awaiting | {row.location for row in found.positions.values()})
        if location is not None:
            places = [place for place in places if place == location]
        if places:
            return SkuOutlook(sku, now_ms, [_at(sku, place, found, now_ms, days) for place in places])
    return None


def outlook_at(
    location: str,
    units_now: int,
    documents: Iterable[IncomingRow | TransferRow],
    time_zone: str,
    now_ms: int,
    days: int,
    backorder: BackorderRow | None = None,
) -> LocationOutlook:
    """Work out what one location may promise of a SKU, today and each of the next `days`.

    Args:
        location: The location.
        units_now: Its ATP, negative where more is promised than there is.
        documents: Incoming and transfers of the SKU, to any location.
        time_zone: Where its days end.
        now_ms: What "today" is, ms since the Unix epoch.
        days: How far to look.
        backorder: Of the SKU there: what waits for goods gets them before anybody new (R24).

    Raises:
        CorruptLedgerError: a time zone that this installation does not know.
    """
    if not is_zone(time_zone):
        raise CorruptLedgerError(f"{location} is in the time zone {time_zone!r}: upgrade the package tzdata")
    awaited = sorted(
        _awaited(location, documents, now_ms, time_zone), key=lambda one: one.expected_at_ms or 0
    )
    arrivals = [(one.day, one.units) for one in awaited if one.day is not None]
    changes = after_backorders(arrivals, _waiting(backorder, awaited))
    units = [max(0, promised) for promised in promises(units_now, changes, days)]
    return LocationOutlook(location, time_zone, day_of(now_ms, time_zone), units, awaited)


def _waiting(backorder: BackorderRow | None, awaited: Iterable[Awaited]) -> int:
    """Count the units that wait, but for those tied to goods that are overdue (R13)."""
    if backorder is None:
        return 0
    tied = "incoming", backorder.incoming_id
    is_overdue = any((one.kind, one.name) == tied and not one.is_counted for one in awaited)
    return 0 if is_overdue else backorder.used


def target_of(row: IncomingRow | TransferRow) -> str | None:
    """Say which location units are on the way to; None: nothing is awaited."""
    if not _open(row):
        return None
    return row.location if isinstance(row, IncomingRow) else row.to_location


def _at(sku: str, location: str, found: _Found, now_ms: int, days: int) -> LocationOutlook:
    position = found.positions.get(position_key(sku, location))
    units_now = position.available_to_promise if position is not None else 0
    time_zone = found.zones.get(location, UTC_NAME)
    backorder = found.backorders.get(backorder_key(sku, location))
    return outlook_at(location, units_now, found.stated.values(), time_zone, now_ms, days, backorder)


def _awaited(
    location: str, documents: Iterable[IncomingRow | TransferRow], now_ms: int, time_zone: str
) -> Iterator[Awaited]:
    for row in documents:
        if target_of(row) == location:
            at_ms = row.expected_at_ms or None
            day = days_until(at_ms, now_ms, time_zone) if at_ms is not None else None
            kind, name = (
                ("incoming", row.incoming_id)
                if isinstance(row, IncomingRow)
                else ("transfer", row.transfer_id)
            )
            yield Awaited(kind, name, _open(row), at_ms, day)


async def _read(reader: LedgerReader, row_filter: RowFilterFactory, partition: int, sku: str) -> _Found:
    found = _Found()
    rows = row_filter()
    positions = position_key(sku, "")
    async for records in reader.read(partition, 0, await reader.end_offset(partition)):
        for record in rows.feed(records):
            if record.key.startswith(positions):
                _take_position(found, record)
            elif record.key.startswith(_STATED):
                _take_stated(found, record, sku)
    return found


def _take_position(found: _Found, record: LedgerRecord) -> None:
    found.positions.pop(record.key, None)
    if record.value is not None:
        found.positions[record.key] = cast("PositionRow", decoded(record))


def _take_stated(found: _Found, record: LedgerRecord, sku: str) -> None:
    found.stated.pop(record.key, None)
    if record.value is None:
        return
    row = decoded(record)
    if isinstance(row, TimeZoneRow):
        found.zones[row.location] = row.time_zone
    elif isinstance(row, IncomingRow | TransferRow) and row.sku == sku:
        found.stated[record.key] = row
    elif isinstance(row, BackorderRow) and row.sku == sku:
        found.backorders[record.key] = row


def _open(row: IncomingRow | TransferRow) -> int:
    return row.open_units if isinstance(row, IncomingRow) else row.in_transit
