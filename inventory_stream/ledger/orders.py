"""What happens to a reservation after it was made: extend, confirm, release, ship, cancel, return."""

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.expiry import expire
from inventory_stream.ledger.identity import (
    answer,
    bind_nothing,
    keep_receipt,
    pin_content,
    repeated_answer,
    repeated_receipt,
)
from inventory_stream.ledger.movements import (
    effective_ms,
    end_if_over,
    move,
    settle,
    stamp,
)
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from models.commands import Cancel, Confirm, Extend, Fulfil, RecordOrder, Release, Return
from models.outcomes import Outcome
from models.rows import Line, Movement, ReservationRow

OrderCommand = Extend | Confirm | Release | Cancel | Fulfil | Return | RecordOrder


def extend(state: PartitionState, command: Extend, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Move the deadline of what is still reserved, up to the total life allowed (R19)."""
    reservation = _known(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    if not any(line.reserved for line in reservation.lines):
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    wanted_ms = batch.now_ms + command.ttl_seconds * 1_000
    latest_ms = reservation.created_ms + state.rules.reservation_ms_max
    deadline_ms = min(wanted_ms, latest_ms)
    if deadline_ms <= reservation.deadline_ms and latest_ms < wanted_ms:
        return answer(state, batch, reservation, command, Outcome.EXTEND_LIMIT)
    if deadline_ms > reservation.deadline_ms:
        for line in reservation.lines:
            if line.reserved:
                position = state.position(reservation.sku, line.location)
                position.unhold(reservation.deadline_ms)
                position.hold(deadline_ms)
        reservation.deadline_ms = deadline_ms
        state.schedule(reservation)
    return answer(state, batch, reservation, command, Outcome.EXTENDED)


def confirm(state: PartitionState, command: Confirm, arrival_ms: int, batch: Batch) -> int:
    """Turn reserved units into allocated ones; after the deadline, only if they can be had again (R17).

    Returns the outcome; the first match wins:
        CONFIRMED             the record arrived by the deadline and all asked units were held
        PARTIALLY_CONFIRMED   the same, but revoked units could not be had again
        MORE_THAN_HELD        asks for more than was reserved
        CONFIRMED_LATE        expired or revoked, and every line could be granted again
        RESERVATION_EXPIRED   expired or revoked, and not all could: the payer must refund
        ALREADY_CONFIRMED     all is allocated or shipped
        NOT_LIVE              released or cancelled
    """
    reservation = _known(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    lines = _lines(reservation, command.location)
    if arrival_ms > reservation.deadline_ms and any(line.reserved for line in reservation.lines):
        # Not swept before this record, so granted inside it, by a clock behind the broker's.
        expire(state, batch, reservation)
    reserved = sum(line.reserved for line in lines)
    lost = sum(line.expired + line.revoked for line in lines)
    if not reserved and not lost:
        kept = any(line.allocated or line.fulfilled for line in lines)
        outcome = Outcome.ALREADY_CONFIRMED if kept else Outcome.NOT_LIVE
        return answer(state, batch, reservation, command, outcome)
    units = reserved + lost if command.units is None else command.units
    if units > reserved + lost:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)

    late = max(0, units - reserved)
    again = _coverable(state, reservation, lines, late)
    why_not = None
    if again is None:
        why_not = breakdown_of(tuple(state.position(reservation.sku, line.location) for line in lines))
        if not reserved:
            outcome = Outcome.RESERVATION_EXPIRED
            return answer(state, batch, reservation, command, outcome, breakdown=why_not)
    reservation.paid_order_id = command.order_id or reservation.paid_order_id
    on_time = min(units, reserved)
    _allocate(state, batch, reservation, lines, on_time)
    for line, taken in again or ():
        _allocate_again(state, batch, reservation, line, taken)
    end_if_over(state, batch, reservation)
    if not late:
        return answer(state, batch, reservation, command, Outcome.CONFIRMED, on_time)
    if again is None:
        return answer(state, batch, reservation, command, Outcome.PARTIALLY_CONFIRMED, on_time, why_not)
    return answer(state, batch, reservation, command, Outcome.CONFIRMED_LATE, units)


def release(state: PartitionState, command: Release, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Free reserved units; without a location the last sourced line goes first (R16, R22)."""
    reservation = _known(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    lines = _lines(reservation, command.location)
    reserved = sum(line.reserved for line in lines)
    if not reserved:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    units = reserved if command.units is None else command.units
    if units > reserved:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)
    left = units
    for line in reversed(lines):
        taken = min(left, line.reserved)
        if taken:
            position = state.position(reservation.sku, line.location)
            _unreserve(position, reservation, line, taken)
            line.released += taken
            batch.touch(position)
            stamp(line, position)
            left -= taken
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.RELEASED, units)


