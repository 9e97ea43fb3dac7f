"""The ledger topic as anyone but its owner sees it: read only, from any offset."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from inventory_stream.ports.ledger_log import LedgerRecord


class LedgerReader(Protocol):
    """Reads partitions of the ledger topic without a consumer group and without the term filter.

    Compaction leaves gaps between offsets. Rows of fenced owners are among what is read: whoever
    uses them drops what has a lower term than the newest claim before it (P4).
    """

    def read(
        self, partition: int, start_offset: int, end_offset: int
    ) -> AsyncIterator[Sequence[LedgerRecord]]:
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
