"""A producer that connects when it is first needed, and anew after whoever uses it let it go."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.client_internals import abandon
from inventory_stream.adapters.kafka.connection import KafkaConnection


class LazyProducer:
    """Idempotent, acks=all. Several tasks may ask for it at once: one connects, the others wait."""

    def __init__(
        self, connection: KafkaConnection, request_timeout_seconds: float, record_bytes_max: int | None = None
    ) -> None:
        """Connect to nothing yet. `record_bytes_max`: of one record, if more than aiokafka's own bound."""
        self._options: dict[str, Any] = {
            **connection.client_options,
            "enable_idempotence": True,
            "acks": "all",
            "request_timeout_ms": int(request_timeout_seconds * 1_000),
        }
        if record_bytes_max is not None:
            self._options |= {"max_batch_size": record_bytes_max, "max_request_size": record_bytes_max}
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> AIOKafkaProducer:
        """Give the producer, connected.

        Raises:
            KafkaError: no broker answers; nothing is left open.
        """
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._options)
                try:
                    await producer.start()
                except BaseException:
                    await abandon(producer)
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Let go of the connection; bounded. What was acknowledged is kept, the rest is not sent any more."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon(producer)
