"""Deliveries of channels into the topic `channel-inbound`, durable before the channel is answered."""

import asyncio
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.errors import UnreachableError
from models.channels import Inbound, account_key, encode_inbound

SEND_SECONDS_MAX: Final = 0.8
"""Longest wait for one delivery: 5 ms here. A channel waits 1 s for its answer (channels.md section 3, point
17), and sends again what was not taken."""

_OPEN_SECONDS_MAX: Final = 10.0
"""Longest wait for the first connection, made before any channel calls."""


class KafkaChannelDeliveries:
    """Implements `ports.webhooks.Deliveries`."""

    def __init__(
        self, connection: KafkaConnection, topic: str, send_seconds_max: float = SEND_SECONDS_MAX
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._send_seconds_max = send_seconds_max
        self._producer = LazyProducer(connection, send_seconds_max)

    async def open(self) -> None:
        """Connect, as far as Kafka is there; the first delivery tries again."""
        try:
            async with asyncio.timeout(_OPEN_SECONDS_MAX):
                await self._producer.open()
        except (KafkaError, TimeoutError, OSError):
            await self.close()

    async def send(self, inbound: Inbound) -> None:
        """Keep a delivery; returns when it is durable.

        Raises:
            UnreachableError: it is not known to be; sent again, its commands have the same ids.
        """
        key = account_key(inbound.channel, inbound.account).encode()
        try:
            async with asyncio.timeout(self._send_seconds_max):
                producer = await self._producer.open()
                await producer.send_and_wait(self._topic, encode_inbound(inbound), key=key)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()  # a producer that gave up once may never come back
            raise UnreachableError(
                f"a delivery could not be written to {self._topic} at {self._connection} "
                f"({type(error).__name__}){advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded. What `send` returned from is kept already."""
        await self._producer.close()
