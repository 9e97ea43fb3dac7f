"""Reserve: the decision that a flash sale is made of (R3, R15)."""

from heapq import heappush

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.identity import (
    answer,
    append_answer,
    bind_nothing,
    content_hash,
    pin_content,
    repeated_answer,
    repeated_receipt,
    reserve_content,
)
from inventory_stream.ledger.lines import Shipped, add_shipped
from inventory_stream.ledger.movements import end_if_over, epoch_ms
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.together import decide_together
from models.commands import Reserve
from models.outcomes import Outcome
from models.rows import Answer, Line, ReservationRow, encode_row, reservation_key

_GRANTED = int(Outcome.GRANTED)
_PARTIALLY_GRANTED = int(Outcome.PARTIALLY_GRANTED)


def reserve(
    state: PartitionState, command: Reserve, arrival_ms: int, batch: Batch, shipped: Shipped = ()
) -> int:
    """Set units aside for a shopper until a deadline, or say why not; what was `shipped` needs no stock.

    Returns the outcome; the first match wins:
        the first answer again   the command id was decided before (R27)
        COMMAND_ID_REUSED        the same id asked for something else; a dead letter
        RESERVATION_ID_REUSED    the reservation holds units and other content was asked (R28)
        ALREADY_GRANTED          it holds or shipped units for the same content
        NOT_LIVE                 it held units once; a new reservation needs a new id
        RELEASED_EARLY           its release or cancel came before it (R21)
        TOO_LATE                 decided after `answer_by`; nothing held, nothing bound
        WRONG_PARTITION, PRODUCT_CHANGED   the SKU belongs elsewhere (R30)
        UNKNOWN_SKU, UNKNOWN_GROUP
        GRANTED, PARTIALLY_GRANTED
        NO_SINGLE_LOCATION, ALL_RESERVED, SOLD_OUT, with the breakdown behind them

    Raises:
        ImpossibleCommandError: neither or both of location and group, or an unknown path.
    """
    reservation = state.reservations.get(command.reservation_id)
    if reservation is not None:
        known = repeated_answer(state, batch, reservation, command)
        if known is not None:
            return known
        if reservation.lines:
            return answer(state, batch, reservation, command, _standing(reservation, command))
        if reservation.released_early:
            return answer(state, batch, reservation, command, Outcome.RELEASED_EARLY)
    elif state.early and command.reservation_id in state.early:
        return decide_together(
            state, batch, command, arrival_ms, reserve, lambda: _new_reservation(state, command)
        )
    if reservation is None and state.receipts.of_orders:
        # A fact that came before it may have its id, and an answer (I3).
        known = repeated_receipt(state, batch, command, command.reservation_id)
        if known is not None:
            return known
    if command.answer_by is not None and batch.now_ms > epoch_ms(command.answer_by):
        return _not_final(state, batch, command, Outcome.TOO_LATE)
    by_location = state.skus.get(command.sku)
    if by_location is None or state.moved_skus:
        misplaced = state.misplaced(command.sku)
        if misplaced is not None:
            return _not_final(state, batch, command, misplaced)
    if command.path != "common":
        raise ImpossibleCommandError(f"path {command.path!r} is unknown: this version sells from 'common'")

    asked: tuple[Position, ...]
    units = command.units
    if shipped:
        units -= sum(left for _, left, _ in shipped)
        if not units:
            return _grant(state, batch, command, reservation, (), _GRANTED, shipped)
    location = command.location
    if location is not None:
        if command.group is not None:
            raise ImpossibleCommandError("reserve names both a location and a group")
        if by_location is None:
            return _refuse(state, batch, command, reservation, Outcome.UNKNOWN_SKU, ())
        position = by_location.get(location)
        if position is not None:
            free = position.available_to_promise
            if units <= free:
                if reservation is None and not shipped:
                    return _grant_new(state, batch, command, position)
                return _grant(state, batch, command, reservation, ((position, units),), _GRANTED, shipped)
            if free > 0 and command.allow_partial:
                return _grant(
                    state, batch, command, reservation, ((position, free),), _PARTIALLY_GRANTED, shipped
                )
        asked = (position,) if position is not None else ()
    else:
        if command.group is None:
            raise ImpossibleCommandError("reserve names neither a location nor a group")
        group = state.groups.get(command.group)
        if group is None:
            return _refuse(state, batch, command, reservation, Outcome.UNKNOWN_GROUP, ())
        if by_location is None:
            return _refuse(state, batch, command, reservation, Outcome.UNKNOWN_SKU, ())
        asked = tuple(by_location[name] for name in group if name in by_location)
        plan = _plan(asked, command.strategy, units)
        got = sum(taken for _, taken in plan)
        if got == units:
            return _grant(state, batch, command, reservation, plan, _GRANTED, shipped)
        if got and command.allow_partial:
            return _grant(state, batch, command, reservation, plan, _PARTIALLY_GRANTED, shipped)
    return _refuse(state, batch, command, reservation, _why_not(asked, command, units), asked)


