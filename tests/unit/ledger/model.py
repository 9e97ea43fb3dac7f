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

    `opened` tells when units became an open order and, negative, when they ceased to be one (R9). `own` of
    the soft and firm ones came from the pool or fence of the order's path (R22).
    """

    soft: int = 0
    firm: int = 0
    lost: int = 0
    gone: int = 0
    back: int = 0
    own: int = 0
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
    path: str = "common"
    customer: str | None = None
    limits: tuple[str, ...] = ()
    sold_to: str | None = None

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
class Pool:
    """R3: units that one sale may grant, of which `sold` are held by its orders or have left."""

    asked: int
    starts: int
    ends: int
    fence: int
    grace: int
    late: bool
    opened: int
    units: int = 0
    sold: int = 0
    aside: bool = False
    closed: int = 0

    @property
    def unsold(self) -> int:
        """Units that nobody else may have."""
        return self.units - self.sold if self.aside and not self.closed else 0

    def sells(self, arrival: int) -> bool:
        """R15."""
        return not self.closed and self.starts <= arrival <= self.ends


@dataclass
class Fence:
    """R3: unused units of a channel."""

    units: int
    spill: bool
    opened: int


@dataclass
class Limit:
    """R23."""

    units: int
    ends: int
    sale: str | None
    opened: int


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
    pools: dict[tuple[str, str, str], Pool] = field(default_factory=dict)
    fences: dict[tuple[str, str, str], Fence] = field(default_factory=dict)
    limits: dict[tuple[str, str], Limit] = field(default_factory=dict)
    decided: int = 0
    now: int = 0
    lost_track: bool = False
    """Whether a limit was opened again in a ms that had reserves of the one before: times cannot tell."""

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
        return self.uncommitted(spot) - self.place(spot).safety[1] - self.fenced(spot)

    def fenced(self, spot: Spot) -> int:
        """R2."""
        unsold = sum(pool.unsold for key, pool in self.pools.items() if key[:2] == spot)
        return unsold + sum(fence.units for key, fence in self.fences.items() if key[:2] == spot)

    def offer(self, spot: Spot, path: str, arrival: int) -> tuple[int, int]:
        """R3: units of the path's own, and common ones besides."""
        kind, _, name = path.partition(":")
        free, covered = max(0, self.free(spot)), max(0, self.uncommitted(spot))
        if kind == "sale":
            pool = self.pools.get((*spot, name))
            return (min(covered, pool.unsold) if pool and pool.sells(arrival) else 0), 0
        fence = self.fences.get((*spot, name)) if kind == "channel" else None
        own = min(covered, fence.units) if fence else 0
        return own, min(covered - own, free) if not fence or fence.spill else 0

    def closed(self, spots: list[Spot], path: str, arrival: int) -> str:
        """R15: why a sale sells nothing there; empty if it may."""
        kind, _, name = path.partition(":")
        pools = [self.pools[*spot, name] for spot in spots if (*spot, name) in self.pools]
        if kind != "sale" or any(pool.sells(arrival) for pool in pools):
            return ""
        if not pools:
            return "UNKNOWN_SALE"
        early = any(not pool.closed and arrival < pool.starts for pool in pools)
        return "SALE_NOT_OPEN" if early else "SALE_CLOSED"

    def owner(self, order: Order, location: str) -> Pool | Fence | None:
        """R22: who gets freed units back."""
        kind, _, name = order.path.partition(":")
        key = order.sku, location, name
        pool = self.pools.get(key) if kind == "sale" else None
        if pool is not None and not pool.closed and order.age[0] >= pool.opened:
            return pool
        return self.fences.get(key) if kind == "channel" else None

    def offer_more(self, order: Order, location: str, arrival: int) -> tuple[int, int]:
        """R19, R20, R22: by the order's path, but not from a pool that was opened after it."""
        return (
            self.offer((order.sku, location), order.path, arrival)
            if self.sells_to(order, location)
            else (0, 0)
        )

    def sells_to(self, order: Order, location: str) -> bool:
        """R22: whether a pool of the order's sale is not a later one."""
        kind, _, sale = order.path.partition(":")
        pool = self.pools.get((order.sku, location, sale)) if kind == "sale" else None
        return pool is None or order.age[0] >= pool.opened

    def freed(self, order: Order, location: str, line: Line, units: int) -> None:
        """R22: units that are free again, those of the path first."""
        own = leave(line, units)
        owner = self.owner(order, location)
        if isinstance(owner, Pool):
            owner.sold -= own
        elif owner is not None:
            owner.units += own

    def draw(self, order: Order, location: str, units: int, own: int) -> None:
        """R3: a grant takes units of its path first."""
        taken = min(units, own)
        kind, _, name = order.path.partition(":")
        if taken and kind == "sale":
            self.pools[order.sku, location, name].sold += taken
        elif taken:
            self.fences[order.sku, location, name].units -= taken
        order.line(location).own += taken

    def held(self, spot: Spot, path: str | None = None) -> int:
        """R15: reserved units that a path gets back when they expire; None: any path."""
        sku, location = spot
        return sum(
            min(order.lines[location].soft, order.lines[location].own)
            for order in self.orders.values()
            if order.sku == sku and location in order.lines and path in {None, order.path}
            if self.owner(order, location) is not None
        )

    def hoped(self, spot: Spot, path: str, arrival: int, order: Order | None = None) -> int:
        """R15: what a path could offer if all reservations but those of `order` expired."""
        mine = order.lines.get(spot[1], Line()) if order else Line()
        mine_own = min(mine.soft, mine.own) if order and self.owner(order, spot[1]) else 0
        own = self.offer(spot, path, arrival)[0] + self.held(spot, path)
        own -= mine_own if order and order.path == path else 0
        kind, _, name = path.partition(":")
        fence = self.fences.get((*spot, name)) if kind == "channel" else None
        if kind == "sale" or (fence and not fence.spill):
            return own
        common = self.free(spot) + self.reserved(spot) - self.held(spot) - (mine.soft - mine_own)
        return own + max(0, common)

    def limits_on(self, sku: str, path: str) -> dict[str, Limit]:
        """R23."""
        return {
            name: limit
            for (name, of_sku), limit in self.limits.items()
            if of_sku == sku and limit.ends >= self.decided
            if limit.sale is None or path == f"sale:{limit.sale}"
        }

    def opened(self, name: str) -> int | None:
        """R23: since when a limit counts; None: all of it is over."""
        standing = [one for (of, _), one in self.limits.items() if of == name and one.ends >= self.decided]
        return standing[0].opened if standing else None

    def used(self, name: str, customer: str | None) -> int:
        """R23: what a customer has of a limit: all that is not free again."""
        since = self.opened(name)
        return sum(
            line.soft + line.firm + line.gone
            for order in self.orders.values()
            if name in order.limits and order.customer == customer
            if since is not None and order.age[0] >= since
            for line in order.lines.values()
        )

    def allowed(self, order: Order, units: int) -> bool:
        """R17, R19: whether more units of an order are within its limits; it counts for all of them."""
        named = {name: self.limits.get((name, order.sku)) for name in order.limits}
        counted = {
            name: limit
            for name, limit in named.items()
            if limit is not None and limit.ends >= self.decided and order.age[0] >= limit.opened
        }
        if order.asked is not None and self.limits_on(order.sku, order.path).keys() - counted.keys():
            return False
        return all(self.used(name, order.customer) + units <= limit.units for name, limit in counted.items())

    def shrink(self) -> None:
        """R4: last opened first."""
        for spot in self.places:
            claims: list[tuple[int, str, Pool | Fence]] = [
                (pool.opened, f"s/pool/{key[2]}/", pool)
                for key, pool in self.pools.items()
                if key[:2] == spot
            ]
            claims += [
                (fence.opened, f"s/fence/{key[2]}/", fence)
                for key, fence in self.fences.items()
                if key[:2] == spot
            ]
            for _, _, claim in sorted(claims, key=lambda one: one[:2], reverse=True):
                excess = self.fenced(spot) - max(0, self.uncommitted(spot))
                there = claim.unsold if isinstance(claim, Pool) else claim.units
                claim.units -= max(0, min(excess, there))

    def known(self, sku: str, locations: tuple[str, ...]) -> list[Spot]:
        """Of these locations list those that ever had the SKU."""
        return [(sku, name) for name in locations if (sku, name) in self.places]

    def is_known(self, sku: str) -> bool:
        """Whether the SKU was ever anywhere."""
        return any(name == sku for name, _ in self.places)

    def why_not(self, spot: Spot, units: int, order: Order | None = None) -> str:
        """R15: might others' reservations that expire make room for common units?"""
        return "ALL_RESERVED" if self.hoped(spot, "common", 0, order) >= units else "SOLD_OUT"

    def move(self, spot: Spot, when: int, delta: int) -> None:
        """R10."""
        self.place(spot).moves.append((when, delta))

    def revoke(self) -> None:
        """R11: youngest first, whole lines."""
        for spot in self.places:
            held = sorted(self.lines_at(spot), key=lambda found: found[0].age, reverse=True)
            for order, line in held:
                if line.soft and self.uncommitted(spot) < 0:
                    self.lose(order, spot[1], line)

    def lose(self, order: Order, location: str, line: Line) -> None:
        """R11, R18: what was reserved is free again."""
        units = line.soft
        line.lost, line.soft = line.lost + units, 0
        self.freed(order, location, line, units)

    def expire(self, order: Order, before: int) -> None:
        """R17, R18."""
        if order.deadline < before:
            for location, line in order.lines.items():
                self.lose(order, location, line)

    def set_aside(self, spot: Spot, pool: Pool) -> None:
        """R4."""
        there = pool.unsold + max(0, self.free(spot))
        pool.aside = True
        pool.units = max(pool.sold, min(pool.asked, pool.sold + there))

    def expire_all(self, before: int) -> None:
        """R18: deadlines and the times of pools, in one order."""
        self.decided = max(self.decided, before)
        while True:
            due: list[tuple[int, int, str]] = []
            for name, order in self.orders.items():
                if order.soft and order.deadline < before:
                    due.append((order.deadline, 1, name))
            for key, pool in self.pools.items():
                if not pool.closed and not pool.aside and pool.fence <= before:
                    due.append((pool.fence, 0, "/".join(key)))
                if not pool.closed and pool.ends < before:
                    due.append((pool.ends, 2, "/".join(key)))
            if not due:
                return
            _, step, name = min(due)
            if step == 1:
                self.expire(self.orders[name], before)
            else:
                sku, location, sale = name.split("/")
                pool = self.pools[sku, location, sale]
                if step == 0:
                    self.set_aside((sku, location), pool)
                else:
                    pool.closed = self.now
            self.shrink()


def leave(line: Line, units: int) -> int:
    """R22: units leave a line, those of its path first; gives how many of them."""
    own = min(units, line.own)
    line.own -= own
    return own


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
