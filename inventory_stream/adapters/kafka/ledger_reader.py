"""The ledger topic for anyone but its owner: projection, `ledger dump|verify`."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.record_reader import STALL_SECONDS_MAX, RecordReader
from inventory_stream.ports.ledger_reader import StoredRecord


class KafkaLedgerReader:
    """Reads partitions of one topic; implements `ports.ledger_reader.LedgerReader`.

    One connection per partition that was asked about, kept until `close`, so that a reader that
    follows the log asks again without a new handshake.
    """

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        request_timeout_seconds: float = 30.0,
        stall_seconds_max: float = STALL_SECONDS_MAX,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._request_timeout_seconds = request_timeout_seconds
        self._stall_seconds_max = stall_seconds_max
        self._readers: dict[int, RecordReader] = {}

    async def read(
        self, partition: int, start_offset: int, end_offset: int
    ) -> AsyncIterator[Sequence[StoredRecord]]:
        """Yield the records with start_offset <= offset < end_offset; see the port.

        Raises:
            UnreachableError: nothing came for the bound.
            LedgerLogError: the partition does not reach from start to end (any more): truncated.
            CorruptLedgerError: a batch's checksum is wrong.
        """
        reader = await self._reader(partition)
        async for records in reader.records(start_offset, end_offset - 1):
            yield records

    async def end_offset(self, partition: int) -> int:
        """Ask the broker for the offset after the newest record; see the port."""
        return await (await self._reader(partition)).end()

    async def beginning_offset(self, partition: int) -> int:
        """Ask the broker for the first offset that is left; raises like `end_offset`."""
        return (await (await self._reader(partition)).range()).beginning

    async def close(self) -> None:
        """Let go of the connections; bounded."""
        readers, self._readers = self._readers, {}
        await asyncio.gather(*(reader.close() for reader in readers.values()))

    async def _reader(self, partition: int) -> RecordReader:
        reader = self._readers.get(partition)
        if reader is None:
            reader = RecordReader(
                connection=self._connection,
                topic=self._topic,
                partition=partition,
                request_timeout_seconds=self._request_timeout_seconds,
                stall_seconds_max=self._stall_seconds_max,
            )
            await reader.open()
            kept = self._readers.setdefault(partition, reader)
            if kept is not reader:  # two asked at once
                await reader.close()
            return kept
        return reader
