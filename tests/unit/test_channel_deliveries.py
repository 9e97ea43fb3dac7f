"""Deliveries of channels while there is no broker."""

import time

import pytest

from inventory_stream.adapters.kafka.channel_deliveries import SEND_SECONDS_MAX, KafkaChannelDeliveries
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import UnreachableError
from models.channels import Inbound, StockSeen


async def test_without_kafka_the_channel_hears_of_it_within_a_second() -> None:
    """Nothing is held in memory: what could not be kept is said, and sent again by the channel."""
    deliveries = KafkaChannelDeliveries(KafkaConnection("127.0.0.1:1"), "channel-inbound")
    await deliveries.open()
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="channel-inbound"):
        await deliveries.send(Inbound("shop", "a", "d", 1, (StockSeen("1/1", 2, 3),)))
    assert time.monotonic() - began < SEND_SECONDS_MAX + 0.5
    await deliveries.close()
