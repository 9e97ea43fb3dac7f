"""How long answers are kept: receipts and whatever has ended fold away after their windows (R29)."""

from heapq import heapify, heappop
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.documents import fold_documents, is_document_fold_due
from inventory_stream.ledger.identity import forget_movements
from inventory_stream.ledger.rules import BATCH_BYTES, FOLDED_PER_BATCH_MAX
from inventory_stream.ledger.state import PartitionState
from models.rows import ReservationRow, reservation_key

# Stale entries that a queue may hold beyond as many as it has others, before a walk drops them.
_STALE_MIN: Final = 1_024


def is_fold_due(state: PartitionState, now_ms: int) -> bool:
    """Say whether an idle partition has something to fold."""
    rules = state.rules
    receipts, refused, ended = state.receipt_order, state.refused, state.ended
    oldest_receipt_ms = now_ms - rules.receipt_window_ms
    return bool(
        len(state.receipts) > rules.receipts_max
        or state.refused_kept > rules.ended_reservations_max
        or state.ended_kept > rules.ended_reservations_max
        or (receipts and receipts[0][0] < oldest_receipt_ms)
        or (refused and refused[0][0] < oldest_receipt_ms)
        or (ended and ended[0][0] < now_ms - rules.return_window_ms)
        or is_document_fold_due(state, now_ms)
    )


def fold(state: PartitionState, batch: Batch) -> None:
    """Write tombstones for what is past its window by time or count; a bounded number per batch.

    What the folded rows moved is added to the position's `base`, so that I4 holds without them.
    """
    _drop_stale(state)
    rules = state.rules
    budget = FOLDED_PER_BATCH_MAX
    oldest_ms = batch.now_ms - rules.receipt_window_ms
    receipts = state.receipt_order
    while (
        receipts
        and budget
        and batch.size_bytes < BATCH_BYTES // 2
        and (receipts[0][0] < oldest_ms or len(state.receipts) > rules.receipts_max)
    ):
        at_ms, key = heappop(receipts)
        receipt = state.receipts.get(key)
        if receipt is None or receipt.at_ms != at_ms:
            continue  # decided anew since: a younger entry stands for it
        budget -= 1
        del state.receipts[key]
        if receipt.sku is not None:
            forget_movements(state, batch, receipt.sku, receipt.movements)
            for movement in receipt.movements:
                _add_to_base(state, batch, receipt.sku, movement.location, movement.delta)
        batch.write(key, None)

    budget = _fold_reservations(state, batch, budget, refused=True)
    budget = _fold_reservations(state, batch, budget, refused=False)
    fold_documents(state, batch, budget)


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
            _forget(state, batch, state.reservations[entry[1]])
    if refused:
        state.refused_kept = kept
    else:
        state.ended_kept = kept
    return budget


def _stands(state: PartitionState, entry: tuple[int, str], *, refused: bool) -> bool:
    """Whether an entry still tells when its reservation ended: it may live again, or be gone."""
    ended_ms, reservation_id = entry
    reservation = state.reservations.get(reservation_id)
    return (
        reservation is not None
        and reservation.ended_ms == ended_ms
        and bool(reservation.lines) is not refused
    )


def _drop_stale(state: PartitionState) -> None:
    """Bound the queues by what they stand for, however often one id was refused or answered again."""
    if len(state.receipt_order) > 2 * len(state.receipts) + _STALE_MIN:
        state.receipt_order = [(receipt.at_ms, key) for key, receipt in state.receipts.items()]
        heapify(state.receipt_order)
    for queue, kept, refused in (
        (state.refused, state.refused_kept, True),
        (state.ended, state.ended_kept, False),
    ):
        if len(queue) > 2 * kept + _STALE_MIN:
            queue[:] = {entry for entry in queue if _stands(state, entry, refused=refused)}
            heapify(queue)


def _forget(state: PartitionState, batch: Batch, reservation: ReservationRow) -> None:
    for answer in reservation.answers:
        forget_movements(state, batch, reservation.sku, answer.movements)
    for line in reservation.lines:
        _add_to_base(state, batch, reservation.sku, line.location, line.moved)
    del state.reservations[reservation.reservation_id]
    batch.write(reservation_key(reservation.reservation_id), None)


def _add_to_base(state: PartitionState, batch: Batch, sku: str, location: str, delta: int) -> None:
    if delta:
        position = state.position(sku, location)
        position.base += delta
        batch.rewrite(position)
