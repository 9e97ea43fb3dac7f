"""`ledger explain` and `dead-letters` as operators run them, against a real broker and a real Valkey."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner, Result

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.cli import dead_letters, ledger
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import InventoryStreamError
from inventory_stream.ports.commands import ORDER_EVENTS
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.settings import Settings, load_settings
from models import commands as c
from models.codec import encode_command, to_positional
from models.ids import partition_of
from tests.fakes.ledger_reader import FakeLedger
from tests.unit.flows.decided_by_hand import DecidedByHand

PARTITIONS = 2
RESERVE = c.Reserve("r9", "R9", "S", 2, 60, location="A")


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Point the settings at the real broker, with topics of their own."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", kafka_server.bootstrap_servers)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", str(PARTITIONS))
    settings = load_settings()
    uvloop.run(create_topics(settings))
    return settings


async def load(settings: Settings, fake: FakeLedger, letters: Sequence[DeadLetter] = ()) -> None:
    """Put a ledger's rows and letters into the real topics."""
    connection = KafkaConnection.of(settings.kafka)
    producer = AIOKafkaProducer(**connection.client_options)
    await producer.start()
    for partition, records in fake.partitions.items():
        for record in records:
            await producer.send(
                settings.topic(LEDGER),
                record.value,
                record.key,
                partition=partition,
                headers=list(record.headers),
            )
    await producer.stop()
    await bury(settings, letters)


async def bury(settings: Settings, letters: Sequence[DeadLetter]) -> None:
    """Write letters as an owner does."""
    writer = KafkaDeadLetters(
        connection=KafkaConnection.of(settings.kafka), topic=settings.topic(DEAD_LETTERS)
    )
    await writer.write(letters)
    await writer.close()


async def send(settings: Settings, values: Sequence[bytes], partition: int = 1) -> None:
    """Put records into order-events."""
    producer = AIOKafkaProducer(**KafkaConnection.of(settings.kafka).client_options)
    await producer.start()
    for value in values:
        await producer.send_and_wait(settings.topic(ORDER_EVENTS), value, partition=partition)
    await producer.stop()


def letter(settings: Settings, value: bytes, *, offset: int = 0, pack_index: int | None = None) -> DeadLetter:
    """Give a letter of order-events[1]."""
    topic = settings.topic(ORDER_EVENTS)
    return DeadLetter(topic, 1, offset, pack_index, "Expected `int`, got `float`", b"S", value, 1_000)


def run(app: object, *arguments: str) -> Result:
    """Run one command; a fault is raised, as the command line would print it."""
    result = CliRunner().invoke(app, arguments)  # type: ignore[arg-type]  # a typer app
    if isinstance(result.exception, InventoryStreamError):
        raise result.exception
    return result


def decided_in_its_partition() -> DecidedByHand:
    """Give a ledger in which S at A, in its own partition, had a grant and a refusal."""
    home = partition_of("S", PARTITIONS)
    decided = DecidedByHand(home, PARTITIONS)
    decided.ledger.claim(1 - home)
    decided.batch(c.Sync("count", "S", "A", 5, decided.now_ms))
    decided.batch(c.Reserve("r1", "R1", "S", 3, 60, location="A", order_id="A-1"))
    decided.batch(c.Reserve("r2", "R2", "S", 4, 60, location="A"))
    return decided


def test_refusal_and_position_are_explained(settings: Settings) -> None:
    """From the real log: why somebody was refused, what moved the SKU, and what a command was answered."""
    uvloop.run(load(settings, decided_in_its_partition().ledger))
    said = run(ledger.app, "explain", "reservation", "R2").stdout
    assert "reserve r2 of R2 -> ALL_RESERVED" in said
    assert "5 on hand - 0 unavailable - 3 reserved" in said
    assert "complete from the beginning" in said

    story = json.loads(run(ledger.app, "explain", "reservation", "R2", "--sku", "S", "--json").stdout)
    assert [step["outcome"] for step in story["steps"]] == ["ALL_RESERVED"]
    assert [place["partition"] for place in story["read"]] == [partition_of("S", PARTITIONS)]

    said = run(ledger.app, "explain", "position", "S", "--location", "A").stdout
    assert "A: on_hand +5 -> on_hand 5, version 1  sync count" in said
    assert "reserved +3 -> on_hand 5, version 2  reserve r1 of R1 (order A-1)" in said
    assert "now S at A (version 2): 5 on hand - 0 unavailable - 3 reserved" in said
    lines = [
        json.loads(line) for line in run(ledger.app, "explain", "position", "S", "--json").stdout.splitlines()
    ]
    assert [line.get("command_id") for line in lines[:-1]] == ["count", "r1"]
    assert lines[-1]["now"][0]["available_to_promise"] == 2

    said = run(ledger.app, "explain", "command", "count").stdout
    assert "sync count -> APPLIED" in said


def test_what_is_not_there_comes_with_the_cause(settings: Settings) -> None:
    """Not found is exit 1, names the dead letter that has the id, and input that nobody decided."""
    fake = decided_in_its_partition().ledger
    broken = encode_command(RESERVE).replace(b'"units":2', b'"units":2.5')
    uvloop.run(load(settings, fake, [letter(settings, broken, offset=7)]))
    result = run(ledger.app, "explain", "reservation", "R9")
    assert result.exit_code == 1
    assert f"dead letter {settings.topic(ORDER_EVENTS)}/1/7: Expected `int`" in result.stdout
    assert "its window may have passed (R29)" in result.stdout
    missing = json.loads(run(ledger.app, "explain", "command", "r9", "--json").stdout)["missing"]
    assert missing["dead_letters"] == [f"{settings.topic(ORDER_EVENTS)}/1/7"]
    result = run(ledger.app, "explain", "position", "none", "--partition", "0")
    assert result.exit_code == 1
    assert "only partition 0 was read" in result.stdout


