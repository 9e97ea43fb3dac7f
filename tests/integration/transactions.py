"""A producer with transactions, as the inputs may have."""

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
