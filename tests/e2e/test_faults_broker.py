"""A broker that goes, comes back, is slow and loses messages: decisions wait, and none is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from tests.conftest import start_or_skip
from tests.e2e.cluster import LEDGER_WORKERS, NO_BROKER_CODE, PROJECTION, Cluster
from tests.e2e.conftest import BROKER_PROPERTIES
from tests.e2e.fault_proxy import NO_FAULTS, PRODUCE, FaultProxy, Faults
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.shelf import ShelfWatch, until_shown
from tests.e2e.verdict import judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 10_000
LOST_SHARE = 0.1
"""Of the appends. aiokafka tries again after 0.1 s, so a partition gets on at a rate of tens of batches a
second: enough, as a batch then holds more."""
LOST_MIN = 20
"""Fewer would be no test; on a quiet machine ten times as many are lost in the same time."""
ENDS = {worker: [EXIT_CODE, NO_BROKER_CODE] for worker in (*LEDGER_WORKERS, PROJECTION)}


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """Give an open proxy."""
    async with FaultProxy(seed=11) as one:
        yield one


@pytest.fixture
async def broker(proxy: FaultProxy, tmp_path: Path) -> AsyncIterator[KafkaServer]:
    """Give a broker of this test's own, behind the proxy for who comes that way."""
    settings = BrokerSettings(properties=BROKER_PROPERTIES, advertised_port=proxy.port)
    server = KafkaServer(tmp_path / "kafka", settings)
    await asyncio.to_thread(start_or_skip, server)
    proxy.forward_to = server.proxied_port
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def far_cluster(
    broker: KafkaServer, proxy: FaultProxy, redis_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Give a cluster whose workers see the broker through the proxy, while the test looks on from behind."""
    through = {"INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": proxy.bootstrap_servers}
    async with Cluster(broker.bootstrap_servers, redis_url, topic_prefix, tmp_path, through) as one:
        yield one


async def test_broker_that_stops_or_is_killed_under_load_costs_nothing(
    far_cluster: Cluster, broker: KafkaServer
) -> None:
    """Stopped in order, then killed -9: each time all goes on by itself, and no decision is lost."""
    cluster = far_cluster
    async with Producer(cluster) as producer, ShelfWatch(cluster.settings.redis.url, HOT_SKUS) as shelf:
        await producer.stock_up()
        async with Rush(producer, 11, PER_SECOND, COMMANDS_MIN) as rush:
            for end in (broker.stop, broker.kill):
                await rush.until_sent(PER_SECOND)
                await asyncio.to_thread(end)
                await asyncio.to_thread(broker.start)
                await rush.until_sent(PER_SECOND)
                await cluster.until_shared_by(2)
            await rush.until_sent(PER_SECOND)
        await cluster.until_decided()
        await until_shown(
            cluster, producer, shelf
        )  # `ledger verify` compares with Redis, and waits less long
        await judge(cluster, producer)
    await cluster.end_in_order(ENDS)


async def test_slow_broker_that_stands_still_and_resets_costs_nothing(
    far_cluster: Cluster, proxy: FaultProxy
) -> None:
    """Latency and a thin line, 2 s without a byte, a reset, and no way at all for longer than a session."""
    cluster = far_cluster
    async with Producer(cluster) as producer, ShelfWatch(cluster.settings.redis.url, HOT_SKUS) as shelf:
        await producer.stock_up()
        async with Rush(producer, 12, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            proxy.faults = Faults(latency_seconds=0.1, bytes_per_second=1_000_000)
            await rush.until_sent(2 * PER_SECOND)
            proxy.faults = NO_FAULTS
            proxy.stall()
            await rush.until_sent(2 * PER_SECOND)
            proxy.flow()
            await rush.until_sent(PER_SECOND)
            await proxy.reset()
            await rush.until_sent(PER_SECOND)
            await proxy.down()
            await cluster.until_shared_by_nobody()
            await proxy.up()
            await cluster.until_shared_by(2)
            await rush.until_sent(PER_SECOND)
        await cluster.until_decided()
        await until_shown(
            cluster, producer, shelf
        )  # `ledger verify` compares with Redis, and waits less long
        await judge(cluster, producer)
    await cluster.end_in_order(ENDS)


async def test_lost_requests_and_lost_answers_cost_nothing(far_cluster: Cluster, proxy: FaultProxy) -> None:
    """Of the appends one in ten never arrives, and one in ten is carried out and never acknowledged."""
    cluster = far_cluster

    async def are_enough_lost() -> bool:
        return min(proxy.lost_requests[PRODUCE], proxy.lost_answers[PRODUCE]) >= LOST_MIN

    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 13, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            proxy.faults = Faults(requests_lost=LOST_SHARE, answers_lost=LOST_SHARE, kinds={PRODUCE})
            await rush.until_sent(3 * PER_SECOND)
            await cluster.until(are_enough_lost, f"{LOST_MIN} lost requests and as many lost answers")
            # Now of everything that a worker asks: fetches, heartbeats, offsets, joins.
            proxy.faults = Faults(requests_lost=LOST_SHARE / 10, answers_lost=LOST_SHARE / 10)
            await rush.until_sent(2 * PER_SECOND)
            proxy.faults = NO_FAULTS
            await cluster.until_shared_by(2)
        await judge(cluster, producer)
    await cluster.end_in_order(ENDS)
