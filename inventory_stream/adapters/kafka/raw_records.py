"""What aiokafka's consumer has fetched, handed over in whole lists and without an object more per record.

aiokafka makes a frozen dataclass of 11 fields of each record, one by one through three Python frames:
1.07 us of processor for each record with our own tuple on top of it. The record objects that its C parser
makes anyway have all that we read, and whole lists of them take 0.2 us, checksum included
(`python -m benchmarks.log_loop`). Which batches count is aiokafka's own decision: its fetch of a partition
is asked for every transaction and marker.
"""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchError, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException

TOUCHED: Final[tuple[tuple[object, str, str], ...]] = (
    (Fetcher, "_create_fetch_waiter", "self"),
    (Fetcher, "_notify", "self future"),
    (FetchResult, "check_assignment", "self tp"),
    (FetchResult, "_update_position", "self"),
    (FetchError, "check_raise", "self"),
    (PartitionRecords, "_consume_aborted_up_to", "self batch_offset"),
    (PartitionRecords, "_contains_abort_marker", "self next_batch"),
)
"""Called: owner, name, parameters; tests/unit/test_raw_records.py guards them."""


async def fetched_records(
    fetcher: Fetcher, *, timeout_seconds: float, records_max: int
) -> Mapping[Any, list[Any]]:
    """Take what was fetched, by (topic, partition), as `Fetcher.fetched_records`; empty: nothing came.

    Returns in the turn of the event loop in which the records leave aiokafka's buffers.

    Raises:
        KafkaError: what was fetched is an error, or corrupt, or the group cannot be kept.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    while True:
        # What was fetched for the assignment before may not be ours any more.
        if fetcher._subscriptions.reassignment_in_progress:  # noqa: SLF001  # see the module's docstring
            await fetcher._subscriptions.wait_for_assignment()  # noqa: SLF001
        taken = _take_all(fetcher, records_max)
        if taken or fetcher._closed or loop.time() >= deadline:  # noqa: SLF001
            return taken
        waiter = fetcher._create_fetch_waiter()  # noqa: SLF001
        timer = loop.call_at(deadline, fetcher._notify, waiter)  # noqa: SLF001
        try:
            await waiter
        finally:
            timer.cancel()


def _take_all(fetcher: Fetcher, records_max: int) -> dict[Any, list[Any]]:
    fetched = fetcher._records  # noqa: SLF001
    taken: dict[Any, list[Any]] = {}
    for place in list(fetched):
        one = fetched[place]
        if isinstance(one, FetchError):
            if taken:
                break  # what came before it first; the next call raises it
            _drop(fetcher, place)
            one.check_raise()
        records, has_more = _take(one, place, records_max - sum(map(len, taken.values())))
        if not has_more:
            _drop(fetcher, place)
        if records:
            taken[place] = records
            if sum(map(len, taken.values())) >= records_max:
                break
    return taken


def _take(one: FetchResult, place: Any, records_max: int) -> tuple[list[Any], bool]:  # noqa: ANN401  # a TopicPartition
    # False after a seek, a pause or a revocation since the fetch: then nothing of it counts.
    if not one.check_assignment(place):
        return [], False
    if not isinstance(one._partition_records, RawRecords):  # noqa: SLF001
        one._partition_records = RawRecords(one._partition_records)  # noqa: SLF001
    taken: tuple[list[Any], bool] = one._partition_records.take(records_max)  # noqa: SLF001
    one._update_position()  # noqa: SLF001
    return taken


def _drop(fetcher: Fetcher, place: Any) -> None:  # noqa: ANN401
    """Let the fetcher ask for what follows."""
    del fetcher._records[place]  # noqa: SLF001
    fetcher._notify(fetcher._wait_consume_future)  # noqa: SLF001


class RawRecords:
    """What is left of one fetch of one partition, in the place of aiokafka's `PartitionRecords`.

    `FetchResult` asks it for `next_fetch_offset` alone; we take the rest by `take`.
    """

    def __init__(self, fetched: PartitionRecords) -> None:
        fetched._records_iterator = None  # noqa: SLF001  # begun by nobody, it would keep 4 MiB in a cycle
        self._fetched = fetched
        self._batch: Any = None
        self._in_batch: Iterator[Any] = iter(())

    @property
    def next_fetch_offset(self) -> int:
        """Where the next fetch goes on when everything taken so far is consumed."""
        return int(self._fetched.next_fetch_offset)

    def take(self, records_max: int) -> tuple[list[Any], bool]:
        """Give the next records, `records_max` at most, and whether there may be more.

        A record has `offset`, `timestamp` in ms, `key`, `value`, `headers`.

        Raises:
            CorruptRecordException: the checksum of a batch is wrong, or what is in it.
        """
        fetched = self._fetched
        taken: list[Any] = []
        while (room := records_max - len(taken)) > 0:
            if self._batch is None and not self._begin_batch():
                return taken, False
            some = list(islice(self._in_batch, room))
            # The first batch may begin before the offset that was asked for.
            if some and some[0].offset < fetched.next_fetch_offset:
                some = [record for record in some if record.offset >= fetched.next_fetch_offset]
                taken += some
                if some:
                    fetched.next_fetch_offset = some[-1].offset + 1
                continue
            taken += some
            if len(some) < room:
                # Also past what compaction took from the batch's end.
                fetched.next_fetch_offset = self._batch.next_offset
                self._batch = None
            else:
                fetched.next_fetch_offset = some[-1].offset + 1
        return taken, True

    def _begin_batch(self) -> bool:
        """Open the next batch that holds records for us; False: there is none."""
        fetched = self._fetched
        while fetched._records.has_next():  # noqa: SLF001  # see the module's docstring
            batch = fetched._records.next_batch()  # noqa: SLF001
            if fetched._check_crcs and not batch.validate_crc():  # noqa: SLF001
                raise CorruptRecordException(f"Invalid CRC - {fetched._tp}")  # noqa: SLF001
            if self._is_aborted(batch) or batch.is_control_batch:
                fetched.next_fetch_offset = batch.next_offset
                continue
            # A batch is its own iterator, and each `iter` of it would begin anew.
            self._batch, self._in_batch = batch, islice(batch, None)
            return True
        return False

    def _is_aborted(self, batch: Any) -> bool:  # noqa: ANN401  # aiokafka ships no types
        """Follow the transactions up to a batch, as `PartitionRecords` does; whether it was taken back."""
        fetched = self._fetched
        if fetched._isolation_level != READ_COMMITTED or batch.producer_id is None:  # noqa: SLF001
            return False
        aborted = fetched._aborted_producers  # noqa: SLF001
        fetched._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001
        if batch.is_control_batch and fetched._contains_abort_marker(batch):  # noqa: SLF001
            aborted.discard(batch.producer_id)
        return bool(batch.is_transactional and batch.producer_id in aborted)
