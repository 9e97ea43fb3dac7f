"""What the input topics hold, asked of the broker itself (R18)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.client_internals import EARLIEST, LATEST, BrokerClient
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.inputs import Input, InputRange

ASK_SECONDS_MAX: Final = 10.0
"""Longest wait for both ends of a partition, leader election included. R18 asks once per idle
partition and due deadline: an expiry that waits is late, never wrong."""

LOOK_BYTES_MAX: Final = 64 * 1024 * 1024
"""Most that one look for records reads, 64 fetches of 1 MiB. It ends at the first record that is one,
so this is only met behind so much of aborted transactions; expiry there waits for the next order."""


class KafkaInputOffsets:
    """Asks the partition's leader; implements `ports.inputs.InputOffsets`. One connection for all."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topics: Mapping[Input, str],
        request_timeout_seconds: float = 30.0,
        ask_seconds_max: float = ASK_SECONDS_MAX,
    ) -> None:
        self._connection = connection
        self._topics = dict(topics)
        self._request_timeout_seconds = request_timeout_seconds
        self._ask_seconds_max = ask_seconds_max
        self._client: BrokerClient | None = None
        self._opening = asyncio.Lock()

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """Give the offsets that the broker holds now; see the port.

        The end is the high watermark, not the last stable offset up to which the owner reads: a
        confirm behind somebody's open transaction came in time, and must keep its deadline (R17).
        """
        topic = self._topics[source]
        async with self._asking(topic, partition) as client:
            beginning = await client.end_of(topic, partition, EARLIEST)
            end = await client.end_of(topic, partition, LATEST)
        return InputRange(beginning, end)

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """Look for a command among these offsets; see the port."""
        topic = self._topics[source]
        async with self._asking(topic, partition) as client:
            return await client.has_committed(topic, partition, first, end, bytes_max=LOOK_BYTES_MAX)

    @asynccontextmanager
    async def _asking(self, topic: str, partition: int) -> AsyncIterator[BrokerClient]:
        try:
            async with asyncio.timeout(self._ask_seconds_max):
                yield await self._open()
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(
                f"Kafka at {self._connection} did not say within {self._ask_seconds_max:g} s what "
                f"{topic}[{partition}] holds: {error!r}{advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> BrokerClient:
        async with self._opening:
            if self._client is None:
                client = BrokerClient(self._connection, request_timeout_seconds=self._request_timeout_seconds)
                try:
                    await client.open()
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client
