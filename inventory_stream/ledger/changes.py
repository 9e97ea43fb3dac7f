"""Edits of an open reservation: another location, other units (R19)."""

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import breakdown_of, positions_of
from inventory_stream.ledger.claims import held_of, is_live, waiting_of
from inventory_stream.ledger.expiry import expire
from inventory_stream.ledger.identity import answer, bind_nothing
from inventory_stream.ledger.known import known_reservation
from inventory_stream.ledger.limits import allowed_again, count_again
from inventory_stream.ledger.lines import (
    allocate_units,
    cancel_lines,
    changed,
    line_made_at,
    lines_at,
    release_lines,
)
from inventory_stream.ledger.movements import end_if_over
from inventory_stream.ledger.paths import (
    breakdown_on,
    closed_to,
    draw,
    hoped,
    leave,
    note_held,
    offered_more,
    sells_to,
    unreserve,
)
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from models.commands import Reroute, SetUnits
from models.outcomes import Outcome
from models.paths import COMMON
from models.rows import Line, Movement, ReservationRow


def reroute(state: PartitionState, command: Reroute, arrival_ms: int, batch: Batch) -> int:
    """Move open units of a reservation to another location, all or none (R19).

    Allocated units move first; those that wait for goods stay where these will come (R24). Returns the
    outcome; the first match wins:
        NOT_LIVE             nothing is open at `from_location`
        MORE_THAN_HELD       asks for more units than are open there
        REROUTED             the target could promise them; allocated units may use its safety stock
                             when asked, reserved ones never
        ALL_RESERVED, SOLD_OUT   it could not, with its breakdown; nothing moved

    Raises:
        ImpossibleCommandError: from a location to itself.
    """
    if command.from_location == command.to_location:
        raise ImpossibleCommandError("reroute from a location to itself says nothing")
    reservation = _live(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    line = line_at(reservation, command.from_location)
    held = line.reserved + line.allocated if line is not None else 0
    if line is None or not held:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    units = held if command.units is None else command.units
    if units > held:
        return answer(state, batch, reservation, command, Outcome.MORE_THAN_HELD)
    hard = min(units, line.allocated)
    soft = units - hard
    if reservation.sku in state.moved_skus:
        return _elsewhere(state, batch, command, reservation)
    target = state.skus[reservation.sku].get(command.to_location)
    if target is None:
        nothing = breakdown_of(())
        return answer(state, batch, reservation, command, Outcome.SOLD_OUT, breakdown=nothing)
    offered = target.available_to_promise
    if command.use_safety_stock and not soft:
        offered = target.uncommitted - target.fenced
    elif command.use_safety_stock:
        # Each allocated unit may take one of those held back; reserved ones need what is promised to all.
        offered = min(target.uncommitted, offered + min(hard, target.safety_stock))
        offered = offered if soft <= max(0, target.available_to_promise) else 0
    if units > offered:
        hope = hoped(target, COMMON, arrival_ms, reservation)
        why_not = breakdown_of((target,))
        return answer(state, batch, reservation, command, _refusal(hope, units), breakdown=why_not)
    movements = _carry(state, batch, reservation, line, target, hard, soft, arrival_ms)
    return answer(state, batch, reservation, command, Outcome.REROUTED, units, movements=movements)


def set_units(state: PartitionState, command: SetUnits, arrival_ms: int, batch: Batch) -> int:
    """Give an open reservation, or its line at a location, as many units as asked (R19).

    Edits the soft units, or the paid ones where none is soft, with those that wait (R24). Fewer: the rest is
    freed, the last sourced line first. More: a new grant at its first open line that can promise them.

    Returns:
        UNITS_SET, NOT_LIVE where nothing is open, or a refusal of `reserve` with the breakdown.
    """
    reservation = _live(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    lines = lines_at(reservation, command.location)
    reserved = sum(line.reserved + line.backordered for line in lines)
    allocated = sum(line.allocated + line.backorders_confirmed for line in lines)
    if not reserved and not allocated:
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    more = command.units - (reserved or allocated)
    movements: tuple[Movement, ...] = ()
    if more < 0 and reserved:
        release_lines(state, batch, reservation, lines, -more)
    elif more < 0:
        movements = cancel_lines(state, batch, reservation, lines, -more, arrival_ms)
    elif more > 0:
        if reservation.sku in state.moved_skus:
            return _elsewhere(state, batch, command, reservation)
        open_lines = [line for line in lines if _is_open(line, is_soft=bool(reserved))]
        places = [state.position(reservation.sku, line.location) for line in open_lines]
        path = reservation.path
        offers = [offered_more(position, reservation, arrival_ms) for position in places]
        chosen = next((at for at, offered in enumerate(offers) if sum(offered) >= more), None)
        its_own = [position for position in places if sells_to(position, reservation)]
        refusal: Outcome | None = closed_to(its_own, path, arrival_ms)
        if refusal is None and not allowed_again(state, reservation, more):
            refusal = Outcome.LIMIT_REACHED
        if refusal is None and chosen is None:
            # The line that has most: more units are granted at one.
            hope = max(hoped(position, path, arrival_ms, reservation) for position in its_own)
            refusal = _refusal(hope, more)
        if refusal is not None:
            why_not = breakdown_on(places, path, arrival_ms)
            return answer(state, batch, reservation, command, refusal, breakdown=why_not)
        assert chosen is not None, "nothing was refused"
        movements = _grow(
            state,
            batch,
            reservation,
            open_lines[chosen],
            places[chosen],
            more,
            arrival_ms,
            offers[chosen][0],
            is_soft=bool(reserved),
        )
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.UNITS_SET, abs(more), movements=movements)


def _live(
    state: PartitionState, command: Reroute | SetUnits, arrival_ms: int, batch: Batch
) -> ReservationRow | int:
    reservation = known_reservation(state, command, arrival_ms, batch)
    if isinstance(reservation, int):
        return reservation
    if arrival_ms > reservation.deadline_ms and is_live(reservation):
        # Not swept before this record, so granted inside it, by a clock behind the broker's.
        expire(state, batch, reservation)
    return reservation


def _is_open(line: Line, *, is_soft: bool) -> bool:
    """Whether a line has units of the kind that is edited."""
    return bool(line.reserved + line.backordered if is_soft else line.allocated + line.backorders_confirmed)


def _elsewhere(
    state: PartitionState, batch: Batch, command: Reroute | SetUnits, reservation: ReservationRow
) -> int:
    """Refuse a new grant of a SKU whose stock the catalog has moved to another partition (R30)."""
    why_not = breakdown_of(positions_of(state, reservation))
    outcome = Outcome.PRODUCT_CHANGED
    return bind_nothing(state, batch, command, outcome, reservation.sku, command.reservation_id, why_not)


def _refusal(hope: int, units: int) -> Outcome:
    """Name a refused grant: might others' reservations that expire make room for it? (R15)."""
    return Outcome.ALL_RESERVED if hope >= units else Outcome.SOLD_OUT


def _carry(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    line: Line,
    target: Position,
    hard: int,
    soft: int,
    arrival_ms: int,
) -> tuple[Movement, ...]:
    """Move `hard` allocated and `soft` reserved units of a line to another position."""
    source = state.position(reservation.sku, line.location)
    there = line_at(reservation, target.location)
    was_listed = there is not None and bool(there.reserved + there.allocated + waiting_of(there))
    there = line_made_at(reservation, target.location)
    line.granted -= hard + soft
    there.granted += hard + soft
    netted_here = allocate_units(source, line, -hard, arrival_ms)
    netted_there = allocate_units(target, there, hard, arrival_ms)
    if soft:
        unreserve(source, reservation, line, soft)
        if not there.reserved:
            target.hold(reservation.deadline_ms)
        was_held = held_of(there)
        there.reserved += soft
        target.reserved += soft
        note_held(target, reservation, there, was_held)
    # A unit of a pool or fence becomes a common one of the target, and stays counted as sold (R19).
    leave(source, reservation, line, hard + soft)
    if not was_listed:
        target.attach(reservation)
    assert target.uncommitted >= 0, "I2: a reroute without physical cover"
    movements = changed(state, batch, source, line, netted_here, arrival_ms)
    return movements + changed(state, batch, target, there, netted_there, arrival_ms)


def _grow(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    line: Line,
    position: Position,
    more: int,
    arrival_ms: int,
    own: int,
    *,
    is_soft: bool,
) -> tuple[Movement, ...]:
    """Grant more units to an open line, soft ones or paid ones; up to `own` of them from its path."""
    line.granted += more
    netted = 0
    if is_soft:
        was_held = held_of(line)
        if not line.reserved:
            position.hold(reservation.deadline_ms)
        line.reserved += more
        position.reserved += more
        note_held(position, reservation, line, was_held)
    else:
        netted = allocate_units(position, line, more, arrival_ms)
    draw(batch, position, reservation, line, more, own)
    if reservation.limits:
        count_again(state, batch, reservation, more)
    assert position.uncommitted >= 0, "I2: a grant without physical cover"
    return changed(state, batch, position, line, netted, arrival_ms)
