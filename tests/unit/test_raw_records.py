"""Records taken in lists are those that aiokafka's own consumer would give one by one."""

import asyncio
import inspect
import random
import struct
from types import SimpleNamespace
from typing import Any, Final

import pytest
from aiokafka.consumer.fetcher import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    FetchError,
    FetchResult,
    PartitionRecords,
)
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from benchmarks import log_loop
from inventory_stream.adapters.kafka import raw_records
from inventory_stream.adapters.kafka.raw_records import RawRecords, fetched_records

HERE: Final = TopicPartition("orders", 0)
EVERYTHING: Final = 1_000_000
ABORT, COMMIT = 0, 1
_CONTROL_BIT = 0x20
_CRC_AT, _ATTRIBUTES_AT, _DELTA_AT = 17, 21, 23


def batch(
    base: int, records: int, *, producer: int = -1, is_transactional: bool = False, compacted: int = 0
) -> bytes:
    """Give a record batch as a broker stores it; `compacted` offsets at its end hold no record any more."""
    builder = DefaultRecordBatchBuilder(2, 0, int(is_transactional), producer, 0, 0, 1 << 20)
    for number in range(records):
        builder.append(number, 1_000 + number, b"k%d" % number, b"value %d" % (base + number), [("h", b"1")])
    return _stored(bytearray(builder.build()), base, records + compacted - 1, 0)


def marker(base: int, producer: int, kind: int) -> bytes:
    """Give the control batch that ends a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1 << 20)
    builder.append(0, 1_000, struct.pack(">hh", 0, kind), b"", [])
    return _stored(bytearray(builder.build()), base, 0, _CONTROL_BIT)


def _stored(data: bytearray, base: int, last_delta: int, attributes: int) -> bytes:
    struct.pack_into(">q", data, 0, base)
    struct.pack_into(">i", data, _DELTA_AT, last_delta)
    (before,) = struct.unpack_from(">h", data, _ATTRIBUTES_AT)
    struct.pack_into(">h", data, _ATTRIBUTES_AT, before | attributes)
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_ATTRIBUTES_AT:])))
    return bytes(data)


def fetch(data: bytes, offset: int, aborted: list[tuple[int, int]], isolation: int) -> PartitionRecords:
    """Give what aiokafka makes of the answer to a fetch."""
    return PartitionRecords(HERE, MemoryRecords(data), aborted, offset, None, None, True, isolation)  # noqa: FBT003  # its signature


def random_log(dice: random.Random) -> tuple[bytes, list[tuple[int, int]], int]:
    """Give batches, the aborted transactions among them as a broker lists them, and the end offset."""
    parts: list[bytes] = []
    aborted: list[tuple[int, int]] = []
    began: dict[int, int] = {}
    offset = 100
    for _ in range(dice.randrange(1, 12)):
        producer = dice.randrange(4)
        if producer in began and dice.random() < 0.5:
            kind = dice.choice((ABORT, COMMIT))
            if kind == ABORT:
                aborted.append((producer, began[producer]))
            del began[producer]
            parts.append(marker(offset, producer, kind))
            offset += 1
            continue
        is_transactional = producer > 0
        records, gone = dice.randrange(1, 6), dice.choice((0, 0, 1, 3))
        if is_transactional:
            began.setdefault(producer, offset)
        parts.append(
            batch(offset, records, producer=producer, is_transactional=is_transactional, compacted=gone)
        )
        offset += records + gone
    return b"".join(parts), aborted, offset


@pytest.mark.parametrize("isolation", [READ_COMMITTED, READ_UNCOMMITTED])
@pytest.mark.parametrize("seed", range(150))
def test_lists_hold_what_aiokafka_gives_one_by_one(seed: int, isolation: int) -> None:
    """Over transactions, markers, compacted ends and any cut into lists: same records, same next offset."""
    dice = random.Random(seed)
    data, aborted, end = random_log(dice)
    begin = min(end - 1, dice.choice((100, 101, 103, 110)))
    reference = fetch(data, begin, aborted, isolation)
    expected = [(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in reference]
    raw = RawRecords(fetch(data, begin, aborted, isolation))
    found: list[tuple[Any, ...]] = []
    has_more = True
    while has_more:
        records, has_more = raw.take(dice.randrange(1, 5))
        found += [(one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in records]
        assert raw.next_fetch_offset > (records[-1].offset if records else begin - 1)
    assert found == expected
    assert raw.next_fetch_offset == reference.next_fetch_offset == end


def test_a_wrong_checksum_is_an_error() -> None:
    """A flipped bit is never handed over as a record."""
    data = bytearray(batch(0, 3) + batch(3, 3))
    data[data.rindex(b"value")] ^= 1
    with pytest.raises(CorruptRecordException):
        RawRecords(fetch(bytes(data), 0, [], READ_COMMITTED)).take(EVERYTHING)


class Fetched:
    """A fetcher's buffers, and the positions that a seek moves."""

    def __init__(self) -> None:
        self.states: dict[TopicPartition, Any] = {}
        self._records: dict[TopicPartition, Any] = {}
        self._subscriptions = SimpleNamespace(reassignment_in_progress=False)
        self._wait_consume_future = None
        self._closed = False
        self.waiters: list[asyncio.Future[None]] = []
        self.is_waited_for = asyncio.Event()
        self.asked_again = 0

    def _notify(self, future: asyncio.Future[None] | None) -> None:
        self.asked_again += future is None
        if future is not None and not future.done():
            future.set_result(None)

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        self.waiters.append(asyncio.get_running_loop().create_future())
        self.is_waited_for.set()
        return self.waiters[-1]

    def add(self, place: TopicPartition, data: bytes, position: int) -> None:
        """Put the answer to a fetch from `position` into the buffers."""
        state = self.states[place] = SimpleNamespace(paused=False, position=position)
        state.consumed_to = lambda offset: setattr(state, "position", offset)
        assignment = SimpleNamespace(active=True, state_value=self.states.__getitem__)
        self._records[place] = FetchResult(
            place,
            assignment=assignment,
            partition_records=fetch(data, position, [], READ_COMMITTED),
            backoff=0,
        )

    async def take(self, records_max: int = EVERYTHING, timeout_seconds: float = 0.0) -> dict[str, list[int]]:
        """Take what there is: offsets by topic."""
        taken = await fetched_records(self, timeout_seconds=timeout_seconds, records_max=records_max)
        return {place.topic: [record.offset for record in records] for place, records in taken.items()}


