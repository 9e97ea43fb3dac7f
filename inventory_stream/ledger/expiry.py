"""Deadlines that passed: their units become free again, in deadline order (R18)."""

from heapq import heappop

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.movements import end_if_over, stamp
from inventory_stream.ledger.state import PartitionState
from models.rows import ReservationRow


def next_deadline_ms(state: PartitionState) -> int | None:
    """The earliest deadline that a sweep may have to act on; None when nothing is reserved."""
    return state.deadlines[0] if state.deadlines else None


def sweep(state: PartitionState, batch: Batch, before_ms: int) -> bool:
    """Expire what was due before `before_ms`, until done or the batch is full.

    Only call it with an arrival time that was decided on order-events, or with a time up to which
    the broker is known to hold no undecided record: a confirm in time must never lose (R17, R18).

    Returns:
        Whether all of it is done; when not, seal the batch and call again.
    """
    deadlines = state.deadlines
    while deadlines and deadlines[0] < before_ms:
        deadline_ms = deadlines[0]
        bucket = state.due[deadline_ms]
        while bucket:
            if batch.is_full:
                return False
            # Released, confirmed and extended reservations stay in the bucket of their first deadline.
            reservation = bucket.pop()
            if reservation.deadline_ms == deadline_ms:
                _expire(state, batch, reservation)
        del state.due[deadline_ms]
        heappop(deadlines)
    return True


def _expire(state: PartitionState, batch: Batch, reservation: ReservationRow) -> None:
    expired = 0
    for line in reservation.lines:
        if line.reserved:
            position = state.position(reservation.sku, line.location)
            position.reserved -= line.reserved
            position.unhold(reservation.deadline_ms)
            line.expired += line.reserved
            expired += line.reserved
            line.reserved = 0
            batch.touch(position)
            stamp(line, position)
    if expired:
        batch.expired_units += expired
        end_if_over(state, batch, reservation)
        batch.write_reservation(reservation, -1)
