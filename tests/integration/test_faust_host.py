"""The host on the real broker, over owners that write down what they are given."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from tests.integration.host_world import SESSION_TIMEOUT_MS, HostWorld
from tests.integration.processes import DEADLINE_SECONDS
from tests.integration.transactions import write_transaction

RECORDS = 500


@pytest.fixture
def world(kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path) -> Iterator[HostWorld]:
    """Give a world without topics and workers."""
    with HostWorld(kafka_server.bootstrap_servers, topic_prefix, tmp_path) as one:
        yield one


async def test_records_of_both_inputs_reach_their_owner_in_order(world: HostWorld) -> None:
    """Each partition's owner gets every record of both inputs once, in the order of the log."""
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    for topic in (world.stock, world.orders):
        for partition in (0, 1):
            await world.produce(topic, partition, RECORDS)
    everything = list(range(RECORDS))
    for source in ("stock", "orders"):
        for partition in (0, 1):
            assert world.wait_until_decided(source, partition, RECORDS) == everything


async def test_commands_of_an_aborted_transaction_are_never_handed_over(
    world: HostWorld, topic_prefix: str
) -> None:
    """What a producer took back is not decided; what it committed, and others' records, are."""
    await world.create_topics(1, 1)
    world.start("w1")
    world.wait_for_count("open", 1)
    await write_transaction(world.bootstrap_servers, topic_prefix, world.orders, records=3, commit=False)
    await write_transaction(world.bootstrap_servers, topic_prefix, world.orders, records=2, commit=True)
    # The markers of the two take offsets 3 and 6.
    assert world.wait_until_decided("orders", 0, 2) == [4, 5]
    await world.produce(world.orders, 0, 1)
    assert world.wait_until_decided("orders", 0, 3) == [4, 5, 7]


async def test_a_joining_worker_takes_its_share_and_a_killed_one_loses_it(world: HostWorld) -> None:
    """Over a join and a kill -9 every record is decided once, with nobody's help."""
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    await world.produce(world.orders, 0, RECORDS)
    await world.produce(world.orders, 1, RECORDS)
    world.start("w2")
    world.wait_for_count("open", 1, "w2")
    await world.produce(world.orders, 0, RECORDS)
    await world.produce(world.orders, 1, RECORDS)
    world.supervisor.kill("w1")
    await world.produce(world.orders, 0, RECORDS)
    await world.produce(world.orders, 1, RECORDS)
    for partition in (0, 1):
        assert world.wait_until_decided("orders", partition, 3 * RECORDS) == list(range(3 * RECORDS))


async def test_sigterm_closes_partitions_and_leaves_the_group(world: HostWorld) -> None:
    """A worker that is asked to stop exits 0 within 10 s, and its partitions go over at once.

    At once: long before its session would have timed out.
    """
    await world.create_topics(2, 2)
    world.start("w1")
    world.wait_for_count("open", 2)
    world.start("w2")
    world.wait_for_count("open", 1, "w2")
    began = time.monotonic()
    assert world.supervisor.stop("w1") == 0, world.log("w1")
    assert time.monotonic() - began < 10
    world.wait_for_count("open", 2, "w2")
    assert time.monotonic() - began < SESSION_TIMEOUT_MS / 1000
    assert [event.what for event in world.events if event.worker == "w1"][-1] == "close"


async def test_a_static_member_keeps_its_partitions_over_a_quick_restart(world: HostWorld) -> None:
    """With an instance id a restart moves nothing: the other worker does not even notice."""
    await world.create_topics(2, 2)
    world.start("w1", instance_id="one")
    world.wait_for_count("open", 2)
    world.start("w2", instance_id="two")
    world.wait_for_count("open", 1, "w2")
    mine = [event.partition for event in world.events if event.worker == "w2" and event.what == "open"]
    world.wait_for_count("probe", 1, "w1")
    world.supervisor.kill("w1")
    world.wait_for_count("open", 3, "w1")
    last = [event.partition for event in world.events if event.worker == "w1" and event.what == "open"][-1]
    assert last not in mine
    assert [event.what for event in world.events if event.worker == "w2"] == ["open"]


async def test_a_broker_that_is_away_is_one_clear_line(world: HostWorld) -> None:
    """A worker whose broker is not there ends with a status other than 0, and says so without a traceback."""
    world.start("w1", bootstrap_servers="127.0.0.1:1")
    assert world.supervisor.wait_for_exits("w1", 1, DEADLINE_SECONDS)
    assert world.supervisor.exit_statuses("w1")[0] not in {0, None}


@pytest.mark.slow
async def test_a_worker_that_reads_longer_than_its_session_keeps_its_partitions(world: HostWorld) -> None:
    """Reading a large state is no absence: nobody takes the partitions meanwhile, or none would ever decide.

    The first worker opens both partitions, and the second one its share once the first is ready.
    """
    await world.create_topics(2, 2)
    open_seconds = str(1.5 * SESSION_TIMEOUT_MS / 1_000)
    world.start("w1", open_seconds=open_seconds)
    world.wait_for_count("open", 2)
    world.start("w2", open_seconds=open_seconds)
    world.wait_for_count("open", 1, "w2")
    for partition in (0, 1):
        await world.produce(world.orders, partition, RECORDS)
        assert world.wait_until_decided("orders", partition, RECORDS) == list(range(RECORDS))
    assert [event.worker for event in world.events if event.what == "open"] == ["w1", "w1", "w2"]
