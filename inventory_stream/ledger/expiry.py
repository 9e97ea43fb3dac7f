"""Deadlines that passed: their units become free again, in deadline order (R18)."""

from heapq import heappop
from operator import attrgetter
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.movements import end_if_over, stamp
from inventory_stream.ledger.state import PartitionState
from models.rows import ReservationRow

_ID: Final = attrgetter("reservation_id")


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
        # By id, which a recovery restores; the order of their making is not in the rows (I8).
        bucket.sort(key=_ID, reverse=True)
        while bucket:
            # Released, confirmed and extended reservations stay in the bucket of their first deadline.
            # They go first: a recovered owner, which never had them, must seal at the same row (I8).
            reservation = bucket[-1]
            if reservation.deadline_ms == deadline_ms and any(line.reserved for line in reservation.lines):
                if batch.is_full:
                    return False
                expire(state, batch, reservation)
            bucket.pop()
            state.due_entries -= 1
        del state.due[deadline_ms]
        heappop(deadlines)
    return True


def expire(state: PartitionState, batch: Batch, reservation: ReservationRow) -> None:
    """Give back what a reservation still has reserved, and write its row."""
    for line in reservation.lines:
        if line.reserved:
            position = state.position(reservation.sku, line.location)
            position.reserved -= line.reserved
            position.unhold(reservation.deadline_ms)
            line.expired += line.reserved
            batch.expired_units += line.reserved
            line.reserved = 0
            batch.touch(position)
            stamp(line, position)
    end_if_over(state, batch, reservation)
    batch.write_reservation(reservation, -1)
