"""The topic `channel-outcomes`: read whole by who takes an account up, written by its one owner."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.errors import InventoryStreamError, UnreachableError
from models.channels import OutcomeRow, decode_outcome, encode_outcome

WRITE_SECONDS_MAX: Final = 5.0
"""Longest wait for one write of at most some thousand rows: 5 ms here. Nothing that is sent to a channel
waits for it; until it is there a later owner would send the same again."""


class KafkaChannelLog:
    """Implements `ports.channel_log.ChannelLog`. Connects with the first write, and anew after a fault."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        request_timeout_seconds: float = 30.0,
        write_seconds_max: float = WRITE_SECONDS_MAX,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._request_timeout_seconds = request_timeout_seconds
        self._write_seconds_max = write_seconds_max
        self._producer = LazyProducer(connection, write_seconds_max)

    async def read(self, partition: int) -> Mapping[str, OutcomeRow]:
        """Give the newest row of each key; see the port."""
        newest: dict[str, OutcomeRow] = {}
        async for rows in self.history(partition):
            for key, row in rows:
                if row is None:
                    newest.pop(key, None)
                else:
                    newest[key] = row
        return newest

    async def history(self, partition: int) -> AsyncIterator[Sequence[tuple[str, OutcomeRow | None]]]:
        """Yield rows in the order in which they were written; see the port."""
        async with RecordReader(
            connection=self._connection,
            topic=self._topic,
            partition=partition,
            request_timeout_seconds=self._request_timeout_seconds,
        ) as reader:
            beginning, end = await reader.range()
            async for records in reader.records(beginning, end - 1):
                yield [
                    (record.key.decode(), self._decoded(record.offset, record.value))
                    for record in records
                    if record.key is not None
                ]

    def _decoded(self, offset: int, value: bytes | None) -> OutcomeRow | None:
        if value is None:
            return None
        try:
            return decode_outcome(value)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InventoryStreamError(
                f"{self._topic} holds at offset {offset} what this program cannot read ({error}): read it "
                "with the program that wrote it"
            ) from error

    async def write(self, partition: int, rows: Sequence[tuple[str, OutcomeRow | None]]) -> None:
        """Keep rows; see the port."""
        try:
            async with asyncio.timeout(self._write_seconds_max):
                producer = await self._producer.open()
                acks = [
                    await producer.send(
                        self._topic,
                        None if row is None else encode_outcome(row),
                        key=key.encode(),
                        partition=partition,
                    )
                    for key, row in rows
                ]
                await asyncio.gather(*acks)
        except (KafkaError, TimeoutError, OSError) as error:
            await self.close()  # a producer that gave up once may never come back
            raise UnreachableError(
                f"{len(rows)} rows could not be kept in {self._topic} at {self._connection} "
                f"({type(error).__name__}){advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded. What `write` returned from is kept already."""
        await self._producer.close()