async def test_no_more_is_taken_than_asked_and_nothing_twice() -> None:
    """A list ends at the bound, over all partitions; the rest comes next, then the fetcher is asked again."""
    fetched = Fetched()
    fetched.add(HERE, batch(0, 3) + batch(3, 3), 0)
    fetched.add(TopicPartition("stock", 0), batch(7, 4), 7)
    assert await fetched.take(5) == {"orders": [0, 1, 2, 3, 4]}
    assert fetched.states[HERE].position == 5
    assert await fetched.take(2) == {"orders": [5], "stock": [7]}
    assert await fetched.take() == {"stock": [8, 9, 10]}
    assert fetched.asked_again == 2
    assert await fetched.take() == {}


async def test_what_was_fetched_before_a_seek_is_dropped() -> None:
    """Records of an older position are not handed over, and the place is fetched anew."""
    fetched = Fetched()
    fetched.add(HERE, batch(0, 6), 0)
    assert await fetched.take(2) == {"orders": [0, 1]}
    fetched.states[HERE].position = 0
    assert await fetched.take() == {}
    assert fetched.asked_again == 1
    assert HERE not in fetched._records


async def test_an_error_is_raised_after_the_records_before_it() -> None:
    """What was fetched of one partition is not lost to an error of another, which is not lost either."""
    fetched = Fetched()
    fetched.add(HERE, batch(0, 1), 0)
    fetched._records[TopicPartition("stock", 0)] = FetchError(error=OffsetOutOfRangeError(), backoff=0)
    assert await fetched.take() == {"orders": [0]}
    with pytest.raises(OffsetOutOfRangeError):
        await fetched.take()
    assert await fetched.take() == {}


async def test_records_that_come_end_the_wait() -> None:
    """Who waits gets what comes, without a turn of the loop between the buffers and the answer."""
    fetched = Fetched()
    taking = asyncio.create_task(fetched.take(timeout_seconds=60))
    await fetched.is_waited_for.wait()
    fetched.add(HERE, batch(0, 2), 0)
    fetched.waiters[0].set_result(None)
    async with asyncio.timeout(10):
        assert await taking == {"orders": [0, 1]}


async def test_a_wait_without_records_ends_with_nothing() -> None:
    """The bound of the wait holds, so that who fetches can look whether it should stop."""
    async with asyncio.timeout(10):
        assert await Fetched().take(timeout_seconds=0.01) == {}


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    raw_records.TOUCHED,
    ids=[f"{getattr(owner, '__name__', owner)}.{name}" for owner, name, _ in raw_records.TOUCHED],
)
def test_a_touched_method_has_the_parameters_that_we_use(owner: object, name: str, parameters: str) -> None:
    """A release that renames a method or changes its parameters must be read before it is used."""
    assert " ".join(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_micro_benchmark_does_the_same_work_in_both_ways() -> None:
    """A ratio of `benchmarks.log_loop` compares two ways to all the records."""
    for ways in log_loop.PAIRS.values():
        assert all(microseconds > 0 for microseconds in log_loop.measure(ways, rounds=1))
