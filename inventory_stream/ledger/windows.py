"""How long answers are kept: receipts, ended and refused reservations fold away after their windows (R29)."""

from heapq import heapify, heappop
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.claims import is_live
from inventory_stream.ledger.documents import fold_documents, is_document_fold_due
from inventory_stream.ledger.early import drop
from inventory_stream.ledger.identity import forget_movements, id_hash
from inventory_stream.ledger.limits import fold_limits, is_limit_fold_due
from inventory_stream.ledger.reservations import standing
from inventory_stream.ledger.rules import BATCH_BYTES, FOLDED_PER_BATCH_MAX, NETTING_WINDOW_MS, Rules
from inventory_stream.ledger.state import PartitionState, slim_from_ms
from models.outcomes import Outcome
from models.rows import receipt_key, reservation_key

# Stale entries that a queue may hold beyond as many as it has others, before a walk drops them.
_STALE_MIN: Final = 1_024


def is_fold_due(state: PartitionState, now_ms: int) -> bool:
    """Say whether an idle partition has something to fold."""
    rules = state.rules
    refused, ended = state.refused, state.ended
    oldest_receipt_ms = now_ms - rules.receipt_window_ms
    return bool(
        len(state.receipts) > rules.receipts_max
        or state.refused_kept > rules.ended_reservations_max
        or state.ended_kept > rules.ended_reservations_max
        or state.early_kept > rules.early_max
        or (state.early_order and state.early_order[0][0] < now_ms - rules.early_window_ms)
        or (state.to_slim and state.to_slim[0][0] < now_ms - slim_after_ms(rules))
        or state.receipts.is_older(oldest_receipt_ms)
        or (refused and refused[0][0] < oldest_receipt_ms)
        or (ended and ended[0][0] < now_ms - rules.return_window_ms)
        or is_document_fold_due(state, now_ms)
        or is_limit_fold_due(state)
    )


def fold(state: PartitionState, batch: Batch) -> None:
    """Write tombstones for what is past its window by time or count; a bounded number per batch.

    What the folded rows moved is added to the position's `base`, so that I4 holds without them.
    """
    _drop_stale(state)
    rules = state.rules
    budget = _drop_early(state, batch, FOLDED_PER_BATCH_MAX)
    oldest_ms = batch.now_ms - rules.receipt_window_ms
    receipts = state.receipts
    while budget and batch.size_bytes < BATCH_BYTES // 2:
        is_too_many = len(receipts) > rules.receipts_max
        oldest = receipts.forget_oldest(batch.now_ms + 1 if is_too_many else oldest_ms)
        if oldest is None:
            break
        key, receipt = oldest
        budget -= 1
        batch.folded_by_count += receipt.at_ms >= oldest_ms
        if receipt.sku is not None:
            forget_movements(state, batch, receipt.sku, receipt.movements)
            for movement in receipt.movements:
                _add_to_base(state, batch, receipt.sku, movement.location, movement.delta)
        batch.write(key, None)

    budget = _fold_reservations(state, batch, budget, refused=True)
    budget = _fold_reservations(state, batch, budget, refused=False)
    budget = fold_documents(state, batch, budget)
    budget = fold_limits(state, batch, budget)
    _slim(state, batch, budget)


def slim_after_ms(rules: Rules) -> int:
    """How long after its end and its last answer a reservation keeps its answers (R29).

    As long as other receipts, and as long as a netting count may look at its allocations (R9).
    """
    return max(rules.receipt_window_ms, NETTING_WINDOW_MS + rules.clock_ahead_ms)


def _drop_early(state: PartitionState, batch: Batch, budget: int) -> int:
    """Give up on commands that waited too long for their order, or are too many (R21)."""
    rules = state.rules
    waiting = state.early_order
    oldest_ms = batch.now_ms - rules.early_window_ms
    while (
        waiting
        and budget
        and batch.size_bytes < BATCH_BYTES // 2
        and (waiting[0][0] < oldest_ms or state.early_kept > rules.early_max)
    ):
        at_ms, key = heappop(waiting)
        receipt = state.receipts.find(key)
        if receipt is None or receipt.at_ms != at_ms or receipt.outcome != Outcome.REMEMBERED:
            continue  # its order came, or something else was asked under its id
        budget -= 1
        batch.folded_by_count += at_ms >= oldest_ms
        drop(state, batch, receipt)
    return budget


