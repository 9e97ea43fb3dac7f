"""What a stream host does its work for: a set of partitions that comes and goes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

RecordT_contra = TypeVar("RecordT_contra", contravariant=True)


class HostedPartitions(Protocol[RecordT_contra]):
    """The partitions of one consumer group member, over all topics of its app.

    Partition `p` means partition `p` of every topic. The host calls one method at a time, but for
    `put`, which may be waiting while `revoked` is called.
    """

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Make the added partitions ready, and the retained ones sure that they are still ours.

        Called after every rebalance, before any record of it is handed over. Any exception ends
        the process.
        """

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Let go of partitions; bounded to seconds. Also called for all of them at the end."""

    def next_offset(self, topic: str, partition: int) -> int:
        """Say where reading goes on, whatever the consumer group remembers (P9)."""

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[RecordT_contra],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Take consecutive records; returning late is back-pressure on every partition.

        `done` is awaited once they need not be read again.
        """
