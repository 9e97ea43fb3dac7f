"""How long answers are really kept (R29): the windows of a partition, by time or by count.

Needs the whole partition, so it is only looked at when asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from inventory_stream.flows.doctor import Check, Level
from inventory_stream.flows.explain_walk import LedgerWalk, Reach, decoded
from inventory_stream.flows.explain_words import span
from models.rows import ReceiptRow, ReservationRow

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


async def measure_windows(walk: LedgerWalk, partition: int) -> tuple[Kept, Kept]:
    """Count the receipts and the ended reservations that a partition keeps; reads all of it.

    Memory: about 100 bytes for each.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    receipts: dict[int, int] = {}
    ended: dict[int, int] = {}
    async for record in walk.rows(Reach(partition)):
        identity = hash(record.key)
        if record.value is None:
            receipts.pop(identity, None)
            ended.pop(identity, None)
        elif record.key.startswith((b"c/", b"r/")):
            row = decoded(record)
            if isinstance(row, ReceiptRow):
                receipts[identity] = row.at_ms
            elif isinstance(row, ReservationRow):
                if row.ended_ms:
                    ended[identity] = row.ended_ms
                else:
                    ended.pop(identity, None)
    return _kept(receipts), _kept(ended)


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


def bounds_of(
    receipt_ms: int, receipts_max: int, return_ms: int, ended_reservations_max: int
) -> Sequence[Bound]:
    """Give the two windows by their settings, in the order of `measure_windows`."""
    return (
        Bound("receipts", "ledger.receipts_max", receipt_ms, receipts_max),
        Bound("ended reservations", "ledger.ended_reservations_max", return_ms, ended_reservations_max),
    )
