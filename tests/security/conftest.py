"""The secured servers: one of each per process of pytest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import (
    KafkaSecurity,
    KafkaServer,
    KafkaSettings,
    ValkeySecurity,
    ValkeyServer,
    ValkeySettings,
)
from tests.conftest import start_or_skip
from tests.security.certificates import Certificates, make_certificates
from tests.security.shop import ADMIN, NOBODY, REDIS_USERS, USERS, Shop, password_of


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make the certificates of this run."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secured_kafka(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaServer]:
    """Run a broker that speaks SASL_SSL and checks rights."""
    users = {user: password_of(user) for user in (ADMIN, NOBODY, *USERS)}
    security = KafkaSecurity(certificates.server, certificates.ca, users, admins=(ADMIN,))
    server = KafkaServer(tmp_path_factory.mktemp("secured-kafka"), KafkaSettings(security=security))
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def secured_redis(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValkeyServer]:
    """Run a Redis that speaks TLS and knows users."""
    security = ValkeySecurity(certificates.server, certificates.ca, REDIS_USERS)
    server = ValkeyServer(tmp_path_factory.mktemp("secured-redis"), ValkeySettings(security=security))
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture
def shop(
    secured_kafka: KafkaServer,
    secured_redis: ValkeyServer,
    certificates: Certificates,
    topic_prefix: str,
    tmp_path: Path,
) -> Shop:
    """Give a set-up with topics of its own, none of which exists yet."""
    return Shop(secured_kafka, secured_redis, certificates, topic_prefix, tmp_path)
