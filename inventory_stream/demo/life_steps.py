"""The commands of the life of orders, one order or one SKU at a time. Pure."""

from collections.abc import Iterator
from typing import Final

from inventory_stream.demo.life_cast import PREFIX, Fate, LifeOrder, Pair
from models.commands import (
    Command,
    Confirm,
    Expect,
    PlanTransfer,
    Receive,
    ReceiveTransfer,
    RecordOrder,
    Reserve,
    Return,
    Sync,
    TillSale,
)

CHANNEL: Final = "web"
MARKETPLACE: Final = "marketplace"

TTL_SECONDS: Final = 600
"""Of what will be paid in time, or stays in its basket beyond the demo."""
LATE_TTL_SECONDS: Final = 1
"""Of what will be paid late: the shortest there is."""

_LATE_MS: Final = 1_000
"""How long before a count a sale happened that is told after it."""
SHELF_UNITS: Final = 12
"""On the shelves with a part of their own; all of them travel, or are held by one shopper."""
_LOST_UNITS: Final = 2
"""Of those, the units that never come off the truck."""
_INCOMING_UNITS: Final = 20
_INCOMING_FIRST_UNITS: Final = 15
"""Of those, the units that come first; of one delivery no more ever come."""
_DAY_MS: Final = 86_400_000


def reserve(order: LifeOrder, step: str = "reserve", ttl_seconds: int | None = None) -> Command:
    """Ask for what an order wants; `step` names the attempt."""
    if ttl_seconds is None:
        ttl_seconds = LATE_TTL_SECONDS if order.fate is Fate.LATE else TTL_SECONDS
    name, (sku, store, _) = order.reservation_id, order.pair
    return Reserve(
        f"{name}:{step}", name, sku, order.units, ttl_seconds, store, channel=CHANNEL, order_id=name
    )


def record(order: LifeOrder) -> Command:
    """Tell of an order that a marketplace took."""
    name, (sku, store, _) = order.reservation_id, order.pair
    return RecordOrder(f"{name}:record", name, sku, order.units, store, channel=MARKETPLACE, order_id=name)


def pay(order: LifeOrder) -> Command:
    """Confirm an order."""
    return Confirm(f"{order.reservation_id}:pay", order.reservation_id, order.pair.sku)


def come_back(order: LifeOrder, units: int) -> Iterator[Command]:
    """Bring units of a shipped order back, as its fate says."""
    name, (sku, store, other) = order.reservation_id, order.pair
    where = other if order.fate is Fate.RETURNED_ELSEWHERE else store
    sellable = order.fate is not Fate.RETURNED_DAMAGED
    yield Return(f"{name}:return", name, sku, units, where, sellable=sellable)
    if order.fate is Fate.RETURNED_TWICE:
        yield Return(f"{name}:return-again", name, sku, units, where)


def hold(name: str, pair: Pair, units: int) -> Command:
    """Ask for units of a SKU with a part of its own."""
    reservation_id = PREFIX + name
    return Reserve(
        f"{reservation_id}:reserve", reservation_id, pair.sku, units, TTL_SECONDS, pair.store, channel=CHANNEL
    )


def pay_for(name: str, pair: Pair) -> Command:
    """Confirm what `hold` asked for."""
    return Confirm(f"{PREFIX}{name}:pay", PREFIX + name, pair.sku)


def announce(pair: Pair, now_ms: int) -> Iterator[Command]:
    """Plan the truck, and two deliveries that come tomorrow."""
    sku, store, other = pair
    soon = now_ms + _DAY_MS
    yield PlanTransfer(f"{PREFIX}plan", f"{PREFIX}truck", sku, store, other, SHELF_UNITS, soon)
    for name in ("whole", "short"):
        yield Expect(f"{PREFIX}expect-{name}", f"{PREFIX}goods-{name}", sku, other, _INCOMING_UNITS, soon)


def unload(pair: Pair, now_ms: int) -> Iterator[Command]:
    """Receive the truck short, one delivery whole in two parts, and of the other the first part only."""
    sku, _, other = pair
    arrived, first = SHELF_UNITS - _LOST_UNITS, _INCOMING_FIRST_UNITS
    yield ReceiveTransfer(f"{PREFIX}unload", f"{PREFIX}truck", sku, arrived, now_ms, other, final=True)
    yield Receive(f"{PREFIX}goods-1", f"{PREFIX}goods-whole", sku, first, now_ms, other)
    yield Receive(f"{PREFIX}goods-2", f"{PREFIX}goods-whole", sku, _INCOMING_UNITS - first, now_ms, other)
    yield Receive(f"{PREFIX}goods-3", f"{PREFIX}goods-short", sku, first, now_ms, other, final=True)


def recount(
    pair: Pair, units: int, counted_at_ms: int, now_ms: int, *, is_told_old: bool
) -> Iterator[Command]:
    """Count a shelf as it was some time ago; a sale before that is told after it (R8).

    `is_told_old`: an older count comes after it, too.
    """
    sku, store, _ = pair
    name, before_ms = f"{PREFIX}count:{sku}", counted_at_ms - _LATE_MS
    yield TillSale(f"{name}:since", sku, store, 1, now_ms)
    yield Sync(f"{name}:now", sku, store, units, counted_at_ms, source="stocktake")
    yield TillSale(f"{name}:before", sku, store, 1, before_ms)
    if is_told_old:
        yield Sync(f"{name}:old", sku, store, units + 1, before_ms, source="stocktake")
