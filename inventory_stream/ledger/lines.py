"""The lines of a reservation: units at a location, and what every change of them keeps in step (R16)."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.limits import allowed_again, count_again
from inventory_stream.ledger.movements import move, settle, stamp
from inventory_stream.ledger.netting import note_allocated
from inventory_stream.ledger.paths import draw, free, leave, offered_again, unreserve
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from inventory_stream.ledger.waiting import confirm_waiting, free_units, give_up, promise
from models.rows import Line, Movement, ReservationRow

Shipped = tuple[tuple[str, int, int], ...]
"""What left before its order came: (location, units, effective ms) of each shipment (R21)."""


def add_shipped(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    shipped: Shipped,
    ordered_ms: int = 0,
) -> tuple[Movement, ...]:
    """Grant units that were shipped early, as fulfilled: on_hand fell for them long ago (R21).

    With `ordered_ms` they were among the open orders of a source from then to the shipment (R9).
    """
    movements: tuple[Movement, ...] = ()
    for location, units, shipped_ms in shipped:
        position = state.position(reservation.sku, location)
        line = line_made_at(reservation, location)
        line.granted += units
        line.fulfilled += units
        if ordered_ms:
            netted = note_allocated(position, line, ordered_ms, units)
            netted += note_allocated(position, line, shipped_ms, -units)
            position.attach(reservation)
            if netted:
                movements += changed(state, batch, position, line, netted, shipped_ms)
    return movements


def lines_at(reservation: ReservationRow, location: str | None) -> tuple[Line, ...]:
    """Give a reservation's lines, or those at one location."""
    if location is None:
        return reservation.lines
    return tuple(line for line in reservation.lines if line.location == location)


