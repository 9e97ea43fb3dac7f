"""Orders that were taken and paid elsewhere: never refused for stock (R20)."""

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.identity import (
    answer,
    bind_nothing,
    pin_content,
    repeated_answer,
    repeated_receipt,
)
from inventory_stream.ledger.limits import count_again
from inventory_stream.ledger.lines import (
    Shipped,
    add_shipped,
    allocate,
    allocate_again,
    allocate_units,
    cancel_lines,
    changed,
    line_made_at,
)
from inventory_stream.ledger.movements import effective_ms, end_if_over, settle
from inventory_stream.ledger.orders import is_of_another
from inventory_stream.ledger.paths import draw, offer, offered_more
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.telling import told_as_of
from inventory_stream.ledger.together import decide_together
from models.commands import RecordOrder
from models.outcomes import Outcome
from models.paths import CHANNEL, COMMON
from models.rows import Movement, ReservationRow


def record_order(
    state: PartitionState, command: RecordOrder, arrival_ms: int, batch: Batch, shipped: Shipped = ()
) -> int:
    """Allocate an order that was taken and paid elsewhere: never refused for stock (R20).

    One that carries a reservation's id is the confirm of that reservation, forced where R17 would
    refuse. One that is told again as of a later time takes or frees the difference (`as_of`).
    RECORDED_SHORT means that less than nothing is free afterwards. What was `shipped` before
    it came is allocated no more (R21). ANOTHER_ORDER: the reservation's units are sold to an order of
    another id; nobody is given them twice, and somebody must look at it.
    """
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None and command.reservation_id in state.early:
        return decide_together(
            state, batch, command, arrival_ms, record_order, lambda: _recorded(state, batch, command, None)
        )
    if reservation is not None:
        known = repeated_answer(state, batch, reservation, command)
        if known is not None:
            return known
        # One that was only refused binds nobody: a paid order is never turned away for it (R20, R27).
        if reservation.lines and reservation.sku != command.sku:
            return answer(state, batch, reservation, command, Outcome.RESERVATION_ID_REUSED)
        # `told_ms` 0: by a release, which has nothing to say about an order that was taken elsewhere.
        is_off = not reservation.lines and (reservation.released_early or reservation.told_ms > 0)
        if is_off and (command.as_of is None or told_as_of(command) < reservation.told_ms):
            return answer(state, batch, reservation, command, Outcome.RELEASED_EARLY)
        if is_of_another(reservation, command.order_id):
            return answer(state, batch, reservation, command, Outcome.ANOTHER_ORDER)
    if reservation is None or not reservation.lines:
        misplaced = state.misplaced(command.sku)
        if misplaced is not None:
            asked = asked_positions(state, command.sku, command.location, command.group)
            return bind_nothing(
                state, batch, command, misplaced, command.sku, command.reservation_id, breakdown_of(asked)
            )
    if reservation is None and state.receipts.of_orders:
        known = repeated_receipt(state, batch, command, command.reservation_id)
        if known is not None:
            return known
    # An order counts from when the buyer placed it: a count that knew it may be on its way already (R9).
    ordered_ms, _ = effective_ms(state, batch, command.ordered_at, arrival_ms)
    if reservation is not None and reservation.lines:
        missing = _missing(reservation, command)
        if missing < 0:
            return _free(state, batch, reservation, command, -missing, arrival_ms)
        if not missing:
            return answer(state, batch, reservation, command, Outcome.ALREADY_CONFIRMED)
        reservation.paid_order_id = command.order_id or reservation.paid_order_id
        # Units that take the place of cancelled or shipped ones were not open before those ended (R9).
        ordered_ms = max(
            [
                ordered_ms,
                *([] if command.as_of is None else [_effective_of(state, batch, command, arrival_ms)]),
                *(when for line in reservation.lines for when, units in line.allocations if units < 0),
            ]
        )
        held = min(missing, sum(line.reserved + line.backordered for line in reservation.lines))
        movements = allocate(state, batch, reservation, reservation.lines, held, ordered_ms)
        missing -= held
        if not missing:
            end_if_over(state, batch, reservation)
            return answer(state, batch, reservation, command, Outcome.CONFIRMED, held, movements=movements)
        where = command.location or reservation.lines[0].location
    else:
        held = sum(units for _, units, _ in shipped)
        missing = command.units - held
        where = _record_at(state, command, arrival_ms)
        reservation = _recorded(state, batch, command, reservation)
        _note(reservation, command)
        movements = add_shipped(state, batch, reservation, shipped, ordered_ms)
    more, short = _force(state, batch, reservation, command, where, missing, ordered_ms, arrival_ms)
    outcome = Outcome.RECORDED_SHORT if short else Outcome.RECORDED
    return answer(state, batch, reservation, command, outcome, missing + held, movements=movements + more)


