"""The development servers as their users meet them: real Kafka, real Valkey, real crashes."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from inventory_stream.devservers import (
    DataDirInUseError,
    KafkaServer,
    KafkaSettings,
    MissingToolError,
    PortTakenError,
    ServerStartError,
    ServerStateError,
    ValkeyServer,
    ValkeySettings,
    lifecycle,
    ports,
    probes,
)
from inventory_stream.devservers.__main__ import main as devservers_main
from inventory_stream.devservers.kafka import DEFAULT_PROPERTIES
from inventory_stream.devservers.ports import PORT_MAX, PORT_MIN, free_ports
from tests.conftest import start_or_skip
from tests.integration.processes import DEADLINE_SECONDS, Deaths

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def proxied_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Run a broker that these tests may crash, with a place for a proxy."""
    (proxy_port,) = free_ports(1)
    settings = KafkaSettings(advertised_port=proxy_port)
    server = KafkaServer(tmp_path_factory.mktemp("proxied, kafka"), settings)
    start_or_skip(server)
    yield server
    server.stop()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    """Run a Valkey that the test may crash."""
    with ValkeyServer(tmp_path / "a valkey") as server:
        yield server


async def create_topic(bootstrap_servers: str, topic: str) -> None:
    """Make a topic of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap_servers: str, topic: str, values: list[bytes]) -> None:
    """Append records and wait until the broker has them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(bootstrap_servers: str, topic: str, group: str, count: int) -> list[bytes]:
    """Read the topic's first records as a member of a group."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, group_id=group, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_record_comes_back_when_produced_and_consumed(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """A started broker takes records and gives them to a consumer group."""
    topic = f"{topic_prefix}round-trip"
    await create_topic(kafka_server.bootstrap_servers, topic)
    await produce(kafka_server.bootstrap_servers, topic, [b"one", b"two"])
    assert await consume(kafka_server.bootstrap_servers, topic, f"{topic_prefix}group", 2) == [b"one", b"two"]


async def test_transaction_commits_on_a_fresh_broker(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """One broker is enough for transactional ids, which the ledger's fence rests on."""
    topic = f"{topic_prefix}transaction"
    await create_topic(kafka_server.bootstrap_servers, topic)
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka_server.bootstrap_servers, transactional_id=f"{topic_prefix}0"
    )
    await producer.start()
    try:
        async with producer.transaction():
            record = await producer.send_and_wait(topic, b"committed")
    finally:
        await producer.stop()
    assert record.offset == 0


@pytest.mark.broker
async def test_acknowledged_records_survive_when_the_broker_crashes(
    proxied_kafka: KafkaServer, topic_prefix: str
) -> None:
    """After kill -9 and a restart the address is the same and every acknowledged record is there."""
    address, topic = proxied_kafka.bootstrap_servers, f"{topic_prefix}crash"
    await create_topic(address, topic)
    await produce(address, topic, [b"before"])
    proxied_kafka.kill()
    assert not proxied_kafka.is_running()
    proxied_kafka.restart()
    assert proxied_kafka.bootstrap_servers == address
    await produce(address, topic, [b"after"])
    assert await consume(address, topic, f"{topic_prefix}group", 2) == [b"before", b"after"]


@pytest.mark.broker
def test_clients_are_sent_to_the_proxy_only_when_they_came_through_it(proxied_kafka: KafkaServer) -> None:
    """The proxied listener advertises the proxy's port, the direct one its own."""
    through_proxy = probes.kafka_metadata(proxied_kafka.proxied_port)
    direct = probes.kafka_metadata(proxied_kafka.port)
    assert through_proxy.broker_ports == (proxied_kafka.settings.advertised_port,)
    assert direct.broker_ports == (proxied_kafka.port,)


@pytest.mark.broker
def test_broker_answers_again_when_resumed(proxied_kafka: KafkaServer) -> None:
    """A suspended broker answers nothing, and answers once it is resumed."""
    proxied_kafka.pause()
    try:
        with pytest.raises(probes.ProbeError):
            probes.kafka_metadata(proxied_kafka.port)
    finally:
        proxied_kafka.resume()
    assert probes.kafka_metadata(proxied_kafka.port).cluster_id


