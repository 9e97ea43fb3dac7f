"""Deadlines that passed: their units become free again, in deadline order (R18)."""

from heapq import heappop
from operator import attrgetter
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import CLOSE, is_live
from inventory_stream.ledger.cover import settle_claims
from inventory_stream.ledger.movements import end_if_over, stamp
from inventory_stream.ledger.paths import free, unreserve
from inventory_stream.ledger.plain_ends import expire_plain
from inventory_stream.ledger.pools import happen, is_due
from inventory_stream.ledger.reservations import each, opened, standing
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.waiting import give_up
from models.rows import Fresh, ReservationRow

_ID: Final = attrgetter("reservation_id")


def next_deadline_ms(state: PartitionState) -> int | None:
    """The earliest time that a sweep may have to act on: a deadline, or a step of a sale pool; None: none."""
    deadline_ms = state.deadlines[0] if state.deadlines else None
    if not state.timed:
        return deadline_ms
    timed_ms = state.timed[0][0]
    return timed_ms if deadline_ms is None else min(deadline_ms, timed_ms)


def sweep(state: PartitionState, batch: Batch, before_ms: int) -> bool:
    """Expire what was due before `before_ms`, and step sale pools, until done or the batch is full.

    In order of time: units are set aside from their `fence_from` on, so before a deadline of that ms; a
    sale includes its last ms, so it closes after the deadlines of that ms, which free units for it (R22).

    Only call it with an arrival time that was decided on order-events, or with a time up to which
    the broker is known to hold no undecided record: a confirm in time must never lose (R17, R18).

    Returns:
        Whether all of it is done, and what waited has what it left free (R24); when not, seal the batch
        and call again.
    """
    deadlines = state.deadlines
    while deadlines and deadlines[0] < before_ms:
        deadline_ms = deadlines[0]
        if state.timed and not _step_pools(state, batch, deadline_ms):
            return False
        bucket = state.due[deadline_ms]
        # By id, which a recovery restores; the order of their making is not in the rows (I8).
        bucket[:] = sorted(each(bucket), key=_ID, reverse=True)
        while bucket:
            # Released, confirmed and extended reservations stay in the bucket of their first deadline.
            # They go first: a recovered owner, which never had them, must seal at the same row (I8).
            held = bucket[-1]
            assert not isinstance(held, tuple), "runs are listed by commands, and none is decided here"
            if standing(held) is None or _is_due(opened(held), deadline_ms):
                if batch.is_full:
                    return False
                if not (isinstance(held, Fresh) and held.row is None and expire_plain(state, batch, held)):
                    expire(state, batch, opened(held))
                if batch.unsettled:
                    settle_claims(state, batch)
            bucket.pop()
            state.due_entries -= 1
        del state.due[deadline_ms]
        heappop(deadlines)
    if state.timed and not _step_pools(state, batch, before_ms):
        return False
    return not state.to_fill


def _is_due(reservation: ReservationRow, deadline_ms: int) -> bool:
    return reservation.deadline_ms == deadline_ms and is_live(reservation)


def _step_pools(state: PartitionState, batch: Batch, until_ms: int) -> bool:
    """Do what sale pools have to by a time, as in `sweep`; False when the batch is full before that."""
    timed = state.timed
    # As tuples compare: what is set aside at `until_ms` is due, what closes then is not yet.
    while timed and timed[0] < (until_ms, CLOSE):
        if is_due(state, timed[0]):
            if batch.is_full:
                return False
            happen(state, batch, timed[0])
            settle_claims(state, batch)
        heappop(timed)
    return True


def expire(state: PartitionState, batch: Batch, reservation: ReservationRow) -> None:
    """Give back what a reservation still has reserved or lets wait unpaid, and write its row."""
    for line in reservation.lines:
        if line.reserved or line.backordered:
            position = state.position(reservation.sku, line.location)
            units = line.reserved
            line.expired += units + line.backordered
            batch.expired_units += units + line.backordered
            if units:
                unreserve(position, reservation, line, units)
                if line.from_path or reservation.limits:
                    free(state, batch, position, reservation, line, units)
            if line.backordered:
                give_up(state, batch, position, reservation, line, soft=line.backordered)
            batch.touch(position)
            stamp(line, position)
    end_if_over(state, batch, reservation)
    batch.write_reservation(reservation, -1)
