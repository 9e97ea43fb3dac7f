"""What the input topics hold, asked of the broker itself (R18)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.client_internals import EARLIEST, LATEST, BrokerClient
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.inputs import Input, InputRange

ASK_SECONDS_MAX: Final = 10.0
"""Longest wait for both ends of a partition, leader election included. R18 asks once per idle
partition and due deadline: an expiry that waits is late, never wrong."""


class KafkaInputOffsets:
    """Asks the partition's leader; implements `ports.inputs.InputOffsets`. One connection for all."""

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        topics: Mapping[Input, str],
        request_timeout_seconds: float = 30.0,
        ask_seconds_max: float = ASK_SECONDS_MAX,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = dict(topics)
        self._request_timeout_seconds = request_timeout_seconds
        self._ask_seconds_max = ask_seconds_max
        self._client: BrokerClient | None = None
        self._opening = asyncio.Lock()

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """Give the offsets that the broker holds now; see the port."""
        topic = self._topics[source]
        try:
            async with asyncio.timeout(self._ask_seconds_max):
                client = await self._open()
                beginning = await client.end_of(topic, partition, EARLIEST)
                end = await client.end_of(topic, partition, LATEST)
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(
                f"Kafka at {self._bootstrap_servers} did not say within {self._ask_seconds_max:g} s what "
                f"{topic}[{partition}] holds: {error!r}"
            ) from error
        return InputRange(beginning, end)

    async def close(self) -> None:
        """Let go of the connection; bounded."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _open(self) -> BrokerClient:
        async with self._opening:
            if self._client is None:
                client = BrokerClient(
                    self._bootstrap_servers, request_timeout_seconds=self._request_timeout_seconds
                )
                try:
                    await client.open()
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client
