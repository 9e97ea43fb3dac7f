"""The partitions of one projection worker over a fake flow."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import pytest

from inventory_stream.flows.projected_partitions import ROWS_WAITING_MAX, ProjectedPartitions
from inventory_stream.ports.ledger_reader import StoredRecord

TOPIC = "ledger"


class Record(NamedTuple):
    """A stored record."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, a few seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # a fake notes, it does not call
            await asyncio.sleep(0)


async def note_done() -> None:
    """Acknowledge nothing."""


class FakeFlow:
    """Applies a batch once `may_go_on` is set."""

    def __init__(self) -> None:
        self.applied: list[tuple[int, int]] = []
        self.offsets: list[list[int]] = []
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
        self.offsets.append([record.offset for record in records])

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
    """While one partition's batch is under way another's is applied."""
    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await partitions.put(TOPIC, 2, [Record(200)], note_done)
    flow.may_go_on.set()
    await until(lambda: len(flow.applied) == 2)
    assert sorted(flow.applied) == [(1, 100), (2, 200)]


async def test_what_waits_for_a_batch_becomes_one(partitions: ProjectedPartitions, flow: FakeFlow) -> None:
    """Batches that come while one is under way are applied as one, in order, and all of them acknowledged."""
    acknowledged: list[int] = []

    def noting(number: int) -> Callable[[], Awaitable[None]]:
        async def done() -> None:
            acknowledged.append(number)

        return done

    await partitions.put(TOPIC, 1, [Record(100)], noting(0))
    await asyncio.sleep(0)  # the first is under way
    for number in range(1, 4):
        await partitions.put(TOPIC, 1, [Record(100 + number)], noting(number))
    flow.may_go_on.set()
    await until(lambda: len(acknowledged) == 4)
    assert flow.applied == [(1, 100), (1, 103)]
    assert acknowledged == [0, 1, 2, 3]


async def test_what_is_read_again_is_applied_once(partitions: ProjectedPartitions, flow: FakeFlow) -> None:
    """A rebalance reads on behind what is applied: rows that wait come a second time, and count once."""
    acknowledged: list[int] = []

    async def done() -> None:
        acknowledged.append(1)

    await partitions.put(TOPIC, 1, [Record(offset) for offset in range(100, 103)], done)
    await asyncio.sleep(0)  # the first is under way
    await partitions.put(TOPIC, 1, [Record(offset) for offset in range(103, 110)], done)
    await partitions.assigned(frozenset(), frozenset({1}))
    for again in (range(100, 102), range(102, 107), range(107, 112)):
        await partitions.put(TOPIC, 1, [Record(offset) for offset in again], done)
    flow.may_go_on.set()
    await until(lambda: len(acknowledged) == 5)
    assert flow.offsets == [list(range(100, 103)), list(range(103, 112))]
    assert partitions.next_offset(TOPIC, 1) == 112


async def test_reading_waits_when_many_rows_do(partitions: ProjectedPartitions, flow: FakeFlow) -> None:
    """Memory stays bounded while Redis is away: a batch behind `ROWS_WAITING_MAX` rows is not taken yet."""
    many = [Record(offset) for offset in range(101, 101 + ROWS_WAITING_MAX)]
    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await asyncio.sleep(0)
    await partitions.put(TOPIC, 1, many, note_done)
    last = asyncio.create_task(partitions.put(TOPIC, 1, [Record(many[-1].offset + 1)], note_done))
    await asyncio.sleep(0)
    assert not last.done()
    flow.may_go_on.set()
    await last
    await until(lambda: len(flow.applied) == 3)


async def test_what_waits_is_forgotten_with_its_partition(
    partitions: ProjectedPartitions, flow: FakeFlow
) -> None:
    """A revoked partition's rows are the next owner's: those that wait stay unapplied and unacknowledged."""
    acknowledged: list[int] = []

    async def done() -> None:
        acknowledged.append(1)

    await partitions.put(TOPIC, 1, [Record(100)], note_done)
    await asyncio.sleep(0)
    await partitions.put(TOPIC, 1, [Record(101)], done)
    await partitions.revoked(frozenset({1}))
    assert flow.applied == [(1, 100)]
    assert not acknowledged


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
    await until(lambda: bool(failures))
    assert failures == [flow.error]
