"""The ledger partitions that one projection worker follows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from inventory_stream.ports.ledger_reader import StoredRecord

ROWS_WAITING_MAX: Final = 10_000
"""Rows of one partition that wait before reading does: 4 MiB, a second of 5,000 commands/s. As many more may
be under way; larger helps nothing, as a batch of this size costs each of its rows next to nothing."""

Acknowledge = Callable[[], Awaitable[None]]


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


class _Lane:
    """One partition's batches that wait for the one under way. `task` brings them into the view."""

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset
        self.waiting: list[tuple[Sequence[StoredRecord], Acknowledge]] = []
        self.rows = 0
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.is_closed = False
        """Given up: nothing that waits is applied, nor what comes."""
        self.task: asyncio.Task[None] | None = None

    def add(self, records: Sequence[StoredRecord], done: Acknowledge) -> None:
        self.waiting.append((records, done))
        self.rows += len(records)
        if self.rows >= ROWS_WAITING_MAX:
            self.has_room.clear()

    def take_all(self) -> tuple[Sequence[StoredRecord], Sequence[Acknowledge]]:
        """Give the rows that wait, each once and in order, and what acknowledges them."""
        batches, self.waiting, self.rows = self.waiting, [], 0
        self.has_room.set()
        if len(batches) == 1:
            return batches[0][0], (batches[0][1],)
        taken = list(batches[0][0])
        for records, _ in batches[1:]:
            last = taken[-1].offset
            # A rebalance that leaves the partition here has what waits read again.
            taken += records if records[0].offset > last else (one for one in records if one.offset > last)
        return taken, [done for _, done in batches]


class ProjectedPartitions:
    """A `HostedPartitions` of the ledger topic.

    Batches of one partition are applied in order, partitions side by side: most of `apply` is
    waiting for Redis, which must not add up over the partitions. What comes while a batch is under way
    becomes one batch with what waits already, in which each SKU is written once.

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
        self._lanes: dict[int, _Lane] = {}

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Take up what is new; what stayed goes on (the guard in Redis settles who is newer)."""
        del retained
        partitions = sorted(added)
        starts = await asyncio.gather(*(self._flow.start(partition) for partition in partitions))
        for partition, start in zip(partitions, starts, strict=True):
            self._lanes[partition] = _Lane(start)
            self._publisher.start(partition)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Give partitions up; the flow bounds its own end."""
        await asyncio.gather(*(self._revoke(partition) for partition in partitions))

    async def _revoke(self, partition: int) -> None:
        lane = self._lanes.pop(partition)
        lane.is_closed = True
        lane.has_room.set()
        # From here on `apply` does nothing.
        await asyncio.gather(self._flow.stop(partition), self._publisher.stop(partition))
        if lane.task is not None:
            await asyncio.wait([lane.task])

    def next_offset(self, topic: str, partition: int) -> int:
        """Say what follows the last record applied."""
        del topic
        return self._lanes[partition].next_offset

    async def put(
        self, topic: str, partition: int, records: Sequence[StoredRecord], done: Acknowledge
    ) -> None:
        """Apply records when those before them are; waits while `ROWS_WAITING_MAX` rows do."""
        del topic
        lane = self._lanes[partition]
        await lane.has_room.wait()
        if lane.is_closed:
            return
        lane.add(records, done)
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._apply_all(partition, lane))

    async def _apply_all(self, partition: int, lane: _Lane) -> None:
        try:
            while lane.waiting and not lane.is_closed:
                records, acknowledges = lane.take_all()
                await self._flow.apply(partition, records)
                lane.next_offset = records[-1].offset + 1
                for done in acknowledges:
                    await done()
        except Exception as error:  # noqa: BLE001  # whatever it is, the view would miss these rows
            self._fail(error)
