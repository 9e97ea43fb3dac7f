"""P8: a producer goes on past 2^31 rows."""

import pytest

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.fenced_producer import FencedProducer
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.devservers import KafkaServer
from tests.integration.ledger_topics import create_ledger, everything_in
from tests.integration.protocol import group_row

ROWS_PER_BATCH = 7


@pytest.mark.parametrize("rows_to_the_edge", [ROWS_PER_BATCH * 2, ROWS_PER_BATCH * 2 + 3])
async def test_appends_go_on_when_the_sequence_wraps(
    kafka_server: KafkaServer, topic_prefix: str, rows_to_the_edge: int
) -> None:
    """Between two batches and in the middle of one, the broker takes the sequence that follows 2^31 - 1.

    A broker takes any first sequence of a producer id that it does not know, so the test begins
    just before the edge instead of writing 2^31 rows.
    """
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with RecordReader(connection=KafkaConnection(servers), topic=topic, partition=0) as reader:
        producer_id, epoch = await reader.client.init_producer_id(topic)
    producer = FencedProducer(
        connection=KafkaConnection(servers),
        topic=topic,
        partition=0,
        producer_id=producer_id,
        epoch=epoch,
        request_timeout_seconds=30.0,
        first_sequence=2**31 - rows_to_the_edge,
    )
    await producer.start()
    try:
        for batch in range(5):
            rows = [group_row(0, f"g{batch}-{at}", "DC1") for at in range(ROWS_PER_BATCH)]
            assert await (await producer.queue(rows, 0)) == batch * ROWS_PER_BATCH
    finally:
        await producer.close()
    assert len(await everything_in(servers, topic)) == 5 * ROWS_PER_BATCH
