"""Fixtures for tests that need the real Kafka or the real Valkey.

One server per process of pytest, started by the first test that asks for it, so that
`pytest -n 2` runs two of each that know nothing of each other.
"""

import os
import signal
import uuid
from collections.abc import Iterator

import pytest
import redis

from inventory_stream.devservers import KafkaServer, MissingToolError, ValkeyServer

# A test that asks for the fixture is of this kind, whether its author marked it or not.
MARKERS_BY_FIXTURE = {"kafka_server": "broker", "valkey_server": "redis"}

# A shell without job control starts background jobs with SIGINT ignored, and what is ignored stays so
# across exec: programs that tests start could then never see the Ctrl-C that is tested. With a
# handler here they begin with the default.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers that they use, so that `-m "not broker"` cannot miss one."""
    for item in items:
        for fixture, marker in MARKERS_BY_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


def start_or_skip(server: KafkaServer | ValkeyServer) -> None:
    """Start the server; where a tool is missing fail in CI, and skip with its one line elsewhere."""
    try:
        server.start()
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Run a Kafka broker for this process's tests; keep their topics apart with `topic_prefix`."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """Run a Valkey for this process's tests; most want `redis_url` instead, which is empty."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture
def topic_prefix() -> str:
    """Return a prefix for topics, groups and transactional ids that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}-"


@pytest.fixture
def redis_url(valkey_server: ValkeyServer) -> str:
    """Return the address of an empty Valkey."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url
