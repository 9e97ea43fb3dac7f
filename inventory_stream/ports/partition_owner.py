"""The one owner of a ledger partition, as its host sees it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from inventory_stream.ports.inputs import Input, InputRecord


class NextOffsets(NamedTuple):
    """Where each input of a partition goes on: the first offset that @progress does not cover."""

    stock: int
    orders: int


class PartitionOwner(Protocol):
    """Decides one partition, from `open` to `close`; also an `inputs.PartitionInbox`.

    It runs its own task on the running event loop. Any failure there ends the process with
    status 70 (P7), so nothing of it is ever reported here.
    """

    async def open(self) -> NextOffsets:
        """Claim the partition, read its state, and say where the inputs go on.

        Raises:
            InputRangeError: @progress lies outside what an input topic holds (P9).
            LedgerLogError: the claim or the read failed.
            UnreachableError: the broker does not answer within its bound.
        """

    async def put(
        self,
        source: Input,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Queue consecutive records; waits while the queue is full (back-pressure).

        Records below the next offset are skipped. `done` is awaited, in order per source, once
        every decision of these records is durable; never after `close`. A `put` that waits
        when `close` is called returns, and its records are dropped: their next owner reads them.
        """

    async def probe(self) -> None:
        """Append @progress, so that a broker that knows a newer owner refuses it (P11).

        A refusal ends the process.
        """

    async def close(self) -> None:
        """Stop deciding, let the append under way finish, drop the state; bounded to seconds."""

    @property
    def next_offsets(self) -> NextOffsets:
        """Where the inputs go on now, by the last durable @progress."""