def _grant_new(state: PartitionState, batch: Batch, command: Reserve, position: Position) -> int:
    """Grant a new reservation at one location, as `_grant` does, in one piece.

    Nearly every command of a flash sale ends here or in a refusal. The row takes the position's own
    words, not the command's equal ones: a million rows then share them.
    """
    units = command.units
    now_ms = batch.now_ms
    deadline_ms = now_ms + command.ttl_seconds * 1_000
    position.reserved += units
    assert position.reserved + position.allocated + position.unavailable <= position.on_hand, "I2"
    batch.touch(position)
    reservation = ReservationRow(
        batch.term,
        0,
        0,
        command.reservation_id,
        position.sku,
        units,
        command.ttl_seconds,
        position.location,
        None,
        command.strategy,
        command.channel,
        command.order_id,
        command.allow_partial,
        command.path,
        command.customer,
        now_ms,
        deadline_ms,
        0,
        1,
        (Line(position.location, units, units, 0, 0, 0, 0, 0, 0, 0, 0, position.on_hand, position.version),),
        (Answer(command.id, "reserve", b"", _GRANTED, units, now_ms),),
    )
    state.reservations[command.reservation_id] = reservation
    position.hold(deadline_ms)
    position.attach(reservation)
    state.schedule(reservation)
    batch.write(reservation_key(command.reservation_id), encode_row(reservation))
    return _GRANTED


def _plan(asked: tuple[Position, ...], strategy: str, units: int) -> tuple[tuple[Position, int], ...]:
    """Source a group: in its order; first_fit takes one location, split as many as it needs.

    A plan that does not reach `units` is the best partial one of the strategy.
    """
    if strategy == "split":
        plan = []
        missing = units
        for position in asked:
            taken = min(missing, position.available_to_promise)
            if taken > 0:
                plan.append((position, taken))
                missing -= taken
                if not missing:
                    break
        return tuple(plan)
    best: Position | None = None
    for position in asked:
        if position.available_to_promise >= units:
            return ((position, units),)
        if best is None or position.available_to_promise > best.available_to_promise:
            best = position
    if best is None or best.available_to_promise <= 0:
        return ()
    return ((best, best.available_to_promise),)


def _why_not(asked: tuple[Position, ...], command: Reserve, units: int) -> int:
    """Name the refusal: might the asked locations cover it together, or once reservations expire?"""
    wanted = 1 if command.allow_partial else units
    if len(asked) == 1:  # one location: what a sold-out flash sale answers thousands of times a second
        hoped = asked[0].available_to_promise + asked[0].reserved
        return Outcome.ALL_RESERVED if hoped >= wanted else Outcome.SOLD_OUT
    free = [max(0, position.available_to_promise) for position in asked]
    if command.group is not None and command.strategy == "first_fit" and sum(free) >= units:
        return Outcome.NO_SINGLE_LOCATION
    hopes = [max(0, position.available_to_promise + position.reserved) for position in asked]
    most = max(hopes, default=0) if command.strategy == "first_fit" else sum(hopes)
    return Outcome.ALL_RESERVED if most >= wanted else Outcome.SOLD_OUT


