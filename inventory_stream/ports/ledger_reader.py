"""The ledger topic as anyone but its owner sees it: read only, from any offset."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from inventory_stream.ports.ledger_log import LedgerRecord


class StoredRecord(Protocol):
    """A record of the ledger topic as it lies there, rows of fenced owners included."""

    @property
    def offset(self) -> int:
        """Place in the partition. Compaction leaves gaps."""

    @property
    def timestamp(self) -> int:
        """Record time given by the broker, ms since the Unix epoch."""

    @property
    def key(self) -> bytes | None:
        """Row key."""

    @property
    def value(self) -> bytes | None:
        """Row value; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Record headers; a tombstone's hold its term."""


class LedgerReader(Protocol):
    """Reads partitions of the ledger topic, without a consumer group."""

    def read(
        self, partition: int, start_offset: int, end_offset: int
    ) -> AsyncIterator[Sequence[StoredRecord]]:
        """Yield the records with start_offset <= offset < end_offset, oldest first.

        Ends when the broker has nothing more below `end_offset`, even if the last records below it
        were compacted away. Nothing is yielded when the range is empty.

        Raises:
            UnreachableError: no answer within the bound.
        """

    async def end_offset(self, partition: int) -> int:
        """Ask the broker for the offset after the newest record: never a remembered one (R18).

        Raises:
            UnreachableError: no answer within the bound.
        """


class RowFilter(Protocol):
    """Which records of one partition count: those of the newest term (P4). Fed in order, each once."""

    @property
    def term(self) -> int:
        """Offset of the newest claim known."""

    @property
    def generation_ms(self) -> int:
        """Record time of the partition's first claim; 0 until a claim was seen."""

    @property
    def alarms(self) -> int:
        """Rows dropped so far because their owner was fenced."""

    def feed(self, records: Iterable[StoredRecord]) -> list[LedgerRecord]:
        """Give the rows that count, without claim, alive and fence rows.

        Raises:
            CorruptLedgerError: a record that no owner of this schema version writes.
        """


class RowFilterFactory(Protocol):
    """Makes the filter of one partition."""

    def __call__(self, term: int = -1, generation_ms: int = 0) -> RowFilter:
        """Give a fresh filter, or one that goes on where `term` and `generation_ms` were known."""