def test_undecided_input_is_told(settings: Settings) -> None:
    """A command that nobody has decided yet is told as such, with the partition where it waits."""
    uvloop.run(load(settings, decided_in_its_partition().ledger))

    uvloop.run(send(settings, [b"{"] * 4, partition=0))
    said = run(ledger.app, "explain", "reservation", "R9").stdout
    assert f"records of {settings.topic(ORDER_EVENTS)}[0] are not decided yet" in said


def test_letters_are_listed_shown_mended_and_sent_again(settings: Settings, tmp_path: Path) -> None:
    """The whole way of a letter: seen, mended, in its input again, gone; what cannot succeed stays."""
    broken = encode_command(to_positional(RESERVE)).replace(b",2,", b",2.5,")
    orders = settings.topic(ORDER_EVENTS)
    letters = [
        letter(settings, broken, offset=0, pack_index=3),
        letter(settings, b"{", offset=1),
        letter(settings, encode_command(RESERVE), offset=2),
    ]
    uvloop.run(send(settings, [one.value or b"" for one in letters]))
    uvloop.run(bury(settings, letters))

    listed = [json.loads(line) for line in run(dead_letters.app, "list", "--json").stdout.splitlines()]
    assert [one["key"] for one in listed] == [f"{orders}/1/0/3", f"{orders}/1/1", f"{orders}/1/2"]
    assert listed[0]["command"]["reservation_id"] == "R9"
    assert f"{orders}/1/2" in run(dead_letters.app, "list", "--topic", ORDER_EVENTS).stdout

    said = run(dead_letters.app, "show", f"{orders}/1/0/3").stdout
    assert "command 3 of a pack" in said
    assert '"units": 2.5' in said
    assert "--set name=value" in said

    replayed = json.loads(run(dead_letters.app, "replay", "--all", "--dry-run", "--json").stdout)
    assert (replayed["sent"], replayed["taken_out"]) == (1, 0)
    result = run(dead_letters.app, "replay", "--all", "--yes", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["taken_out"] == 1
    result = run(dead_letters.app, "replay", f"{orders}/1/0/3", "--set", "units=2", "--yes")
    assert result.exit_code == 0, result.output
    mended = tmp_path / "mended.json"
    mended.write_bytes(encode_command(RESERVE))
    assert run(dead_letters.app, "replay", f"{orders}/1/1", "--edit", str(mended), "--yes").exit_code == 0
    assert "no dead letter waits" in run(dead_letters.app, "list").stdout

    records = uvloop.run(sent_to(settings, orders))
    sent = [json.loads(value) for value in records[len(letters) :]]
    assert [(one["id"], one["units"]) for one in sent] == [("r9", 2)] * 3


async def sent_to(settings: Settings, topic: str) -> list[bytes]:
    """Give what lies in partition 1 of a topic."""
    from inventory_stream.adapters.kafka.record_reader import RecordReader  # noqa: PLC0415  # here alone

    async with RecordReader(
        connection=KafkaConnection.of(settings.kafka), topic=topic, partition=1
    ) as reader:
        beginning, end = await reader.range()
        return [one.value or b"" async for records in reader.records(beginning, end - 1) for one in records]


def test_nothing_is_sent_without_a_yes(settings: Settings) -> None:
    """Asked and not answered: exit 1, and every letter still waits."""
    uvloop.run(bury(settings, [letter(settings, encode_command(RESERVE))]))
    result = CliRunner().invoke(dead_letters.app, ["replay", "--all"], input="n\n")
    assert isinstance(result.exception, InventoryStreamError)
    assert "nothing was sent" in str(result.exception)
    assert len(run(dead_letters.app, "list", "--json").stdout.splitlines()) == 1


def test_unknown_key_is_one_clear_fault(settings: Settings) -> None:
    """A letter that does not wait is named, and nothing else is sent in its place."""
    uvloop.run(bury(settings, [letter(settings, encode_command(RESERVE), offset=3)]))
    orders = settings.topic(ORDER_EVENTS)
    for command in (["show", "x/1/2"], ["replay", f"{orders}/1/3", "x/1/2", "--yes"]):
        with pytest.raises(InventoryStreamError, match="no dead letter x/1/2 waits"):
            run(dead_letters.app, *command)
    assert len(run(dead_letters.app, "list", "--json").stdout.splitlines()) == 1


def test_letters_of_a_newer_version_are_named(settings: Settings) -> None:
    """What this program cannot read stops the command with its offset, instead of being left out."""

    async def write() -> None:
        producer = AIOKafkaProducer(**KafkaConnection.of(settings.kafka).client_options)
        await producer.start()
        await producer.send_and_wait(settings.topic(DEAD_LETTERS), b'{"schema": 9}', b"a/0/1")
        await producer.stop()

    asyncio.run(write())
    with pytest.raises(InventoryStreamError, match="offset 0 what this program cannot read"):
        run(dead_letters.app, "list")
