"""Deliveries of channels on the real broker: where their owner reads them."""

from inventory_stream.adapters.kafka.channel_deliveries import KafkaChannelDeliveries
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.settings import KafkaSettings, Settings
from models.channels import CHANNEL_INBOUND, Inbound, StockSeen, account_key, decode_inbound
from models.ids import partition_of
from tests.integration.event_topics import events_in

PARTITIONS = 3


def delivery(account: str) -> Inbound:
    """Give a delivery of an account."""
    return Inbound("shop", account, f"d-{account}", 1, (StockSeen("1/1", 2, 3),))


async def test_deliveries_lie_in_the_partition_of_their_account(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """All of an account in one partition, which is the one whose owner has the account."""
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=PARTITIONS
        )
    )
    await create_topics(settings)
    topic = settings.topic(CHANNEL_INBOUND)
    deliveries = KafkaChannelDeliveries(KafkaConnection.of(settings.kafka), topic)
    await deliveries.open()
    accounts = [f"shop/{number}" for number in range(6)]
    for account in accounts:
        await deliveries.send(delivery(account))
    await deliveries.close()
    found = {
        decode_inbound(record.value): (partition, record.key.decode())
        for partition in range(PARTITIONS)
        for record in await events_in(settings.kafka.bootstrap_servers, topic, partition)
    }
    assert found == {
        delivery(account): (
            partition_of(account_key("shop", account), PARTITIONS),
            account_key("shop", account),
        )
        for account in accounts
    }
