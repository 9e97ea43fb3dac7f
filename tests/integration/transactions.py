"""A producer with transactions, as the inputs may have."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer


async def write_transaction(
    bootstrap_servers: str, transactional_id: str, topic: str, *, records: int, commit: bool
) -> None:
    """Append records to partition 0 in one transaction, and end it; its marker takes an offset more."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=transactional_id)
    await producer.start()
    try:
        await producer.begin_transaction()
        for number in range(records):
            await (await producer.send(topic, b"in a transaction %d" % number, partition=0))
        if commit:
            await producer.commit_transaction()
        else:
            await producer.abort_transaction()
    finally:
        await producer.stop()


@asynccontextmanager
async def open_transaction(bootstrap_servers: str, transactional_id: str, topic: str) -> AsyncIterator[None]:
    """Append one record in a transaction that stays open inside, and is aborted on leaving."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=transactional_id)
    await producer.start()
    try:
        await producer.begin_transaction()
        await (await producer.send(topic, b"not ended yet", partition=0))
        yield
        await producer.abort_transaction()
    finally:
        await producer.stop()
