"""Looks at the end of a ledger partition: is it owned, how far is it, does it fit its inputs?"""

from dataclasses import dataclass, field
from typing import Final

from inventory_stream.flows.doctor import Check, Level
from inventory_stream.flows.explain_words import span
from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.inputs import Input, InputRange
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from models.rows import PROGRESS_KEY, PositionRow, ProgressRow

TAIL_OFFSETS: Final = (2_000, 20_000, 200_000)
"""How far back the newest @progress is looked for: every batch of rows ends with one, and a batch has up
to about 20,000 rows (1 MiB). The last look takes a quarter of a second."""

POSITIONS_MAX: Final = 1_000
"""Positions of the tail that are kept, the newest, for a comparison with Redis."""

SILENT_INTERVALS: Final = 3
"""An owner appends @alive once an interval (P2). After this many without a row it is gone or stuck."""

LATE_MS: Final = 10_000
"""A command waiting for longer than this makes a shopper go away."""


@dataclass(slots=True)
class Tail:
    """The end of one partition. Times are the broker's, ms; None where nothing was found."""

    partition: int
    end_offset: int = 0
    newest_ms: int | None = None
    term: int = -1
    generation_ms: int = 0
    claim_ms: int | None = None
    progress: ProgressRow | None = None
    fenced_rows: int = 0
    positions: dict[bytes, tuple[int, PositionRow]] = field(default_factory=dict)
    """The newest rows of the tail: offset and row by key."""

    @property
    def has_decisions(self) -> bool:
        """Whether anything was ever decided there: its end shows it, as every batch ends with @progress."""
        progress = self.progress
        return bool(self.positions) or (
            progress is not None and progress.stock_next + progress.orders_next > 0
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one input holds. `first_ms` is the record time of the first record not decided yet."""

    topic: str
    held: InputRange
    first_ms: int | None = None


@dataclass(slots=True)
class LedgerSeen:
    """What the looks at the ledger found: the ends, and how many records of the inputs wait."""

    tails: list[Tail] = field(default_factory=list)
    waiting_records: int = 0

    @property
    def has_work(self) -> bool:
        """Whether somebody has to be there: rows to show, or commands to decide."""
        return self.waiting_records > 0 or any(tail.end_offset > 0 for tail in self.tails)

    @property
    def has_decisions(self) -> bool:
        """Whether there is anything that Redis should show."""
        return any(tail.has_decisions for tail in self.tails)


async def read_tail(reader: LedgerReader, row_filter: RowFilterFactory, partition: int) -> Tail:
    """Read the end of a partition, further back until a @progress is found, but never all of it.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    tail = Tail(partition, await reader.end_offset(partition))
    for offsets in TAIL_OFFSETS:
        first = max(0, tail.end_offset - offsets)
        await _read_from(reader, row_filter, tail, first)
        if tail.progress is not None or first == 0:
            break
    if tail.term >= 0:
        async for records in reader.read(partition, tail.term, tail.term + 1):
            tail.claim_ms = records[0].timestamp
    return tail


async def _read_from(reader: LedgerReader, row_filter: RowFilterFactory, tail: Tail, first: int) -> None:
    rows = row_filter()
    tail.positions.clear()
    async for records in reader.read(tail.partition, first, tail.end_offset):
        tail.newest_ms = records[-1].timestamp
        for record in rows.feed(records):
            if record.key == PROGRESS_KEY:
                progress = decoded(record)
                tail.progress = progress if isinstance(progress, ProgressRow) else tail.progress
            elif record.key.startswith(b"p/"):
                row = decoded(record)
                tail.positions.pop(record.key, None)
                if isinstance(row, PositionRow):
                    tail.positions[record.key] = record.offset, row
                if len(tail.positions) > POSITIONS_MAX:
                    del tail.positions[next(iter(tail.positions))]
    tail.term, tail.generation_ms, tail.fenced_rows = rows.term, rows.generation_ms, rows.alarms


def judge_owner(
    tail: Tail, now_ms: int, alive_interval_seconds: float, reclaim_seconds: float
) -> list[Check]:
    """Say whether somebody owns the partition, and since when."""
    name = f"ledger[{tail.partition}]"
    if tail.newest_ms is None:
        return [
            Check(
                Level.WARN,
                name,
                "empty: nobody ever owned it",
                "its commands wait until somebody does",
                "start a worker: inventory-stream worker ledger",
            )
        ]
    silent_ms = now_ms - tail.newest_ms
    claimed = f"term {tail.term}"
    if tail.claim_ms is not None:
        claimed += f" since {span(now_ms - tail.claim_ms)}"
    checks = [Check(Level.OK, name, f"{claimed}; newest row {span(silent_ms)} ago")]
    if silent_ms > SILENT_INTERVALS * alive_interval_seconds * 1_000:
        checks = [
            Check(
                Level.FAIL,
                name,
                f"{claimed}; no row for {span(silent_ms)}, where an owner writes one each "
                f"{alive_interval_seconds:g} s",
                "nobody decides its commands: shoppers wait, reservations do not expire",
                "start a worker (inventory-stream worker ledger), or see the log of the one that has it",
            )
        ]
    if tail.claim_ms is not None and now_ms - tail.claim_ms > 2_000 * reclaim_seconds:
        checks.append(
            Check(
                Level.WARN,
                name,
                f"the last claim is {span(now_ms - tail.claim_ms)} old, claims come each "
                f"{span(int(reclaim_seconds * 1_000))}",
                "the broker forgets an owner that never claims again (P2)",
                "restart the worker that has the partition, and tell us its log",
            )
        )
    if tail.fenced_rows:
        checks.append(
            Check(
                Level.WARN,
                name,
                f"{tail.fenced_rows} rows at its end were written by an owner that had been replaced",
                "readers drop them (P4), so nothing is wrong, but the broker should have refused them",
                "see that only ledger workers may write the topic: inventory-stream ledger verify",
            )
        )
    return checks


def judge_progress(tail: Tail, source: Input, waiting: Waiting, now_ms: int) -> list[Check]:
    """Say whether @progress lies within its input (P9), and how much is not decided yet."""
    name = f"{waiting.topic}[{tail.partition}]"
    held = waiting.held
    if tail.progress is None:
        decided = held.beginning
    else:
        decided = tail.progress.stock_next if source is Input.STOCK else tail.progress.orders_next
    if not held.beginning <= decided <= held.end:
        return [
            Check(
                Level.FAIL,
                name,
                f"holds offsets {held.beginning} to {held.end}, but the ledger has decided up to {decided}",
                "created anew, or its retention passed what was not decided: no owner starts (P9)",
                "restore the topic, or start a new ledger under another kafka.topic_prefix",
            )
        ]
    behind = held.end - decided
    if not behind:
        return [Check(Level.OK, name, f"all {held.end} records are decided")]
    late_ms = max(0, now_ms - waiting.first_ms) if waiting.first_ms is not None else 0
    said = f"{behind} records wait, the first for {span(late_ms)}"
    if late_ms <= LATE_MS:
        return [Check(Level.OK, name, said)]
    return [
        Check(
            Level.WARN,
            name,
            said,
            "shoppers wait for their answers",
            "see whether its partition has an owner (above); else give the workers more CPU or more of them",
        )
    ]
