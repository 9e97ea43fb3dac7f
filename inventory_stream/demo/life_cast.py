"""Who plays in the life of orders: real SKUs and stores, and a seeded, generated crowd of orders."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, NamedTuple

from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.shelf import Position

PREFIX: Final = "life-"
"""Begins every id of this act, which keeps it apart from history and sale."""

# About twenty orders meet on a shelf that has enough, and as many on one that has not.
_ORDERS_PER_SHELF: Final = 20
_SCARCE_SHARE: Final = 1 / 3
_PAIRS_MIN: Final = 6
"""Four with a part of their own, one shelf with enough and one without."""

_UNITS: Final = (1, 2, 3)
_UNIT_SHARES: Final = (70, 20, 10)


@unique
class Fate(Enum):
    """What becomes of an order: a word, and its share among the orders of its kind of shelf, in percent."""

    SHIPPED = "shipped", 20, 40
    OPEN = "paid, not shipped yet", 8, 0
    HELD = "in a basket", 4, 0
    RETURNED = "came back, sellable", 7, 0
    RETURNED_DAMAGED = "came back damaged", 3, 0
    RETURNED_ELSEWHERE = "came back to another store", 5, 0
    RETURNED_TWICE = "came back, and was booked twice", 1, 0
    CANCELLED = "cancelled before it was shipped", 8, 10
    RELEASED = "put back before it was paid", 6, 15
    LATE = "paid after the deadline", 10, 35
    CONFIRMED_EARLY = "its payment came before it", 5, 0
    SHIPPED_EARLY = "its shipment came before it", 3, 0
    CANCELLED_EARLY = "its cancellation came before it", 2, 0
    REROUTED = "shipped from another store", 4, 0
    EDITED = "its units were changed", 5, 0
    MARKETPLACE = "taken and paid on a marketplace", 7, 0
    MARKETPLACE_EARLY = "the same, shipped before it was told", 2, 0

    def __init__(self, word: str, share: int, scarce_share: int) -> None:
        self.word = word
        self.share = share
        self.scarce_share = scarce_share


_FATES: Final = tuple(Fate)
assert sum(fate.share for fate in _FATES) == 100  # noqa: S101  # how constants relate
assert sum(fate.scarce_share for fate in _FATES) == 100  # noqa: S101  # the same


class Pair(NamedTuple):
    """One SKU at two stores that sell it."""

    sku: str
    store: str
    other: str

    @property
    def here(self) -> Position:
        """Where its orders are taken from."""
        return self.sku, self.store

    @property
    def there(self) -> Position:
        """The other store's shelf."""
        return self.sku, self.other


@dataclass(frozen=True, slots=True)
class LifeOrder:
    """One order with its whole fate."""

    reservation_id: str
    pair: Pair
    units: int
    fate: Fate


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody. `orders` are those of `plenty` and `scarce`; the others have parts of their own."""

    plenty: tuple[Pair, ...]
    scarce: tuple[Pair, ...]
    truck: Pair
    """A transfer, and goods on the way in."""
    market: Pair
    """A marketplace sells more of it than there is."""
    till: Pair
    """A shopper holds the last units while somebody carries them to the till."""
    netting: Pair
    """Its recount comes from a system that takes off its open orders itself (R9)."""
    orders: tuple[LifeOrder, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All of them."""
        return (*self.plenty, *self.scarce, self.truck, self.market, self.till, self.netting)

    def wanted(self, pair: Pair) -> int:
        """Add up the units ordered of a pair."""
        return sum(order.units for order in self.orders if order.pair is pair)


def choose_cast(
    on_hand: Mapping[Position, int], is_online: Callable[[Position], bool], seed: int, orders: int
) -> Cast:
    """Choose SKUs that two stores sell from the shelf, and draw that many orders for them.

    Raises:
        DemoError: too few of the till rows' products are sold by two stores.
    """
    chance = random.Random(f"{seed}/life")  # noqa: S311  # a crowd, not a secret
    stores: defaultdict[str, list[str]] = defaultdict(list)
    for place in on_hand:
        if not is_online(place):
            stores[place[0]].append(place[1])
    found = [(sku, sorted(where)) for sku, where in sorted(stores.items()) if len(where) > 1]
    if len(found) < _PAIRS_MIN:
        raise DemoError(
            f"only {len(found)} products of these till rows are sold by two stores, the orders need "
            f"{_PAIRS_MIN}: ask for more by --till-rows"
        )
    chance.shuffle(found)
    shelves = max(2, min(orders // _ORDERS_PER_SHELF, len(found) - (_PAIRS_MIN - 2)))
    pairs = [Pair(sku, *chance.sample(where, 2)) for sku, where in found[: shelves + _PAIRS_MIN - 2]]
    truck, market, till, netting = pairs[:4]
    scarce = max(1, int(shelves * _SCARCE_SHARE))
    cast = Cast(tuple(pairs[4 + scarce :]), tuple(pairs[4 : 4 + scarce]), truck, market, till, netting, ())
    drawn = _draw(chance, cast, orders)
    return Cast(cast.plenty, cast.scarce, truck, market, till, netting, tuple(drawn))


def _draw(chance: random.Random, cast: Cast, orders: int) -> Iterable[LifeOrder]:
    shares = [fate.share for fate in _FATES]
    scarce_shares = [fate.scarce_share for fate in _FATES]
    for number in range(orders):
        is_scarce = chance.random() < _SCARCE_SHARE
        pair = chance.choice(cast.scarce if is_scarce else cast.plenty)
        (fate,) = chance.choices(_FATES, scarce_shares if is_scarce else shares)
        (units,) = chance.choices(_UNITS, _UNIT_SHARES)
        yield LifeOrder(f"{PREFIX}{number}", pair, units, fate)
