"""What a partition's state holds, counted and dated for whoever watches; cheap enough for every scrape."""

import asyncio
from collections.abc import Mapping, Sequence
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
        "early_commands": state.early_kept,
        "open_documents": len(state.incoming) + len(state.transfers) - state.ended_documents_kept,
        "skus": len(state.skus),
    }


def windows_of(state: PartitionState, now_ms: int) -> Mapping[str, Window]:
    """Say how far back each kind of answer is kept now (R29): its setting, or less by count."""
    rules = state.rules
    ended_max = rules.ended_reservations_max
    kinds: dict[str, tuple[Sequence[tuple[int, object]], int, bool]] = {
        "receipts": (
            [] if state.receipts.oldest_ms is None else [(state.receipts.oldest_ms, None)],
            rules.receipt_window_ms,
            len(state.receipts) >= rules.receipts_max,
        ),
        "refused_reservations": (state.refused, rules.receipt_window_ms, state.refused_kept >= ended_max),
        "ended_reservations": (state.ended, rules.return_window_ms, state.ended_kept >= ended_max),
        "ended_documents": (
            state.ended_documents,
            rules.receipt_window_ms,
            state.ended_documents_kept >= rules.ended_documents_max,
        ),
        "early_commands": (state.early_order, rules.early_window_ms, state.early_kept >= rules.early_max),
    }
    return {
        kind: _window(oldest_first, now_ms, window_ms, is_full=is_full)
        for kind, (oldest_first, window_ms, is_full) in kinds.items()
    }


def _window(
    oldest_first: Sequence[tuple[int, object]], now_ms: int, window_ms: int, *, is_full: bool
) -> Window:
    age_ms = max(0, now_ms - oldest_first[0][0]) if oldest_first else 0
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
