"""A set-up that would lose or double decisions is refused at the start, in one line with the way out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.adapters.kafka.topic_rules import Rule, Severity, topic_specs
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.bootstrap import LEDGER_GROUP
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.errors import TopicsError
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, Settings
from tests.integration.protocol import DEADLINE_SECONDS

COMMAND_SECONDS_MAX: Final = 60.0
"""Longest life of a process that has to fail, on a busy machine."""

RULES: Final = [
    (spec.name, rule)
    for spec in topic_specs(Settings())
    for rule in spec.rules
    if rule.severity is Severity.ERROR
]


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Return settings for topics that no other test uses."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=2
        )
    )


def test_projection_leaves_the_view_of_another_environment_alone(
    settings: Settings, redis_url: str, topic_prefix: str
) -> None:
    """Two prefixes on one Redis: the second projection ends in one line and writes nothing."""
    asyncio.run(create_topics(settings))
    owner = f"another/{topic_prefix}staging-ledger"
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.set("projection:marker", f"00ff@{owner}")
        for options in ((), ("--rebuild",)):
            arguments = ("worker", "projection", *options)
            status, lines = end_of(variables(settings, REDIS__URL=redis_url), *arguments)
            assert status == 1
            assert f"redis.url={redis_url} holds the view of {owner}, not of " in lines[-1]
            assert "--rebuild --take-over" in lines[-1]
        assert client.keys("*") == ["projection:marker"]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Keep the workers of a test, and end them with it."""
    with Supervisor(tmp_path / "logs") as one:
        yield one


def variables(settings: Settings, **changes: str) -> dict[str, str]:
    """Give the environment of a process; `changes` by name without prefix."""
    kafka = settings.kafka
    values = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "KAFKA__PARTITIONS": str(kafka.partitions),
        **changes,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return clean | {ENV_PREFIX + name: value for name, value in values.items()}


def end_of(environment: dict[str, str], *arguments: str) -> tuple[int, list[str]]:
    """Run a command to its end; give status and lines on stderr."""
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "inventory_stream.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS_MAX,
    )
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.parametrize("command", [("worker", "ledger"), ("ledger", "verify", "--no-redis")], ids=" ".join)
def test_missing_topics_are_named_with_the_command_that_makes_them(
    command: tuple[str, ...], settings: Settings
) -> None:
    """Nothing starts without topics, and nothing creates them in passing."""
    status, (line,) = end_of(variables(settings), *command)
    assert status == 1
    assert "inventory-stream topics create" in line


@pytest.mark.parametrize("command", [("worker", "ledger"), ("ledger", "verify", "--no-redis")], ids=" ".join)
async def test_another_number_of_partitions_is_refused(command: tuple[str, ...], settings: Settings) -> None:
    """P10: the number that is set must be that of the topics; both are told."""
    await create_topics(settings)
    status, (line,) = end_of(variables(settings, KAFKA__PARTITIONS="3"), *command)
    assert status == 1
    assert "2 partitions where 3 are set" in line
    assert "kafka.partitions" in line


def broken(rule: Rule) -> str:
    """Give a value that Kafka takes and the rule does not."""
    if rule.least is not None:
        return str(rule.least - 1)
    others = {
        "cleanup.policy": "delete" if rule.wanted == "compact" else "compact",
        "message.timestamp.type": "CreateTime",
        "retention.bytes": "1000000",
        "retention.ms": "604800000",
        "unclean.leader.election.enable": "true",
    }
    return others[rule.name]


async def test_every_setting_of_a_topic_that_p12_demands_is_demanded_at_the_start(settings: Settings) -> None:
    """Each entry broken by itself: the worker's check names topic, entry and the command that mends it."""
    await create_topics(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        configs = {spec.name: spec.config for spec in topic_specs(settings)}
        for name, rule in RULES:
            topic = settings.topic(name)
            wrong = {**configs[topic], rule.name: broken(rule)}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wrong)])
            said = await _until_refused(settings, f"{rule.name}={broken(rule)}")
            assert said.startswith(f"{topic}: "), said
            assert "kafka-configs" in said
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs[topic])])
            await _until_admitted(settings)
    finally:
        await admin.close()


async def _until_refused(settings: Settings, words: str) -> str:
    """Check until the broker shows the change."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await check_before_start(settings)
            except TopicsError as error:
                if words in str(error):
                    return str(error)


async def _until_admitted(settings: Settings) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                await check_before_start(settings)
            except TopicsError:
                continue
            return


def _start(supervisor: Supervisor, name: str, environment: dict[str, str]) -> None:
    supervisor.start(name, [sys.executable, "-m", "inventory_stream.cli", "worker", "ledger"], environment)


async def _until_logged(supervisor: Supervisor, name: str, words: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS * 2):
        # The log is a file, it does not call.
        while words not in _log_of(supervisor, name):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _log_of(supervisor: Supervisor, name: str) -> str:
    path = supervisor.log_path(name)
    return path.read_text() if path.exists() else ""


async def test_a_second_worker_of_one_instance_id_puts_the_first_out_with_a_line(
    settings: Settings, supervisor: Supervisor
) -> None:
    """Static membership knows each id once: the older ends and says so, it does not fall silent."""
    await create_topics(settings)
    environment = variables(settings, WORKER__INSTANCE_ID="one")
    _start(supervisor, "first", environment)
    await _until_logged(supervisor, "first", '"partitions": [0, 1]')
    _start(supervisor, "second", environment)
    assert await asyncio.to_thread(supervisor.wait_for_exits, "first", 1, COMMAND_SECONDS_MAX)
    assert supervisor.exit_statuses("first")[0] == EXIT_CODE
    said = _log_of(supervisor, "first")
    assert "worker.instance_id" in said
    assert "Traceback" not in said


async def test_a_stranger_in_the_group_is_told_from_silence(settings: Settings) -> None:
    """Another program with our group id makes the group unusable to us: the worker ends and says so."""
    await create_topics(settings)
    stranger = AIOKafkaConsumer(
        settings.topic("stock-events"),
        bootstrap_servers=settings.kafka.bootstrap_servers,
        group_id=settings.topic(LEDGER_GROUP),
    )
    await stranger.start()
    try:
        status, lines = await asyncio.to_thread(end_of, variables(settings), "worker", "ledger")
    finally:
        await stranger.stop()
    assert status == EXIT_CODE, lines
    assert settings.topic(LEDGER_GROUP) in lines[-1]
    assert "InconsistentGroupProtocol" in lines[-1]
    assert "Traceback" not in "".join(lines)
