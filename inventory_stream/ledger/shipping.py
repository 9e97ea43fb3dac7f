"""Goods that go out and come back: fulfil and return, facts whatever the reservation says (R10, R22)."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import waiting_of
from inventory_stream.ledger.early import has_room, remember
from inventory_stream.ledger.identity import answer, keep_receipt
from inventory_stream.ledger.known import known_for_fact, unknown
from inventory_stream.ledger.lines import (
    allocate_units,
    changed,
    gather,
    line_made_at,
    lines_at,
    move_line,
)
from inventory_stream.ledger.movements import effective_ms, end_if_over, move
from inventory_stream.ledger.paths import leave, unreserve
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.waiting import let_go
from models.commands import Fulfil, Return
from models.outcomes import Outcome
from models.rows import Movement, ReservationRow


def fulfil(state: PartitionState, command: Fulfil, arrival_ms: int, batch: Batch) -> int:
    """Take shipped units off on_hand: a fact, whatever the reservation says (R10).

    Allocated units go first, then reserved ones (what was shipped needs no confirm any more), then those
    that waited for goods of which nobody has told us (R24). At another location the line moves there
    first. Units that no line held answer FULFIL_UNMATCHED; one that comes before its order is
    REMEMBERED (R21).
    """
    reservation = known_for_fact(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if reservation is None:
        return _without_reservation(
            state, batch, command, -(command.units or 0), arrival_ms, effective, ahead=ahead
        )
    held = (
        sum(line.allocated for line in reservation.lines)
        or sum(line.reserved for line in reservation.lines)
        or sum(map(waiting_of, reservation.lines))
    )
    asked = held if command.units is None else command.units
    if not asked:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    gathered = 0
    movements: tuple[Movement, ...] = ()
    if command.location is not None:
        gathered, movements = gather(state, batch, reservation, command.location, asked, effective)
    lines = lines_at(reservation, command.location)
    left = asked
    from_reserved_left = asked - sum(line.allocated for line in lines)
    for line in lines:
        from_allocated = min(left, line.allocated)
        from_reserved = max(0, min(from_reserved_left, line.reserved))
        taken = from_allocated + from_reserved
        if taken:
            position = state.position(reservation.sku, line.location)
            # What only passed through this location was never among its orders (R9).
            passed = min(gathered, from_allocated)
            line.allocated -= passed
            position.allocated -= passed
            netted = allocate_units(position, line, passed - from_allocated, effective)
            if from_reserved:
                unreserve(position, reservation, line, from_reserved)
            if line.from_path:
                leave(position, reservation, line, taken - passed)
            line.fulfilled += taken
            movements += (
                move_line(state, batch, position, line, -taken, effective, netted=netted, ahead=ahead),
            )
            left -= taken
            from_reserved_left -= from_reserved
    if left:
        waited, more = _ship_waiting(
            state, batch, reservation, command.location, left, effective, ahead=ahead
        )
        movements += more
        left -= waited
    if left:
        where = command.location or reservation.lines[-1].location
        line = line_made_at(reservation, where)
        position = state.position(reservation.sku, where)
        movements += (move_line(state, batch, position, line, -left, effective, ahead=ahead),)
    end_if_over(state, batch, reservation)
    outcome = Outcome.FULFIL_UNMATCHED if left else Outcome.FULFILLED
    return answer(state, batch, reservation, command, outcome, asked, movements=movements)


def _ship_waiting(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    location: str | None,
    units: int,
    effective: int,
    *,
    ahead: bool,
) -> tuple[int, tuple[Movement, ...]]:
    """Ship units that the ledger believed were not there yet, paid ones first; gives how many they were.

    Those that wait at the location itself go before others.
    """
    left = units
    movements: tuple[Movement, ...] = ()
    for line in sorted(reservation.lines, key=lambda line: line.location != location):
        confirmed = min(left, line.backorders_confirmed)
        soft = min(left - confirmed, line.backordered)
        taken = confirmed + soft
        if taken:
            source = state.position(reservation.sku, line.location)
            let_go(batch, source, line, soft=soft, confirmed=confirmed)
            target = line_made_at(reservation, location or line.location)
            if target is not line:
                line.granted -= taken
                target.granted += taken
                changed(state, batch, source, line, 0, 0)
            target.fulfilled += taken
            position = state.position(reservation.sku, target.location)
            movements += (move_line(state, batch, position, target, -taken, effective, ahead=ahead),)
            left -= taken
    return units - left, movements


def return_units(state: PartitionState, command: Return, arrival_ms: int, batch: Batch) -> int:
    """Put units back on_hand at any location, held back unless sellable: a fact (R10, R22)."""
    reservation = known_for_fact(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if reservation is None:
        return _without_reservation(state, batch, command, command.units, arrival_ms, effective, ahead=ahead)
    left, where = take_back(reservation, command)
    line = line_made_at(reservation, where)
    position = state.position(reservation.sku, where)
    if not command.sellable and effective > position.unavailable_at_ms:
        position.unavailable += command.units
    movement = move_line(state, batch, position, line, command.units, effective, ahead=ahead)
    outcome = Outcome.RETURN_UNMATCHED if left else Outcome.RETURNED
    return answer(state, batch, reservation, command, outcome, command.units - left, movements=(movement,))


def take_back(reservation: ReservationRow, command: Return) -> tuple[int, str]:
    """Count returned units against shipped ones; gives how many match none, and where they lie now.

    Only for a reservation that has lines.
    """
    left = command.units
    where = command.location
    for shipped in reservation.lines:
        taken = min(left, shipped.fulfilled - shipped.returned)
        if taken:
            shipped.returned += taken
            left -= taken
            where = where or shipped.location
    return left, where or reservation.lines[0].location


def _without_reservation(
    state: PartitionState,
    batch: Batch,
    command: Fulfil | Return,
    units: int,
    arrival_ms: int,
    effective: int,
    *,
    ahead: bool,
) -> int:
    """Apply a fact about a reservation that holds nothing, or that is not there yet (R10, R21)."""
    reservation = state.reservations.get(command.reservation_id)
    where = command.location or (_place_of(reservation, command.sku) if reservation is not None else None)
    if state.misplaced(command.sku) or (reservation is None and (where is None or not units)):
        return unknown(state, batch, command, arrival_ms)
    unmatched = Outcome.RETURN_UNMATCHED if isinstance(command, Return) else Outcome.FULFIL_UNMATCHED
    movements: tuple[Movement, ...] = ()
    if where is not None and units:  # else nobody can say what left where: an exception all the same
        position = state.position(command.sku, where)
        if isinstance(command, Return) and not command.sellable and effective > position.unavailable_at_ms:
            position.unavailable += units
        movements = (move(state, batch, position, units, effective, clock_ahead=ahead),)
        if reservation is None and has_room(state, command.reservation_id):
            return remember(state, batch, command, arrival_ms, movements[0])
    return keep_receipt(
        state,
        batch,
        command,
        unmatched,
        sku=command.sku,
        units=abs(units) if movements else 0,
        reservation_id=command.reservation_id,
        movements=movements,
    )


def _place_of(reservation: ReservationRow, sku: str) -> str | None:
    """Where a reservation lies, or asked to; None for another SKU's, of which nobody can say."""
    if reservation.sku != sku:
        return None
    return reservation.lines[0].location if reservation.lines else reservation.location
