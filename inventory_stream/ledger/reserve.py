"""Reserve: the decision that a flash sale is made of (R3, R15)."""

from collections.abc import Mapping, Sequence
from heapq import heappush

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.claims import waiting_of
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
from inventory_stream.ledger.limits import allowance, count, limits_on
from inventory_stream.ledger.lines import Shipped, add_shipped, line_made_at
from inventory_stream.ledger.movements import end_if_over, epoch_ms, stamp
from inventory_stream.ledger.paths import breakdown_on, closed_to, draw, hoped, may_wait_at, offer
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.together import decide_together
from inventory_stream.ledger.waiting import free_units, promise
from models.commands import Reserve
from models.outcomes import Outcome
from models.paths import COMMON, is_path
from models.rows import Answer, Line, PurchaseLimitRow, ReservationRow, encode_row, reservation_key

Plan = tuple[tuple[Position, int], ...]
"""How many units to take where."""

_GRANTED = int(Outcome.GRANTED)
_PARTIALLY_GRANTED = int(Outcome.PARTIALLY_GRANTED)


def reserve(
    state: PartitionState, command: Reserve, arrival_ms: int, batch: Batch, shipped: Shipped = ()
) -> int:
    """Set units aside for a shopper until a deadline, or say why not; what was `shipped` needs no stock.

    Returns the outcome; the first match wins:
        the first answer again   the command id was decided before (R27)
        COMMAND_ID_REUSED        the same id asked for something else
        RESERVATION_ID_REUSED    the reservation holds units and other content was asked (R28)
        ALREADY_GRANTED          it holds or shipped units for the same content
        NOT_LIVE                 it held units once; a new reservation needs a new id
        RELEASED_EARLY           its release or cancel came before it (R21)
        TOO_LATE                 decided after `answer_by`; nothing held, nothing bound
        WRONG_PARTITION, PRODUCT_CHANGED   the SKU belongs elsewhere (R30)
        UNKNOWN_SKU, UNKNOWN_GROUP
        UNKNOWN_SALE, SALE_NOT_OPEN, SALE_CLOSED   by its arrival, on the path of a sale (R15)
        CUSTOMER_REQUIRED, LIMIT_REACHED   by a purchase limit (R23)
        GRANTED
        BACKORDERED              some of it or all must wait for goods, and may (R24)
        PARTIALLY_GRANTED
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
    if command.path != COMMON:
        if not is_path(command.path):
            raise ImpossibleCommandError(
                f"path {command.path!r} is none of common, sale:<sale id>, channel:<channel>"
            )
    elif (
        reservation is None
        and not shipped
        and not state.purchase_limits
        and by_location is not None
        and command.location is not None
        and command.group is None
    ):
        # As `_decide` would, a tenth faster: nearly every command of a day without a sale.
        position = by_location.get(command.location)
        if position is not None and command.units <= position.available_to_promise:
            return _grant_new(state, batch, command, position, 0, ())
    return _decide(state, command, arrival_ms, batch, reservation, by_location, shipped)


def _decide(
    state: PartitionState,
    command: Reserve,
    arrival_ms: int,
    batch: Batch,
    reservation: ReservationRow | None,
    by_location: Mapping[str, Position] | None,
    shipped: Shipped,
) -> int:
    """Decide a reserve that is new, in time, and of a SKU of this partition; see `reserve`."""
    path = command.path
    limits: Sequence[PurchaseLimitRow] = ()
    if state.purchase_limits:
        limits = limits_on(state, command.sku, path)
    # What was shipped needs no stock, no sale and no limit; the rest of the order does.
    gone = sum(left for _, left, _ in shipped) if shipped else 0
    wanted = units = command.units - gone
    if not units:
        return _grant(
            state, batch, command, reservation, (), _GRANTED, arrival_ms, limits=limits, shipped=shipped
        )
    asked = _asked(state, command, by_location)
    if isinstance(asked, Outcome):
        return _refuse(state, batch, command, reservation, asked, (), arrival_ms)
    refused = closed_to(asked, path, arrival_ms) if path != COMMON else None
    if limits and refused is None:
        allowed, refused = _allowed(state, command, limits, gone)
        units = min(units, allowed)
    if refused is not None:
        return _refuse(state, batch, command, reservation, refused, asked, arrival_ms)

    if asked and command.location is not None:
        (position,) = asked
        own, free = 0, position.available_to_promise
        if path != COMMON:
            own, common = offer(position, path, arrival_ms)
            free = own + common
        if units <= free and reservation is None and not shipped and units == wanted:
            return _grant_new(state, batch, command, position, own, limits)
        plan: Plan = ((position, min(units, free)),) if free > 0 else ()
    else:
        plan = _plan(asked, command.strategy, units, path, arrival_ms)
    got = sum(taken for _, taken in plan)
    if got < units and command.allow_backorder:
        plan, waits = _with_waiting(asked, command, plan, units, arrival_ms)
        in_all = sum(taken for _, taken in plan + waits)
        if waits and (in_all == units or command.allow_partial):
            return _grant(
                state,
                batch,
                command,
                reservation,
                plan,
                Outcome.BACKORDERED,
                arrival_ms,
                limits=limits,
                shipped=shipped,
                waits=waits,
            )
        got = sum(taken for _, taken in plan)
    if got and (got == units or command.allow_partial):
        outcome = _GRANTED if got == wanted else _PARTIALLY_GRANTED
        return _grant(
            state, batch, command, reservation, plan, outcome, arrival_ms, limits=limits, shipped=shipped
        )
    why_not = _why_not(asked, command, units, arrival_ms)
    return _refuse(state, batch, command, reservation, why_not, asked, arrival_ms)


def _asked(
    state: PartitionState, command: Reserve, by_location: Mapping[str, Position] | None
) -> tuple[Position, ...] | Outcome:
    """Give the positions that a reserve may take units from, or why there are none."""
    location = command.location
    if location is not None:
        if command.group is not None:
            raise ImpossibleCommandError("reserve names both a location and a group")
        if by_location is None:
            return Outcome.UNKNOWN_SKU
        position = by_location.get(location)
        return () if position is None else (position,)
    if command.group is None:
        raise ImpossibleCommandError("reserve names neither a location nor a group")
    group = state.groups.get(command.group)
    if group is None:
        return Outcome.UNKNOWN_GROUP
    if by_location is None:
        return Outcome.UNKNOWN_SKU
    return tuple(by_location[name] for name in group if name in by_location)


def _allowed(
    state: PartitionState, command: Reserve, limits: Sequence[PurchaseLimitRow], gone: int
) -> tuple[int, Outcome | None]:
    """Say how many units the purchase limits leave to the customer, and why nothing is granted, if so (R23).

    `gone` units of the order were shipped before it came (R21): they count. Two values and not one of
    two types: to mypyc an Outcome that may also be an int is an int, and no Outcome any more.
    """
    if command.customer is None:
        return 0, Outcome.CUSTOMER_REQUIRED
    left = allowance(state, limits, command.customer) - gone
    is_enough = left >= (1 if command.allow_partial else command.units - gone)
    return left, None if is_enough else Outcome.LIMIT_REACHED


def _grant_new(
    state: PartitionState,
    batch: Batch,
    command: Reserve,
    position: Position,
    own: int,
    limits: Sequence[PurchaseLimitRow],
) -> int:
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
    line = Line(position.location, units, units, 0, 0, 0, 0, 0, 0, 0, 0, position.on_hand, position.version)
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
        (line,),
        (Answer(command.id, "reserve", b"", _GRANTED, units, now_ms),),
    )
    if own:
        draw(batch, position, reservation, line, units, own)
    if limits or command.allow_backorder:
        reservation.allow_backorder = command.allow_backorder
        _count(state, batch, reservation, limits, units)
    state.reservations[command.reservation_id] = reservation
    position.hold(deadline_ms)
    position.attach(reservation)
    state.schedule(reservation)
    batch.write(reservation_key(command.reservation_id), encode_row(reservation))
    return _GRANTED


def _count(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    limits: Sequence[PurchaseLimitRow],
    units: int,
) -> None:
    """Count a grant for the purchase limits that hold for it; without a customer there is nobody to count."""
    if limits and reservation.customer is not None:
        reservation.limits = tuple(limit.limit_id for limit in limits)
        count(state, batch, limits, reservation.customer, units)


def _plan(asked: tuple[Position, ...], strategy: str, units: int, path: str, arrival_ms: int) -> Plan:
    """Source a group: in its order; first_fit takes one location, split as many as it needs.

    A plan that does not reach `units` is the best partial one of the strategy.
    """
    if strategy == "split":
        plan = []
        missing = units
        for position in asked:
            taken = min(missing, sum(offer(position, path, arrival_ms)))
            if taken > 0:
                plan.append((position, taken))
                missing -= taken
                if not missing:
                    break
        return tuple(plan)
    best: Position | None = None
    most = 0
    for position in asked:
        offered = sum(offer(position, path, arrival_ms))
        if offered >= units:
            return ((position, units),)
        if offered > most:
            best, most = position, offered
    return () if best is None else ((best, most),)


def _with_waiting(
    asked: tuple[Position, ...], command: Reserve, plan: Plan, units: int, arrival_ms: int
) -> tuple[Plan, Plan]:
    """Source what the paths do not have from units that may wait (R24): what to take, and what waits where.

    By the strategy: first_fit takes the first location that has enough of both, or the one with the most.
    """
    free = {
        position: free_units(position) if may_wait_at(position, command.path, arrival_ms) else 0
        for position in asked
    }
    if command.strategy != "split" and len(asked) > 1:
        chosen, most = None, 0
        for position in asked:
            there = sum(offer(position, command.path, arrival_ms)) + free[position]
            if there > most:
                chosen, most = position, there
            if most >= units:
                break
        if chosen is None:
            return plan, ()
        taken = min(units, sum(offer(chosen, command.path, arrival_ms)))
        plan, asked = ((chosen, taken),) if taken else (), (chosen,)
    missing = units - sum(taken for _, taken in plan)
    waits = []
    for position in asked:
        waiting = min(missing, free[position])
        if waiting:
            waits.append((position, waiting))
            missing -= waiting
    return plan, tuple(waits)


def _why_not(asked: tuple[Position, ...], command: Reserve, units: int, arrival_ms: int) -> int:
    """Name the refusal: might the asked locations cover it together, or once reservations expire?"""
    wanted = 1 if command.allow_partial else units
    if len(asked) == 1:  # one location: what a sold-out flash sale answers thousands of times a second
        hope = hoped(asked[0], command.path, arrival_ms)
        return Outcome.ALL_RESERVED if hope >= wanted else Outcome.SOLD_OUT
    free = [sum(offer(position, command.path, arrival_ms)) for position in asked]
    if command.group is not None and command.strategy == "first_fit" and sum(free) >= units:
        return Outcome.NO_SINGLE_LOCATION
    hopes = [max(0, hoped(position, command.path, arrival_ms)) for position in asked]
    most = max(hopes, default=0) if command.strategy == "first_fit" else sum(hopes)
    return Outcome.ALL_RESERVED if most >= wanted else Outcome.SOLD_OUT


def _grant(
    state: PartitionState,
    batch: Batch,
    command: Reserve,
    reservation: ReservationRow | None,
    plan: Plan,
    outcome: int,
    arrival_ms: int,
    *,
    limits: Sequence[PurchaseLimitRow],
    shipped: Shipped,
    waits: Plan = (),
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
        own, common = offer(position, command.path, arrival_ms)
        assert 0 < units <= own + common, "I2: a grant beyond its path"
        assert units <= position.uncommitted, "I2: a grant without physical cover"
        position.reserved += units
        position.hold(deadline_ms)
        position.attach(reservation)
        batch.touch(position)
        granted += units
        line = Line(
            position.location, units, units, 0, 0, 0, 0, 0, 0, 0, 0, position.on_hand, position.version
        )
        if own:
            draw(batch, position, reservation, line, units, own)
        lines.append(line)
    reservation.lines = tuple(lines)
    for position, units in waits:
        waiting = line_made_at(reservation, position.location)
        if not waiting.granted:
            position.attach(reservation)
        waiting.granted += units
        granted += units
        promise(state, batch, position, reservation, waiting, units)
        batch.touch(position)
        stamp(waiting, position)
    if shipped:
        add_shipped(state, batch, reservation, shipped)
        granted += sum(units for _, units, _ in shipped)
        end_if_over(state, batch, reservation)
    _count(state, batch, reservation, limits, granted)
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
    arrival_ms: int,
) -> int:
    """Keep the refusal under the command's id; the reservation id stays free for another try (R27)."""
    if reservation is None:
        reservation = _new_reservation(state, command)
        state.refused_kept += 1
    else:
        _ask_anew(reservation, command)
    reservation.created_ms = reservation.ended_ms = batch.now_ms
    heappush(state.refused, (batch.now_ms, command.reservation_id))
    why_not = breakdown_on(asked, command.path, arrival_ms)
    new = Answer(command.id, "reserve", b"", outcome, 0, batch.now_ms, why_not)
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
    if any(
        line.reserved or line.allocated or line.fulfilled or waiting_of(line) for line in reservation.lines
    ):
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
        allow_backorder=command.allow_backorder,
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
    reservation.allow_backorder = command.allow_backorder
    reservation.limits = ()
    reservation.ended_ms = 0
