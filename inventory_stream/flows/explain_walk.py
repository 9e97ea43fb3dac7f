"""Walks over the live rows of a partition, and knows how far back what it saw is complete."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from models.rows import PROGRESS_KEY, ProgressRow


@dataclass(slots=True)
class Reach:
    """How much of one partition was read.

    From `whole_from_offset` on no row is missing: what is older was thinned out by compaction, which
    keeps the newest row of each key only. `progress` is the newest, None in a partition that never
    decided anything.
    """

    partition: int
    end_offset: int = 0
    rows: int = 0
    whole_from_offset: int = 0
    whole_from_ms: int | None = None
    progress: ProgressRow | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Record times from `since_ms` to before `until_ms`; None: no bound on that side."""

    since_ms: int | None = None
    until_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Say whether a moment lies within."""
        return (self.since_ms is None or at_ms >= self.since_ms) and (
            self.until_ms is None or at_ms < self.until_ms
        )


@dataclass(frozen=True, slots=True)
class LedgerWalk:
    """Where to read, and who is told of progress. `on_rows` hears how many rows were just read."""

    reader: LedgerReader
    row_filter: RowFilterFactory
    on_rows: Callable[[int], object] = int

    async def rows(self, reach: Reach) -> AsyncIterator[LedgerRecord]:
        """Yield the rows of `reach.partition` that count, oldest first, up to its end now; fill in `reach`.

        Raises:
            CorruptLedgerError: a record that no owner of this schema version writes.
            UnreachableError: Kafka does not answer.
        """
        live = self.row_filter()
        reach.end_offset = await self.reader.end_offset(reach.partition)
        expected = -1
        async for records in self.reader.read(reach.partition, 0, reach.end_offset):
            for record in records:
                if record.offset != expected:
                    reach.whole_from_offset, reach.whole_from_ms = record.offset, record.timestamp
                expected = record.offset + 1
            reach.rows += len(records)
            for row in live.feed(records):
                if row.key == PROGRESS_KEY:
                    progress = decoded(row)
                    reach.progress = progress if isinstance(progress, ProgressRow) else reach.progress
                else:
                    yield row
            self.on_rows(len(records))
