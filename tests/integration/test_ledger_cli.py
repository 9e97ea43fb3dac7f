"""`ledger dump` and `ledger verify` against a real broker and a real Valkey."""

import asyncio
import json
import subprocess
import sys

import pytest
import uvloop
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.cli.ledger import app
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import TopicsError, UnreachableError
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.settings import Settings, load_settings
from tests.fakes.ledger_reader import FakeLedger, FakeRecord
from tests.fakes.projection import OURS
from tests.unit.flows.decided_ledger import planted, random_ledger
from tests.unit.flows.test_verify import position


async def load(settings: Settings, ledger: FakeLedger) -> None:
    """Put a ledger's rows into the real topic, and project them."""
    await create_topics(settings)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    for record in ledger.partitions[0]:
        await producer.send(
            settings.topic(LEDGER), record.value, record.key, partition=0, headers=list(record.headers)
        )
    await producer.stop()
    reader = KafkaLedgerReader(
        connection=KafkaConnection(settings.kafka.bootstrap_servers), topic=settings.topic(LEDGER)
    )
    view = RedisProjection.connect(settings.redis, OURS)
    flow = ProjectionFlow(view, reader, LiveRows, settings.projection, lambda: ledger.start_ms)
    await flow.start(0)
    await asyncio.gather(view.close(), reader.close())


@pytest.fixture
def settings(
    kafka_server: KafkaServer, redis_url: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Point the settings at the real servers."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", kafka_server.bootstrap_servers)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", "1")
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", redis_url)
    return load_settings()


def test_verify_of_a_sound_ledger_says_so(settings: Settings) -> None:
    """A ledger of the real decider, projected, holds what verify recomputes, I6 included: exit 0."""
    uvloop.run(load(settings, random_ledger(21)))
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 0, result.output
    assert "oversold units (granted against I2): 0" in result.stdout
    assert "I1-I7, R12 and R16 hold" in result.stdout
    assert "I1-I5, I7, R12 and R16 hold; I6" in CliRunner().invoke(app, ["verify", "--no-redis"]).stdout
    report = json.loads(CliRunner().invoke(app, ["verify", "--json"]).stdout)
    assert report["sound"] is True
    assert report["skus_compared"] == 2
    assert report["partitions"][0]["whole_from_offset"] == 0


def test_verify_of_a_broken_ledger_names_the_place(settings: Settings) -> None:
    """A planted defect gives exit 1 and names invariant, key, offset, expected and found."""
    ledger = random_ledger(22)
    record = planted(ledger, position(on_hand=lambda units: units + 1), b"p/")
    uvloop.run(load(settings, ledger))
    result = CliRunner().invoke(app, ["verify", "--json", "--no-redis"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["broken"]["I4"] >= 1
    finding = report["findings"][0]
    assert (finding["check"], finding["offset"]) == ("I4", record.offset)
    assert finding["key"] == (record.key or b"").decode()
    assert "I4 BROKEN" in CliRunner().invoke(app, ["verify", "--no-redis"]).stdout


def test_verify_finds_redis_behind_the_ledger(settings: Settings) -> None:
    """A hash that was tampered with is found by I6."""
    uvloop.run(load(settings, random_ledger(23)))

    async def tamper() -> None:
        from redis.asyncio import Redis  # noqa: PLC0415  # for this test alone

        async with Redis.from_url(settings.redis.url) as client:
            await client.hset("atp:{S}", "loc:A", "777")

    uvloop.run(tamper())
    result = CliRunner().invoke(app, ["verify", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["broken"] == {"I6": 1}


def test_dump_filters_and_streams_live_rows(settings: Settings) -> None:
    """Each line is one live row with its place; filters leave out the others; claims never show."""
    ledger = random_ledger(24)
    uvloop.run(load(settings, ledger))

    def lines(*options: str) -> list[dict[str, object]]:
        result = CliRunner().invoke(app, ["dump", *options])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def count(wanted: object) -> int:
        assert callable(wanted)
        return sum(1 for record in ledger.partitions[0] if wanted(record))

    def key_of(record: FakeRecord) -> bytes:
        return record.key or b""

    assert len(lines()) == count(lambda record: not key_of(record).startswith(b"@claim"))
    positions = lines("--kind", "position", "--sku", "S")
    assert len(positions) == count(lambda record: key_of(record).startswith(b"p/S/"))
    assert positions[0]["key"] in {"p/S/A", "p/S/B", "p/S/C"}
    row = positions[0]["row"]
    assert isinstance(row, dict)
    assert (row["sku"], row["on_hand"]) == ("S", 40)
    assert lines("--partition", "0", "--kind", "reservation", "--sku", "nothing") == []


def test_dump_into_a_closed_pipe_ends_quietly(settings: Settings) -> None:
    """`ledger dump | head -1` prints one line and no traceback."""
    uvloop.run(load(settings, random_ledger(25)))
    dump = subprocess.Popen(
        [sys.executable, "-c", "from inventory_stream.cli.ledger import app; app()", "dump"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert dump.stdout is not None
    assert dump.stderr is not None
    assert json.loads(dump.stdout.readline())["partition"] == 0
    dump.stdout.close()
    assert b"Traceback" not in dump.stderr.read()
    dump.wait(60)
    dump.stderr.close()


def test_unreachable_broker_is_one_clear_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault names the broker; the command line turns it into one line and exit 1."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    result = CliRunner().invoke(app, ["verify", "--no-redis"])
    assert isinstance(result.exception, UnreachableError)
    assert "127.0.0.1:1" in str(result.exception)


@pytest.mark.parametrize("command", ["verify", "dump"])
def test_other_number_of_partitions_is_told_before_reading(
    command: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger of another partition count is refused at once, with both numbers."""
    uvloop.run(load(settings, random_ledger(26)))
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", "2")
    result = CliRunner().invoke(app, [command])
    assert isinstance(result.exception, TopicsError)
    assert "1 partitions where 2 are set" in str(result.exception)


def test_wrong_filters_say_what_is_right() -> None:
    """An unknown kind or partition is a usage error that lists what there is."""
    result = CliRunner().invoke(app, ["dump", "--kind", "order"])
    assert result.exit_code == 2
    assert "reservation" in result.output
    result = CliRunner().invoke(app, ["verify", "--partition", "99"])
    assert result.exit_code == 2