def cancel(state: PartitionState, command: Cancel, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Free allocated units that were not shipped; the last sourced line goes first (R16, R22)."""
    reservation = _known(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    lines = _lines(reservation, command.location)
    allocated = sum(line.allocated for line in lines)
    if not allocated:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    units = allocated if command.units is None else command.units
    if units > allocated:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)
    left = units
    for line in reversed(lines):
        taken = min(left, line.allocated)
        if taken:
            position = state.position(reservation.sku, line.location)
            line.allocated -= taken
            line.cancelled += taken
            position.allocated -= taken
            batch.touch(position)
            stamp(line, position)
            left -= taken
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.CANCELLED, units)


def fulfil(state: PartitionState, command: Fulfil, arrival_ms: int, batch: Batch) -> int:
    """Take shipped units off on_hand: a fact, whatever the reservation says (R10).

    Allocated units go first, then reserved ones (what was shipped needs no confirm any more). At
    another location the line moves there first. Units that no line held answer FULFIL_UNMATCHED.
    """
    reservation = _known_for_fact(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if reservation is None:
        return _unmatched_fact(
            state, batch, command, -(command.units or 0), effective, ahead, Outcome.FULFIL_UNMATCHED
        )
    held = sum(line.allocated for line in reservation.lines) or sum(
        line.reserved for line in reservation.lines
    )
    asked = held if command.units is None else command.units
    if not asked:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    if command.location is not None:
        _gather(state, batch, reservation, command.location, asked)
    units = asked
    lines = _lines(reservation, command.location)
    movements = []
    left = units - sum(line.allocated for line in lines)
    for line in lines:
        from_allocated = min(units, line.allocated)
        from_reserved = max(0, min(left, line.reserved))
        taken = from_allocated + from_reserved
        if taken:
            position = state.position(reservation.sku, line.location)
            line.allocated -= from_allocated
            position.allocated -= from_allocated
            if from_reserved:
                _unreserve(position, reservation, line, from_reserved)
            line.fulfilled += taken
            movements.append(_move_line(state, batch, position, line, -taken, effective, ahead=ahead))
            units -= taken
            left -= from_reserved
    left = units
    if left:
        where = command.location or (reservation.lines[-1].location if reservation.lines else None)
        if where is None:
            return _unknown(state, batch, command)
        line = _line(reservation, where)
        position = state.position(reservation.sku, where)
        movements.append(_move_line(state, batch, position, line, -left, effective, ahead=ahead))
    end_if_over(state, batch, reservation)
    outcome = Outcome.FULFIL_UNMATCHED if left else Outcome.FULFILLED
    return answer(state, batch, reservation, command, outcome, asked, movements=tuple(movements))


def return_units(state: PartitionState, command: Return, arrival_ms: int, batch: Batch) -> int:
    """Put units back on_hand at any location, held back unless sellable: a fact (R10, R22)."""
    reservation = _known_for_fact(state, command, batch)
    if isinstance(reservation, int):
        return reservation
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if reservation is None:
        return _unmatched_fact(
            state, batch, command, command.units, effective, ahead, Outcome.RETURN_UNMATCHED
        )
    left = command.units
    where = command.location
    for shipped in reservation.lines:
        taken = min(left, shipped.fulfilled - shipped.returned)
        if taken:
            shipped.returned += taken
            left -= taken
            where = where or shipped.location
    where = where or (reservation.lines[0].location if reservation.lines else None)
    if where is None:
        return _unknown(state, batch, command)
    line = _line(reservation, where)
    position = state.position(reservation.sku, where)
    if not command.sellable and effective > position.unavailable_at_ms:
        position.unavailable += command.units
    movement = _move_line(state, batch, position, line, command.units, effective, ahead=ahead)
    if not reservation.ended_ms:
        end_if_over(state, batch, reservation)
    outcome = Outcome.RETURN_UNMATCHED if left else Outcome.RETURNED
    return answer(state, batch, reservation, command, outcome, command.units - left, movements=(movement,))


# --- the parts they share --------------------------------------------------------------------


def _known(state: PartitionState, command: OrderCommand, batch: Batch) -> ReservationRow | int:
    """Give the reservation that a command names, or the outcome that ends the command here."""
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        return _unknown(state, batch, command)
    known = repeated_answer(state, batch, reservation, command)
    if known is not None:
        return known
    if reservation.sku != command.sku:
        return answer(state, batch, reservation, command, Outcome.RESERVATION_ID_REUSED)
    if not reservation.lines:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    return reservation


def _known_for_fact(
    state: PartitionState, command: Fulfil | Return, batch: Batch
) -> ReservationRow | int | None:
    """As `_known`, but a fact goes on without a reservation (None), unless it was applied so before."""
    receipt = repeated_receipt(state, batch, command, command.reservation_id)
    if receipt is not None:
        return receipt
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        return None
    known = repeated_answer(state, batch, reservation, command)
    if known is not None:
        return known
    # Units of another SKU than the reservation's, or of one that was refused: nothing to match.
    return reservation if reservation.sku == command.sku and reservation.lines else None


def _unknown(state: PartitionState, batch: Batch, command: OrderCommand) -> int:
    wrong = state.is_foreign(command.sku)
    outcome = Outcome.WRONG_PARTITION if wrong else Outcome.UNKNOWN_RESERVATION
    location = None if isinstance(command, Extend) else command.location
    group = command.group if isinstance(command, RecordOrder) else None
    why_not = breakdown_of(asked_positions(state, command.sku, location, group))
    return bind_nothing(state, batch, command, outcome, command.sku, command.reservation_id, why_not)


def _unmatched_fact(
    state: PartitionState,
    batch: Batch,
    command: Fulfil | Return,
    units: int,
    effective: int,
    ahead: bool,  # noqa: FBT001  # private, and named at every call by its variable
    outcome: Outcome,
) -> int:
    """Apply a fact about a reservation that nobody knows; without place or units there is none."""
    wrong = state.is_foreign(command.sku)
    if wrong or command.location is None or not units:
        return _unknown(state, batch, command)
    position = state.position(command.sku, command.location)
    if isinstance(command, Return) and not command.sellable and effective > position.unavailable_at_ms:
        position.unavailable += units
    movement = move(state, batch, position, units, effective, clock_ahead=ahead)
    return keep_receipt(
        state,
        batch,
        command,
        outcome,
        sku=command.sku,
        units=abs(units),
        reservation_id=command.reservation_id,
        movements=(movement,),
    )


def _lines(reservation: ReservationRow, location: str | None) -> tuple[Line, ...]:
    if location is None:
        return reservation.lines
    return tuple(line for line in reservation.lines if line.location == location)


def _line(reservation: ReservationRow, location: str) -> Line:
    """Give the line at a location, added with nothing granted when there is none."""
    line = line_at(reservation, location)
    if line is None:
        line = Line(location, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        reservation.lines = (*reservation.lines, line)
    return line


def _unreserve(position: Position, reservation: ReservationRow, line: Line, units: int) -> None:
    """Take units out of reserved, in line and position; the caller says where they went."""
    line.reserved -= units
    position.reserved -= units
    if not line.reserved:
        position.unhold(reservation.deadline_ms)


def _move_line(
    state: PartitionState,
    batch: Batch,
    position: Position,
    line: Line,
    units: int,
    effective: int,
    *,
    ahead: bool,
) -> Movement:
    movement = move(state, batch, position, units, effective, clock_ahead=ahead)
    line.moved += movement.delta
    line.on_hand = movement.on_hand
    line.version = movement.version
    return movement


def _allocate(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    lines: tuple[Line, ...],
    units: int,
) -> None:
    """Turn reserved units into allocated ones, first sourced line first."""
    for line in lines:
        taken = min(units, line.reserved)
        if taken:
            position = state.position(reservation.sku, line.location)
            _unreserve(position, reservation, line, taken)
            line.allocated += taken
            position.allocated += taken
            batch.touch(position)
            stamp(line, position)
            units -= taken


def _coverable(
    state: PartitionState, reservation: ReservationRow, lines: tuple[Line, ...], units: int
) -> list[tuple[Line, int]] | None:
    """Decide again, line by line, units that expired or were revoked; None when not all can be had."""
    plan = []
    for line in lines:
        taken = min(units, line.expired + line.revoked)
        if taken:
            if state.position(reservation.sku, line.location).available_to_promise < taken:
                return None
            plan.append((line, taken))
            units -= taken
    return plan


def _allocate_again(
    state: PartitionState, batch: Batch, reservation: ReservationRow, line: Line, units: int
) -> None:
    """Allocate units of a line that had expired or been revoked."""
    position = state.position(reservation.sku, line.location)
    from_expired = min(units, line.expired)
    line.expired -= from_expired
    line.revoked -= units - from_expired
    line.allocated += units
    position.allocated += units
    position.attach(reservation)
    batch.touch(position)
    stamp(line, position)


def _gather(
    state: PartitionState, batch: Batch, reservation: ReservationRow, location: str, units: int
) -> None:
    """Move units of other lines to a location, until it holds `units` or none are left (R10).

    Allocated ones before reserved ones; the caller ships them at once, so all arrive allocated.
    """
    target = line_at(reservation, location)
    missing = units - (target.allocated + target.reserved if target else 0)
    others = [line for line in reservation.lines if line.location != location]
    for of_reserved in (False, True):
        for line in others:
            moved = min(missing, line.reserved if of_reserved else line.allocated)
            if moved > 0:
                source = state.position(reservation.sku, line.location)
                if of_reserved:
                    _unreserve(source, reservation, line, moved)
                else:
                    line.allocated -= moved
                    source.allocated -= moved
                line.granted -= moved
                batch.touch(source)
                stamp(line, source)
                target = _line(reservation, location)
                target.granted += moved
                target.allocated += moved
                state.position(reservation.sku, location).allocated += moved
                missing -= moved


def record_order(state: PartitionState, command: RecordOrder, arrival_ms: int, batch: Batch) -> int:
    """Allocate an order that was taken and paid elsewhere: never refused for stock (R20).

    One that carries a reservation's id is the confirm of that reservation, forced where R17 would
    refuse. RECORDED_SHORT means that less than nothing is free afterwards.
    """
    reservation = state.reservations.get(command.reservation_id)
    if reservation is not None:
        known = repeated_answer(state, batch, reservation, command)
        if known is not None:
            return known
        # One that was only refused binds nobody: a paid order is never turned away for it (R20, R27).
        if reservation.lines and reservation.sku != command.sku:
            return answer(state, batch, reservation, command, Outcome.RESERVATION_ID_REUSED)
    elif state.is_foreign(command.sku):
        return _unknown(state, batch, command)
    if reservation is not None and reservation.lines:
        missing = command.units - sum(line.allocated + line.fulfilled for line in reservation.lines)
        if missing <= 0:
            return answer(state, batch, reservation, command, Outcome.ALREADY_CONFIRMED)
        reservation.paid_order_id = command.order_id or reservation.paid_order_id
        held = min(missing, sum(line.reserved for line in reservation.lines))
        _allocate(state, batch, reservation, reservation.lines, held)
        missing -= held
        if not missing:
            end_if_over(state, batch, reservation)
            return answer(state, batch, reservation, command, Outcome.CONFIRMED, held)
        where = command.location or reservation.lines[0].location
    else:
        missing = command.units
        held = 0
        where = _record_at(state, command)
        reservation = _recorded(state, batch, command, reservation)
    return _force(state, batch, reservation, command, where, missing, held, arrival_ms)


def _force(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    command: RecordOrder,
    where: str,
    missing: int,
    held: int,
    arrival_ms: int,
) -> int:
    """Allocate without asking whether there is stock: lost units of the reservation first, then new ones."""
    touched = []
    units = missing
    for line in reservation.lines:
        taken = min(units, line.expired + line.revoked)
        if taken:
            _allocate_again(state, batch, reservation, line, taken)
            touched.append(line)
            units -= taken
    if units:
        position = state.position(command.sku, where)
        line = _line(reservation, where)
        line.granted += units
        line.allocated += units
        position.allocated += units
        position.attach(reservation)
        batch.touch(position)
        stamp(line, position)
        touched.append(line)
    end_if_over(state, batch, reservation)
    movements = []
    for line in touched:
        position = state.position(command.sku, line.location)
        if position.uncommitted < 0:
            movements.append(settle(state, batch, position, 0, arrival_ms))
    short = any(movement.shortfall_units for movement in movements)
    outcome = Outcome.RECORDED_SHORT if short else Outcome.RECORDED
    return answer(state, batch, reservation, command, outcome, missing + held, movements=tuple(movements))


def _record_at(state: PartitionState, command: RecordOrder) -> str:
    """Choose where an outside order is taken from: as asked, else the first of the group that has it."""
    if command.location is not None:
        return command.location
    locations = state.groups.get(command.group or "", ())
    if not locations:
        raise ImpossibleCommandError("record_order names no location and no known group")
    by_location = state.skus.get(command.sku, {})
    for name in locations:
        if name in by_location and by_location[name].available_to_promise >= command.units:
            return name
    known = [name for name in locations if name in by_location]
    return max(known, key=lambda name: by_location[name].available_to_promise, default=locations[0])


def _recorded(
    state: PartitionState, batch: Batch, command: RecordOrder, refused: ReservationRow | None
) -> ReservationRow:
    """The reservation row of an outside order; what was refused under its id before keeps its answers."""
    if refused is not None:
        pin_content(refused)
        state.refused_kept -= 1
    recorded = ReservationRow(
        0,
        0,
        0,
        command.reservation_id,
        command.sku,
        command.units,
        0,
        command.location,
        command.group,
        "first_fit",
        command.channel,
        command.order_id,
        False,  # noqa: FBT003  # allow_partial
        "common",
        None,
        batch.now_ms,
        0,
        0,
        refused.commands if refused else 0,
        (),
        refused.answers if refused else (),
        refused.older if refused else b"",
        True,  # noqa: FBT003  # recorded
    )
    state.reservations[command.reservation_id] = recorded
    return recorded
