"""The letters that wait in `dead-letters`: read, sent again, taken out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import RECORD_BYTES_MAX, decode_stored
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTER_PARTITIONS
from inventory_stream.errors import InventoryStreamError, UnreachableError
from inventory_stream.ports.dead_letters import Resend, StoredLetter

SEND_SECONDS_MAX: Final = 60.0
"""Longest wait for the acknowledgements of one round (4 MiB at most): 50 ms here. What was sent of a
round that was not acknowledged is sent again on the next run, which its command ids make harmless."""


class KafkaDeadLetterBox:
    """Implements `ports.dead_letters.DeadLetterBox` and `Resender`."""

    def __init__(
        self, connection: KafkaConnection, topic: str, request_timeout_seconds: float = 30.0
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._request_timeout_seconds = request_timeout_seconds
        self._producer = LazyProducer(connection, request_timeout_seconds, RECORD_BYTES_MAX)

    async def letters(self) -> AsyncIterator[StoredLetter]:
        """Yield each letter that waits; see the port.

        Reads the topic twice: first for which record of each key is the newest (about 100 bytes a
        letter, 100 MB for a million), then for the letters themselves, one fetch at a time.
        """
        for partition in range(DEAD_LETTER_PARTITIONS):
            async with RecordReader(
                connection=self._connection,
                topic=self._topic,
                partition=partition,
                request_timeout_seconds=self._request_timeout_seconds,
            ) as reader:
                beginning, end = await reader.range()
                newest = await self._newest(reader, beginning, end)
                async for records in reader.records(beginning, end - 1):
                    for record in records:
                        key, value = record.key, record.value
                        if key and value is not None and newest.get(hash(key)) == record.offset:
                            yield self._decoded(key, value, record.timestamp, record.offset)

    @staticmethod
    async def _newest(reader: RecordReader, beginning: int, end: int) -> dict[int, int]:
        """Give the offset of the newest record of each key, by the key's hash; none of those taken out."""
        newest: dict[int, int] = {}
        async for records in reader.records(beginning, end - 1):
            for record in records:
                if record.value is None:
                    newest.pop(hash(record.key), None)
                else:
                    newest[hash(record.key)] = record.offset
        return newest

    def _decoded(self, key: bytes, value: bytes, written_ms: int, offset: int) -> StoredLetter:
        try:
            return decode_stored(key, value, written_ms)
        except (ValueError, KeyError, TypeError) as error:
            raise InventoryStreamError(
                f"{self._topic} holds at offset {offset} what this program cannot read ({error}): read it "
                "with the program that wrote it, or take it out by a record without a value under its key"
            ) from error

    async def resend(self, records: Sequence[Resend]) -> Sequence[int]:
        """Send them in order; see the port."""
        return await self._send([(one.topic, one.partition, one.key, one.value) for one in records])

    async def settle(self, keys: Sequence[str]) -> None:
        """Take letters out; see the port."""
        await self._send([(self._topic, None, key.encode(), None) for key in keys])

    async def close(self) -> None:
        """Let go of the connection; bounded."""
        await self._producer.close()

    async def _send(self, records: list[tuple[str, int | None, bytes | None, bytes | None]]) -> list[int]:
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                producer = await self._producer.open()
                acks = [
                    await producer.send(topic, value, key=key, partition=partition)
                    for topic, partition, key, value in records
                ]
                return [int(acked.offset) for acked in await asyncio.gather(*acks)]
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(
                f"Kafka at {self._connection} did not acknowledge {len(records)} records ({error!r}); what "
                "was acknowledged before is done: run the command again for the rest"
            ) from error
