"""What can be sold of every SKU of one partition, in memory, and which of them changed. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from inventory_stream.flows.project_rows import latest_rows, units_of
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import LocationUnits, Version
from models.events import Availability, LocationAvailability


class _Shelf:
    """One SKU. `offset` and `at_ms` are those of its newest position row."""

    __slots__ = ("at_ms", "locations", "offset")

    def __init__(self) -> None:
        self.offset: int = -1
        self.at_ms: int = 0
        self.locations: dict[str, LocationUnits] = {}


class AvailabilityShelf:
    """Takes position rows in their order. About 500 bytes for a SKU at one location."""

    def __init__(self) -> None:
        self._shelves: Final[dict[str, _Shelf]] = {}
        self._changed: Final[dict[str, None]] = {}

    def feed(self, rows: Iterable[LedgerRecord]) -> None:
        """Take rows in; their SKUs have changed.

        Raises:
            CorruptLedgerError: a position that cannot be decoded.
        """
        # Of a hot position only the newest row is worth decoding.
        newest: dict[bytes, LedgerRecord] = {}
        latest_rows(rows, newest, {})
        for row in newest.values():
            sku, location, units = units_of(row)
            shelf = self._shelves.get(sku)
            if shelf is None:
                shelf = self._shelves[sku] = _Shelf()
            if row.offset > shelf.offset:
                shelf.offset, shelf.at_ms = row.offset, row.timestamp_ms
            if units is None:
                shelf.locations.pop(location, None)
            else:
                shelf.locations[location] = units
            self._changed[sku] = None

    def forget_changes_before(self, offset: int) -> None:
        """Take SKUs whose newest row lies before an offset for unchanged."""
        for sku in [sku for sku in self._changed if self._shelves[sku].offset < offset]:
            del self._changed[sku]

    def take_changed(self, generation_ms: int) -> Iterator[tuple[str, Availability | None, Version, int]]:
        """Give each changed SKU with its availability now, version and record time, and forget the change.

        None: no location has it any more, the SKU is gone.
        """
        while self._changed:
            sku = next(iter(self._changed))
            del self._changed[sku]
            shelf = self._shelves[sku]
            version = Version(generation_ms, shelf.offset)
            if not shelf.locations:
                del self._shelves[sku]
                yield sku, None, version, shelf.at_ms
                continue
            total = short = 0
            locations = {}
            for location, (available, shortfall) in shelf.locations.items():
                total += available
                short += shortfall
                locations[location] = LocationAvailability(available, shortfall)
            yield sku, Availability(sku, total, short, str(version), locations), version, shelf.at_ms
