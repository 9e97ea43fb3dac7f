"""Every row of every ledger partition as it is appended, for as long as the process lives."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from inventory_stream.adapters.kafka.client_internals import EARLIEST, BrokerClient
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.adapters.kafka.lease import boottime_seconds
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.record_reader import FETCH_BYTES_MAX, ROWS_PER_YIELD
from inventory_stream.errors import CorruptLedgerError
from inventory_stream.ports.ledger_tail import FRESH_SECONDS_MAX, TailListener

log = structlog.get_logger(__name__)

FETCH_WAIT_MS_MAX: Final = 300
"""How long the broker holds a fetch that finds nothing; a row that comes ends it at once. A third of the
second within which a partition counts as fresh, so that one late answer does not end that."""

ANSWER_SECONDS_MAX: Final = 5.0
"""Longest wait for one fetch before the connection is made anew: a leader election takes less."""

PAUSE_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts after a failure; the last one stays, for as long as it takes."""

assert FETCH_WAIT_MS_MAX < FRESH_SECONDS_MAX * 1_000 / 2  # noqa: S101  # two constants that must fit


@dataclass
class _Place:
    """How far one partition is read."""

    offset: int | None = None
    live: LiveRows = field(default_factory=LiveRows)
    ended_at: float | None = None
    """When its end was last seen, by `boottime_seconds`."""
    end_asked_at: float | None = None
    """When the newest answer was asked for, if it reached the end."""
    failures: int = 0


class LedgerTail:
    """Follows all partitions of the ledger topic, each from its first row on and without a consumer group.

    One connection for each partition, as a broker answers the requests of one connection one after the
    other: a fetch that waits for rows would hold up all others. Whole batches are handed on, so that what
    one append of an owner wrote is never seen in two parts.
    """

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        partitions: int,
        clock: HeldClock,
        on_dropped: Callable[[int, int], None],
        request_timeout_seconds: float = ANSWER_SECONDS_MAX,
    ) -> None:
        """Connect to nothing yet.

        Args:
            connection: Where the broker is.
            topic: The ledger's full name.
            partitions: How many it has.
            clock: Is told when rows were stamped.
            on_dropped: Hears of each partition how many rows of fenced owners were left out (P4).
            request_timeout_seconds: Longest wait for one answer of the broker.
        """
        self._connection = connection
        self._topic = topic
        self._listeners: tuple[TailListener, ...] = ()
        self._request_timeout_seconds = request_timeout_seconds
        self._clock = clock
        self._on_dropped = on_dropped
        self._places = [_Place() for _ in range(partitions)]
        self._unread = partitions

    def listen(self, *listeners: TailListener) -> None:
        """Name who hears the rows, before `run`."""
        self._listeners = listeners

    def is_caught_up(self, partition: int) -> bool:
        """Whether the partition was read to its end since it was begun; see `ports.ledger_tail`."""
        return self._places[partition].ended_at is not None

    def is_all_caught_up(self) -> bool:
        """Whether every partition was."""
        return self._unread == 0

    def is_fresh(self, partition: int) -> bool:
        """Whether the partition's end was seen just now; see `ports.ledger_tail`."""
        ended_at = self._places[partition].ended_at
        return ended_at is not None and boottime_seconds() - ended_at <= FRESH_SECONDS_MAX

    def why_not_ready(self) -> Sequence[str]:
        """Name the partitions that were never read to their end, in one line; nothing when all were.

        Not those that are old: while Kafka is gone every gateway would be taken out of service, and
        shoppers would meet nobody instead of the last stock and a 503.
        """
        unread = [str(number) for number in range(len(self._places)) if not self.is_caught_up(number)]
        if not unread:
            return ()
        return (f"{self._topic}: partitions {', '.join(unread[:10])} are not read to their end",)

    async def run(self) -> None:
        """Follow all partitions until cancelled."""
        async with asyncio.TaskGroup() as group:
            for partition in range(len(self._places)):
                group.create_task(self._follow(partition))

    async def _follow(self, partition: int) -> None:
        place = self._places[partition]
        self._on_dropped(partition, 0)
        while True:
            client = BrokerClient(self._connection, request_timeout_seconds=self._request_timeout_seconds)
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await client.open()
                await self._read(client, partition, place)
            except OffsetOutOfRangeError:
                # Cut, or made anew: what was taken may not be true any more.
                log.warning("ledger_begins_anew", partition=partition, offset=place.offset)
                self._start_over(partition)
            except CorruptLedgerError as error:
                log.error("ledger_cannot_be_read", partition=partition, reason=str(error))  # noqa: TRY400  # one line
                self._start_over(partition)
            except (KafkaError, TimeoutError, OSError) as error:
                if place.failures == 0:
                    log.warning("ledger_tail_broken", partition=partition, reason=repr(error))
            finally:
                await client.close()
            place.failures += 1
            await asyncio.sleep(PAUSE_SECONDS[min(place.failures, len(PAUSE_SECONDS)) - 1])

    async def _read(self, client: BrokerClient, partition: int, place: _Place) -> None:
        if place.offset is None:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                place.offset = await client.end_of(self._topic, partition, EARLIEST)
        place.end_asked_at = None
        while True:
            asked_at = boottime_seconds()
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                batches, end_offset = await client.fetch_and_end(
                    self._topic,
                    partition,
                    place.offset,
                    bytes_max=FETCH_BYTES_MAX,
                    wait_ms_max=FETCH_WAIT_MS_MAX,
                )
            if batches and place.end_asked_at is not None:
                # What lies past an end that was seen was stamped after that end had been asked for.
                self._clock.note(place.end_asked_at, batches[-1].max_timestamp, boottime_seconds())
            await self._hand_over(partition, place, batches)
            if place.failures:
                log.info("ledger_tail_goes_on", partition=partition, offset=place.offset)
                place.failures = 0
            is_end = place.offset >= end_offset
            place.end_asked_at = asked_at if is_end else None
            if is_end:
                if place.ended_at is None:
                    self._unread -= 1
                place.ended_at = boottime_seconds()

    async def _hand_over(self, partition: int, place: _Place, batches: Sequence[Any]) -> None:
        """Give the listeners what counts of some batches, never a part of one."""
        ready: list[Any] = []
        for number, batch in enumerate(batches, 1):
            if not batch.validate_crc():
                raise CorruptLedgerError(
                    f"checksum of the batch at offset {batch.base_offset} of "
                    f"{self._topic}[{partition}] is wrong"
                )
            begins_at = place.offset
            if begins_at is not None and batch.base_offset < begins_at:
                ready += [record for record in batch if record.offset >= begins_at]
            else:
                ready += batch
            place.offset = batch.next_offset
            if len(ready) >= ROWS_PER_YIELD or number == len(batches):
                alarms = place.live.alarms
                rows = place.live.feed(ready)
                if place.live.alarms != alarms:
                    self._on_dropped(partition, place.live.alarms - alarms)
                if rows:
                    for listener in self._listeners:
                        listener.take(partition, place.live.generation_ms, rows)
                ready = []
                if number < len(batches):
                    await asyncio.sleep(0)

    def _start_over(self, partition: int) -> None:
        place = self._places[partition]
        if place.ended_at is not None:
            self._unread += 1
        place.offset, place.live, place.ended_at = None, LiveRows(), None
        for listener in self._listeners:
            listener.start_over(partition)