def _slim(state: PartitionState, batch: Batch, budget: int) -> None:
    """Of reservations that ended long ago keep quantities and the hashes of their commands' ids (R29)."""
    queue = state.to_slim
    oldest_ms = batch.now_ms - slim_after_ms(state.rules)
    while queue and budget and batch.size_bytes < BATCH_BYTES // 2 and queue[0][0] < oldest_ms:
        entry = heappop(queue)
        reservation = state.reservations.get(entry[1])
        if reservation is None or slim_from_ms(reservation) != entry[0]:
            continue  # it lives again, answered since, or is gone
        budget -= 1
        for answer in reservation.answers:
            forget_movements(state, batch, reservation.sku, answer.movements)
        reservation.older += b"".join(id_hash(answer.command_id) for answer in reservation.answers)
        reservation.answers = ()
        for line in reservation.lines:
            line.allocations = ()
        batch.write_reservation(reservation, -1)


def _fold_reservations(state: PartitionState, batch: Batch, budget: int, *, refused: bool) -> int:
    rules = state.rules
    queue = state.refused if refused else state.ended
    kept = state.refused_kept if refused else state.ended_kept
    window_ms = rules.receipt_window_ms if refused else rules.return_window_ms
    oldest_ms = batch.now_ms - window_ms
    while (
        queue
        and budget
        and batch.size_bytes < BATCH_BYTES // 2
        and (queue[0][0] < oldest_ms or kept > rules.ended_reservations_max)
    ):
        entry = heappop(queue)
        if _stands(state, entry, refused=refused):
            budget -= 1
            kept -= 1
            batch.folded_by_count += entry[0] >= oldest_ms
            _forget(state, batch, entry[1])
    if refused:
        state.refused_kept = kept
    else:
        state.ended_kept = kept
    return budget


def _stands(state: PartitionState, entry: tuple[int, str], *, refused: bool) -> bool:
    """Whether an entry still tells when its reservation ended: it may live again, or be gone."""
    ended_ms, reservation_id = entry
    held = state.reservations.held(reservation_id)
    reservation = None if held is None else standing(held)
    if reservation is None:  # forgotten, or nothing but refused or granted once
        return refused and held is not None and not held.deadline_ms and held.created_ms == ended_ms
    return reservation.ended_ms == ended_ms and bool(reservation.lines) is not refused


def _drop_stale(state: PartitionState) -> None:
    """Bound the queues by what they stand for, however often one id was refused or answered again."""
    if len(state.early_order) > 2 * state.early_kept + _STALE_MIN:
        waiting = (receipt for receipts in state.early.values() for receipt in receipts)
        state.early_order = [
            (receipt.at_ms, receipt_key(receipt.command_id, receipt.reservation_id)) for receipt in waiting
        ]
        heapify(state.early_order)
    if len(state.to_slim) > 2 * state.ended_kept + _STALE_MIN:
        state.to_slim = [
            (at_ms, name)
            for at_ms, name in set(state.to_slim)
            if name in state.reservations and slim_from_ms(state.reservations[name]) == at_ms
        ]
        heapify(state.to_slim)
    if state.due_entries > 2 * len(state.reservations) + _STALE_MIN:
        # Reservations that ended long before their deadline, and some that are forgotten already.
        state.due.clear()
        state.deadlines.clear()
        state.due_entries = 0
        for held in state.reservations.all_held():
            row = standing(held)
            if held.deadline_ms if row is None else is_live(row):
                state.schedule(held if row is None else row)
    for queue, kept, refused in (
        (state.refused, state.refused_kept, True),
        (state.ended, state.ended_kept, False),
    ):
        if len(queue) > 2 * kept + _STALE_MIN:
            queue[:] = {entry for entry in queue if _stands(state, entry, refused=refused)}
            heapify(queue)


def _forget(state: PartitionState, batch: Batch, reservation_id: str) -> None:
    reservation = standing(state.reservations.forget(reservation_id))
    batch.write(reservation_key(reservation_id), None)
    if reservation is None:  # refused once: it moved nothing and is listed nowhere
        return
    for answer in reservation.answers:
        forget_movements(state, batch, reservation.sku, answer.movements)
    for line in reservation.lines:
        _add_to_base(state, batch, reservation.sku, line.location, line.moved)
        # A position lists it for the netting window, which may be longer than its own, or than the count
        # allows: a count must not see there what an owner that recovers has not (I8).
        line.allocations = ()
        settled = state.position(reservation.sku, line.location).settled
        while settled and state.reservations.get(settled[0].reservation_id) is not settled[0]:
            settled.popleft()


def _add_to_base(state: PartitionState, batch: Batch, sku: str, location: str, delta: int) -> None:
    if delta:
        position = state.position(sku, location)
        position.base += delta
        batch.rewrite(position)
