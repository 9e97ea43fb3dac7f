"""Online orders of the demo's history: all of them generated, each drawn once with its whole fate."""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, NamedTuple

from models.commands import Cancel, Command, Confirm, Fulfil, Release, Reserve, Return

CHANNEL: Final = "web"

# Seconds, of the ledger's clock and not of history's. What will be paid is given time for a worker
# to be killed and recover (20 s) many times over; what is left behind shall expire within the demo.
_TTL_SECONDS: Final = 600
_ABANDONED_TTL_SECONDS: Final = 5

# Till rows between the steps of an order: at 600 rows an hour of trading, minutes to pay, and
# most of a day to pick and ship. They only spread the steps; their exact size means nothing.
_PAY_ROWS: Final = (5, 50)
_SHIP_ROWS: Final = (100, 2_000)
_RETURN_ROWS: Final = (2_000, 10_000)


@unique
class Fate(Enum):
    """What becomes of an order. The value is its share, in percent."""

    SHIPPED = 70
    RETURNED_SELLABLE = 4
    RETURNED_DAMAGED = 1
    CANCELLED = 5
    RELEASED = 12
    ABANDONED = 8


_FATES: Final = tuple(Fate)
_SHARES: Final = tuple(fate.value for fate in Fate)
assert sum(_SHARES) == 100  # noqa: S101  # how constants relate

# Units of one order, and how often: most people order one.
_UNITS: Final = (1, 2, 3)
_UNIT_SHARES: Final = (80, 15, 5)


@dataclass(frozen=True, slots=True)
class OnlineOrder:
    """One order: what, where, and the till rows after which its steps happen."""

    number: int
    position: tuple[str, str]
    units: int
    fate: Fate
    pay_after_rows: int
    ship_after_rows: int
    return_after_rows: int


class Step(NamedTuple):
    """One command of an order, and what it does to on_hand of its position."""

    position: tuple[str, str]
    command: Command
    on_hand_delta: int


def draw_order(draws: random.Random, number: int, position: tuple[str, str]) -> OnlineOrder:
    """Draw an order. Always the same number of draws, so that one order never changes another."""
    (fate,) = draws.choices(_FATES, _SHARES)
    (units,) = draws.choices(_UNITS, _UNIT_SHARES)
    pay, ship, back = (draws.randint(*rows) for rows in (_PAY_ROWS, _SHIP_ROWS, _RETURN_ROWS))
    return OnlineOrder(number, position, units, fate, pay, ship, back)


@dataclass
class OrderBook:
    """Orders under way, by the till row after which their next step is due."""

    _waiting: list[tuple[int, int, Step]] = field(default_factory=list)
    _steps: int = 0

    def open(self, order: OnlineOrder, row: int) -> None:
        """Plan all steps of an order that is placed after a till row."""
        for after_rows, step in _steps(order):
            heapq.heappush(self._waiting, (row + after_rows, self._steps, step))
            self._steps += 1

    def due(self, row: int | None) -> Iterator[Step]:
        """Give the steps due before a row, in order; None: all that are left."""
        while self._waiting and (row is None or self._waiting[0][0] < row):
            yield heapq.heappop(self._waiting)[2]


def _steps(order: OnlineOrder) -> Iterator[tuple[int, Step]]:
    sku, location = order.position
    reservation = f"online-{order.number}"
    abandoned = order.fate is Fate.ABANDONED
    ttl_seconds = _ABANDONED_TTL_SECONDS if abandoned else _TTL_SECONDS

    def name(what: str) -> str:
        return f"{reservation}:{what}"

    def step(command: Command, on_hand_delta: int = 0) -> Step:
        return Step(order.position, command, on_hand_delta)

    reserve = Reserve(name("reserve"), reservation, sku, order.units, ttl_seconds, location, channel=CHANNEL)
    yield 0, step(reserve)
    paid = order.pay_after_rows
    shipped = paid + order.ship_after_rows
    if abandoned:
        return
    if order.fate is Fate.RELEASED:
        yield paid, step(Release(name("release"), reservation, sku))
        return
    yield paid, step(Confirm(name("confirm"), reservation, sku, order_id=reservation))
    if order.fate is Fate.CANCELLED:
        yield shipped, step(Cancel(name("cancel"), reservation, sku))
        return
    yield shipped, step(Fulfil(name("fulfil"), reservation, sku), -order.units)
    if order.fate is not Fate.SHIPPED:
        sellable = order.fate is Fate.RETURNED_SELLABLE
        back = Return(name("return"), reservation, sku, order.units, location, sellable=sellable)
        yield shipped + order.return_after_rows, step(back, order.units)
