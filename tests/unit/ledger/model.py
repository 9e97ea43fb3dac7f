"""The ledger once more, in as few lines as it takes: one SKU, one line a reservation, quantities only.

Shares nothing with the ledger. Movements and counts are a list that is summed anew each time; a
reservation is six numbers. Groups, identity and rows are for the tables and the invariants.
"""

from dataclasses import dataclass, field


@dataclass
class Held:
    """Units of one reservation; `lost` were taken back by expiry or revocation."""

    place: str
    age: tuple[int, str]
    deadline: int
    asked: tuple[object, ...]
    soft: int = 0
    firm: int = 0
    lost: int = 0
    gone: int = 0
    back: int = 0


@dataclass
class Model:
    """What the outcome and the quantities must be. Times in ms; `places` hold moves and counts."""

    moves: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {"L1": [], "L2": []})
    counted: dict[str, tuple[int, int]] = field(default_factory=lambda: {"L1": (0, 0), "L2": (0, 0)})
    kept_back: dict[str, int] = field(default_factory=lambda: {"L1": 0, "L2": 0})
    stated: dict[str, int] = field(default_factory=lambda: {"L1": 0, "L2": 0})
    orders: dict[str, Held] = field(default_factory=dict)

    def on_hand(self, place: str) -> int:
        """What the last count said, and what moved since."""
        at, units = self.counted[place]
        return units + sum(delta for when, delta in self.moves[place] if when > at)

    def uncommitted(self, place: str) -> int:
        """R2."""
        here = [held for held in self.orders.values() if held.place == place]
        return self.on_hand(place) - sum(held.soft + held.firm for held in here)

    def free(self, place: str) -> int:
        """ATP, R2."""
        return self.uncommitted(place) - self.kept_back[place]

    def fact(self, place: str, when: int, delta: int) -> None:
        """R10, R11."""
        self.moves[place].append((when, delta))
        self.revoke(place)

    def revoke(self, place: str) -> None:
        """R11."""
        for held in sorted(self.orders.values(), key=lambda held: held.age, reverse=True):
            if held.place == place and self.uncommitted(place) < 0:
                held.lost, held.soft = held.lost + held.soft, 0

    def count(self, place: str, when: int, units: int) -> str:
        """R8."""
        if when < self.counted[place][0]:
            return "STALE_SYNC"
        self.counted[place] = when, units
        self.revoke(place)
        return "APPLIED"

    def expire(self, before: int) -> None:
        """R18."""
        for held in self.orders.values():
            if held.deadline < before:
                held.lost, held.soft = held.lost + held.soft, 0

    def reserve(self, name: str, place: str, units: int, now: int, ttl: int, *, part: bool) -> str:
        """R3, R15, R28."""
        asked = (place, units, ttl, part)
        if held := self.orders.get(name):
            alive = "ALREADY_GRANTED" if held.soft + held.firm + held.gone else "NOT_LIVE"
            return alive if held.asked == asked else "RESERVATION_ID_REUSED"
        got = min(units, self.free(place)) if part else units
        if 0 < got <= self.free(place):
            self.orders[name] = Held(place, (now, name), now + ttl, asked, soft=got)
            return "GRANTED" if got == units else "PARTIALLY_GRANTED"
        soft = sum(held.soft for held in self.orders.values() if held.place == place)
        return "ALL_RESERVED" if self.free(place) + soft >= (1 if part else units) else "SOLD_OUT"

    def confirm(self, name: str, units: int | None) -> str:
        """R17."""
        held = self.orders[name]
        wanted = held.soft + held.lost if units is None else units
        if not held.soft + held.lost:
            return "ALREADY_CONFIRMED" if held.firm + held.gone else "NOT_LIVE"
        if wanted > held.soft + held.lost:
            return "MORE_THAN_HELD"
        late = max(0, wanted - held.soft)
        if late and self.free(held.place) < late:
            if not held.soft:
                return "RESERVATION_EXPIRED"
            held.firm, held.soft = held.firm + held.soft, 0
            return "PARTIALLY_CONFIRMED"
        held.firm, held.soft, held.lost = held.firm + wanted, held.soft - wanted + late, held.lost - late
        return "CONFIRMED_LATE" if late else "CONFIRMED"

    def take(self, name: str, what: str, units: int | None) -> str:
        """Release (`soft`) or cancel (`firm`)."""
        held = self.orders[name]
        there = getattr(held, what)
        if not there:
            return "NOT_LIVE"
        if (units or there) > there:
            return "MORE_THAN_HELD"
        setattr(held, what, there - (units or there))
        return "RELEASED" if what == "soft" else "CANCELLED"

    def record(self, name: str, place: str, units: int, now: int) -> str:
        """R20."""
        held = self.orders.get(name)
        if held is None:
            held = self.orders[name] = Held(place, (now, name), 0, ("recorded",))
        missing = units - held.firm - held.gone
        if missing <= 0:
            return "ALREADY_CONFIRMED"
        from_soft = min(missing, held.soft)
        held.soft, held.firm = held.soft - from_soft, held.firm + missing
        held.lost -= min(held.lost, missing - from_soft)
        self.revoke(held.place)
        if missing == from_soft:
            return "CONFIRMED"
        return "RECORDED_SHORT" if self.uncommitted(held.place) < 0 else "RECORDED"

    def fulfil(self, name: str, units: int | None, when: int) -> str:
        """R10."""
        held = self.orders[name]
        asked = (held.firm or held.soft) if units is None else units
        if not asked:
            return "NOT_LIVE"
        firm = min(asked, held.firm)
        soft = min(asked - firm, held.soft)
        held.firm, held.soft, held.gone = held.firm - firm, held.soft - soft, held.gone + firm + soft
        self.fact(held.place, when, -asked)
        return "FULFILLED" if asked == firm + soft else "FULFIL_UNMATCHED"

    def give_back(self, name: str, units: int, when: int) -> str:
        """R10, R22."""
        held = self.orders[name]
        known = min(units, held.gone - held.back)
        held.back += known
        self.fact(held.place, when, units)
        return "RETURNED" if known == units else "RETURN_UNMATCHED"
