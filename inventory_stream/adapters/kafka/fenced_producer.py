"""A producer that appends whole batches as one given `(producer id, epoch)`, one at a time (P1, P6)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, ProducerFenced, UnknownProducerId

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.client_internals import (
    NotSentError,
    abandon,
    check_each_produce,
    fill_batch,
    give_identity,
    is_written,
)
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import FencedError, ForeignAppendError, LedgerLogError, UnreachableError
from inventory_stream.ports.ledger_log import RowRecord
from models.rows import TERM_HEADER

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest batch (P6). The flow closes one at 1 MiB; the rows of one command, never split, may go
beyond. Half of the topic's `max.message.bytes`, so that the broker never refuses one for its size:
one batch too large would make every later one fail."""

REQUEST_BYTES_MAX: Final = 2 * BATCH_BYTES_MAX
"""What aiokafka checks single sends against; batches it does not check at all."""

WRITE_TURNS_MAX: Final = 200
"""Turns of the loop that an append waits for its bytes to leave: 2 to 4 ms of turns with nothing to do. A
broker that is away or reads slower is not waited for."""

START_SECONDS_MAX: Final = 30.0
"""Longest wait for the first connection of a producer."""


class FencedProducer:
    """Appends to one partition as `(producer_id, epoch)`; the broker refuses it once a higher epoch wrote.

    `check` is called right before the bytes of each produce request leave, also on aiokafka's own
    retries (P3); what it raises, the append fails with.
    """

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        partition: int,
        producer_id: int,
        epoch: int,
        request_timeout_seconds: float,
        check: Callable[[], None] | None = None,
        first_sequence: int = 0,
    ) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.queued_bytes: int = 0
        """Size of the newest batch handed over."""
        self.acked_ms: int | None = None
        """Record time that the broker gave the newest acknowledged batch; ms since the Unix epoch."""
        self._connection = connection
        self._topic = topic
        self._partition = partition
        # No linger and one append at a time: a batch goes out with the next turn of the loop.
        self._producer = AIOKafkaProducer(
            **connection.client_options,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(request_timeout_seconds * 1000),
        )
        give_identity(self._producer, producer_id, epoch, TopicPartition(topic, partition), first_sequence)
        self._check = check
        self._has_left = False
        check_each_produce(self._producer, self._before_bytes_leave)

    async def start(self) -> None:
        """Connect, and learn who leads the partition.

        Raises:
            UnreachableError: no broker answers within the bound.
        """
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._producer.start()
                await self._producer.partitions_for(self._topic)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise UnreachableError(
                f"Kafka at {self._connection} cannot be written to ({self._topic}): {error!r}{advice(error)}"
            ) from error

    async def queue(self, rows: Sequence[RowRecord], tombstone_term: int) -> asyncio.Future[int]:
        """Hand rows over as ONE record batch; the future gives the base offset of the ack.

        Returns when the system has its bytes, or soon where it does not take them. aiokafka's sender needs
        four turns of the loop to write, and a socket takes some hundred KB at once: who decides the next
        batch in one turn meanwhile, 13 ms for 10,000 commands, would have the broker wait for the rest.

        No row carries a timestamp: the broker's record time counts (P2).

        Raises:
            LedgerLogError: no rows, or more than fit into one batch; nothing was queued.
            KafkaError: aiokafka would not take the batch.
        """
        if not rows:
            raise LedgerLogError("a batch without rows: aiokafka would acknowledge it with nothing (P6)")
        batch = self._producer.create_batch()
        if not fill_batch(batch, rows, [(TERM_HEADER, b"%d" % tombstone_term)]):
            raise LedgerLogError(
                f"{len(rows)} rows do not fit into one batch of {BATCH_BYTES_MAX} bytes: "
                "the flow must close a batch earlier (P6)"
            )
        self.queued_bytes = batch.size()
        self._has_left = False
        acked = await self._producer.send_batch(batch, self._topic, partition=self._partition)
        base_offset = asyncio.get_running_loop().create_future()
        acked.add_done_callback(lambda ack: self._pass_on(ack, base_offset))
        for _ in range(WRITE_TURNS_MAX):
            await asyncio.sleep(0)
            if base_offset.done() or (self._has_left and is_written(self._producer)):
                break
        return base_offset

    def _before_bytes_leave(self) -> None:
        if self._check is not None:
            self._check()
        self._has_left = True

    def _pass_on(self, ack: "asyncio.Future[object]", base_offset: "asyncio.Future[int]") -> None:
        if not ack.cancelled() and ack.exception() is None:
            self.acked_ms = getattr(ack.result(), "timestamp", None)
        _pass_on(ack, base_offset)

    async def close(self) -> None:
        """Let go without a flush; bounded."""
        await abandon(self._producer)


def _pass_on(ack: "asyncio.Future[object]", base_offset: "asyncio.Future[int]") -> None:
    """Turn aiokafka's acknowledgement, or what it gives instead, into an offset or our error."""
    if base_offset.done():  # the waiter gave up: cancelled, or its deadline passed
        if not ack.cancelled():
            ack.exception()
        return
    if ack.cancelled():
        base_offset.set_exception(LedgerLogError("the append was dropped before it was acknowledged"))
        return
    error = ack.exception()
    if error is not None:
        base_offset.set_exception(_explain(error))
        return
    offset = getattr(ack.result(), "offset", None)
    if not isinstance(offset, int):
        # aiokafka answers None for a batch that it took for empty.
        base_offset.set_exception(LedgerLogError(f"an append was answered with {ack.result()!r}"))
        return
    base_offset.set_result(offset)


def _explain(error: BaseException) -> Exception:
    if isinstance(error, ProducerFenced):
        return FencedError(
            "the broker refuses our appends: somebody else claimed the partition; when this goes on, two "
            "workers have one worker.instance_id: set each INVENTORY_STREAM_WORKER__INSTANCE_ID to its own"
        )
    if isinstance(error, OutOfOrderSequenceNumber | UnknownProducerId):
        return ForeignAppendError(f"the broker does not know our last append ({error!r}): not ours any more")
    if isinstance(error, NotSentError) and isinstance(error.__cause__, LedgerLogError):
        return error.__cause__
    return LedgerLogError(f"an append failed: {error!r}{advice(error)}")
