"""Counts of a source that has already taken off its open orders (R9).

Such a count is what lies on the shelf less the orders that the source knew. So on_hand is the count
and those orders' units, once more for as long as they are open. How many of a line's units that
were follows from its `allocations` and the position's last count alone: whatever becomes known later,
on_hand changes by what this figure changes.
"""

from typing import Final

from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import line_at
from models.rows import Line

ALLOCATIONS_MAX: Final = 16
"""Changes of allocated that a line tells apart; older ones are told as one (bounds the row, as R27 does)."""

_Allocations = tuple[tuple[int, int], ...]


def netted_units(position: Position, line: Line) -> int:
    """Units of a line that the position's last count had taken off and that were still open then."""
    if not position.orders_through_ms:
        return 0
    return open_units(line.allocations, position.orders_through_ms, position.sync_at_ms)


def open_units(allocations: _Allocations, through_ms: int, at_ms: int) -> int:
    """Units allocated by `through_ms` that at `at_ms` were neither shipped nor cancelled."""
    known = sum(units for when, units in allocations if units > 0 and when <= through_ms)
    gone = sum(units for when, units in allocations if units < 0 and when <= at_ms)
    return max(0, known + gone)


def note_allocated(position: Position, line: Line, at_ms: int, units: int) -> int:
    """Note that units became allocated at a time, or (negative) ceased to be.

    Returns what on_hand changed by for it: 0 unless the last count netted orders. The caller touches
    the position and tells the change as a movement.
    """
    if not units:
        return 0
    before = netted_units(position, line)
    line.allocations = _bounded((*line.allocations, (at_ms, units)), position)
    netted = netted_units(position, line) - before
    position.on_hand += netted
    line.moved += netted
    return netted


def netted_at(position: Position, through_ms: int, counted_at_ms: int, now_ms: int) -> int:
    """Sum the units of all orders that a netting count had taken off."""
    # By id: one that was confirmed late may be listed among the settled ones, too.
    rows = {row.reservation_id: row for row in position.lately(now_ms)}
    lines = (line_at(row, position.location) for row in rows.values())
    return sum(open_units(line.allocations, through_ms, counted_at_ms) for line in lines if line is not None)


def _bounded(allocations: _Allocations, position: Position) -> _Allocations:
    """Tell the two oldest of one sign as one, so that too few units count as open rather than too many.

    Only two that the last count saw alike: what it added back never changes by telling them as one. Of 17
    there are always two such.
    """
    if len(allocations) <= ALLOCATIONS_MAX:
        return allocations
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for index, (when, units) in enumerate(allocations):
        bound_ms = position.orders_through_ms if units > 0 else position.sync_at_ms
        pair = kinds.setdefault((units > 0, when <= bound_ms), [])
        pair.append(index)
        if len(pair) == 2:
            break
    first, second = pair
    times = allocations[first][0], allocations[second][0]
    merged = max(times) if units > 0 else min(times), allocations[first][1] + allocations[second][1]
    rest = (entry for index, entry in enumerate(allocations) if index not in {first, second})
    return (merged, *rest)
