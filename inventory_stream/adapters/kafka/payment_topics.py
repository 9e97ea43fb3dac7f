"""The topics `payment-events` and `payment-outcomes` on Kafka."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ending import stop_within
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.errors import InventoryStreamError, UnreachableError
from inventory_stream.ports.payments import PaymentRecord
from models.payments import PaymentOutcome, encode_payment

log = structlog.get_logger(__name__)

WRITE_SECONDS_MAX: Final = 2.0
"""Longest wait for one outcome: 5 ms here. A provider waits for the webhook's answer, and sends again."""

RECORDS_MAX: Final = 200
"""Of events taken at once: what a crash settles once more at most."""

FETCH_WAIT_MS: Final = 500
"""How long one look into the topic waits for events; only how soon the loop hears that it shall end."""

REOPEN_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
"""Pauses before the topic is taken up anew after a fault; the last one stays. Meanwhile other gateways
have the partitions."""

CLOSE_SECONDS_MAX: Final = 5.0
"""Longest goodbye to the group: without the bound a broker that is gone would hold the process."""


class KafkaPaymentOutcomes:
    """Implements `ports.payments.PaymentOutcomes`. Connects with the first outcome; after a fault anew."""

    def __init__(
        self, connection: KafkaConnection, topic: str, write_seconds_max: float = WRITE_SECONDS_MAX
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._write_seconds_max = write_seconds_max
        self._producer = LazyProducer(connection, write_seconds_max)

    async def publish(self, outcome: PaymentOutcome) -> None:
        """Tell what came of an event; see the port."""
        key = (outcome.order_id or outcome.payment_id).encode()
        try:
            async with asyncio.timeout(self._write_seconds_max):
                producer = await self._producer.open()
                await producer.send_and_wait(self._topic, encode_payment(outcome), key=key)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()  # a producer that gave up once may never come back
            raise UnreachableError(
                f"what came of a payment could not be written to {self._topic} at {self._connection} "
                f"({type(error).__name__}){advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded. What `publish` returned from is kept already."""
        await self._producer.close()


Take = Callable[[Sequence[PaymentRecord]], Awaitable[None]]


class PaymentConsumer:
    """Hands the records of `payment-events` to a flow, and commits what it has taken.

    Offsets are committed after a batch was taken, so that a gateway that dies leaves its batch to the next
    one. Any fault ends the membership in the group; it is taken up anew, from what is committed.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        group: str,
        take: Take,
        session_timeout_seconds: float = 6.0,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._take = take
        self._session_timeout_ms = int(session_timeout_seconds * 1_000)

    async def run(self) -> None:
        """Take events until cancelled."""
        faults = 0
        while True:
            consumer = self._new_consumer()
            try:
                await consumer.start()
                while True:
                    await self._step(consumer)
                    faults = 0
            except (InventoryStreamError, KafkaError, TimeoutError, OSError) as error:
                log.warning("payment_events_wait", reason=f"{type(error).__name__}: {error}")
            finally:
                await stop_within(consumer, CLOSE_SECONDS_MAX)
            await asyncio.sleep(REOPEN_SECONDS[min(faults, len(REOPEN_SECONDS) - 1)])
            faults += 1

    async def _step(self, consumer: AIOKafkaConsumer) -> None:
        """Take what one look finds, then commit it."""
        found = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=RECORDS_MAX)
        records = [
            PaymentRecord(
                record.topic, record.partition, record.offset, record.key, record.value, record.timestamp
            )
            for batch in found.values()
            for record in batch
        ]
        if records:
            await self._take(records)
            await consumer.commit(
                {
                    place: OffsetAndMetadata(batch[-1].offset + 1, "")
                    for place, batch in found.items()
                    if batch
                }
            )

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            self._topic,
            **self._connection.client_options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=self._session_timeout_ms // 3,
        )
