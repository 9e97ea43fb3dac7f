"""A broker that asks for certificates knows its users by them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaSecurity, KafkaServer, KafkaSettings
from inventory_stream.settings import ENV_PREFIX
from tests.conftest import start_or_skip
from tests.security.certificates import Certificates
from tests.security.shop import run

pytestmark = pytest.mark.broker


@pytest.fixture
def asking_kafka(certificates: Certificates, tmp_path: Path) -> Iterator[KafkaServer]:
    """Run a broker that lets nobody in without a certificate."""
    security = KafkaSecurity(certificates.server, certificates.ca, must_show_certificate=True)
    server = KafkaServer(tmp_path / "asking-kafka", KafkaSettings(security=security))
    start_or_skip(server)
    yield server
    server.stop()


def test_our_certificate_lets_us_in_and_none_is_told(
    asking_kafka: KafkaServer, certificates: Certificates
) -> None:
    """With certificate and key commands work; without, one line names the setting."""
    anonymous = {
        f"{ENV_PREFIX}KAFKA__BOOTSTRAP_SERVERS": asking_kafka.bootstrap_servers,
        f"{ENV_PREFIX}KAFKA__SECURITY_PROTOCOL": "SSL",
        f"{ENV_PREFIX}KAFKA__TLS_CA_FILE": str(certificates.ca),
    }
    known = {
        **anonymous,
        f"{ENV_PREFIX}KAFKA__TLS_CERT_FILE": str(certificates.client_cert),
        f"{ENV_PREFIX}KAFKA__TLS_KEY_FILE": str(certificates.client_key),
    }
    assert run(known, "topics", "create").returncode == 0
    refused = run(anonymous, "topics", "check")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "INVENTORY_STREAM_KAFKA__TLS_CERT_FILE" in line
