"""A Faust transport that hands over one event per fetched batch, its records undecoded.

Event by event Faust takes 13k/s; one event per batch of up to thousands of records takes the cost
off each of them (`make bench`, hot-single: one command per record).
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.copartition_assignor import CopartitionAssignor
from inventory_stream.adapters.kafka.delivery_chain import Batch, DeliveryChain, Place
from inventory_stream.adapters.kafka.faust_internals import SameLoopConsumer
from inventory_stream.errors import InputRangeError

# How long one look into aiokafka's buffers waits before it looks whether it should stop.
FETCH_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class ConsumerOptions:
    """How the Kafka consumer fetches and keeps its place in the group."""

    connection: KafkaConnection
    group: str
    batch_records_max: int
    session_timeout_ms: int
    request_timeout_ms: int
    is_raw: bool = False
    """Hand over what lies in the topic whatever became of its transaction; else only what was committed."""

    instance_id: str | None = None
    """Static membership (group.instance.id): a quick restart keeps its partitions."""

    fetch_max_wait_ms: int = 100
    """Longest that the broker holds back an empty answer. New records end it at once, so it costs
    no latency; it bounds what a seek waits for the fetch under way, and 10 requests/s is what an
    idle worker costs."""

    fetch_bytes_max: int = 4 << 20
    """Of one partition at once: two batches of the largest record (1 MiB), four times over."""

    pace_seconds: float = 0.0
    """Shortest time from one look at what was fetched to the next. A record that comes alone waits for
    nothing; in a stream, a fetch then brings what was appended meanwhile instead of one append."""

    rebalance_timeout_ms: int = 120_000
    """How long the group waits for a member that is still reading the state of its last partitions
    (300k rows/s: 36 M rows)."""

    @property
    def heartbeat_interval_ms(self) -> int:
        """A sixth of the session: five may be lost, and a rebalance is noticed within a second of 6."""
        return self.session_timeout_ms // 6


class BatchConsumer(SameLoopConsumer):
    """Fetches, stamps (delivery_chain.py), and passes on one event per partition and fetch."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Faust's signature
        super().__init__(*args, **kwargs)
        self.chain = DeliveryChain()
        self._options: ConsumerOptions = self.app.consumer_options
        self._next_offset: Callable[[Place], int | None] = self.app.next_offset
        self._quiesce: Callable[[], Any] = self.app.quiesce
        self._first_untaken: Callable[[int], int | None] = self.app.first_untaken
        self._done: dict[TP, int] = {}
        self._is_rebalancing = False
        self._rebalance_resumed: int | None = None
        self._is_ended = False

    def new_kafka_consumer(self) -> AIOKafkaConsumer:
        """Build the aiokafka consumer."""
        options = self._options
        return AIOKafkaConsumer(
            **options.connection.client_options,
            client_id=f"inventory-stream-{options.group}",
            group_id=options.group,
            group_instance_id=options.instance_id,
            partition_assignment_strategy=[CopartitionAssignor()],
            enable_auto_commit=False,
            # A position out of range is an error, never a silent jump over lost records (P9).
            auto_offset_reset="none",
            # A command of an aborted transaction was never given. The ledger itself knows no
            # transactions: its raw readers go by terms (P4), and must not wait for a stranger's.
            isolation_level="read_uncommitted" if options.is_raw else "read_committed",
            max_partition_fetch_bytes=options.fetch_bytes_max,
            fetch_max_wait_ms=options.fetch_max_wait_ms,
            request_timeout_ms=options.request_timeout_ms,
            session_timeout_ms=options.session_timeout_ms,
            heartbeat_interval_ms=options.heartbeat_interval_ms,
            rebalance_timeout_ms=options.rebalance_timeout_ms,
            # The broker's own checksums; ours would be a second pass over every byte.
            check_crcs=True,
        )

    async def drain_once(self) -> None:
        """Fetch once and hand every batch to its stream."""
        if not self.flow_active:
            await self.can_resume_flow.wait()
        try:
            fetched = await self._thread.fetched_records(
                timeout_seconds=FETCH_LOOK_SECONDS, records_max=self._options.batch_records_max
            )
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
            if not self.flow_active:
                return  # between an assignment and its seek: about the committed offset, which is only a hint
            raise InputRangeError(
                f"{error!r}: the topic does not hold the next record any more; it was recreated, or its "
                "retention passed what was not read (P9)"
            ) from error
        # Stamped before the event loop turns: later a seek may have come between.
        messages = [
            message for place, records in fetched.items() if (message := self._message(place, records))
        ]
        for message in messages:
            if not self.flow_active:
                await self.can_resume_flow.wait()
            if not self.chain.is_stale(message.value):
                await self.callback(message)
        # A full buffer gives records without waiting; the agents need their turn.
        await asyncio.sleep(self._options.pace_seconds if messages else 0)

    def _message(self, place: Any, records: list[Any]) -> Any:  # noqa: ANN401  # Faust's message, untyped
        """Make the one message of a batch; None when it belongs to no seek of ours."""
        batch = self.chain.fetched(Place(*place), records)
        return None if batch is None else self.new_message(TP(*place), records, batch)

    def note_ack(self, message: Any) -> None:  # noqa: ANN401  # Faust's message, untyped
        """Remember how far a partition is done; Faust also acknowledges what it skips."""
        batch: Batch = message.value
        if batch.durable and not self.chain.is_stale(batch):
            self._done[message.tp] = batch.end

    def committable(self) -> Mapping[TP, int]:
        """Give the first offset that is not done."""
        return {
            place: end if (first := self._first_untaken(place.partition)) is None else min(end, first)
            for place, end in self._done.items()
        }

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """Stop handing over and let what was handed over finish, before the group goes on.

        The partition's next owner claims only after every member has come here, so an append of
        ours that finishes now is never refused and costs no process.
        """
        self.stop_flow()  # Faust does not when the assignment was empty
        self._is_rebalancing = True
        self.chain.suspend()
        await super().on_partitions_revoked(revoked)
        await self._quiesce()

    async def on_partitions_assigned(self, assigned: Collection[Any], generation_id: int = 0) -> None:
        """Follow what the group decided; its seek comes later."""
        self._is_rebalancing = False
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Go on at @progress, whatever offset the group committed (P9).

        Faust calls this last before it resumes the streams; a seek any earlier is undone by it.
        """
        rebalance = None if self._is_rebalancing else self.app.rebalancing_count
        await super().perform_seek()
        self._rebalance_resumed = rebalance
        if self._is_overtaken():
            return
        positions = {
            place: offset
            for place in self.assignment()
            if (offset := self._next_offset(Place(*place))) is not None
        }
        self._done.clear()
        self.note_committed(positions)
        # In the same turn of the event loop as the seek itself, which seek_wait begins with.
        self.chain.restart({Place(*place): offset for place, offset in positions.items()})
        if positions:
            await self.seek_wait(positions)

    def resume_flow(self) -> None:
        """Hand over again, unless the next rebalance has begun: that one resumes when it is done.

        Faust asks only before the seek. Resumed in the middle of a rebalance, the fetch reads partitions that
        have no position yet, or one that the seek has still to undo: either ended the worker.
        """
        if not (self._is_ended or self._is_overtaken()):
            super().resume_flow()

    def end_flow(self) -> None:
        """Hand over nothing any more, whatever a rebalance under way still resumes.

        With its partitions closed that one seeks nothing, and the fetch found no position: status 70 for 0.
        """
        self._is_ended = True
        self.stop_flow()

    def _is_overtaken(self) -> bool:
        # Without partitions there was nothing to seek, and there is nothing to fetch.
        return bool(self.assignment()) and self._rebalance_resumed != self.app.rebalancing_count


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped here
    """Kafka with `BatchConsumer`."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer
