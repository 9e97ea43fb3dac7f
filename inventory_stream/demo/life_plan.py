"""The rounds of the life of orders: which commands are sent when. Pure.

Each round goes to one input and is decided before the next one is made, because stock and orders come by
different topics and what is asked next hangs on what was answered. `docs/demo.md` tells the story.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from inventory_stream.demo.book import Book
from inventory_stream.demo.life_cast import PREFIX, Cast, Fate, LifeOrder
from inventory_stream.demo.life_steps import (
    MARKETPLACE,
    SHELF_UNITS,
    TTL_SECONDS,
    announce,
    come_back,
    hold,
    pay,
    pay_for,
    record,
    recount,
    reserve,
    unload,
)
from inventory_stream.demo.shelf import Position
from models.commands import (
    Adjust,
    Cancel,
    Command,
    Fulfil,
    RecordOrder,
    Release,
    Reroute,
    SetUnits,
    ShipTransfer,
    Sync,
    TillSale,
)
from models.outcomes import Outcome

_SCARCE_STOCK_SHARE: Final = 0.6
"""Units of a scarce shelf for each unit wanted: some are refused, and get what others leave."""
_MARGIN_UNITS: Final = 8
"""More than enough on the other shelves, so that a recount may find one missing."""
_RECOUNT_OF: Final = 3
"""One shelf in three is counted anew."""
_DRIFT_UNITS: Final = (-1, 2)
"""What a count finds against what was booked: from one stolen to two found."""

_OVERSOLD_UNITS: Final = 3
"""Units that the marketplace sells beyond what is free."""
# The vector of R9: two units sold before the other system's knowledge ends, three after it.
_NETTING_UNITS: Final = 10
_KNOWN_UNITS: Final = 2
_UNKNOWN_UNITS: Final = 3

_PAID_LATER: Final = frozenset(
    {
        Fate.HELD,
        Fate.RELEASED,
        Fate.LATE,
        Fate.MARKETPLACE,
        Fate.MARKETPLACE_EARLY,
        Fate.SHIPPED_EARLY,
        Fate.CANCELLED_EARLY,
    }
)
_NOT_SHIPPED: Final = frozenset({Fate.OPEN, Fate.CANCELLED})
_COME_BACK: Final = frozenset(
    {Fate.RETURNED, Fate.RETURNED_DAMAGED, Fate.RETURNED_ELSEWHERE, Fate.RETURNED_TWICE}
)
_RECORDED: Final = frozenset({Fate.MARKETPLACE, Fate.MARKETPLACE_EARLY})
_EARLY: Final = frozenset(
    {Fate.CONFIRMED_EARLY, Fate.SHIPPED_EARLY, Fate.CANCELLED_EARLY, Fate.MARKETPLACE_EARLY}
)


class Round(NamedTuple):
    """Commands that are sent together. `is_after_expiry`: only once all that was left behind has expired."""

    name: str
    commands: Callable[[], Iterable[Command]]
    is_after_expiry: bool = False


class LifePlan:
    """The rounds over a cast; `book` says what the ledger has answered so far."""

    def __init__(self, cast: Cast, book: Book, seed: int, now_ms: Callable[[], int]) -> None:
        self._cast = cast
        self._book = book
        self._now_ms = now_ms
        self._chance = random.Random(f"{seed}/life-plan")  # noqa: S311  # a crowd, not a secret
        self._known_through_ms = self._counted_at_ms = self._netted_at_ms = 0
        self._seen: dict[Position, int] = {}
        """What was counted at `_counted_at_ms`."""
        self.recounted = [pair for number, pair in enumerate(cast.plenty) if number % _RECOUNT_OF == 0]

    def rounds(self) -> tuple[Round, ...]:
        """Give the rounds in their order."""
        return (
            Round("deliveries", self._deliveries),
            Round("orders", self._orders),
            Round("payments and second thoughts", self._payments),
            Round("those who were refused ask again", self._second_tries, is_after_expiry=True),
            Round("late payments, edits, orders that others came before", self._late),
            Round("a truck leaves, a till sells what a shopper holds", self._on_the_way),
            Round("shipments and cancellations", self._shipments),
            Round("recounts and arrivals", self._recounts),
            Round("returns", self._returns),
        )

    def due_to_expire(self) -> Iterator[str]:
        """Name the orders on hold that will be paid late."""
        for order in self._of(Fate.LATE):
            mine = self._book.orders.get(order.reservation_id)
            if mine is not None and mine.reserved:
                yield order.reservation_id

    # --- rounds --------------------------------------------------------------------------------

    def _deliveries(self) -> Iterator[Command]:
        cast, now = self._cast, self._now_ms()
        depths = {pair.here: cast.wanted(pair) + _MARGIN_UNITS for pair in cast.plenty}
        depths |= {pair.here: int(cast.wanted(pair) * _SCARCE_STOCK_SHARE) for pair in cast.scarce}
        depths |= {pair.here: SHELF_UNITS for pair in (cast.truck, cast.market, cast.till)}
        depths[cast.netting.here] = _NETTING_UNITS
        for order in self._of(Fate.REROUTED):
            there = order.pair.there
            depths[there] = depths.get(there, self._book.on_hand(there)) + order.units
        for (sku, store), units in depths.items():
            missing = units - self._book.on_hand((sku, store))
            if missing:
                yield Adjust(f"{PREFIX}delivery:{sku}:{store}", sku, store, missing, now, "delivery")
        yield from announce(cast.truck, now)

    def _orders(self) -> Iterator[Command]:
        orders = list(self._cast.orders)
        self._chance.shuffle(orders)
        orders.sort(
            key=lambda order: order.fate is not Fate.LATE
        )  # they come first, or a scarce shelf is empty
        for order in orders:
            name, sku = order.reservation_id, order.pair.sku
            match order.fate:
                case Fate.CONFIRMED_EARLY:
                    yield pay(order)
                case Fate.CANCELLED_EARLY:
                    yield Cancel(f"{name}:cancel", name, sku)
                case Fate.SHIPPED_EARLY | Fate.MARKETPLACE_EARLY:
                    yield Fulfil(f"{name}:ship", name, sku, order.units, order.pair.store)
                case Fate.MARKETPLACE:
                    pass  # told when it was sold
                case _:
                    yield reserve(order)
        yield hold("till", self._cast.till, SHELF_UNITS)
        yield hold("known", self._cast.netting, _KNOWN_UNITS)
        yield hold("unknown", self._cast.netting, _UNKNOWN_UNITS)

    def _payments(self) -> Iterator[Command]:
        yield from self._pay_what_is_held()
        for order in self._granted(Fate.RELEASED):
            yield Release(f"{order.reservation_id}:release", order.reservation_id, order.pair.sku)
        yield pay_for("known", self._cast.netting)

    def _second_tries(self) -> Iterator[Command]:
        self._known_through_ms = self._now_ms()
        for order in self._cast.orders:
            name = order.reservation_id
            if self._book.last_answer(name, f"{name}:reserve") is Outcome.ALL_RESERVED:
                yield reserve(order, "reserve-again", TTL_SECONDS)

    def _late(self) -> Iterator[Command]:
        yield from self._pay_what_is_held()
        for order in self._granted(Fate.LATE):
            yield pay(order)
        for order in self._cast.orders:
            if order.fate in _EARLY | {Fate.MARKETPLACE}:
                yield record(order) if order.fate in _RECORDED else reserve(order)
        for order in self._granted(Fate.EDITED):
            units = 1 if order.units > 1 else 2
            yield SetUnits(f"{order.reservation_id}:edit", order.reservation_id, order.pair.sku, units)
        for order in self._granted(Fate.REROUTED):
            name, (sku, store, other) = order.reservation_id, order.pair
            yield Reroute(f"{name}:reroute", name, sku, store, other)
        yield pay_for("unknown", self._cast.netting)
        sku, store, _ = self._cast.market
        units = self._book.free(self._cast.market.here) + _OVERSOLD_UNITS
        yield RecordOrder(f"{PREFIX}market:record", f"{PREFIX}market", sku, units, store, channel=MARKETPLACE)

    def _on_the_way(self) -> Iterator[Command]:
        now = self._now_ms()
        sku, store, _ = self._cast.till
        yield TillSale(f"{PREFIX}carried-out", sku, store, 1, now)
        yield ShipTransfer(f"{PREFIX}ship", f"{PREFIX}truck", self._cast.truck.sku, SHELF_UNITS, now)

    def _shipments(self) -> Iterator[Command]:
        self._counted_at_ms = self._now_ms() - 1  # before anything of this round
        for pair in self.recounted:
            self._count(pair.here)
        for order in self._cast.orders:
            name, mine = order.reservation_id, self._book.orders.get(order.reservation_id)
            if mine is None or not mine.allocated:
                continue
            if order.fate is Fate.CANCELLED:
                yield Cancel(f"{name}:cancel", name, order.pair.sku)
            elif order.fate not in _NOT_SHIPPED:
                yield Fulfil(f"{name}:ship", name, order.pair.sku)

    def _recounts(self) -> Iterator[Command]:
        for number, pair in enumerate(self.recounted):
            units = self._seen[pair.here] + self._chance.randint(*_DRIFT_UNITS)
            is_told_old = number % _RECOUNT_OF == 0
            yield from recount(pair, units, self._counted_at_ms, self._now_ms(), is_told_old=is_told_old)
        netting = self._cast.netting
        self._netted_at_ms = self._now_ms()
        yield Sync(
            f"{PREFIX}netting-count",
            *netting.here,
            self._book.on_hand(netting.here) - _KNOWN_UNITS,
            self._netted_at_ms,
            source="erp",
            nets_orders=True,
            orders_through=self._known_through_ms,
        )
        yield from unload(self._cast.truck, self._now_ms())

    def _returns(self) -> Iterator[Command]:
        for order in self._cast.orders:
            mine = self._book.orders.get(order.reservation_id)
            if order.fate in _COME_BACK and mine is not None and mine.shipped:
                yield from come_back(order, mine.shipped)
        sku = self._cast.netting.sku
        # Told after the count that had taken it off, and shipped before it: R9 takes it back.
        yield Fulfil(f"{PREFIX}known:ship", f"{PREFIX}known", sku, effective_at=self._netted_at_ms)
        yield Fulfil(f"{PREFIX}unknown:ship", f"{PREFIX}unknown", sku)
        yield pay_for("till", self._cast.till)

    # --- their parts ---------------------------------------------------------------------------

    def _count(self, place: Position) -> None:
        self._seen[place] = self._book.on_hand(place)

    def _of(self, fate: Fate) -> list[LifeOrder]:
        return [order for order in self._cast.orders if order.fate is fate]

    def _granted(self, fate: Fate) -> list[LifeOrder]:
        return [order for order in self._of(fate) if order.reservation_id in self._book.orders]

    def _pay_what_is_held(self) -> Iterator[Command]:
        for order in self._cast.orders:
            mine = self._book.orders.get(order.reservation_id)
            if order.fate not in _PAID_LATER and mine is not None and mine.reserved:
                yield pay(order)
