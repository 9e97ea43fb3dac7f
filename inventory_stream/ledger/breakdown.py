"""The numbers behind a refusal: what there is where it asked (R2, R15)."""

from collections.abc import Sequence

from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from models.rows import Breakdown, ReservationRow


def figures_of(position: Position) -> tuple[int, int, int, int, int, int, int, int]:
    """Give R2 of one position, with the first deadline that may free units there, in a breakdown's order."""
    return (
        position.on_hand,
        position.unavailable,
        position.reserved,
        position.allocated,
        position.safety_stock,
        position.fenced,
        position.available_to_promise,
        position.earliest_deadline_ms(),
    )


def breakdown_of(asked: Sequence[Position]) -> Breakdown:
    """Sum R2 over the positions that were asked, with the first deadline that may free units there."""
    if len(asked) == 1:
        return Breakdown(*figures_of(asked[0]))
    deadlines = [position.earliest_deadline_ms() for position in asked]
    return Breakdown(
        sum(position.on_hand for position in asked),
        sum(position.unavailable for position in asked),
        sum(position.reserved for position in asked),
        sum(position.allocated for position in asked),
        sum(position.safety_stock for position in asked),
        sum(position.fenced for position in asked),
        sum(position.available_to_promise for position in asked),
        min((deadline for deadline in deadlines if deadline), default=0),
    )


def asked_positions(
    state: PartitionState, sku: str, location: str | None, group: str | None
) -> tuple[Position, ...]:
    """Give the positions of a SKU at a location, or at those of a group, that exist."""
    by_location = state.skus.get(sku, {})
    names = (location,) if location is not None else state.groups.get(group or "", ())
    return tuple(by_location[name] for name in names if name in by_location)


def positions_of(state: PartitionState, reservation: ReservationRow) -> tuple[Position, ...]:
    """Give the positions where a reservation has lines, or where it asked for some."""
    if reservation.lines:
        return tuple(state.position(reservation.sku, line.location) for line in reservation.lines)
    return asked_positions(state, reservation.sku, reservation.location, reservation.group)
