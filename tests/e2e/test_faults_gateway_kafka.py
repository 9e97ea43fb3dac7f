"""Kafka gone for ten seconds under a gateway: 503 meanwhile, then answers again, by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from tests.conftest import start_or_skip
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import BROKER_PROPERTIES
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.gateway import Gateway, new_key
from tests.e2e.journal import Journal, judge, shopping

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

GONE_SECONDS: Final = 10.0
SHOPPERS: Final = 30
ANSWERED_MIN: Final = 200
SKUS: Final = tuple(f"SKU-{number}" for number in range(6))
PLENTY: Final = 100_000


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """Give an open proxy."""
    async with FaultProxy(seed=5) as one:
        yield one


@pytest.fixture
async def far_cluster(
    proxy: FaultProxy, redis_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Give a cluster on a broker of its own, which the workers see through the proxy."""
    settings = BrokerSettings(properties=BROKER_PROPERTIES, advertised_port=proxy.port)
    server = KafkaServer(tmp_path / "kafka", settings)
    await asyncio.to_thread(start_or_skip, server)
    proxy.forward_to = server.proxied_port
    try:
        async with Cluster(
            server.bootstrap_servers, redis_url, topic_prefix, tmp_path, through(proxy)
        ) as cluster:
            yield cluster
    finally:
        await asyncio.to_thread(server.stop)


def through(proxy: FaultProxy) -> dict[str, str]:
    """Give what makes a process go through the proxy."""
    return {"INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": proxy.bootstrap_servers}


async def test_gateway_outlives_ten_seconds_without_kafka(
    far_cluster: Cluster, proxy: FaultProxy, tmp_path: Path
) -> None:
    """Workers and gateway lose Kafka: writes are 503, reads go on, no gateway ends, and all comes back."""
    cluster = far_cluster
    journal = Journal()
    key = new_key(tmp_path)
    async with Gateway(cluster, tmp_path, key, environment=through(proxy)) as gateway:
        for sku in SKUS:
            await gateway.stock(sku, PLENTY)
        pid = cluster.supervisor.pid(gateway.name)

        async def is_running() -> bool:
            return journal.statuses()[201] >= ANSWERED_MIN

        async with shopping(journal, [gateway], SKUS, SHOPPERS, patient=False):
            await cluster.until(is_running, "a sale that runs")
            await proxy.down()
            gone_until = time.monotonic() + GONE_SECONDS
            before = journal.statuses()[201]

            async def is_long_enough() -> bool:
                # Stock is read from the gateway's memory, and says how old it is.
                read = await gateway.get(f"/v1/availability/{SKUS[0]}")
                assert read.status == 200, read
                return time.monotonic() >= gone_until

            await cluster.until(is_long_enough, "the outage to be long enough")
            # Of those under way when it went some were decided before.
            assert journal.statuses()[201] - before <= 2 * SHOPPERS
            assert journal.statuses()[503] >= SHOPPERS
            await proxy.up()
            during = journal.statuses()[201]

            async def is_back() -> bool:
                return journal.statuses()[201] >= during + ANSWERED_MIN

            await cluster.until(is_back, "the sale to go on by itself")
        assert cluster.supervisor.pid(gateway.name) == pid
        assert cluster.supervisor.exit_statuses(gateway.name) == []
        assert {one.answer.body["type"] for one in journal.refusals()} <= {
            "/problems/not-answered",
            "/problems/not-ready",
        }
        await cluster.until_shared_by(2)
        await judge(cluster, journal, dict.fromkeys(SKUS, PLENTY))
