"""What a partition's state holds, counted and dated for whoever watches; cheap enough for every scrape."""

import asyncio
from collections.abc import Mapping
from typing import Final

from inventory_stream.ledger.state import PartitionState
from inventory_stream.ports.monitor import Window

# SKUs whose positions are counted between two turns of the event loop: about 1 ms.
_SKUS_PER_TURN: Final = 20_000


def kept_of(state: PartitionState) -> Mapping[str, int]:
    """Count what is kept, without walking over it."""
    return {
        "live_reservations": len(state.reservations) - state.ended_kept - state.refused_kept,
        "ended_reservations": state.ended_kept,
        "refused_reservations": state.refused_kept,
        "receipts": len(state.receipts),
        "ended_documents": state.ended_documents_kept,
        "open_documents": len(state.incoming) + len(state.transfers) - state.ended_documents_kept,
        "skus": len(state.skus),
    }


def windows_of(state: PartitionState, now_ms: int) -> Mapping[str, Window]:
    """Say how far back each kind of answer is kept now (R29): its setting, or less by count."""
    rules = state.rules
    receipts, refused, ended = state.receipt_order, state.refused, state.ended
    documents = state.ended_documents
    return {
        "receipts": _window(
            receipts[0][0] if receipts else now_ms,
            now_ms,
            rules.receipt_window_ms,
            is_full=len(state.receipts) >= rules.receipts_max,
        ),
        "refused_reservations": _window(
            refused[0][0] if refused else now_ms,
            now_ms,
            rules.receipt_window_ms,
            is_full=state.refused_kept >= rules.ended_reservations_max,
        ),
        "ended_reservations": _window(
            ended[0][0] if ended else now_ms,
            now_ms,
            rules.return_window_ms,
            is_full=state.ended_kept >= rules.ended_reservations_max,
        ),
        "ended_documents": _window(
            documents[0][0] if documents else now_ms,
            now_ms,
            rules.receipt_window_ms,
            is_full=state.ended_documents_kept >= rules.ended_documents_max,
        ),
    }


def _window(oldest_ms: int, now_ms: int, window_ms: int, *, is_full: bool) -> Window:
    age_ms = max(0, now_ms - oldest_ms)
    if is_full and age_ms < window_ms:
        return Window(age_ms / 1_000, is_by_count=True)
    return Window(window_ms / 1_000, is_by_count=False)


async def count_positions(state: PartitionState) -> int:
    """Count positions in slices, for a million SKUs are 30 ms of everybody's time."""
    skus = list(state.skus.values())
    count = 0
    for first in range(0, len(skus), _SKUS_PER_TURN):
        count += sum(map(len, skus[first : first + _SKUS_PER_TURN]))
        await asyncio.sleep(0)
    return count
