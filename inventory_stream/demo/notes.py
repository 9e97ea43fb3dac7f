"""Shelves and orders of the demo's own book, and figures that are added up from the beginning each time."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from inventory_stream.demo.shelf import Order, Position, Shelf
from models.commands import Command
from models.events import REVOKED, SHORTFALL
from models.outcomes import Outcome

Rules = Mapping[type[Command], Callable[[Any, int], Outcome]]
"""By kind of command: (command, when it was decided) -> what it must be answered."""


class Notes:
    """What lies and is promised at some places; times are ms since the Unix epoch."""

    def __init__(self, on_hand: Mapping[Position, int]) -> None:
        """Open with what lies where."""
        self.shelves = {place: Shelf(units) for place, units in on_hand.items()}
        self.orders: dict[str, Order] = {}
        self.exceptions: Counter[str] = Counter()
        """What must be told on the topic `exceptions`, by kind."""
        self._orders_of: defaultdict[Position, list[Order]] = defaultdict(list)
        """Every order that was ever at a place, the youngest last."""

    def on_hand(self, place: Position) -> int:
        """Add up what lies at a place: the count, orders that it had taken off, and what moved since."""
        shelf = self.shelves[place]
        netted = 0
        if shelf.orders_through_ms:
            netted = sum(
                order.open_at(place, shelf.orders_through_ms, shelf.counted_at_ms)
                for order in self._orders_of[place]
            )
        return shelf.counted + netted + shelf.moved_since_count()

    def reserved(self, place: Position) -> int:
        """Add up what is on hold there."""
        return sum(order.reserved for order in self._orders_of[place] if order.place == place)

    def allocated(self, place: Position) -> int:
        """Add up what is sold or planned there and has not left."""
        sold = sum(order.allocated for order in self._orders_of[place] if order.place == place)
        return sold + self.shelves[place].planned

    def free(self, place: Position) -> int:
        """Count the units that nobody was promised; negative: more is promised than there is."""
        held_back = self.shelves[place].unavailable + self.reserved(place) + self.allocated(place)
        return self.on_hand(place) - held_back

    def new_order(self, reservation_id: str, place: Position, shipped: int) -> Order:
        """Note an order of which nothing is held yet."""
        order = self.orders[reservation_id] = Order(reservation_id, place, shipped=shipped)
        self._orders_of[place].append(order)
        return order

    def refusal(self, place: Position, units: int) -> Outcome:
        """Name a refusal: might there be room if what is on hold expires (R15)?"""
        return Outcome.ALL_RESERVED if self.free(place) + self.reserved(place) >= units else Outcome.SOLD_OUT

    def bring(self, order: Order, place: Position) -> None:
        """Note that an order's units are at another place from now on."""
        order.place = place
        self._orders_of[place].append(order)

    def moved(self, place: Position, units: int, at_ms: int) -> None:
        """Note that units came, or (negative) went: a fact."""
        self.shelves[place].moves.append((at_ms, units))
        self.look_for_shortfall(place)

    def look_for_shortfall(self, place: Position) -> bool:
        """After a fact: take holds back, youngest first; tells whether too much is promised still (R11)."""
        for order in reversed(self._orders_of[place]):
            if self.free(place) < 0 and order.reserved and order.place == place:
                order.lost, order.reserved = order.lost + order.reserved, 0
                self.exceptions[REVOKED] += 1
        is_short = self.free(place) < 0
        self.exceptions[SHORTFALL] += is_short
        return is_short


def ms_of(when: int | datetime | None, otherwise_ms: int) -> int:
    """Give a command's time; without one it is that of its arrival (R7)."""
    if when is None:
        return otherwise_ms
    return when if isinstance(when, int) else int(when.timestamp() * 1_000)
