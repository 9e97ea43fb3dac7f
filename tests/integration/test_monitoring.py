"""What an operator sees of real workers: readiness over a life, metrics that tell the story, logs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import redis
from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.compiled import ledger_form
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.metric_names import FOREIGN, METRICS, PREFIX, Role
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from models.codec import encode_command
from models.commands import Adjust, Command, Reserve
from tests.integration.watched_workers import WatchedWorker

PARTITIONS = 2
SECRET = "s3cr3t-of-the-shop"  # noqa: S105  # a made-up customer's id, which no line may show


@pytest.fixture
async def settings(kafka_server: KafkaServer, redis_url: str, topic_prefix: str) -> Settings:
    """Give an environment of its own, its topics made."""
    kafka = KafkaSettings(
        bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=PARTITIONS
    )
    one = Settings(kafka=kafka, redis=RedisSettings(url=redis_url))
    await create_topics(one)
    return one


@pytest.fixture
async def producer(kafka_server: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer of commands."""
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers) as one:
        yield one


async def send(producer: AIOKafkaProducer, settings: Settings, topic: str, *commands: Command) -> None:
    """Send commands, durably."""
    for command in commands:
        key = getattr(command, "sku", "").encode()
        await producer.send(settings.topic(topic), encode_command(command), key=key)
    await producer.flush()


async def test_workers_tell_what_they_did_and_lose_nothing_when_asked_to_stop(
    settings: Settings, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    """503 with a reason, then 200; the counts are what was sent; SIGTERM under load loses nothing."""
    async with (
        WatchedWorker("ledger", settings, tmp_path, INVENTORY_STREAM_LOGS__FORMAT="json") as ledger,
        WatchedWorker("projection", settings, tmp_path) as projection,
    ):
        for worker in (ledger, projection):
            answers = await worker.until_ready()
            assert {answer.status for answer in answers} <= {0, 503, 200}
            assert all(answer.reasons for answer in answers if answer.status == 503)
            assert (await worker.get("/live")).status == 200
        await send(producer, settings, "stock-events", *(adjust(number) for number in range(200)))
        await ledger.until_told(lambda told: told.get(f"{PREFIX}decisions_total{{APPLIED}}") == 200)
        reserve = Reserve("r1", "cart-1", "SKU", 3, 600, location="DC1", customer=SECRET)
        await send(producer, settings, "order-events", reserve, reserve)
        nonsense = SECRET.encode()
        await producer.send_and_wait(settings.topic("order-events"), nonsense, key=b"SKU")
        told = await ledger.until_told(lambda told: told[f"{PREFIX}dead_letters_total{{orders}}"] == 1)
        told = await ledger.until_told(lambda told: f"{PREFIX}kept{{positions}}" in told)
        expected = {
            "decisions_total{GRANTED}": 2,
            "repeats_total": 1,
            "kept{live_reservations}": 1,
            "kept{receipts}": 200,
            "kept{skus}": 1,
            "partition_owned": PARTITIONS,
            "partitions": PARTITIONS,
            "claims_total": PARTITIONS,
            "recovery_running": 0,
            "input_lag_records{orders}": 0,
            "window_count_decides{receipts}": 0,
            "ready": 1,
            f"build_info{{{ledger_form()},ledger,0.1.0}}": 1,
        }
        assert {name: told.get(PREFIX + name) for name in expected} == expected
        assert 0 < told[f"{PREFIX}lease_margin_seconds"] <= PARTITIONS * settings.worker.lease_seconds
        assert told[f"{PREFIX}append_seconds_count"] == told[f"{PREFIX}append_bytes_count"] > 0
        assert abs(told[f"{PREFIX}clock_skew_seconds"]) < 1
        assert_declared(told, Role.LEDGER)
        seen = await projection.until_told(
            lambda told: (
                told[f"{PREFIX}projection_lag_records"] == 0
                and told.get(f"{PREFIX}projection_delay_seconds_count", 0) > 0
            )
        )
        assert seen[f"{PREFIX}projection_fresh"] == PARTITIONS
        assert seen[f"{PREFIX}redis_up"] == 1
        assert_declared(seen, Role.PROJECTION)

        # Under load: what is acknowledged before the end must be there after it, and only once.
        sending = asyncio.create_task(
            send(producer, settings, "stock-events", *(adjust(number) for number in range(200, 3_000)))
        )
        await ledger.until_told(lambda told: told[f"{PREFIX}decisions_total{{APPLIED}}"] > 200)
        status, seconds, said = await ledger.stop()
        assert status == 0
        assert seconds < 10
        assert 200 not in said[said.index(503) :] if 503 in said else True
        await sending
        for line in ledger.lines:
            event = json.loads(line)
            assert {"event", "level", "timestamp"} <= event.keys()
            assert SECRET not in line
        async with WatchedWorker("ledger", settings, tmp_path) as successor:
            await successor.until_ready()
            with redis.Redis.from_url(settings.redis.url, decode_responses=True) as view:
                await projection.until_told(lambda _: view.hget("atp:{SKU}", "total") == str(3_000 - 3))
            assert (await successor.stop())[0] == 0
        assert (await projection.stop())[0] == 0


def adjust(number: int) -> Adjust:
    """Give the fact that one more is there."""
    return Adjust(f"a{number}", "SKU", "DC1", 1, 1_795_000_000_000)


def assert_declared(told: dict[str, float], role: Role) -> None:
    """Everything exported is in the catalogue, of this kind of process."""
    declared = {metric.name for metric in METRICS if metric.role in (role, Role.EVERY)} | FOREIGN.keys()
    for sample in told:
        name = sample.partition("{")[0]
        bare = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert name in declared or bare in declared, name


async def test_a_busy_port_is_one_line_and_status_1(settings: Settings, tmp_path: Path) -> None:
    """The line names setting, port and way out; nothing was started, and it may be free in a moment."""
    async with WatchedWorker("ledger", settings, tmp_path, INVENTORY_STREAM_LOGS__FORMAT="console") as ledger:
        await ledger.until_ready()
        more = {
            "INVENTORY_STREAM_LOGS__FORMAT": "console",
            "INVENTORY_STREAM_MONITORING__PORT": str(ledger.port),
        }
        async with WatchedWorker("projection", settings, tmp_path, **more) as second:
            assert await asyncio.to_thread(second.process.wait, 60) == 1
            (line,) = second.lines
            assert line.startswith(f"monitoring.port = {ledger.port} on monitoring.host = '127.0.0.1': ")
            assert "INVENTORY_STREAM_MONITORING__PORT" in line


async def test_without_a_port_nothing_listens(settings: Settings, tmp_path: Path) -> None:
    """monitoring.port = 0 opens no socket, and the worker works."""
    async with WatchedWorker("ledger", settings, tmp_path, INVENTORY_STREAM_MONITORING__PORT="0") as ledger:
        await ledger.until_logged('"event": "ready"')
        connections = psutil.Process(ledger.process.pid).net_connections("inet")
        assert connections
        assert not [one for one in connections if one.status == psutil.CONN_LISTEN]
