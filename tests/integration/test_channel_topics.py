"""`channel-outcomes` and the place in `channel-inbound`, on the real broker."""

import pytest

from inventory_stream.adapters.kafka.channel_desk import KafkaChannelDesk
from inventory_stream.adapters.kafka.channel_inbound import KafkaInboundLog
from inventory_stream.adapters.kafka.channel_log import KafkaChannelLog
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.ports import free_ports
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import KafkaSettings, Settings
from models.channels import (
    CHANNEL_INBOUND,
    CHANNEL_OUTCOMES,
    AccountRow,
    Inbound,
    ListingRow,
    OrderNamed,
    decode_inbound,
)


async def test_the_newest_row_of_each_key_is_read_and_what_was_taken_out_is_gone(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """Rows lie in the partition that was said, in their order; a tombstone takes a key out."""
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=3
        )
    )
    await create_topics(settings)
    connection = KafkaConnection.of(settings.kafka)
    log = KafkaChannelLog(connection, settings.topic(CHANNEL_OUTCOMES))
    first, newest, account = ListingRow(1, 1, 5, 9), ListingRow(1, 2, 4, 10), AccountRow(mode="off")
    try:
        await log.write(2, [("a/b/L", first), ("a/b/M", first), ("a/b/@account", account)])
        await log.write(2, [("a/b/L", newest), ("a/b/M", None)])
        assert await log.read(2) == {"a/b/L": newest, "a/b/@account": account}
        assert await log.read(0) == {}
        history = [row async for rows in log.history(2) for row in rows]
        assert history[-2:] == [("a/b/L", newest), ("a/b/M", None)]
    finally:
        await log.close()
    inbound = KafkaInboundLog(connection, settings.topic(CHANNEL_INBOUND), settings.topic("channels"))
    # Nobody has committed anything: from the beginning.
    assert await inbound.start_of(frozenset({0, 2})) == {0: 0, 2: 0}
    desk = KafkaChannelDesk(connection, settings.topic(CHANNEL_INBOUND), settings.topic(CHANNEL_OUTCOMES))
    try:
        for number in range(5):
            named = OrderNamed(str(number), number)
            await desk.ask(Inbound("a", "b", f"d{number}", 1, (named,)), 1)
    finally:
        await desk.close()
    again = [record async for records in inbound.again(1, 1, 4) for record in records]
    assert [(one.offset, decode_inbound(one.value or b"").delivery_id) for one in again] == [
        (1, "d1"),
        (2, "d2"),
        (3, "d3"),
    ]


async def test_a_broker_that_is_not_there_is_said_within_the_bound() -> None:
    """A write that is not known to be durable raises, and the next one connects anew."""
    (port,) = free_ports(1)
    log = KafkaChannelLog(KafkaConnection(f"127.0.0.1:{port}"), "outcomes", write_seconds_max=0.5)
    for _ in range(2):
        with pytest.raises(UnreachableError, match="1 rows could not be kept"):
            await log.write(0, [("a/b/L", ListingRow(1, 1, 5, 9))])
    await log.close()
