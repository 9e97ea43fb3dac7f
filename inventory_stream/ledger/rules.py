"""The limits that the rules leave open: one frozen value, handed in by the composition root."""

from dataclasses import dataclass
from typing import Final

ANSWERS_MAX: Final = 16
"""Answers kept in a reservation's row; older commands leave 8 hash bytes (R27)."""
COMMANDS_MAX: Final = 1_000
"""Commands of one reservation: bounds its row to about 16 answers and 8 KB of hashes (R27)."""
BATCH_BYTES: Final = 1_000_000
"""A batch is sealed past this many bytes of rows: the 1 MiB of P6 less room for the record overhead."""
SHORT_ORDERS_NAMED: Final = 20
"""Orders that the shortfalls of one command name, youngest first; the units are always exact (R11)."""
SHORT_ORDERS_SOUGHT: Final = 1_000
"""Youngest reservations of a position among which they are sought: about 0.3 ms for each shortfall."""
FOLDED_PER_BATCH_MAX: Final = 8_000
"""Rows past their window that one batch folds, or half a batch of bytes, whichever is first. More than
the 4,500 new rows that fit beside them, so that the bounds by count hold under load; about 15 ms."""

NETTING_WINDOW_MS: Final = 86_400_000
"""A count that nets orders is stale after 24 h, as movements are kept (R8, R9): for as long positions
remember the orders that were shipped or cancelled meanwhile."""
EARLY_PER_RESERVATION_MAX: Final = 16
"""Commands that wait for one order (R21): each writes its whole row, all in one append (P6)."""
GROUP_BYTES_MAX: Final = 32_768
"""Bytes of the names of a group's locations: an order split over all of them and 16 commands that waited
for it make 1.4 MB, which with a nearly full batch is well below the 4 MiB of an append (P6)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Windows and limits of one partition. Units are in the names; defaults are semantics' own."""

    clock_ahead_ms: int = 5_000
    movement_window_ms: int = 86_400_000
    movements_max: int = 10_000
    reservation_ms_max: int = 3_600_000
    receipt_window_ms: int = 2 * 86_400_000
    return_window_ms: int = 100 * 86_400_000
    receipts_max: int = 2_000_000
    ended_reservations_max: int = 2_000_000
    ended_documents_max: int = 200_000
    order_lag_ms: int = 300_000
    early_window_ms: int = 2 * 86_400_000
    early_max: int = 100_000
    revoke_on_shortfall: bool = True
