"""The demo's history: real till sales, and around them what the data does not hold, generated.

docs/demo-data.md states the rule in words. Everything follows from the rows and the seed: the same
arguments give the same commands, byte for byte.

    history = History(Journey(), rows_max=100_000, seed=1)
    for event in history.openings(): ...   # wait until these are decided, see `openings`
    for event in history.events(): ...
    history.on_hand                        # what the ledger must hold now
"""

import random
import zlib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum, unique
from typing import Final, NamedTuple

from inventory_stream.demo.journey import Journey, TillRow
from inventory_stream.demo.online_orders import OnlineOrder, OrderBook, draw_order
from inventory_stream.demo.shelf import Position
from models.commands import UNITS_MAX, Adjust, Command, Sync, TillSale

ROWS_DEFAULT: Final = 100_000
"""Till rows of the demo: 1 January to 19 February 2017. With openings, deliveries and orders 400,170
commands; all 1,469,307 rows would be 2.5 million and take the demo beyond its 3 minutes."""

SEED_DEFAULT: Final = 1

# One position in five is also sold online. They are kept in depth (see `_survey`), so that no
# online order of the history depends on which of the two topics is decided first.
_ONLINE_OF: Final = 5
# One till row in four at such a position is followed by an online order.
_ORDER_SHARE: Final = 0.25
# The other positions start with 2 to 6 units and get a case of 12 when the shelf holds 1 or fewer.
# One delivery in ten never comes: that is how tills come to sell what nobody has counted in.
_SHELF_UNITS: Final = (2, 6)
_REORDER_AT_UNITS: Final = 1
_CASE_UNITS: Final = 12
_MISSED_SHARE: Final = 0.1
# A delivery is booked an hour after the sale that asked for it.
_DELIVERY_MS: Final = 3_600_000
# The count of the opening stock: a minute before the first row.
_OPENING_MS: Final = 60_000


@unique
class Origin(StrEnum):
    """Where an event comes from."""

    REAL = "real"  # a row of the package's file
    GENERATED = "generated"  # our rule


@unique
class LeftOut(StrEnum):
    """Why a till row is no event."""

    QUANTITY_ZERO = "quantity zero"  # coupons and corrections: nothing left the shelf
    FUEL = "fuel"  # a volume, not pieces: units of measure are refused, not guessed (R6)
    OUT_OF_RANGE = "out of range"  # none in the file: guards against another version of it


class Place(NamedTuple):
    """A position, and whether it is sold online too."""

    position: Position
    online: bool


class HistoryEvent(NamedTuple):
    """One command, what it is for, and whether it is real or generated."""

    origin: Origin
    command: Command