def _grant(
    state: PartitionState,
    batch: Batch,
    command: Reserve,
    reservation: ReservationRow | None,
    plan: tuple[tuple[Position, int], ...],
    outcome: int,
    shipped: Shipped = (),
) -> int:
    # From here on nothing can fail: quantities, indexes, row.
    deadline_ms = batch.now_ms + command.ttl_seconds * 1_000
    if reservation is None:
        reservation = _new_reservation(state, command)
    else:
        _ask_anew(reservation, command)
        state.refused_kept -= 1
    reservation.created_ms = batch.now_ms
    reservation.deadline_ms = deadline_ms
    lines = []
    granted = 0
    for position, units in plan:
        assert 0 < units <= position.available_to_promise, "I2: a grant beyond its path"
        assert units <= position.uncommitted, "I2: a grant without physical cover"
        position.reserved += units
        position.hold(deadline_ms)
        position.attach(reservation)
        batch.touch(position)
        granted += units
        lines.append(
            Line(position.location, units, units, 0, 0, 0, 0, 0, 0, 0, 0, position.on_hand, position.version)
        )
    reservation.lines = tuple(lines)
    if shipped:
        add_shipped(state, batch, reservation, shipped)
        granted += sum(units for _, units, _ in shipped)
        end_if_over(state, batch, reservation)
    append_answer(
        state, batch, reservation, Answer(command.id, "reserve", b"", outcome, granted, batch.now_ms)
    )
    state.schedule(reservation)
    batch.write_reservation(reservation, len(reservation.answers) - 1)
    return outcome


def _refuse(
    state: PartitionState,
    batch: Batch,
    command: Reserve,
    reservation: ReservationRow | None,
    outcome: int,
    asked: tuple[Position, ...],
) -> int:
    """Keep the refusal under the command's id; the reservation id stays free for another try (R27)."""
    if reservation is None:
        reservation = _new_reservation(state, command)
        state.refused_kept += 1
    else:
        _ask_anew(reservation, command)
    reservation.created_ms = reservation.ended_ms = batch.now_ms
    heappush(state.refused, (batch.now_ms, command.reservation_id))
    new = Answer(command.id, "reserve", b"", outcome, 0, batch.now_ms, breakdown_of(asked))
    append_answer(state, batch, reservation, new)
    batch.write_reservation(reservation, len(reservation.answers) - 1)
    return outcome


def _not_final(state: PartitionState, batch: Batch, command: Reserve, outcome: Outcome) -> int:
    """Refuse without binding the command id, with the breakdown of what there is where it asked."""
    asked = asked_positions(state, command.sku, command.location, command.group)
    return bind_nothing(
        state, batch, command, outcome, command.sku, command.reservation_id, breakdown_of(asked)
    )


def _standing(reservation: ReservationRow, command: Reserve) -> Outcome:
    """Answer a new command for a reservation that was granted before (R27, R28)."""
    if reservation.recorded or reserve_content(reservation) != content_hash(command):
        return Outcome.RESERVATION_ID_REUSED
    if any(line.reserved or line.allocated or line.fulfilled for line in reservation.lines):
        return Outcome.ALREADY_GRANTED
    return Outcome.NOT_LIVE


def _new_reservation(state: PartitionState, command: Reserve) -> ReservationRow:
    reservation = ReservationRow(
        0,
        0,
        0,
        command.reservation_id,
        command.sku,
        command.units,
        command.ttl_seconds,
        command.location,
        command.group,
        command.strategy,
        command.channel,
        command.order_id,
        command.allow_partial,
        command.path,
        command.customer,
        0,
        0,
        0,
        0,
        (),
        (),
    )
    state.reservations[command.reservation_id] = reservation
    return reservation


def _ask_anew(reservation: ReservationRow, command: Reserve) -> None:
    """Let a reservation that was refused state the new request; its older answers keep their content."""
    pin_content(reservation)
    reservation.sku = command.sku
    reservation.units = command.units
    reservation.ttl_seconds = command.ttl_seconds
    reservation.location = command.location
    reservation.group = command.group
    reservation.strategy = command.strategy
    reservation.channel = command.channel
    reservation.order_id = command.order_id
    reservation.allow_partial = command.allow_partial
    reservation.path = command.path
    reservation.customer = command.customer
    reservation.ended_ms = 0