def _missing(reservation: ReservationRow, command: RecordOrder) -> int:
    """How many units are to be taken, negative: freed; of two tellings of one time the one of more counts."""
    if not reservation.told_ms and (command.as_of is None or not reservation.recorded):
        _note(reservation, command)
        taken = sum(line.allocated + line.fulfilled + line.backorders_confirmed for line in reservation.lines)
        return max(0, command.units - taken)
    # One that was recorded before tellings had a time states its units in its own row.
    before = reservation.told_units if reservation.told_ms else reservation.units
    if (told_as_of(command), command.units) <= (reservation.told_ms, before):
        return 0
    _note(reservation, command)
    return command.units - before


def _note(reservation: ReservationRow, command: RecordOrder) -> None:
    if command.as_of is not None:
        reservation.told_ms, reservation.told_units = told_as_of(command), command.units


def _effective_of(state: PartitionState, batch: Batch, command: RecordOrder, arrival_ms: int) -> int:
    return effective_ms(state, batch, command.as_of, arrival_ms)[0]


def _free(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    command: RecordOrder,
    fewer: int,
    arrival_ms: int,
) -> int:
    """Free what an order states less than before, as far as it was not shipped or cancelled since.

    What cannot be freed stays told: a later telling of more finds it taken already.
    """
    allocated = sum(line.allocated + line.backorders_confirmed for line in reservation.lines)
    units = min(fewer, allocated)
    reservation.told_units += fewer - units
    if not units:
        return answer(state, batch, reservation, command, Outcome.ALREADY_CONFIRMED)
    told_ms = _effective_of(state, batch, command, arrival_ms)
    movements = cancel_lines(state, batch, reservation, reservation.lines, units, told_ms)
    end_if_over(state, batch, reservation)
    return answer(state, batch, reservation, command, Outcome.CANCELLED, units, movements=movements)


def _force(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    command: RecordOrder,
    where: str,
    missing: int,
    ordered_ms: int,
    arrival_ms: int,
) -> tuple[tuple[Movement, ...], bool]:
    """Allocate without asking whether there is stock: lost units of the reservation first, then new ones.

    What its sale pool or its channel's fence still has goes first, then common, then what is not there.

    Gives the movements, and whether any of the positions is short now.
    """
    touched = []
    movements: tuple[Movement, ...] = ()
    units = missing
    for line in reservation.lines:
        taken = min(units, line.expired + line.revoked)
        if taken:
            own, _ = offered_more(state.position(command.sku, line.location), reservation, arrival_ms)
            movements += allocate_again(state, batch, reservation, line, taken, ordered_ms, own)
            touched.append(line)
            units -= taken
    if units:
        position = state.position(command.sku, where)
        line = line_made_at(reservation, where)
        line.granted += units
        claims = position.claims
        # What it has of another channel's fence goes back to that one (R22): it keeps its path.
        is_free = not any(held.from_path for held in reservation.lines)
        if claims is not None and reservation.recorded and is_free and command.channel in claims.fences:
            reservation.path = CHANNEL + command.channel
        own, _ = offered_more(position, reservation, arrival_ms)
        netted = allocate_units(position, line, units, ordered_ms)
        draw(batch, position, reservation, line, units, own)
        if reservation.limits:
            count_again(state, batch, reservation, units)
        position.attach(reservation)
        movements += changed(state, batch, position, line, netted, ordered_ms)
        touched.append(line)
    end_if_over(state, batch, reservation)
    is_short = False
    for line in touched:
        position = state.position(command.sku, line.location)
        if position.uncommitted < 0:
            movements += (settle(state, batch, position, 0, batch.now_ms),)
            # Also where it was short before, and this order's units came with a netting count (R9).
            yet_to_revoke = position.reserved if state.rules.revoke_on_shortfall else 0
            is_short = is_short or position.uncommitted + yet_to_revoke < 0
    return movements, is_short


def _record_at(state: PartitionState, command: RecordOrder, arrival_ms: int) -> str:
    """Choose where an outside order is taken from: as asked, else the first of the group that has it."""
    if command.location is not None:
        return command.location
    locations = state.groups.get(command.group or "", ())
    if not locations:
        raise ImpossibleCommandError("record_order names no location and no known group")
    by_location = state.skus.get(command.sku, {})
    path = COMMON if command.channel is None else CHANNEL + command.channel
    known = [name for name in locations if name in by_location]
    offers = {name: sum(offer(by_location[name], path, arrival_ms)) for name in known}
    for name in known:
        if offers[name] >= command.units:
            return name
    most = {name: (offers[name], by_location[name].available_to_promise) for name in known}
    return max(known, key=most.__getitem__, default=locations[0])


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
        COMMON,
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
