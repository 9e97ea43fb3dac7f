"""The two topics of channels as an operator's command uses them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.errors import InventoryStreamError, UnreachableError
from models.channels import Inbound, OutcomeRow, account_key, decode_outcome, encode_inbound

ASK_SECONDS_MAX: Final = 5.0
"""Longest wait for the acknowledgement of one act: 5 ms here."""
LOOK_SECONDS: Final = 0.2
"""Pause between looks for new rows; somebody waits before a screen."""


class KafkaChannelDesk:
    """Implements `ports.channel_desk.ChannelDesk`. Connects when it is used."""

    def __init__(self, connection: KafkaConnection, inbound_topic: str, outcomes_topic: str) -> None:
        self._connection = connection
        self._inbound_topic = inbound_topic
        self._outcomes_topic = outcomes_topic
        self._producer = LazyProducer(connection, ASK_SECONDS_MAX)

    async def rows(self, partition: int, wanted: Callable[[str], bool]) -> Mapping[str, OutcomeRow]:
        """Give the newest rows; see the port."""
        rows, _ = await self.news(partition, 0, wanted)
        return rows

    async def news(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> tuple[Mapping[str, OutcomeRow], int]:
        """Give rows from an offset on; see the port. Only the wanted ones are decoded: 1 s a million."""
        newest: dict[str, bytes] = {}
        async with self._reader(partition) as reader:
            beginning, end = await reader.range()
            async for records in reader.records(max(beginning, offset), end - 1):
                for record in records:
                    if record.key is None or not wanted(key := record.key.decode()):
                        continue
                    if record.value is None:
                        newest.pop(key, None)
                    else:
                        newest[key] = record.value
        return {key: self._decoded(key, value) for key, value in newest.items()}, end

    async def end(self, partition: int) -> int:
        """Give where the next row will stand; see the port."""
        async with self._reader(partition) as reader:
            return await reader.end()

    async def since(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> AsyncIterator[tuple[str, OutcomeRow]]:
        """Yield rows as they are written; see the port."""
        async with self._reader(partition) as reader:
            while True:
                end = await reader.end()
                async for records in reader.records(offset, end - 1):
                    for record in records:
                        if record.key is None or record.value is None:
                            continue
                        if wanted(key := record.key.decode()):
                            yield key, self._decoded(key, record.value)
                offset = max(offset, end)
                await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, inbound: Inbound, partition: int) -> None:
        """Hand an act over; see the port."""
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                producer = await self._producer.open()
                await producer.send_and_wait(
                    self._inbound_topic,
                    encode_inbound(inbound),
                    key=account_key(inbound.channel, inbound.account).encode(),
                    partition=partition,
                )
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()  # a producer that gave up once may never come back
            raise UnreachableError(
                f"Kafka at {self._connection} did not take the act into {self._inbound_topic} "
                f"({type(error).__name__}){advice(error)}; it may be carried out all the same"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded."""
        await self._producer.close()

    def _reader(self, partition: int) -> RecordReader:
        return RecordReader(connection=self._connection, topic=self._outcomes_topic, partition=partition)

    def _decoded(self, key: str, value: bytes) -> OutcomeRow:
        try:
            return decode_outcome(value)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InventoryStreamError(
                f"{self._outcomes_topic} holds under {key} what this program cannot read ({error}): read it "
                "with the program that wrote it"
            ) from error
