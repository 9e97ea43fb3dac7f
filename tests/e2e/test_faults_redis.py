"""Redis loses everything while decisions go on: the view comes back by itself, and never in parts."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer, ValkeyServer
from inventory_stream.metric_names import PROJECTION_REBUILDS, REDIS_FAILURES
from tests.conftest import start_or_skip
from tests.e2e.cluster import PARTITIONS, PROJECTION, Cluster
from tests.e2e.load import HOT_SKUS, LOCATIONS, STEADY_SKUS, STOCK_UNITS, Producer, Rush
from tests.e2e.shelf import ShelfWatch, until_shown

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 10_000
FLUSHES = 5
DEATHS = 2
LOOKS_MIN = 500
"""Fewer would be no watch: on a quiet machine there are 1,000 a second."""


async def test_flushed_redis_is_rebuilt_whole_while_decisions_go_on(cluster: Cluster) -> None:
    """No look at a SKU of three locations ever shows one or two, and at rest Redis is the ledger."""
    async with Producer(cluster) as producer, watch(cluster) as shelf:
        await producer.stock_up()
        await begin(cluster, shelf)
        async with Rush(producer, 4, PER_SECOND, COMMANDS_MIN) as rush:
            for _ in range(FLUSHES):
                await rush.until_sent(PER_SECOND // 2)
                await shelf.flush()
                await cluster.until(shelf.is_full, "the shelves to be full again")
        await cluster.until_decided()
        found = cluster.audit.assert_sound(producer.sent)
        report = await cluster.verify()
        assert report["skus_compared"] + report["skus_moved_on"] == len({sku for sku, _ in found.positions})
        await until_shown(cluster, producer, shelf)
    assert shelf.torn == []
    assert shelf.looks >= LOOKS_MIN
    await cluster.end_in_order({})


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[ValkeyServer]:
    """Give a server of this test's own."""
    server = ValkeyServer(tmp_path / "valkey")
    start_or_skip(server)
    yield server
    server.stop()


async def test_killed_redis_is_replaced_by_an_empty_one_under_load(
    kafka_server: KafkaServer, mortal_redis: ValkeyServer, topic_prefix: str, tmp_path: Path
) -> None:
    """A new server without data at the same address is filled by itself; no look at it sees less than all.

    Until then readers see no SKU and no heartbeat, so they know that they do not know.
    """
    async with (
        Cluster(kafka_server.bootstrap_servers, mortal_redis.url, topic_prefix, tmp_path) as cluster,
        Producer(cluster) as producer,
        watch(cluster) as shelf,
    ):
        await producer.stock_up()
        await begin(cluster, shelf)
        async with Rush(producer, 5, PER_SECOND, COMMANDS_MIN) as rush:
            for _ in range(DEATHS):
                await rush.until_sent(PER_SECOND)
                await asyncio.to_thread(mortal_redis.kill)
                shutil.rmtree(mortal_redis.data_dir)
                await rush.until_sent(PER_SECOND)
                assert shelf.unanswered
                await asyncio.to_thread(mortal_redis.start)
                await cluster.until(shelf.is_full, "the shelves of the new server to be full")
        await cluster.until_decided()
        cluster.audit.assert_sound(producer.sent)
        await cluster.verify()
        await until_shown(cluster, producer, shelf)
        assert shelf.torn == []
        told = await cluster.figures(PROJECTION)
        assert told.sum(PROJECTION_REBUILDS) >= DEATHS * PARTITIONS
        assert told.sum(REDIS_FAILURES) >= DEATHS
        await cluster.end_in_order({})


def watch(cluster: Cluster) -> ShelfWatch:
    """Watch what is sold and what is not."""
    steady = dict.fromkeys(STEADY_SKUS, STOCK_UNITS * len(LOCATIONS))
    return ShelfWatch(cluster.settings.redis.url, [*HOT_SKUS, *STEADY_SKUS], steady)


async def begin(cluster: Cluster, shelf: ShelfWatch) -> None:
    """Forget what was seen while the shelves were filled for the first time, location by location."""
    await cluster.until(shelf.is_full, "the opening stock in Redis")
    shelf.torn.clear()
