"""`doctor` as an operator runs it, against a real broker and a real Valkey."""

import asyncio
import json
import time
from typing import Any

import pytest
import redis
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner, Result

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.bootstrap import view_owner
from inventory_stream.cli.doctor import app
from inventory_stream.devservers import KafkaServer
from inventory_stream.flows.doctor import PROBE_SECONDS_MAX
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.settings import Settings, load_settings
from models import commands as c
from tests.integration.test_operator_cli import load
from tests.unit.flows.decided_by_hand import DecidedByHand


@pytest.fixture
def settings(
    kafka_server: KafkaServer, redis_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Point the settings at the real servers, with topics of their own."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", kafka_server.bootstrap_servers)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", "1")
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", redis_url)
    settings = load_settings()
    uvloop.run(create_topics(settings))
    return settings


def examine(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run doctor; give its exit status and the worst check of each subject."""
    result = run("--json", *options)
    report = json.loads(result.stdout)
    order = ["ok", "warn", "fail"]
    checks: dict[str, dict[str, Any]] = {}
    for check in sorted(report["checks"], key=lambda one: order.index(one["level"])):
        checks[check["subject"]] = check
    return result.exit_code, checks


def run(*options: str) -> Result:
    """Run doctor as text."""
    return CliRunner().invoke(app, options, env={"COLUMNS": "200"})


async def project(settings: Settings) -> None:
    """Show the ledger in Redis, and say once that it is fresh."""
    connection = KafkaConnection.of(settings.kafka)
    reader = KafkaLedgerReader(connection=connection, topic=settings.topic(LEDGER))
    view = RedisProjection.connect(settings.redis, await view_owner(settings))
    flow = ProjectionFlow(view, reader, LiveRows, settings.projection, lambda: 1)
    await flow.start(0)
    place = await view.checkpoint(0)
    assert place is not None
    assert await view.beat(0, place, 60_000)
    await asyncio.gather(view.close(), reader.close())


def decided(orders: int) -> DecidedByHand:
    """Give a ledger that decided a count and so many orders."""
    ledger = DecidedByHand()
    ledger.batch(c.Sync("count", "S", "A", 5, ledger.now_ms))
    for number in range(orders):
        ledger.batch(c.Reserve(f"r{number}", f"R{number}", "S", 1, 60, location="A"))
    return ledger


def test_new_set_up_is_told_what_to_start(settings: Settings) -> None:
    """With servers and topics alone nothing is broken; what is not started yet is named with its command."""
    status, checks = examine()
    assert status == 0, checks
    servers = settings.kafka.bootstrap_servers
    assert "Kafka 4.0 or newer" in checks[f"Kafka {servers}"]["what"]
    assert checks["ledger[0]"]["way_out"].endswith("inventory-stream worker ledger")
    assert "worker projection" in checks[f"group {settings.topic('projection')}"]["way_out"]
    assert checks[f"clock of {servers}"]["level"] == "ok"
    assert "noeviction" not in json.dumps(checks)
    text = run()
    assert "way out: start a worker: inventory-stream worker ledger" in text.stdout
    assert f"set: kafka.topic_prefix = {settings.kafka.topic_prefix}" in text.stdout


def test_view_is_compared_and_p9_is_found(settings: Settings) -> None:
    """Redis that shows a wrong number fails; so does an input that holds less than was decided (P9)."""
    uvloop.run(load(settings, decided(3).ledger))
    uvloop.run(project(settings))
    status, checks = examine("--deep")
    assert status == 1
    assert "as the ledger says: 1 SKU that changed last" in checks["Redis view, partition 0"]["what"]
    assert "created anew" in checks[f"{settings.topic('order-events')}[0]"]["why"]
    assert "1 of 2,000,000 kept" in checks["ledger[0] receipts"]["what"]
    with redis.Redis.from_url(settings.redis.url) as client:
        client.hset("atp:{S}", "loc:A", "77")
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            _, checks = examine()
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert "S at A shows 77, the ledger says 2" in checks["Redis view, partition 0"]["what"]
    assert "allkeys-lru" in json.dumps(checks)


def test_complete_outage_is_a_failure(settings: Settings) -> None:
    """No worker, a flushed Redis, commands that wait: nothing of that is a warning."""
    uvloop.run(load(settings, decided(3).ledger))
    status, checks = examine()
    assert status == 1
    address = settings.redis.url.split("//")[1].split("/")[0]
    for subject in (
        f"Redis {address}",
        f"group {settings.topic('ledger')}",
        f"group {settings.topic('projection')}",
    ):
        assert checks[subject]["level"] == "fail", checks[subject]


def test_view_of_another_environment_is_named(settings: Settings) -> None:
    """Two prefixes on one Redis: doctor says whose view it is, and does not compare it with ours."""
    with redis.Redis.from_url(settings.redis.url) as client:
        client.set("projection:marker", "00ff@another/staging-ledger")
    status, checks = examine()
    address = settings.redis.url.split("//")[1].split("/")[0]
    assert status == 1
    assert "of another/staging-ledger, not of " in checks[f"Redis {address}"]["what"]
    assert "--take-over" in checks[f"Redis {address}"]["way_out"]
    assert "Redis view" not in checks


def test_missing_topics_are_not_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked at without its topics is said to be so, at once."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__TOPIC_PREFIX", f"{settings.kafka.topic_prefix}none-")
    started = time.monotonic()
    status, checks = examine("--deep")
    assert time.monotonic() - started < PROBE_SECONDS_MAX / 2
    assert status == 1
    for subject in ("ledger", "side topics", "windows"):
        assert checks[subject]["what"] == "not looked at: see the topics above"


def test_letters_that_wait_are_counted(settings: Settings) -> None:
    """A letter that was taken out is not told, though its record and its tombstone are still there."""
    topic = settings.topic("dead-letters")

    async def write(*records: tuple[bytes, bytes | None]) -> None:
        async with AIOKafkaProducer(**KafkaConnection.of(settings.kafka).client_options) as producer:
            for key, value in records:
                await producer.send_and_wait(topic, value, key=key)

    asyncio.run(write((b"a", b"{}"), (b"b", b"{}"), (b"b", None)))
    assert examine()[1][topic]["what"] == "waiting: 1 letter"
    asyncio.run(write((b"a", None)))
    assert examine()[1][topic]["what"] == "no dead letter"


def test_second_application_with_our_group_id_is_found(settings: Settings) -> None:
    """P10: another program that joined the group of the ledger workers takes partitions from them."""

    async def beside() -> tuple[int, dict[str, dict[str, Any]]]:
        other = AIOKafkaConsumer(
            settings.topic("dead-letters"),
            **KafkaConnection.of(settings.kafka).client_options,
            group_id=settings.topic("ledger"),
            client_id="carts",
        )
        await other.start()
        try:
            return await asyncio.to_thread(examine)
        finally:
            await other.stop()

    status, checks = asyncio.run(beside())
    assert status == 1
    assert "carts" in checks[f"group {settings.topic('ledger')}"]["what"]


def test_dead_broker_does_not_hide_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each server's findings stand alone, and both ways out are told."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    status, checks = examine()
    assert status == 1
    assert "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS" in checks["Kafka 127.0.0.1:1"]["way_out"]
    address = settings.redis.url.split("//")[1].split("/")[0]
    assert "no marker" in checks[f"Redis {address}"]["what"]
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", "redis://127.0.0.1:1/0")
    status, checks = examine()
    assert (status, checks["Redis 127.0.0.1:1"]["level"]) == (1, "fail")