class History:
    """A seeded history over the first rows of the till data."""

    def __init__(self, journey: Journey, rows_max: int = ROWS_DEFAULT, seed: int = SEED_DEFAULT) -> None:
        """Read the rows once to learn what is sold where (about 2 s per million)."""
        self._journey = journey
        self._rows_max = rows_max
        self._seed = seed
        self._fuel = journey.fuel_products()
        self._orders: dict[int, OnlineOrder] = {}
        self._first_ms: int | None = None
        self._shelves: dict[Position, int] = {}
        self._places: dict[tuple[int, int], Place] = {}
        self.left_out: Counter[LeftOut] = Counter()
        """Till rows that are no events."""
        self.on_hand: dict[Position, int] = {}
        """What each position holds after all events yielded so far, if each is decided as asked."""
        self._survey()

    def openings(self) -> Iterator[HistoryEvent]:
        """Give a count of every position.

        They go to another topic than orders: send them, and wait until they are decided before
        anything else, or the first reservations meet a shelf that nobody has counted.
        """
        at_ms = (self._first_ms or _OPENING_MS) - _OPENING_MS
        for (sku, location), units in self._shelves.items():
            self.on_hand[sku, location] = units
            command_id = f"opening:{sku}:{location}"
            yield HistoryEvent(
                Origin.GENERATED, Sync(command_id, sku, location, units, at_ms, source="opening-rule")
            )

    def events(self) -> Iterator[HistoryEvent]:
        """Give till sales, deliveries and online orders in the order in which they happened."""
        deliveries = random.Random(f"{self._seed}/deliveries")  # noqa: S311  # seeded on purpose
        book = OrderBook()
        for row, (position, online) in self._sales(count_left_out=False):
            yield from self._ordered(book, row)
            sku, location = position
            self.on_hand[position] -= row.quantity
            receipt = f"basket-{row.basket_id}"
            yield HistoryEvent(
                Origin.REAL,
                TillSale(f"till:{row.row}", sku, location, row.quantity, row.at_ms, receipt),
            )
            order = self._orders.get(row.row)
            if order is not None:
                book.open(order, row.row)
            elif not online and self.on_hand[position] <= _REORDER_AT_UNITS:
                yield from self._delivery(deliveries, row, position)
        yield from self._ordered(book, None)

    def _ordered(self, book: OrderBook, row: TillRow | None) -> Iterator[HistoryEvent]:
        """Give the steps of online orders that are due before a row; None: all that are left."""
        for step in book.due(None if row is None else row.row):
            self.on_hand[step.position] += step.on_hand_delta
            yield HistoryEvent(Origin.GENERATED, step.command)

    def _delivery(
        self, deliveries: random.Random, row: TillRow, position: Position
    ) -> Iterator[HistoryEvent]:
        if deliveries.random() < _MISSED_SHARE:
            return
        sku, location = position
        self.on_hand[position] += _CASE_UNITS
        yield HistoryEvent(
            Origin.GENERATED,
            Adjust(f"delivery:{row.row}", sku, location, _CASE_UNITS, row.at_ms + _DELIVERY_MS, "delivery"),
        )

    def _survey(self) -> None:
        """Learn the positions, draw the online orders, and from both the opening stock."""
        draws = random.Random(f"{self._seed}/orders")  # noqa: S311  # seeded on purpose
        sold: Counter[Position] = Counter()
        ordered: Counter[Position] = Counter()
        for row, (position, online) in self._sales(count_left_out=True):
            if self._first_ms is None:
                self._first_ms = row.at_ms
            sold[position] += row.quantity
            if online and draws.random() < _ORDER_SHARE:
                order = draw_order(draws, row.row, position)
                self._orders[row.row] = order
                ordered[position] += order.units
        shelves = random.Random(f"{self._seed}/openings")  # noqa: S311  # seeded on purpose
        for position, units in sold.items():
            shelf = shelves.randint(*_SHELF_UNITS)
            deep = units + ordered[position] if self.is_online(position) else 0
            self._shelves[position] = shelf + deep

    def _sales(self, *, count_left_out: bool) -> Iterator[tuple[TillRow, Place]]:
        for row in self._journey.till_rows(self._rows_max):
            reason = self._reason_to_leave_out(row)
            if reason is None:
                yield row, self._places.get((row.product_id, row.store_id)) or self._place(row)
            elif count_left_out:
                self.left_out[reason] += 1

    def _reason_to_leave_out(self, row: TillRow) -> LeftOut | None:
        if row.product_id in self._fuel:
            return LeftOut.FUEL
        if row.quantity == 0:
            return LeftOut.QUANTITY_ZERO
        return None if 0 < row.quantity <= UNITS_MAX else LeftOut.OUT_OF_RANGE

    def _place(self, row: TillRow) -> Place:
        position = f"product-{row.product_id}", f"store-{row.store_id}"
        place = Place(position, self.is_online(position))
        self._places[row.product_id, row.store_id] = place
        return place

    def is_online(self, position: Position) -> bool:
        """Whether a position is sold online, too."""
        # A checksum, because Python's own hash of text differs from process to process.
        return zlib.crc32(f"{self._seed}/{position[0]}/{position[1]}".encode()) % _ONLINE_OF == 0
