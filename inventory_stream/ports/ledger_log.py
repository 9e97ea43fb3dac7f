"""The log of one ledger partition: claimed, read once, then appended to by its one owner."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

RowRecord = tuple[bytes, bytes | None]
"""A row as it is written: key and value; None is a tombstone. A plain tuple: one is made per row."""


class LedgerRecord(NamedTuple):
    """A row as it is read back. `timestamp_ms` is the broker's record time."""

    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes | None


class KeyedRow(Protocol):
    """A row as a recovery needs it: a `LedgerRecord`, or the record of the log's client as it is."""

    @property
    def offset(self) -> int:
        """Place in the partition."""

    @property
    def key(self) -> bytes:
        """Row key."""

    @property
    def value(self) -> bytes | None:
        """Row value; None is a tombstone."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write a partition, until somebody else claims it.

    `term` is the offset of our `@claim` row (P4). The state is everything up to and including
    `read_through`, the offset of our last control row (P1). `generation_ms` is the record time of
    the partition's first claim.
    """

    term: int
    read_through: int
    generation_ms: int


class LedgerLog(Protocol):
    """One partition of the ledger topic, seen by its owner.

    Order of use: `claim`, `read` to its end, then `append` one batch at a time, `close`.
    """

    async def claim(self) -> Claim:
        """Take the partition over: from here on the former owner's appends are refused (P1).

        Raises:
            FencedError: somebody claimed after us while we did.
            UnreachableError: the broker does not answer within its bound.
        """

    def read(self, claim: Claim) -> AsyncIterator[Sequence[KeyedRow]]:
        """Yield what the partition holds up to `claim.read_through`, oldest first.

        Rows whose term is lower than the newest claim before them are left out and their keys
        kept in `voided` (P4). Claim, alive and fence rows are left out too.

        Raises:
            CorruptLedgerError: a row is not ours or of a schema version that we do not know.
        """

    @property
    def voided(self) -> frozenset[bytes]:
        """Keys that a lower term wrote: the owner appends its own value of them again (P4)."""

    async def append(self, rows: Sequence[RowRecord]) -> Awaitable[int]:
        """Send rows as ONE atomic batch; await the result for its base offset.

        Returns once the batch is on its way, so that it does not wait for the decisions that follow.
        At most one append may be under way (P6). Never with no rows.

        Raises:
            LedgerLogError: anything at all went wrong; also from the returned awaitable. The
                state in memory is ahead of the truth now: the process must end (P7).
        """

    async def close(self) -> None:
        """Let go of the connection. Appends nothing; bounded to a few seconds."""
