"""What lies at one place, added up from the beginning each time: for the demo's own count."""

from dataclasses import dataclass, field

Position = tuple[str, str]
"""(SKU, location)."""


@dataclass(slots=True)
class Shelf:
    """A position as a shopkeeper's notebook has it: the last count, and every movement.

    Times are ms since the Unix epoch. `planned` units wait for a truck.
    """

    counted: int
    counted_at_ms: int = 0
    orders_through_ms: int = 0
    """Up to when the count had taken off open orders (R9); 0: it had not."""

    unavailable: int = 0
    planned: int = 0
    in_transit: int = 0
    moves: list[tuple[int, int]] = field(default_factory=list)
    """(when, units) of everything that came or went, whether the last count saw it or not."""

    def moved_since_count(self) -> int:
        """Add up what came and went after the last count (R8)."""
        return sum(units for at_ms, units in self.moves if at_ms > self.counted_at_ms)


@dataclass(slots=True)
class Order:
    """Units of one order, which is all at one place at a time."""

    reservation_id: str
    place: Position
    reserved: int = 0
    allocated: int = 0
    shipped: int = 0
    returned: int = 0
    lost: int = 0
    """Expired or revoked: a late confirm may have them again (R17)."""

    sold: list[tuple[int, int, Position]] = field(default_factory=list)
    """(when, units, place): when units were sold for good, and (negative) shipped or called off."""

    def open_at(self, place: Position, sold_by_ms: int, at_ms: int) -> int:
        """Count units sold by one time that at another were neither shipped nor called off (R9)."""
        known = sum(
            units for when, units, where in self.sold if where == place and units > 0 and when <= sold_by_ms
        )
        gone = sum(
            units for when, units, where in self.sold if where == place and units < 0 and when <= at_ms
        )
        return max(0, known + gone)
