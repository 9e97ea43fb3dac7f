"""The topic `audit`: rows written one by one with acks=all, and read back."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.errors import InventoryStreamError, UnreachableError
from inventory_stream.ports.audit import AuditRow, StoredAuditRow

WRITE_SECONDS_MAX: Final = 5.0
"""Longest wait for one row: 5 ms here. Somebody sits before the screen that asked for the act."""

_PARTITION: Final = 0
"""Acts are rare, and read in order."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(AuditRow).decode


class KafkaAuditTrail:
    """Implements `ports.audit.AuditTrail`. Connects with the first row, and anew after a fault."""

    def __init__(
        self, connection: KafkaConnection, topic: str, write_seconds_max: float = WRITE_SECONDS_MAX
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._write_seconds_max = write_seconds_max
        self._producer = LazyProducer(connection, write_seconds_max)

    async def write(self, row: AuditRow) -> None:
        """Keep one row; see the port."""
        try:
            async with asyncio.timeout(self._write_seconds_max):
                producer = await self._producer.open()
                await producer.send_and_wait(self._topic, _encode(row), partition=_PARTITION)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()  # a producer that gave up once may never come back
            raise UnreachableError(
                f"no audit row could be written to {self._topic} at {self._connection} "
                f"({type(error).__name__}){advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded. What `write` returned from is kept already."""
        await self._producer.close()


class KafkaAuditReader:
    """Implements `ports.audit.AuditReader`."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic

    async def rows(self) -> AsyncIterator[StoredAuditRow]:
        """Yield every row; see the port."""
        async with RecordReader(
            connection=self._connection, topic=self._topic, partition=_PARTITION
        ) as reader:
            beginning, end = await reader.range()
            async for records in reader.records(beginning, end - 1):
                for record in records:
                    try:
                        row = _decode(record.value or b"")
                    except msgspec.MsgspecError as error:
                        raise InventoryStreamError(
                            f"{self._topic} holds at offset {record.offset} what this program cannot read "
                            f"({error}): read it with the program that wrote it"
                        ) from error
                    yield StoredAuditRow(record.offset, record.timestamp, row)
