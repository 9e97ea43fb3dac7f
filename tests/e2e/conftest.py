"""A broker that takes short sessions, and a cluster of workers on it, for the fault tests."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from tests.conftest import start_or_skip
from tests.e2e.cluster import SESSION_TIMEOUT_SECONDS, Cluster

# A broker refuses sessions below 6 s unless told otherwise; with ours every takeover comes sooner.
BROKER_PROPERTIES = {"group.min.session.timeout.ms": str(int(SESSION_TIMEOUT_SECONDS * 1_000))}


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Run a Kafka broker that takes short sessions."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka-e2e"), BrokerSettings(properties=BROKER_PROPERTIES))
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def quiet_clients(caplog: pytest.LogCaptureFixture) -> None:
    """Keep the test's own clients from saying ten times a second that the broker is gone."""
    caplog.set_level(logging.CRITICAL, "aiokafka")


@pytest.fixture
async def cluster(
    kafka_server: KafkaServer, redis_url: str, topic_prefix: str, tmp_path: Path
) -> AsyncIterator[Cluster]:
    """Give topics, two ledger workers and a projection, all ready; whatever happens, all of it ends."""
    async with Cluster(kafka_server.bootstrap_servers, redis_url, topic_prefix, tmp_path) as one:
        yield one
