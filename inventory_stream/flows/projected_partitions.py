"""The ledger partitions that one projection worker follows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from inventory_stream.ports.ledger_reader import StoredRecord


class Projecting(Protocol):
    """What follows partitions; flows/project.py."""

    async def start(self, partition: int) -> int:
        """Take a partition up; give the offset to read on from."""

    async def apply(self, partition: int, records: Sequence[StoredRecord]) -> None:
        """Bring records into the view; returns when they are there."""

    async def stop(self, partition: int) -> None:
        """Give a partition up."""


class Publishing(Protocol):
    """What publishes partitions' events beside the view; flows/publish.py."""

    def start(self, partition: int) -> None:
        """Begin with a partition; returns at once."""

    async def stop(self, partition: int) -> None:
        """Give a partition up."""


class ProjectedPartitions:
    """A `HostedPartitions` of the ledger topic.

    Batches of one partition are applied in order, partitions side by side: most of `apply` is
    waiting for Redis, which must not add up over the partitions. One batch per partition is under
    way and one waits, so that memory and what a crash repeats stay small.

    Args:
        flow: What follows partitions.
        publisher: Given the same partitions; it reads the ledger itself, at its own pace.
        fail: Ends the process; called with what a batch failed with, for nothing may follow it.
    """

    def __init__(
        self, flow: Projecting, publisher: Publishing, fail: Callable[[BaseException], None]
    ) -> None:
        self._flow = flow
        self._publisher = publisher
        self._fail = fail
        self._next: dict[int, int] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Take up what is new; what stayed goes on (the guard in Redis settles who is newer)."""
        del retained
        partitions = sorted(added)
        starts = await asyncio.gather(*(self._flow.start(partition) for partition in partitions))
        for partition, start in zip(partitions, starts, strict=True):
            self._next[partition] = start
            self._publisher.start(partition)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Give partitions up; the flow bounds its own end."""
        await asyncio.gather(*(self._revoke(partition) for partition in partitions))

    async def _revoke(self, partition: int) -> None:
        # From here on `apply` does nothing.
        await asyncio.gather(self._flow.stop(partition), self._publisher.stop(partition))
        task = self._tasks.pop(partition, None)
        if task is not None:
            await asyncio.wait([task])
        del self._next[partition]

    def next_offset(self, topic: str, partition: int) -> int:
        """Say what follows the last record applied."""
        del topic
        return self._next[partition]

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[StoredRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Apply records when those before them are; waits while two batches of the partition do."""
        del topic
        previous = self._tasks.get(partition)
        if previous is not None:
            await previous
        self._tasks[partition] = asyncio.create_task(self._apply(partition, records, done))

    async def _apply(
        self, partition: int, records: Sequence[StoredRecord], done: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            await self._flow.apply(partition, records)
            if partition in self._next:
                self._next[partition] = records[-1].offset + 1
            await done()
        except Exception as error:  # noqa: BLE001  # whatever it is, the view would miss these rows
            self._fail(error)
