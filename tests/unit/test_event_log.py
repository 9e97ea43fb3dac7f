"""What a publisher of events does with faults, over a fake producer."""

import asyncio
import gc
from typing import Final

import pytest
from aiokafka.errors import ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.event_log import BATCH_BYTES, KafkaEventLog
from inventory_stream.errors import FencedError
from inventory_stream.ports.events import EventTopic, OutgoingEvent
from inventory_stream.settings import KafkaSettings

# Two fill a batch.
VALUE: Final = bytes(BATCH_BYTES // 2)


class FencedProducer:
    """A producer whose first batches are under way when the broker refuses it."""

    def __init__(self, batches_taken: int) -> None:
        self.batches_taken = batches_taken
        self.acks: list[asyncio.Future[object]] = []

    async def begin_transaction(self) -> None:
        """Begin."""

    def create_batch(self) -> BatchBuilder:
        """Give an empty batch."""
        return BatchBuilder(BATCH_BYTES, 0, is_transactional=True)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[object]:
        """Take the first batches; the others meet the fault at once."""
        del batch, topic, partition
        if len(self.acks) == self.batches_taken:
            raise ProducerFenced
        ack: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.acks.append(ack)
        return ack


async def test_no_fault_of_a_batch_under_way_goes_unheard() -> None:
    """What was sent before a fault fails with it, and asyncio names no error that nobody looked at."""
    log = KafkaEventLog(
        connection=KafkaConnection.of(KafkaSettings()),
        topics={topic: topic.value for topic in EventTopic},
        ledger_topic="ledger",
        group="events",
        partition=0,
    )
    producer = FencedProducer(batches_taken=2)
    log._producer = producer
    unheard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context["message"]))
    with pytest.raises(FencedError):
        await log.publish([OutgoingEvent(EventTopic.AVAILABILITY, "S", VALUE)] * 4, None)
    assert len(producer.acks) == 2
    for ack in producer.acks:
        ack.set_exception(ProducerFenced())
    del ack
    producer.acks.clear()
    await asyncio.sleep(0)
    gc.collect()
    assert not unheard
