"""What others do to the topics: group offsets moved, an input deleted and made again."""

import re

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.bootstrap import LEDGER_GROUP, input_topics
from inventory_stream.metric_names import DECISIONS
from inventory_stream.ports.commands import ORDER_EVENTS
from inventory_stream.ports.inputs import Input
from models.commands import Reserve
from tests.e2e.cluster import LEDGER_WORKERS, PARTITIONS, Cluster
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.verdict import judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 8_000
AHEAD = (0, 1)
"""Partitions whose group offsets are set beyond what was decided; those of the others to the beginning."""
LATE_COMMANDS = 50


async def test_decisions_go_on_at_progress_wherever_the_group_offsets_stand(cluster: Cluster) -> None:
    """Set ahead while the workers are down they skip nothing, and behind they repeat nothing (P9)."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 6, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            for worker in LEDGER_WORKERS:
                assert await cluster.stop(worker) == 0
            await rush.until_sent(PER_SECOND)
        missed = await cluster.undecided()
        assert missed > PER_SECOND // 2
        await move_group_offsets(cluster)
        for worker in ("ledger-3", "ledger-4"):
            cluster.start_ledger(worker)
        await cluster.until_shared_by(2)
        await judge(cluster, producer)
    assert await cluster.sum_of(DECISIONS) >= missed  # by the new workers, which counted from 0
    await cluster.end_in_order({worker: [0] for worker in LEDGER_WORKERS})


async def test_recreated_input_stops_the_worker_with_one_clear_line(cluster: Cluster) -> None:
    """With the commands of a new order-events, which @progress has passed, nothing is skipped in silence."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 7, PER_SECOND, PER_SECOND):
            pass
        await cluster.until_decided()
        for worker in LEDGER_WORKERS:
            assert await cluster.stop(worker) == 0
        await recreate(cluster, ORDER_EVENTS)
    async with Producer(cluster) as producer:
        for number in range(LATE_COMMANDS):
            sku = HOT_SKUS[number % len(HOT_SKUS)]
            late = Reserve(f"late-{number}", f"late-cart-{number}", sku, 1, 600, location="harbour")
            await producer.send(late)
        await producer.flush()
    rows = list(cluster.audit.position)
    cluster.start_ledger("ledger-3")
    ends = await cluster.ends("ledger-3", 2)
    assert set(ends) == {EXIT_CODE}
    text = cluster.supervisor.log_path("ledger-3").read_text()
    said = re.findall(r"^worker ends with status 70: (.*)$", text, re.MULTILINE)
    topic = cluster.settings.topic(ORDER_EVENTS)
    assert len(said) >= 2
    for line in said:
        assert line.startswith(f"{topic}[")
        assert "the topic was recreated" in line
        assert "Restore the topic, or start a new ledger" in line
    assert "Traceback" not in text
    # A start writes claims alone: nothing of the new topic was decided, and nothing old was changed.
    await cluster.follow()
    assert cluster.audit.position >= rows
    await cluster.verify()
    await cluster.stop("ledger-3")
    cluster.forget("ledger-3")
    await cluster.end_in_order({worker: [0] for worker in LEDGER_WORKERS})


async def move_group_offsets(cluster: Cluster) -> None:
    """Commit offsets for the group, as an operator with kafka-consumer-groups can."""
    moved = {}
    for source in Input:
        for partition in range(PARTITIONS):
            held = await cluster.input_range(source, partition)
            place = TopicPartition(input_topics(cluster.settings)[source], partition)
            moved[place] = held.end if partition in AHEAD else held.beginning
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.settings.kafka.bootstrap_servers,
        group_id=cluster.settings.topic(LEDGER_GROUP),
    )
    await consumer.start()
    try:
        consumer.assign(list(moved))
        await consumer.commit(moved)
    finally:
        await consumer.stop()


async def recreate(cluster: Cluster, name: str) -> None:
    """Delete a topic, wait until it is gone, and make it again."""
    topic = cluster.settings.topic(name)
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def is_gone() -> bool:
            return topic not in await admin.list_topics()

        await cluster.until(is_gone, f"{topic} to be gone")
    finally:
        await admin.close()
    await create_topics(cluster.settings)
