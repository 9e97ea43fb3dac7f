"""The ledger once more, in as few lines as it takes: what there is, as lists that are summed anew.

Shares nothing with the ledger but the commands. Where the ledger keeps figures and changes them, the
model keeps what happened (movements, the last count, when orders were open) and adds it up each time
it is asked: slow, and without anything that could get out of step. `model_stock` and `model_orders`
say what each command does to it, `model_answers` who asked before and who came too early.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from models import commands as c

CLOCK_AHEAD_MS = 5_000
"""R7."""

Spot = tuple[str, str]
"""SKU and location."""


@dataclass
class Place:
    """One position: what moved, what was counted (when, units, orders through), what is held back (when)."""

    moves: list[tuple[int, int]] = field(default_factory=list)
    counted: tuple[int, int, int] = (0, 0, 0)
    unavailable: tuple[int, int] = (0, 0)
    safety: tuple[int, int] = (0, 0)


@dataclass
class Line:
    """Units of an order at one location; `lost` were taken back by expiry or revocation.

    `opened` tells when units became an open order and, negative, when they ceased to be one (R9).
    """

    soft: int = 0
    firm: int = 0
    lost: int = 0
    gone: int = 0
    back: int = 0
    opened: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Order:
    """A reservation id that was decided; without lines it was refused, or called off before it came."""

    sku: str
    asked: object = None
    age: tuple[int, str] = (0, "")
    deadline: int = 0
    lines: dict[str, Line] = field(default_factory=dict)
    called_off: bool = False
    place: str | None = None

    def line(self, location: str) -> Line:
        """Give the line at a location, added when there is none."""
        return self.lines.setdefault(location, Line())

    def at(self, location: str | None) -> list[tuple[str, Line]]:
        """List the lines at a location, or all."""
        return [(name, line) for name, line in self.lines.items() if location in {None, name}]

    @property
    def soft(self) -> int:
        """Units still reserved."""
        return sum(line.soft for line in self.lines.values())

    @property
    def firm(self) -> int:
        """Units still allocated."""
        return sum(line.firm for line in self.lines.values())


@dataclass
class Transfer:
    """R12."""

    sku: str
    source: str
    target: str
    planned: int = 0
    asked: int = 0
    shipped: int = 0
    on_the_way: int = 0
    lost: int = 0


@dataclass
class Incoming:
    """R13."""

    sku: str
    location: str = ""
    units: int = 0
    received: int = 0
    over: bool = False

    @property
    def awaited(self) -> int:
        """Units that may still come."""
        return 0 if self.over else max(0, self.units - self.received)


@dataclass
class World:
    """Everything that is so; times in ms."""

    order_lag: int
    reservation_max: int
    places: dict[Spot, Place] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)
    incoming: dict[str, Incoming] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    authorities: dict[str, str | None] = field(default_factory=dict)

    def place(self, spot: Spot) -> Place:
        """Give a position, empty when it is new."""
        return self.places.setdefault(spot, Place())

    def lines_at(self, spot: Spot) -> Iterator[tuple[Order, Line]]:
        """List every line of every order at a position."""
        sku, location = spot
        for order in self.orders.values():
            if order.sku == sku and location in order.lines:
                yield order, order.lines[location]

    def on_hand(self, spot: Spot) -> int:
        """R8, R9: what was counted, what the count had taken off for open orders, what moved since."""
        place = self.place(spot)
        at, units, through = place.counted
        netted = 0
        if through:
            for _, line in self.lines_at(spot):
                opened = sum(more for when, more in line.opened if more > 0 and when <= through)
                closed = sum(less for when, less in line.opened if less < 0 and when <= at)
                netted += max(0, opened + closed)
        return units + netted + sum(delta for when, delta in place.moves if when > at)

    def reserved(self, spot: Spot) -> int:
        """I1."""
        return sum(line.soft for _, line in self.lines_at(spot))

    def allocated(self, spot: Spot) -> int:
        """I1, R12."""
        planned = (one.planned for one in self.transfers.values() if (one.sku, one.source) == spot)
        return sum(line.firm for _, line in self.lines_at(spot)) + sum(planned)

    def in_transit(self, spot: Spot) -> int:
        """R12."""
        return sum(one.on_the_way for one in self.transfers.values() if (one.sku, one.target) == spot)

    def uncommitted(self, spot: Spot) -> int:
        """R2."""
        taken = self.place(spot).unavailable[1] + self.reserved(spot) + self.allocated(spot)
        return self.on_hand(spot) - taken

    def free(self, spot: Spot) -> int:
        """ATP, R2."""
        return self.uncommitted(spot) - self.place(spot).safety[1]

    def known(self, sku: str, locations: tuple[str, ...]) -> list[Spot]:
        """Of these locations list those that ever had the SKU."""
        return [(sku, name) for name in locations if (sku, name) in self.places]

    def is_known(self, sku: str) -> bool:
        """Whether the SKU was ever anywhere."""
        return any(name == sku for name, _ in self.places)

    def why_not(self, spot: Spot, units: int, own: int = 0) -> str:
        """R15: might others' reservations that expire make room?"""
        hoped = self.free(spot) + self.reserved(spot) - own
        return "ALL_RESERVED" if hoped >= units else "SOLD_OUT"

    def move(self, spot: Spot, when: int, delta: int) -> None:
        """R10."""
        self.place(spot).moves.append((when, delta))

    def revoke(self) -> None:
        """R11: youngest first, whole lines."""
        for spot in self.places:
            held = sorted(self.lines_at(spot), key=lambda found: found[0].age, reverse=True)
            for _, line in held:
                if line.soft and self.uncommitted(spot) < 0:
                    line.lost, line.soft = line.lost + line.soft, 0

    def expire(self, order: Order, before: int) -> None:
        """R17, R18."""
        if order.deadline < before:
            for line in order.lines.values():
                line.lost, line.soft = line.lost + line.soft, 0

    def expire_all(self, before: int) -> None:
        """R18."""
        for order in self.orders.values():
            self.expire(order, before)


def at(when: int | datetime) -> int:
    """Read a time; the scripts draw ms."""
    assert isinstance(when, int)
    return when


def effective(when: int | datetime | None, arrival: int) -> int:
    """R7: when something took effect."""
    if when is None or at(when) > arrival + CLOCK_AHEAD_MS:
        return arrival
    return at(when)


def content(command: c.Command) -> tuple[object, ...]:
    """R27: what a command asks, without who asks and until when."""
    names = [name for name in command.__struct_fields__ if name not in {"id", "answer_by"}]
    return (c.type_name(type(command)), *(getattr(command, name) for name in names))