@pytest.mark.broker
def test_log_tail_is_shown_when_the_broker_refuses_its_settings(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    """A failed start says why, in the server's own words."""
    assert kafka_server.is_running()  # so java and the jars are there
    broken = KafkaServer(tmp_path, KafkaSettings(properties={"num.partitions": "none"}))
    with pytest.raises(ServerStartError, match=r"num\.partitions"):
        broken.start()
    assert not broken.is_running()


@pytest.mark.redis
def test_values_survive_when_valkey_crashes(valkey: ValkeyServer) -> None:
    """After kill -9 and a restart the address is the same and an answered write is there."""
    url = valkey.url
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
    valkey.kill()
    valkey.restart()
    assert valkey.url == url
    with redis.Redis.from_url(url) as client:
        assert client.get("key") == b"value"


@pytest.mark.redis
def test_valkey_times_out_while_paused_and_answers_when_resumed(valkey: ValkeyServer) -> None:
    """A suspended server looks to its clients like one that hangs, not like a closed one."""
    with redis.Redis.from_url(valkey.url, socket_timeout=0.2, retry=None) as client:
        valkey.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        valkey.resume()
    with redis.Redis.from_url(valkey.url) as client:
        assert client.ping()


@pytest.mark.redis
def test_paused_server_ends_when_stopped(valkey: ValkeyServer) -> None:
    """Stopping does not wait for ever for a suspended server."""
    with Deaths([valkey.process_id]) as deaths:
        valkey.pause()
        valkey.stop()
        assert deaths.still_alive(0.0) == []


def test_redis_url_is_empty_after_another_test_wrote(redis_url: str, valkey_server: ValkeyServer) -> None:
    """The fixture's database holds nothing, on the session's one server."""
    assert redis_url == valkey_server.url
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


@pytest.mark.redis
def test_second_server_is_refused_when_the_folder_is_in_use(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two servers never share a data folder, which would destroy it."""
    monkeypatch.setattr(lifecycle, "DATA_DIR_SECONDS_MAX", 0.0)
    with pytest.raises(DataDirInUseError, match=re.escape(str(valkey.data_dir))):
        ValkeyServer(valkey.data_dir).start()


@pytest.mark.redis
def test_other_port_is_used_when_the_chosen_one_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port taken between our look and the server's bind costs one more try, nothing else."""
    good_port = free_ports(1)
    with socket.create_server((ports.LOOPBACK, free_ports(1)[0])) as thief:
        choices = iter([[thief.getsockname()[1]], good_port])
        monkeypatch.setattr(ports, "is_free", lambda _port: True)
        monkeypatch.setattr(ports, "free_ports", lambda _count: next(choices))
        with ValkeyServer(tmp_path) as server:
            assert [server.port] == good_port


@pytest.mark.redis
def test_port_is_refused_when_given_and_taken(valkey: ValkeyServer, tmp_path: Path) -> None:
    """A port that the user asked for is never exchanged for another one."""
    other = ValkeyServer(tmp_path / "other", ValkeySettings(port=valkey.port))
    with pytest.raises(PortTakenError, match=f"{valkey.port}: it is taken"):
        other.start()


def test_free_ports_are_different_and_outside_the_ports_of_connections() -> None:
    """No two are the same, and none can be taken by a client's outgoing connection."""
    found = free_ports(8)
    assert len(set(found)) == 8
    assert all(PORT_MIN <= port < PORT_MAX and ports.is_free(port) for port in found)


def test_state_is_named_when_a_call_does_not_fit_it(tmp_path: Path) -> None:
    """What is not running cannot be paused or killed and has no port; stopping it is no error."""
    server = ValkeyServer(tmp_path)
    for call in (server.pause, server.resume, server.kill, lambda: server.port):
        with pytest.raises(ServerStateError):
            call()
    server.stop()


def test_missing_java_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without java the error is one line that names what to install and the other way."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError) as caught:
        KafkaServer(tmp_path / "kafka").start()
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("java >= 17", "apt install maven", "docker-compose.yml"))


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_java_fails_in_ci_and_skips_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """A machine that must have the tools cannot pass by skipping what needs them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="java >= 17"):
        start_or_skip(KafkaServer(tmp_path / "kafka"))


class Shell:
    """`python -m inventory_stream.devservers` in a process of its own."""

    def __init__(self, data_dir: Path, *options: str, before: Sequence[str] = ()) -> None:
        program = [sys.executable, "-m", "inventory_stream.devservers"]
        command = [*before, *program, "--data-dir", str(data_dir), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def read_lines(self, count: int) -> list[str]:
        """Return the first lines; at end of file they are empty."""
        assert self.process.stdout is not None
        return [self.process.stdout.readline() for _ in range(count)]

    def offspring(self) -> dict[str, int]:
        """Return the process ids of both servers and their guardians."""
        servers = [
            server
            for guardian in psutil.Process(self.process.pid).children()
            for server in guardian.children()
        ]
        found = {server.name(): server.pid for server in servers}
        found |= {f"guardian of {server.name()}": server.ppid() for server in servers}
        assert sorted(found) == ["guardian of java", "guardian of valkey-server", "java", "valkey-server"]
        return found


@pytest.mark.broker
@pytest.mark.redis
def test_no_process_is_left_when_the_owner_is_killed(tmp_path: Path, kafka_server: KafkaServer) -> None:
    """Guardians and servers end when the process that started them gets kill -9."""
    assert kafka_server.is_running()  # so java and the jars are there
    with Shell(tmp_path) as shell:
        assert [line.split()[0] for line in shell.read_lines(2)] == ["kafka", "valkey"]
        with Deaths(list(shell.offspring().values())) as deaths:
            shell.process.kill()
            assert deaths.still_alive() == []


@pytest.mark.broker
@pytest.mark.redis
def test_shell_can_source_the_addresses_and_sigterm_ends_all(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    """`--env` prints export lines; SIGTERM stops both servers and the exit status is 0."""
    assert kafka_server.is_running()  # so java and the jars are there
    kafka_port, valkey_port = free_ports(2)
    options = ("--env", "--kafka-port", str(kafka_port), "--valkey-port", str(valkey_port))
    with Shell(tmp_path, *options) as shell:
        assert shell.read_lines(2) == [
            f"export INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:{kafka_port}\n",
            f"export INVENTORY_STREAM_REDIS__URL=redis://127.0.0.1:{valkey_port}/0\n",
        ]
        with Deaths(list(shell.offspring().values())) as deaths:
            shell.process.send_signal(signal.SIGTERM)
            assert shell.process.wait(DEADLINE_SECONDS) == 0
            assert deaths.still_alive(0.0) == []


@pytest.mark.broker
@pytest.mark.redis
def test_sigint_ends_all_when_it_was_ignored_at_the_start(tmp_path: Path, kafka_server: KafkaServer) -> None:
    """In the background of a script, where the shell ignores SIGINT, that signal still ends everything."""
    assert kafka_server.is_running()  # so java and the jars are there
    with Shell(tmp_path, before=("sh", "-c", 'trap "" INT; exec "$@"', "sh")) as shell:
        shell.read_lines(2)
        with Deaths(list(shell.offspring().values())) as deaths:
            shell.process.send_signal(signal.SIGINT)
            assert shell.process.wait(DEADLINE_SECONDS) == 0
            assert deaths.still_alive(0.0) == []


@pytest.mark.broker
@pytest.mark.redis
def test_shell_ends_when_a_server_ends_by_itself(tmp_path: Path, kafka_server: KafkaServer) -> None:
    """A crashed server is not left unnoticed: the command ends with status 1 and takes the other along."""
    assert kafka_server.is_running()  # so java and the jars are there
    with Shell(tmp_path) as shell:
        shell.read_lines(2)
        offspring = shell.offspring()
        with Deaths(list(offspring.values())) as deaths:
            os.kill(offspring["valkey-server"], signal.SIGKILL)
            assert shell.process.wait(DEADLINE_SECONDS) == 1
            assert deaths.still_alive(0.0) == []


def test_port_is_refused_when_it_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line says what a port is instead of failing on it later."""
    with pytest.raises(SystemExit):
        devservers_main(["--kafka-port", "70000"])
    assert "ports are 1-65535" in capsys.readouterr().err


def test_compose_file_gives_the_broker_the_same_settings() -> None:
    """The way with containers runs a broker with the settings of the way without."""
    compose = (REPOSITORY / "docker-compose.yml").read_text()
    for name, value in DEFAULT_PROPERTIES.items():
        assert f'KAFKA_{name.upper().replace(".", "_")}: "{value}"' in compose
