"""Facts: what moves on_hand, when it counts, and what a shortfall does (R7, R8, R10, R11)."""

from datetime import datetime
from heapq import heappush
from itertools import islice

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import waiting_of
from inventory_stream.ledger.netting import netted_at
from inventory_stream.ledger.paths import free, unreserve
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.reservations import opened, standing
from inventory_stream.ledger.rules import NETTING_WINDOW_MS, SHORT_ORDERS_NAMED, SHORT_ORDERS_SOUGHT
from inventory_stream.ledger.state import PartitionState, line_at
from models.rows import Line, Movement, ReservationRow


def epoch_ms(when: int | datetime) -> int:
    """Ms since the Unix epoch of either wire form of a time."""
    return when if isinstance(when, int) else int(when.timestamp() * 1_000)


def effective_ms(
    state: PartitionState, batch: Batch, when: int | datetime | None, arrival_ms: int
) -> tuple[int, bool]:
    """When a movement took effect, and whether its source's clock runs ahead (R7).

    Without a time it is the arrival; further ahead than the rule allows it is clamped to it.
    """
    if when is None:
        return arrival_ms, False
    # Never 0, which in rows means that nothing was stated yet: a movement "at 0" would be lost.
    effective = max(1, epoch_ms(when))
    if effective > arrival_ms + state.rules.clock_ahead_ms:
        batch.clock_ahead += 1
        return arrival_ms, True
    return effective, False


def move(
    state: PartitionState,
    batch: Batch,
    position: Position,
    units: int,
    effective_at_ms: int,
    *,
    clock_ahead: bool = False,
) -> Movement:
    """Apply a movement of `units` (signed) to on_hand, unless the last count already saw it (R8).

    The caller has changed what else the fact changes; the position is touched once here.
    """
    delta = units if effective_at_ms > position.sync_at_ms else 0
    if delta:
        position.on_hand += delta
        if effective_at_ms > position.horizon_ms:
            position.keep_movement(effective_at_ms, delta)
            _trim(state, batch, position)
    batch.touch(position)
    return settle(state, batch, position, delta, effective_at_ms, clock_ahead=clock_ahead)


def is_stale(
    state: PartitionState,
    batch: Batch,
    position: Position | None,
    counted_at_ms: int,
    orders_through_ms: int,
) -> bool:
    """Whether a count is older than the last one of its position, or than what is kept (R8, R9)."""
    if position is not None and counted_at_ms < max(position.sync_at_ms, position.horizon_ms):
        return True
    # An order's end may lie ahead of the clock by as much as a movement may (R7).
    kept_since_ms = batch.now_ms - NETTING_WINDOW_MS + state.rules.clock_ahead_ms
    return bool(orders_through_ms) and counted_at_ms < kept_since_ms


def count(
    state: PartitionState,
    batch: Batch,
    position: Position,
    on_hand: int,
    counted_at_ms: int,
    orders_through_ms: int,
) -> Movement:
    """Apply a count as of `counted_at_ms` that is not stale: later movements are added to it (R8).

    One that had taken off the open orders up to `orders_through_ms` gets them back (R9); 0: it had not.
    """
    netted = 0
    if orders_through_ms:
        netted = netted_at(position, orders_through_ms, counted_at_ms, batch.now_ms)
    position.forget_movements(counted_at_ms)
    new_on_hand = on_hand + netted + position.movements.units
    delta = new_on_hand - position.on_hand
    position.on_hand = new_on_hand
    position.sync_at_ms = counted_at_ms
    position.orders_through_ms = orders_through_ms
    batch.touch(position)
    return settle(state, batch, position, delta, counted_at_ms)


def settle(
    state: PartitionState,
    batch: Batch,
    position: Position,
    delta: int,
    effective_at_ms: int,
    *,
    clock_ahead: bool = False,
) -> Movement:
    """Describe a fact that was applied; where it leaves less than was promised, revoke and name the orders.

    R11: a fact that leaves no less than there was before it raises nothing, even where the position stays
    short. The caller has touched the position.
    """
    on_hand, version = position.on_hand, position.version
    short_units = 0
    orders: tuple[str, ...] = ()
    if position.uncommitted < 0:
        fell_short = position in batch.fell_short
        if state.rules.revoke_on_shortfall:
            revoke(state, batch, position)
            # What did not fit this batch follows in the next: it is no shortfall either.
            short_units = max(0, -position.uncommitted - position.reserved)
        else:
            short_units = -position.uncommitted
        short_units = short_units if fell_short else 0
        if short_units:
            orders = _orders_at(position)
    return Movement(
        position.location, delta, effective_at_ms, on_hand, version, short_units, orders, clock_ahead
    )


def revoke(state: PartitionState, batch: Batch, position: Position) -> None:
    """Take soft reservations back, youngest first, until nothing is promised beyond what there is (R11).

    Whole lines go: half a shopper's basket helps nobody. At most a batch full; the rest follows
    in the next ones (`state.to_revoke`).
    """
    held = position.by_age()
    at = len(held) - 1
    while at >= 0 and position.reserved and position.uncommitted < 0 and not batch.is_full:
        reservation = opened(held[at])
        line = line_at(reservation, position.location)
        at -= 1
        if line is None or not line.reserved:
            continue
        units = line.reserved
        unreserve(position, reservation, line, units)
        line.revoked += units
        if line.from_path or reservation.limits:
            free(state, batch, position, reservation, line, units)
        batch.touch(position)
        stamp(line, position)
        batch.revoked_units += units
        end_if_over(state, batch, reservation)
        batch.write_reservation(reservation, -1)
    if position.reserved and position.uncommitted < 0:
        state.to_revoke[position] = None
    else:
        state.to_revoke.pop(position, None)


def stamp(line: Line, position: Position) -> None:
    """Note the position's state after a change through this line."""
    line.on_hand = position.on_hand
    line.version = position.version


def end_if_over(state: PartitionState, batch: Batch, reservation: ReservationRow) -> None:
    """Start the return window when nothing is held or waits any more (R29), or end it again."""
    if any(line.reserved or line.allocated or waiting_of(line) for line in reservation.lines):
        if reservation.ended_ms:
            reservation.ended_ms = 0
            state.ended_kept -= 1
    elif not reservation.ended_ms:
        reservation.ended_ms = batch.now_ms
        state.ended_kept += 1
        heappush(state.ended, (batch.now_ms, reservation.reservation_id))
        heappush(state.to_slim, (batch.now_ms, reservation.reservation_id))


def _orders_at(position: Position) -> tuple[str, ...]:
    names: dict[str, None] = {}
    # Those that ended are listed until the next walk; a recovery never knew them (I8).
    rows = map(standing, reversed(position.by_age()))
    live = (row for row in rows if row is None or not row.ended_ms)
    for row in islice(live, SHORT_ORDERS_SOUGHT):
        line = None if row is None else line_at(row, position.location)
        if row is not None and line is not None and line.allocated:
            names[row.paid_order_id or row.order_id or row.reservation_id] = None
            if len(names) == SHORT_ORDERS_NAMED:
                break
    return tuple(names)


def _trim(state: PartitionState, batch: Batch, position: Position) -> None:
    # By effective time, as the horizon is: what was dropped is then never newer than what is kept.
    oldest_kept_ms = batch.now_ms - state.rules.movement_window_ms
    while (kept := position.movements) and (
        len(kept) > state.rules.movements_max or kept.oldest_ms < oldest_kept_ms
    ):
        position.raise_horizon(kept.oldest_ms)
