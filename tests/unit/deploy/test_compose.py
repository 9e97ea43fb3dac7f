"""What docker-compose.yml says of our processes agrees with the code; no container is started."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from inventory_stream.adapters.channel_mapping import load_mapping
from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.cli import app
from inventory_stream.gateway.security.key_file import changing_keys, read_keys
from tests.unit.deploy.files import (
    COMPOSE_FILE,
    HTTP_PORT,
    MONITORING_PORT,
    REPOSITORY,
    STOP_SECONDS,
    compose,
)
from tests.unit.deploy.process_settings import settings_of

SERVERS: Final = {"kafka", "valkey"}
WORKERS: Final = {"ledger", "projection", "gateway", "channels"}
CHANNELS_FOLDER: Final = "${CHANNELS_DIR:-./k8s/base/channels}:/channels"
CONFIG_SECONDS_MAX: Final = 60
"""It takes a second."""


def ours() -> dict[str, dict[str, Any]]:
    """Give the services that run our image."""
    return {name: one for name, one in compose()["services"].items() if name not in SERVERS}


def test_servers_alone_are_what_starts_without_a_profile() -> None:
    """Development needs Kafka and Valkey; the processes come when asked for."""
    assert {name for name, one in compose()["services"].items() if "profiles" not in one} == SERVERS
    assert ours().keys() == {"topics", "secrets", *WORKERS}


@pytest.mark.parametrize("name", ["topics", *sorted(WORKERS)])
def test_settings_are_real_and_lead_to_the_servers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process starts with its variables, and finds the servers where the network has them."""
    settings = settings_of(with_access(ours()[name]["environment"], tmp_path), None, monkeypatch)
    advertised = compose()["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"NETWORK://{settings.kafka.bootstrap_servers}" in advertised.split(",")
    assert settings.redis.url == "redis://valkey:6379/0"
    assert (settings.monitoring.host, settings.monitoring.port) == ("0.0.0.0", MONITORING_PORT)  # noqa: S104


def with_access(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Give the variables with a folder of ours in the place of the volume."""
    return {name: value.replace("/access", str(folder)) for name, value in environment.items()}


def test_a_gateway_finds_secrets_that_were_made_once_and_keys_that_others_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service `secrets` makes what the gateway needs, and a second run changes none of it."""
    gateway, secrets = ours()["gateway"], ours()["secrets"]
    assert secrets["volumes"] == ["gateway-access:/access"]
    assert gateway["volumes"] == [*secrets["volumes"], f"{CHANNELS_FOLDER}:ro"]
    program = [secrets["entrypoint"][1], secrets["command"][0].replace("/access", str(tmp_path))]
    found = set()
    for _ in range(2):
        subprocess.run([sys.executable, *program], check=True, timeout=CONFIG_SECONDS_MAX)  # noqa: S603  # our own
        settings = settings_of(with_access(gateway["environment"], tmp_path), None, monkeypatch).gateway
        assert settings.customer_key is not None
        found.add((settings.customer_key.get_secret_value().encode(), settings.token_keys()["1"]))
    ((customer, token),) = found
    assert customer != token
    assert (settings.host, settings.port) == ("0.0.0.0", HTTP_PORT)  # noqa: S104  # the container's own
    assert gateway["ports"] == [f"127.0.0.1:{HTTP_PORT}:{HTTP_PORT}"]
    assert settings.api_keys_file is not None
    with changing_keys(settings.api_keys_file) as keys:
        assert not keys
    assert not read_keys(settings.api_keys_file)


@pytest.mark.parametrize("name", ["topics", *sorted(WORKERS)])
def test_commands_are_those_of_the_command_line(name: str) -> None:
    """Each service runs a command that exists."""
    assert CliRunner().invoke(app, [*ours()[name]["command"], "--help"]).exit_code == 0


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_workers_are_started_again_and_asked_whether_they_are_ready(name: str) -> None:
    """A worker that ends with status 70 comes back (P7); one that stops has time to; /ready decides."""
    worker = ours()[name]
    assert worker["restart"] == "unless-stopped"
    assert int(worker["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    assert f"'http://127.0.0.1:{MONITORING_PORT}/ready'" in worker["healthcheck"]["test"][-1]
    assert worker["healthcheck"]["test"][0] == "CMD", "the image is not asked through a shell"
    assert worker["expose"] == [str(MONITORING_PORT)]
    compile(worker["healthcheck"]["test"][-1], "healthcheck", "exec")


def test_processes_wait_for_what_they_need() -> None:
    """Servers answer and topics exist before a worker starts; who needs Valkey or secrets waits for them."""
    healthy, done = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
    assert {name: one.get("depends_on") for name, one in ours().items()} == {
        "secrets": None,
        "gateway": {"kafka": healthy, "valkey": healthy, "topics": done, "secrets": done},
        "topics": {"kafka": healthy},
        "ledger": {"kafka": healthy, "topics": done},
        "channels": {"kafka": healthy, "topics": done},
        "projection": {"kafka": healthy, "valkey": healthy, "topics": done},
    }


def test_without_a_folder_of_channels_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default folder has a registry and a mapping that a worker starts with and that name nobody."""
    assert ours()["channels"]["volumes"] == [CHANNELS_FOLDER]
    settings = settings_of(ours()["channels"]["environment"], None, monkeypatch).channels
    folder = REPOSITORY / "k8s/base/channels"
    assert settings.registry_file is not None
    assert settings.mapping_file is not None
    assert load_registry(folder / settings.registry_file.name, ADAPTERS) == ()
    assert load_mapping(folder / settings.mapping_file.name, (), ADAPTERS).count() == 0


def test_two_ledger_workers_share_the_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is another to take over when one is killed, and none without a partition."""
    ledger = ours()["ledger"]
    settings = settings_of(ledger["environment"], None, monkeypatch)
    assert 2 == ledger["deploy"]["replicas"] <= settings.kafka.partitions
    assert "INVENTORY_STREAM_WORKER__INSTANCE_ID" not in ledger["environment"], "two would have one name"


def test_processes_can_write_their_scratch_folder_alone() -> None:
    """The root is read-only, the scratch folder belongs to the image's user, and nothing is privileged."""
    for one in ours().values():
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert [mount.partition(":")[0] for mount in one["tmpfs"]] == ["/scratch"]


def test_an_older_compose_reads_the_file(tmp_path: Path) -> None:
    """The reader of docker-compose 1.29 resolves it, once without the key that is younger than itself."""
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is missing: apt install docker-compose")
    (tmp_path / "docker-compose.yml").write_text(
        re.sub(r"\n +start_interval: .*", "", COMPOSE_FILE.read_text())
    )
    done = subprocess.run(  # noqa: S603  # our own file
        [program, "--profile", "app", "config", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=CONFIG_SECONDS_MAX,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
