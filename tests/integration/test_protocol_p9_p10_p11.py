"""P9, P10 and P11 on the real broker: each test goes red when its rule is taken out of the host.

Taken out by hand, each seen red: P9 the seek in `BatchConsumer.perform_seek`; P10 the comparison in
`FaustHost._common_partitions`; P11 the probes in `OwnedPartitions.assigned`.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from inventory_stream.adapters.kafka.copartition_assignor import CopartitionAssignor
from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.devservers import KafkaServer
from tests.integration.host_world import HostWorld
from tests.integration.processes import DEADLINE_SECONDS

RECORDS = 200


@pytest.fixture
def world(kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path) -> Iterator[HostWorld]:
    """Give a world without topics and workers."""
    with HostWorld(kafka_server.bootstrap_servers, topic_prefix, tmp_path) as one:
        yield one


async def commit(world: HostWorld, offsets: dict[tuple[str, int], int]) -> None:
    """Commit offsets for the group, as its last members might have."""
    consumer = AIOKafkaConsumer(bootstrap_servers=world.bootstrap_servers, group_id=world.group)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place) for place in offsets])
        await consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})
    finally:
        await consumer.stop()


@pytest.mark.parametrize("committed", [0, 50, 150], ids=["behind", "equal", "ahead"])
async def test_reading_goes_on_at_progress_whatever_the_group_committed(
    world: HostWorld, committed: int
) -> None:
    """P9: with @progress at 50 the first record handed over is 50, and every later one comes once."""
    await world.create_topics(1, 1)
    await world.produce(world.orders, 0, RECORDS)
    world.set_progress(0, stock=0, orders=50)
    await commit(world, {(world.orders, 0): committed})
    world.start("w1")
    world.wait_for(lambda events: any(event.what == "put" and event.last == RECORDS - 1 for event in events))
    assert next(event.first for event in world.events if event.what == "put") == 50
    assert world.decided("orders", 0) == list(range(50, RECORDS))


async def test_a_worker_that_gets_half_a_pair_ends(world: HostWorld) -> None:
    """P10: when another member takes one topic of a partition, the worker ends instead of deciding half."""
    await world.create_topics(2, 2)
    half = AIOKafkaConsumer(
        world.orders,
        bootstrap_servers=world.bootstrap_servers,
        group_id=world.group,
        partition_assignment_strategy=[CopartitionAssignor()],
    )
    starting = asyncio.create_task(half.start())
    world.start("w1")
    try:
        ended = await asyncio.to_thread(world.supervisor.wait_for_exits, "w1", 1, DEADLINE_SECONDS)
    finally:
        await starting
        await half.stop()
    assert ended
    assert world.supervisor.exit_statuses("w1")[0] == EXIT_CODE
    assert "(P10)" in world.log("w1")


async def test_inputs_with_different_partition_counts_end_the_worker(world: HostWorld) -> None:
    """P10: partitions of one input without a counterpart in the other are never decided alone."""
    await world.create_topics(2, 4)
    world.start("w1")
    assert world.supervisor.wait_for_exits("w1", 1, DEADLINE_SECONDS)
    assert world.supervisor.exit_statuses("w1")[0] == EXIT_CODE
    assert "(P10)" in world.log("w1")


async def test_a_retained_partition_is_probed_before_anything_of_it_is_decided(world: HostWorld) -> None:
    """P11: after a rebalance that leaves a partition with its owner, a probe comes before the next record."""
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    world.start("w2")
    world.wait_for_count("open", 1, "w2")
    kept = {0, 1} - {event.partition for event in world.events if event.worker == "w2"}
    for partition in kept:
        await world.produce(world.orders, partition, 1)
    world.wait_for_count("put", 1, "w1")
    assert [event.what for event in world.events if event.worker == "w1" and event.partition in kept] == [
        "open",
        "probe",
        "put",
    ]


async def test_a_refused_probe_ends_the_worker(world: HostWorld) -> None:
    """P11: an owner that is not the owner any more ends at the probe, before it decides anything."""
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    (world.folder / "refuse-probe").touch()
    world.start("w2")
    assert world.supervisor.wait_for_exits("w1", 1, DEADLINE_SECONDS)
    assert world.supervisor.exit_statuses("w1")[0] == EXIT_CODE
    assert not any(event.what == "put" for event in world.events)


async def test_partitions_kept_over_a_lost_session_are_probed(world: HostWorld) -> None:
    """P11: a worker that slept until the group forgot it gets its partitions back, and probes them.

    Nobody else was there to take them, so to Faust nothing has changed: the case that hides.
    """
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    world.supervisor.pause("w1")
    await wait_until_empty(world)
    world.supervisor.resume("w1")
    world.wait_for_count("probe", 2, "w1")
    assert [event.what for event in world.events].count("open") == 2


async def wait_until_empty(world: HostWorld) -> None:
    """Wait until the group has no members; Kafka can only be asked."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.bootstrap_servers)
    await admin.start()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                (response,) = await admin.describe_consumer_groups([world.group])
                ((_, _, state, *_),) = response.groups
                if state == "Empty":
                    return
    finally:
        await admin.close()
