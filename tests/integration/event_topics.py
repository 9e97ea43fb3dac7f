"""What a consumer of the event topics sees."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.record_reader import RecordReader

READ_SECONDS_MAX = 60.0


async def events_in(
    bootstrap_servers: str, topic: str, partition: int = 0, *, is_committed: bool = True
) -> list[Any]:
    """Give the records of a partition that lie there now.

    Args:
        bootstrap_servers: Where the broker is.
        topic: Full name.
        partition: Which one.
        is_committed: Leave out what aborted transactions wrote, as careful consumers do.
    """
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed" if is_committed else "read_uncommitted",
    )
    await consumer.start()
    try:
        consumer.assign([place])
        found: list[Any] = []
        async with asyncio.timeout(READ_SECONDS_MAX):
            # Not the end of what is committed, which follows an acknowledged commit by some ms.
            async with RecordReader(
                connection=KafkaConnection(bootstrap_servers), topic=topic, partition=partition
            ) as reader:
                end = await reader.end()
            await consumer.seek_to_beginning(place)
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(place, timeout_ms=200)).values():
                    found += records
        return found
    finally:
        await consumer.stop()
