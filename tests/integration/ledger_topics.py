"""Ledger topics on the real broker for tests, and writers that keep no rule."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.kafka.topic_rules import topic_specs
from inventory_stream.ports.ledger_log import RowRecord
from inventory_stream.ports.ledger_reader import StoredRecord
from inventory_stream.settings import KafkaSettings, Settings
from models.rows import TERM_HEADER

# 50 ms here.
CREATE_SECONDS_MAX = 30.0


async def create_ledger(
    bootstrap_servers: str, prefix: str, changes: Mapping[str, str] | None = None, partitions: int = 1
) -> str:
    """Create the ledger topic as P12 wants it, but for `changes`; give its name."""
    settings = Settings(kafka=KafkaSettings(topic_prefix=prefix, partitions=partitions))
    (spec,) = (spec for spec in topic_specs(settings) if spec.name == f"{prefix}ledger")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        await admin.create_topics(
            [NewTopic(spec.name, partitions, 1, topic_configs={**spec.config, **(changes or {})})]
        )
        async with asyncio.timeout(CREATE_SECONDS_MAX):
            # Created is not yet known: a broker hears of it a moment later.
            while spec.name not in await admin.list_topics():
                pass  # each look asks the broker
    finally:
        await admin.close()
    return spec.name


async def write_unfenced(
    bootstrap_servers: str,
    topic: str,
    rows: Sequence[RowRecord],
    term: int = 0,
    timestamp_ms: int | None = None,
) -> int:
    """Append one batch as a plain producer that no rule binds; give its base offset."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await producer.start()
    try:
        batch = producer.create_batch()
        for key, value in rows:
            headers = [] if value is not None else [(TERM_HEADER, b"%d" % term)]
            batch.append(key=key, value=value, timestamp=timestamp_ms, headers=headers)
        acked = await (await producer.send_batch(batch, topic, partition=0))
        return int(acked.offset)
    finally:
        await producer.stop()


@asynccontextmanager
async def reader_of(bootstrap_servers: str, topic: str) -> AsyncIterator[RecordReader]:
    """Give a reader of partition 0."""
    connection = KafkaConnection(bootstrap_servers)
    async with RecordReader(connection=connection, topic=topic, partition=0) as reader:
        yield reader


async def everything_in(bootstrap_servers: str, topic: str) -> list[StoredRecord]:
    """Give all records of partition 0 as they lie there."""
    async with reader_of(bootstrap_servers, topic) as reader:
        beginning, end = await reader.range()
        return [record async for records in reader.records(beginning, end - 1) for record in records]
