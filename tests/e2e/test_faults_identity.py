"""Two owners under different producer ids: the one thing that a higher epoch does not settle (P1)."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.client_internals import BrokerClient
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from inventory_stream.metric_names import FENCED_IDS
from tests.conftest import start_or_skip
from tests.e2e.cluster import DEADLINE_SECONDS, LEDGER_WORKERS, PARTITIONS, Cluster
from tests.e2e.conftest import BROKER_PROPERTIES
from tests.e2e.load import Producer, Rush, sleep_until_refused
from tests.e2e.verdict import judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 8_000

STATE_TOPIC: Final = "__transaction_state"
EPOCH_BEFORE_LAST: Final = 32_765
"""The next claim gets 32,766, Kafka's last epoch of an id, and the one after it a new id."""
WORN_ID_FIRST: Final = 900_000
"""Far beyond the ids that a young broker gives out."""


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[KafkaServer]:
    """Give a broker of this test's own, whose transaction state is one partition."""
    properties = {**BROKER_PROPERTIES, "transaction.state.log.num.partitions": "1"}
    server = KafkaServer(tmp_path / "kafka", BrokerSettings(properties=properties))
    await asyncio.to_thread(start_or_skip, server)
    yield server
    await asyncio.to_thread(server.stop)


async def test_sleeping_owner_is_refused_after_its_producer_id_was_replaced(
    broker: KafkaServer, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Claims used up an id's epochs, so the next owner has another: the sleeper is refused all the same."""
    await wear_out(broker, [f"{topic_prefix}{LEDGER}-{partition}" for partition in range(PARTITIONS)])
    async with Cluster(broker.bootstrap_servers, redis_url, topic_prefix, tmp_path) as cluster:
        async with Producer(cluster) as producer:
            await producer.stock_up()
            async with Rush(producer, 9, PER_SECOND, COMMANDS_MIN) as rush:
                await rush.until_sent(PER_SECOND)
                worn = {p for p in range(PARTITIONS) if WORN_ID_FIRST + p in cluster.audit.producer_ids[p]}
                fenced_ids = 0.0
                for worker in LEDGER_WORKERS:
                    fenced_ids += await cluster.sum_of(FENCED_IDS)
                    await sleep_until_refused(cluster, rush, worker, PER_SECOND)
            await judge(cluster, producer)
        assert worn == set(range(PARTITIONS)), "the first claims should have had the worn ids"
        for partition in range(PARTITIONS):
            assert len(cluster.audit.producer_ids[partition]) == 2
            assert cluster.audit.fenced_ids[partition] == {WORN_ID_FIRST + partition}
        assert fenced_ids, "nobody's metrics told of a fenced id before it ended"
        await cluster.end_in_order({worker: [EXIT_CODE] for worker in LEDGER_WORKERS})


async def wear_out(broker: KafkaServer, transactional_ids: list[str]) -> None:
    """Have the coordinator believe that these ids were claimed 32,766 times, which would take it a minute."""
    client = BrokerClient(KafkaConnection(broker.bootstrap_servers), request_timeout_seconds=DEADLINE_SECONDS)
    await client.open()
    try:
        await client.init_producer_id("makes-the-topic")
    finally:
        await client.close()
    # The broker takes records of its own topics from nobody else.
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, client_id="__admin_client")
    await producer.start()
    try:
        for number, name in enumerate(transactional_ids):
            key = struct.pack(">hh", 0, len(name)) + name.encode()
            # Version, id, epoch, timeout, status Empty, no partitions, last update, start.
            value = struct.pack(
                ">hqhibiqq", 0, WORN_ID_FIRST + number, EPOCH_BEFORE_LAST, 60_000, 0, -1, 0, -1
            )
            await producer.send_and_wait(STATE_TOPIC, value, key=key, partition=0)
    finally:
        await producer.stop()
    await asyncio.to_thread(broker.restart)