def line_made_at(reservation: ReservationRow, location: str) -> Line:
    """Give the line at a location, added with nothing granted when there is none."""
    line = line_at(reservation, location)
    if line is None:
        line = Line(location, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        reservation.lines = (*reservation.lines, line)
    return line


def allocate_units(position: Position, line: Line, units: int, at_ms: int) -> int:
    """Make units of a line allocated as of `at_ms`; negative: they cease to be. The caller touches.

    Returns what on_hand changed by, because the last count had netted these units or had not (R9).
    """
    line.allocated += units
    position.allocated += units
    return note_allocated(position, line, at_ms, units)


def changed(
    state: PartitionState, batch: Batch, position: Position, line: Line, netted: int, at_ms: int
) -> tuple[Movement, ...]:
    """Touch a position after a change through a line; the movement of what a netting count turned, if any."""
    batch.touch(position)
    stamp(line, position)
    if not netted:
        return ()
    # At the count's own time: never among the movements that a later count adds again.
    return (settle(state, batch, position, netted, min(at_ms, position.sync_at_ms)),)


def allocate(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    lines: tuple[Line, ...],
    units: int,
    at_ms: int,
) -> tuple[Movement, ...]:
    """Turn reserved units into allocated ones, first sourced line first; then soft ones that wait, too."""
    movements: tuple[Movement, ...] = ()
    for line in lines:
        taken = min(units, line.reserved)
        if taken:
            position = state.position(reservation.sku, line.location)
            unreserve(position, reservation, line, taken)
            netted = allocate_units(position, line, taken, at_ms)
            movements += changed(state, batch, position, line, netted, at_ms)
            units -= taken
    for line in lines:
        waiting = min(units, line.backordered)
        confirm_waiting(line, waiting)
        units -= waiting
    return movements


def release_lines(
    state: PartitionState, batch: Batch, reservation: ReservationRow, lines: tuple[Line, ...], units: int
) -> None:
    """Free soft units, the last sourced line first (R16); in a line those that wait first."""
    for line in reversed(lines):
        waiting = min(units, line.backordered)
        taken = min(units - waiting, line.reserved)
        if waiting or taken:
            position = state.position(reservation.sku, line.location)
            line.released += waiting + taken
            if waiting:
                give_up(state, batch, position, reservation, line, soft=waiting)
            if taken:
                unreserve(position, reservation, line, taken)
                if line.from_path or reservation.limits:
                    free(state, batch, position, reservation, line, taken)
            changed(state, batch, position, line, 0, 0)
            units -= waiting + taken


def cancel_lines(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    lines: tuple[Line, ...],
    units: int,
    at_ms: int,
) -> tuple[Movement, ...]:
    """Free paid units, the last sourced line first (R16); in a line those that wait first."""
    movements: tuple[Movement, ...] = ()
    for line in reversed(lines):
        waiting = min(units, line.backorders_confirmed)
        taken = min(units - waiting, line.allocated)
        if waiting or taken:
            position = state.position(reservation.sku, line.location)
            netted = allocate_units(position, line, -taken, at_ms)
            line.cancelled += waiting + taken
            if waiting:
                give_up(state, batch, position, reservation, line, confirmed=waiting)
            if taken and (line.from_path or reservation.limits):
                free(state, batch, position, reservation, line, taken)
            movements += changed(state, batch, position, line, netted, at_ms)
            units -= waiting + taken
    return movements


def allocate_again(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    line: Line,
    units: int,
    at_ms: int,
    own: int,
    waiting: int = 0,
) -> tuple[Movement, ...]:
    """Allocate units of a line that had expired or been revoked; up to `own` of them from its path.

    `waiting` of them are not there yet (R24).
    """
    position = state.position(reservation.sku, line.location)
    from_expired = min(units, line.expired)
    line.expired -= from_expired
    line.revoked -= units - from_expired
    netted = allocate_units(position, line, units - waiting, at_ms)
    if own:
        draw(batch, position, reservation, line, units - waiting, own)
    if waiting:
        promise(state, batch, position, reservation, line, waiting, is_confirmed=True)
    if reservation.limits:
        count_again(state, batch, reservation, units)
    position.attach(reservation)
    return changed(state, batch, position, line, netted, at_ms)


def coverable(
    state: PartitionState,
    reservation: ReservationRow,
    lines: tuple[Line, ...],
    units: int,
    arrival_ms: int,
) -> list[tuple[Line, int, int, int]] | None:
    """Decide again, line by line, units that expired or were revoked; None when not all can be had (R17).

    Not of a SKU whose stock the catalog has moved to another partition: it is promised there now (R30).

    Returns:
        Lines with the units to take, how many of them their path has, and how many must wait (R24).
    """
    if units and reservation.sku in state.moved_skus:
        return None
    if units and state.purchase_limits and not allowed_again(state, reservation, units):
        return None
    plan = []
    for line in lines:
        taken = min(units, line.expired + line.revoked)
        if taken:
            position = state.position(reservation.sku, line.location)
            offered = offered_again(position, reservation, arrival_ms)
            if offered is None:
                return None
            waiting = max(0, taken - sum(offered))
            # As for a new grant: not while there are common units that its path does not offer.
            may_wait = reservation.allow_backorder and position.available_to_promise <= offered[1]
            if waiting > (free_units(position) if may_wait else 0):
                return None
            plan.append((line, taken, offered[0], waiting))
            units -= taken
    return plan


def move_line(
    state: PartitionState,
    batch: Batch,
    position: Position,
    line: Line,
    units: int,
    effective: int,
    *,
    netted: int = 0,
    ahead: bool,
) -> Movement:
    """Move on_hand through a line; `netted` was taken from on_hand already for the same fact (R9)."""
    movement = move(state, batch, position, units, effective, clock_ahead=ahead)
    line.moved += movement.delta
    movement.delta += netted
    line.on_hand = movement.on_hand
    line.version = movement.version
    return movement


def gather(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    location: str,
    units: int,
    at_ms: int,
) -> tuple[int, tuple[Movement, ...]]:
    """Move units of other lines to a location, until it holds `units` or none are left (R10).

    Allocated ones before reserved ones; the caller ships them at once, so all arrive allocated.

    Returns:
        How many arrived, and the movements at the locations that they left.
    """
    target = line_at(reservation, location)
    missing = units - (target.allocated if target else 0)
    others = [line for line in reservation.lines if line.location != location]
    hard = _share(missing, [line.allocated for line in others])
    # Reserved units come last, those of the location itself first.
    missing -= sum(hard) + (target.reserved if target else 0)
    soft = _share(missing, [line.reserved for line in others])
    movements: tuple[Movement, ...] = ()
    for line, from_allocated, from_reserved in zip(others, hard, soft, strict=True):
        moved = from_allocated + from_reserved
        if moved:
            source = state.position(reservation.sku, line.location)
            netted = allocate_units(source, line, -from_allocated, at_ms)
            if from_reserved:
                unreserve(source, reservation, line, from_reserved)
            leave(source, reservation, line, moved)
            line.granted -= moved
            movements += changed(state, batch, source, line, netted, at_ms)
            target = line_made_at(reservation, location)
            target.granted += moved
            target.allocated += moved
            state.position(reservation.sku, location).allocated += moved
    return sum(hard) + sum(soft), movements


def _share(units: int, held: list[int]) -> list[int]:
    """Take units from the first that have them; gives how many from each."""
    taken = []
    for there in held:
        taken.append(max(0, min(units, there)))
        units -= taken[-1]
    return taken
