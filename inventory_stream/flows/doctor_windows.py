"""How long answers are really kept (R29): the windows of a partition, by time or by count.

Needs the whole partition, so it is only looked at when asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from inventory_stream.flows.doctor import Check, Level
from inventory_stream.flows.explain_walk import LedgerWalk, Reach
from inventory_stream.flows.explain_words import span
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.settings import LedgerSettings
from models.outcomes import Outcome
from models.rows import INCOMING_PREFIX, TRANSFER_PREFIX, IncomingRow, ReceiptRow, ReservationRow, TransferRow

_WINDOWED: Final = (b"c/", b"r/", INCOMING_PREFIX, TRANSFER_PREFIX)
"""How the keys of rows begin that go after a while (R29)."""

COUNT_DECIDES: Final = 0.98
"""A window this full is emptied by its count: the fold takes what is over at the next batch."""


class Bound(NamedTuple):
    """One window as it is set: how long and how many at most."""

    name: str
    setting: str
    length_ms: int
    rows_max: int


@dataclass(slots=True)
class Kept:
    """What is kept in one window: how many rows, and when the oldest began to be kept, ms."""

    rows: int = 0
    oldest_ms: int | None = None


class Windows(NamedTuple):
    """The windows of one partition, each as it is found or as it is bounded."""

    receipts: Kept
    ended: Kept
    documents: Kept
    early: Kept


async def measure_windows(walk: LedgerWalk, partition: int) -> Windows:
    """Count the answers, ended reservations, ended documents and early commands that a partition keeps.

    Reads all of it.

    Memory: about 100 bytes for each.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    kept: dict[str, dict[int, int]] = {name: {} for name in Windows._fields}
    async for record in walk.rows(Reach(partition)):
        identity = hash(record.key)
        if not record.key.startswith(_WINDOWED):
            continue
        for rows in kept.values():  # what changed its window, too
            rows.pop(identity, None)
        row = None if record.value is None else decoded(record)
        if isinstance(row, ReceiptRow):
            window = "early" if row.outcome == Outcome.REMEMBERED else "receipts"
            kept[window][identity] = row.at_ms
        elif isinstance(row, ReservationRow) and row.ended_ms:
            kept["ended"][identity] = row.ended_ms
        elif isinstance(row, IncomingRow | TransferRow) and row.ended_ms:
            kept["documents"][identity] = row.ended_ms
    return Windows(**{name: _kept(rows) for name, rows in kept.items()})


def judge_window(partition: int, bound: Bound, kept: Kept, now_ms: int) -> list[Check]:
    """Say whether time or the count ends the window."""
    subject = f"ledger[{partition}] {bound.name}"
    if kept.oldest_ms is None:
        return [Check(Level.OK, subject, "none kept")]
    said = f"{kept.rows:,} of {bound.rows_max:,} kept, the oldest for {span(now_ms - kept.oldest_ms)}"
    if kept.rows < bound.rows_max * COUNT_DECIDES or now_ms - kept.oldest_ms >= bound.length_ms:
        return [Check(Level.OK, subject, f"{said} of {span(bound.length_ms)}")]
    return [
        Check(
            Level.WARN,
            subject,
            f"{said}, where {span(bound.length_ms)} are set: the count decides",
            "a repeat that comes later is decided anew, as if it were new",
            f"raise {bound.setting}, which costs memory and recovery time, or use more partitions",
        )
    ]


def _kept(rows: dict[int, int]) -> Kept:
    return Kept(len(rows), min(rows.values(), default=None))


def bounds_of(ledger: LedgerSettings) -> Sequence[Bound]:
    """Give the windows by their settings, in the order of `Windows`."""
    answers_ms = ledger.receipt_window_seconds * 1_000
    return (
        Bound("receipts", "ledger.receipts_max", answers_ms, ledger.receipts_max),
        Bound(
            "ended reservations",
            "ledger.ended_reservations_max",
            ledger.return_window_seconds * 1_000,
            ledger.ended_reservations_max,
        ),
        Bound(
            "ended transfers and incoming",
            "ledger.ended_documents_max",
            answers_ms,
            ledger.ended_documents_max,
        ),
        Bound(
            "commands that wait for their order",
            "ledger.early_max",
            ledger.early_window_seconds * 1_000,
            ledger.early_max,
        ),
    )
