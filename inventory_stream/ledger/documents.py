"""Transfers, incoming goods and sale pools as rows: written, reopened, folded when over (R12, R13, R29)."""

from heapq import heapify, heappop, heappush
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.rules import BATCH_BYTES
from inventory_stream.ledger.state import PartitionState
from models.ids import decode_id
from models.rows import (
    INCOMING_PREFIX,
    TRANSFER_PREFIX,
    IncomingRow,
    TransferRow,
    encode_row,
    incoming_key,
    transfer_key,
)

Document = IncomingRow | TransferRow

# Stale entries that the queue may hold beyond as many as it has others, before a walk drops them.
_STALE_MIN: Final = 1_024


def write_document(state: PartitionState, batch: Batch, document: Document, *, is_over: bool) -> None:
    """Add a document's row, after noting since when it is over, or that it is not any more.

    One that is over is kept for the receipt window, so that a late fact still finds it; then, or
    when there are too many, `fold_documents` drops it.
    """
    key = _key_of(document)
    if is_over and not document.ended_ms:
        document.ended_ms = batch.now_ms
        state.ended_documents_kept += 1
        heappush(state.ended_documents, (batch.now_ms, key))
    elif document.ended_ms and not is_over:
        document.ended_ms = 0
        state.ended_documents_kept -= 1
    document.term = state.term
    batch.write(key, encode_row(document))


def is_document_fold_due(state: PartitionState, now_ms: int) -> bool:
    """Say whether documents are past their window, by time or by count."""
    ended = state.ended_documents
    return state.ended_documents_kept > state.rules.ended_documents_max or bool(
        ended and ended[0][0] < now_ms - state.rules.receipt_window_ms
    )


def fold_documents(state: PartitionState, batch: Batch, budget: int) -> int:
    """Write tombstones for what ended before its window, `budget` rows at most; gives what is left of it.

    Nothing is added to a `base`: what a document moved is in the receipts of its commands (I4), and
    one that is over has no units planned or in transit (I1).
    """
    ended = state.ended_documents
    if len(ended) > 2 * state.ended_documents_kept + _STALE_MIN:
        ended[:] = {entry for entry in ended if _stands(state, entry)}
        heapify(ended)
    oldest_ms = batch.now_ms - state.rules.receipt_window_ms
    while (
        ended
        and budget
        and batch.size_bytes < BATCH_BYTES // 2
        and (ended[0][0] < oldest_ms or state.ended_documents_kept > state.rules.ended_documents_max)
    ):
        entry = heappop(ended)
        if _stands(state, entry):
            key = entry[1]
            state.forget_document(key)
            state.ended_documents_kept -= 1
            budget -= 1
            batch.folded_by_count += entry[0] >= oldest_ms
            batch.write(key, None)
    return budget


def _key_of(document: Document) -> bytes:
    if isinstance(document, IncomingRow):
        return incoming_key(document.incoming_id)
    return transfer_key(document.transfer_id)


def _stands(state: PartitionState, entry: tuple[int, bytes]) -> bool:
    """Whether an entry still tells when its document ended: it may be open again, or gone."""
    ended_ms, key = entry
    if key in state.pools:
        return state.pools[key].closed_ms == ended_ms
    document: Document | None
    if key.startswith(INCOMING_PREFIX):
        document = state.incoming.get(decode_id(key.removeprefix(INCOMING_PREFIX).decode()))
    else:
        document = state.transfers.get(decode_id(key.removeprefix(TRANSFER_PREFIX).decode()))
    return document is not None and document.ended_ms == ended_ms
