"""What happens to a reservation after it was made: extend, confirm, release, cancel."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import is_live
from inventory_stream.ledger.expiry import expire
from inventory_stream.ledger.identity import answer
from inventory_stream.ledger.known import known_reservation
from inventory_stream.ledger.lines import (
    allocate,
    allocate_again,
    cancel_lines,
    coverable,
    lines_at,
    release_lines,
)
from inventory_stream.ledger.movements import effective_ms, end_if_over
from inventory_stream.ledger.paths import breakdown_on, pool_at
from inventory_stream.ledger.plain_ends import confirm_plain, release_plain
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.telling import off_as_of
from models.commands import EPOCH_MS_MAX, Cancel, Confirm, Extend, Release
from models.outcomes import Outcome
from models.paths import SALE
from models.rows import ReservationRow


def is_of_another(reservation: ReservationRow, order_id: str | None) -> bool:
    """Say whether units of a reservation are sold, to another order than this one (R20).

    What an order is called that gives no id, and what was reserved and not sold, is of any.
    """
    sold_to = reservation.paid_order_id or (reservation.order_id if reservation.recorded else None)
    if order_id is None or sold_to is None or order_id == sold_to:
        return False
    return any(line.allocated or line.fulfilled or line.backorders_confirmed for line in reservation.lines)


def extend(state: PartitionState, command: Extend, arrival_ms: int, batch: Batch) -> int:
    """Move the deadline of what is still reserved, up to the total life allowed (R19)."""
    reservation = known_reservation(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    if not is_live(reservation):
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    wanted_ms = batch.now_ms + command.ttl_seconds * 1_000
    latest_ms = min(
        reservation.created_ms + state.rules.reservation_ms_max, _checkout_until_ms(state, reservation)
    )
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


def _checkout_until_ms(state: PartitionState, reservation: ReservationRow) -> int:
    """Until when units of a sale may be held: its end and the checkout grace; else no bound (R19)."""
    latest_ms = EPOCH_MS_MAX
    if reservation.path.startswith(SALE):
        for line in reservation.lines:
            pool = pool_at(state.position(reservation.sku, line.location), reservation.path)
            if (line.reserved or line.backordered) and pool is not None:
                end_ms = min(pool.ends_ms, pool.closed_ms or pool.ends_ms)
                latest_ms = min(latest_ms, end_ms + pool.checkout_grace_seconds * 1_000)
    return latest_ms


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
    done = confirm_plain(state, batch, command, arrival_ms)
    if done is not None:
        return done
    reservation = known_reservation(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    lines = lines_at(reservation, command.location)
    if arrival_ms > reservation.deadline_ms and is_live(reservation):
        # Not swept before this record, so granted inside it, by a clock behind the broker's.
        expire(state, batch, reservation)
    reserved = sum(line.reserved + line.backordered for line in lines)
    lost = sum(line.expired + line.revoked for line in lines)
    if not reserved and not lost:
        kept = any(line.allocated or line.fulfilled or line.backorders_confirmed for line in lines)
        outcome = Outcome.ALREADY_CONFIRMED if kept else Outcome.NOT_LIVE
        return answer(state, batch, reservation, command, outcome)
    units = reserved + lost if command.units is None else command.units
    if units > reserved + lost:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)

    late = max(0, units - reserved)
    again = coverable(state, reservation, lines, late, arrival_ms)
    why_not = None
    if again is None:
        places = [state.position(reservation.sku, line.location) for line in lines]
        why_not = breakdown_on(places, reservation.path, arrival_ms)
        if not reserved:
            outcome = Outcome.RESERVATION_EXPIRED
            return answer(state, batch, reservation, command, outcome, breakdown=why_not)
    reservation.paid_order_id = command.order_id or reservation.paid_order_id
    on_time = min(units, reserved)
    movements = allocate(state, batch, reservation, lines, on_time, arrival_ms)
    for line, taken, own, waiting in again or ():
        movements += allocate_again(state, batch, reservation, line, taken, arrival_ms, own, waiting)
    end_if_over(state, batch, reservation)
    if not late:
        return answer(state, batch, reservation, command, Outcome.CONFIRMED, on_time, movements=movements)
    if again is None:
        outcome = Outcome.PARTIALLY_CONFIRMED
        return answer(state, batch, reservation, command, outcome, on_time, why_not, movements)
    return answer(state, batch, reservation, command, Outcome.CONFIRMED_LATE, units, movements=movements)


def is_of_an_order(command: Cancel) -> bool:
    """Say whether a cancel is of an outside order that names itself, and so may come before it (R20)."""
    return command.order_id is not None and command.as_of is not None


def _is_ahead(reservation: ReservationRow, command: Cancel) -> bool:
    """Say whether a cancel came before the order that is to confirm the reservation (R20, R21)."""
    return is_of_an_order(command) and not reservation.recorded and reservation.paid_order_id is None


def release(state: PartitionState, command: Release, arrival_ms: int, batch: Batch) -> int:
    """Free soft units; without a location the last sourced line goes first (R16, R22)."""
    done = release_plain(state, batch, command, arrival_ms)
    if done is not None:
        return done
    reservation = known_reservation(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    lines = lines_at(reservation, command.location)
    reserved = sum(line.reserved + line.backordered for line in lines)
    if not reserved:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    units = reserved if command.units is None else command.units
    if units > reserved:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)
    release_lines(state, batch, reservation, lines, units)
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.RELEASED, units)


def cancel(state: PartitionState, command: Cancel, arrival_ms: int, batch: Batch) -> int:
    """Free paid units that were not shipped; the last sourced line goes first (R16, R22).

    Of an order that is yet to confirm the reservation, RELEASED: what is off is not held for it.
    """
    reservation = known_reservation(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    if is_of_another(reservation, command.order_id):
        return answer(state, batch, reservation, command, Outcome.ANOTHER_ORDER)
    is_ahead = _is_ahead(reservation, command)
    # Of one that was recorded without a time an off with one is the first telling.
    is_first = not reservation.told_ms and (is_ahead or (reservation.recorded and command.as_of is not None))
    is_told = is_first or bool(reservation.told_ms)
    is_whole = is_told and command.units is None and command.location is None
    if is_first:
        reservation.told_units = sum(
            line.allocated + line.fulfilled + line.backorders_confirmed for line in reservation.lines
        )
    if is_whole:
        off_ms = off_as_of(command)
        if command.as_of is not None and off_ms <= reservation.told_ms:
            return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
        reservation.told_ms = off_ms
    lines = lines_at(reservation, command.location)
    allocated = sum(line.allocated + line.backorders_confirmed for line in lines)
    if not allocated:
        held = sum(line.reserved + line.backordered for line in lines) if is_ahead else 0
        if is_ahead and command.units is not None:
            # Its order takes as many fewer, whenever it was told (R20, R21).
            reservation.told_ms = max(1, reservation.told_ms)
            reservation.told_units += command.units
            held = min(held, command.units)
        if not held:
            return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
        release_lines(state, batch, reservation, lines, held)
        end_if_over(state, batch, reservation)
        return answer(state, batch, reservation, command, Outcome.RELEASED, held)
    units = allocated if command.units is None else command.units
    if units > allocated:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)
    cancelled_ms, _ = effective_ms(state, batch, command.effective_at, arrival_ms)
    movements = cancel_lines(state, batch, reservation, lines, units, cancelled_ms)
    if is_whole:
        reservation.told_units -= min(units, reservation.told_units)
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.CANCELLED, units, movements=movements)
