"""The partitions of one projection worker over a fake flow."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from inventory_stream.flows.projected_partitions import ProjectedPartitions
from inventory_stream.ports.ledger_reader import StoredRecord

TOPIC = "ledger"


class Record(NamedTuple):
    """A stored record."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


async def note_done() -> None:
    """Acknowledge nothing."""


class FakeFlow:
    """Applies a batch once `may_go_on` is set."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, int]] = []
        self.stopped: list[int] = []
        self.may_go_on = asyncio.Event()
        self.error: Exception | None = None

    async def start(self, partition: int) -> int:
        """Start at an offset that tells partitions apart."""
        return partition * 100

    async def apply(self, partition: int, records: Sequence[StoredRecord]) -> None:
        """Apply when allowed."""
        await self.may_go_on.wait()
        if self.error is not None:
            raise self.error
        self.applied.append((partition, records[-1].offset))

    async def stop(self, partition: int) -> None:
        """Stop; what waits may end."""
        self.stopped.append(partition)
        self.may_go_on.set()


class FakePublisher:
    """Notes what it is given."""

    def __init__(self) -> None:
        self.partitions: list[int] = []

    def start(self, partition: int) -> None:
        """Note it."""
        self.partitions.append(partition)

    async def stop(self, partition: int) -> None:
        """Forget it."""
        self.partitions.remove(partition)


@pytest.fixture
async def flow() -> FakeFlow:
    """Give a flow that waits."""
    return FakeFlow()


@pytest.fixture
def failures() -> list[BaseException]:
    """Collect what would have ended the process."""
    return []


@pytest.fixture
def publisher() -> FakePublisher:
    """Give a publisher without partitions."""
    return FakePublisher()


@pytest.fixture
async def partitions(
    flow: FakeFlow, publisher: FakePublisher, failures: list[BaseException]
) -> ProjectedPartitions:
    """Give two partitions, taken up."""
    both = ProjectedPartitions(flow, publisher, failures.append)
    await both.assigned(frozenset({1, 2}), frozenset())
    return both


async def test_reading_goes_on_behind_what_is_applied(
    partitions: ProjectedPartitions, flow: FakeFlow
) -> None:
    """The next offset is the flow's at first, and follows each batch once it is in the view."""
    done = asyncio.Event()

    async def set_done() -> None:
        done.set()

    assert partitions.next_offset(TOPIC, 1) == 100
    await partitions.put(TOPIC, 1, [Record(100), Record(105)], set_done)
    assert partitions.next_offset(TOPIC, 1) == 100
    flow.may_go_on.set()
    await done.wait()
    assert partitions.next_offset(TOPIC, 1) == 106


async def test_partitions_do_not_wait_for_each_other(partitions: ProjectedPartitions, flow: FakeFlow) -> None:
    """While one partition's batch is under way another's is taken; the second of one partition waits."""
    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await partitions.put(TOPIC, 2, [Record(200)], note_done)
    second = asyncio.create_task(partitions.put(TOPIC, 1, [Record(101)], note_done))
    await asyncio.sleep(0)
    assert not second.done()
    flow.may_go_on.set()
    await second
    assert sorted(flow.applied[:2]) == [(1, 100), (2, 200)]


async def test_a_revoked_partition_is_stopped_and_forgotten(
    partitions: ProjectedPartitions, flow: FakeFlow, publisher: FakePublisher
) -> None:
    """A revocation ends the batch under way, and its events; its offsets are the next owner's."""
    assert publisher.partitions == [1, 2]
    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await partitions.revoked(frozenset({1}))
    assert flow.stopped == [1]
    assert publisher.partitions == [2]
    with pytest.raises(KeyError):
        partitions.next_offset(TOPIC, 1)


async def test_a_batch_that_failed_ends_the_process(
    partitions: ProjectedPartitions, flow: FakeFlow, failures: list[BaseException]
) -> None:
    """An error ends it at once, also when no further row ever comes: rows are never skipped."""
    flow.error = ValueError("unreadable row")
    flow.may_go_on.set()
    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await asyncio.wait([partitions._tasks[1]])
    assert failures == [flow.error]
