"""Poison among good records, and the same command a hundred times: neither costs anything but itself."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from aiokafka.structs import RecordMetadata

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import VALUE_BYTES_MAX, decode_letter
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.dead_letters import DeadLetter
from models.codec import elements_of, encode_command, encode_pack
from models.commands import Adjust, Command, Confirm, Reserve
from models.ids import partition_of
from models.outcomes import Outcome
from tests.e2e.audit import Asked, Place
from tests.e2e.cluster import LEDGER_WORKERS, PARTITIONS, Cluster
from tests.e2e.load import HOT_SKUS, STOCK_UNITS, Producer, Rush

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

SKU = HOT_SKUS[0]
PARTITION = partition_of(SKU, PARTITIONS)
PER_SECOND = 1_000
COMMANDS_MIN = 3_000
REPEATS = 100


class Poison(NamedTuple):
    """A record that cannot be decided, and what its dead letter must say."""

    name: str
    topic: str
    value: bytes | None
    reason: str
    pack_index: int | None = None


def reserve(number: str, units: int = 1, **changes: str | None) -> Reserve:
    """Ask for a unit of the hot SKU."""
    place = {"location": "harbour", **changes}
    return Reserve(f"{number}-ask", f"{number}-cart", SKU, units, 600, **place)  # type: ignore[arg-type]


def adjust(number: str, delta: int = 5) -> Adjust:
    """Put units on a shelf of their own."""
    return Adjust(number, SKU, "back-room", delta, time.time_ns() // 1_000_000)


def altered(command: Command, old: bytes, new: bytes) -> bytes:
    """Give a command's bytes with a part replaced."""
    value = encode_command(command)
    assert old in value
    return value.replace(old, new)


RESERVE = reserve("poison")
POISON = [
    Poison("not JSON", ORDER_EVENTS, b"\x00\xffjunk", "malformed"),
    Poison("cut off", ORDER_EVENTS, encode_command(RESERVE)[:-9], "truncated"),
    Poison("not UTF-8", ORDER_EVENTS, altered(RESERVE, b"harbour", b"harb\xffur"), "utf-8"),
    Poison("a number", STOCK_EVENTS, b"42", "`array`"),
    Poison("unknown type", ORDER_EVENTS, altered(RESERVE, b'"reserve"', b'"preorder"'), "preorder"),
    Poison("stock on the orders' topic", ORDER_EVENTS, encode_command(adjust("astray")), "adjust"),
    Poison("an order on the stock's topic", STOCK_EVENTS, encode_command(RESERVE), "reserve"),
    Poison("fraction", ORDER_EVENTS, altered(RESERVE, b'"units":1', b'"units":1.5'), "`int`, got `float`"),
    Poison("no units", ORDER_EVENTS, altered(RESERVE, b'"units":1', b'"units":0'), ">= 1"),
    Poison("unknown field", ORDER_EVENTS, altered(RESERVE, b'"units":1', b'"units":1,"lot":"7"'), "lot"),
    Poison("no time zone", STOCK_EVENTS, b'{"type":"adjust","id":"z","sku":"S","location":"L","delta":1,'
           b'"effective_at":"2026-01-01T00:00:00"}', "timezone"),
    Poison("empty", STOCK_EVENTS, b"", "empty record"),
    Poison("tombstone", ORDER_EVENTS, None, "empty record"),
    Poison("empty pack", ORDER_EVENTS, b"[]", "pack of 0 commands"),
    Poison("too many in a pack", ORDER_EVENTS, encode_pack([RESERVE] * 1_001), "pack of 1001 commands"),
    Poison("over 1 MiB", STOCK_EVENTS, b"[" + b" " * (1024 * 1024) + b"]", "record of 1048578 bytes"),
    Poison("control character", ORDER_EVENTS, altered(RESERVE, b"poison-cart", b"poison\\u0007cart"),
           "control character in `reservation_id`"),
    Poison("deep nesting", ORDER_EVENTS, b"[" * 100_000, "recursion depth"),
    Poison("nowhere to take it from", ORDER_EVENTS, encode_command(reserve("nowhere", location=None)),
           "neither a location nor a group"),
    Poison("two ways", ORDER_EVENTS, encode_command(reserve("both", group="town")),
           "both a location and a group"),
    Poison("unknown path", ORDER_EVENTS, encode_command(reserve("path", path="back door")), "back door"),
    Poison("an adjust of nothing", STOCK_EVENTS, encode_command(adjust("nothing", 0)), "by 0 units"),
]  # fmt: skip


GOOD_ADJUSTS = 3
"""Of five units each, beside the bad ones."""


async def test_poison_goes_to_dead_letters_and_costs_nothing_else(cluster: Cluster) -> None:
    """Each bad record or command is kept with its reason and place; everything else is decided."""
    expected: dict[bytes, Poison] = {}
    async with Producer(cluster) as producer:
        await producer.stock_up()
        for command in (adjust("good"), reserve("good")):
            await producer.send(command)
        async with Rush(producer, 5, PER_SECOND, COMMANDS_MIN) as rush:
            for poison in [*POISON, pack_with_one_bad(producer), *reused_ids(producer)]:
                await rush.until_sent(10)
                topic = cluster.settings.topic(poison.topic)
                record = await (
                    await producer.put(topic, poison.value, key=SKU.encode(), partition=PARTITION)
                )
                expected[place_of(record, poison.pack_index)] = poison
            astray = await send_astray(producer)
        await cluster.until_decided()
        found = cluster.audit.assert_sound(producer.sent)
        assert found.outcome(astray) is Outcome.WRONG_PARTITION
        assert found.positions[Place(SKU, "back-room")].on_hand == 5 * GOOD_ADJUSTS
        letters = await dead_letters(cluster)
        assert letters.keys() == expected.keys()
        for key, poison in expected.items():
            assert poison.reason in letters[key].reason, f"{poison.name}: {letters[key].reason}"
            original = poison.value
            if poison.pack_index is not None:
                original = elements_of(poison.value)[poison.pack_index]
            assert letters[key].value == (original and original[:VALUE_BYTES_MAX]), poison.name
        await cluster.verify()
    await cluster.end_in_order({})


async def test_repeated_command_has_one_effect_and_one_answer_across_a_restart(cluster: Cluster) -> None:
    """A hundred times the same: half before every owner is killed, half after, alone and in packs."""
    ask, move = reserve("often", 3), adjust("often-moved")
    commands = (ask, Confirm("often-paid", ask.reservation_id, SKU), move)
    async with Producer(cluster) as producer:
        await producer.stock_up()
        await send_often(producer, commands)
        await cluster.until_decided()
        claims = await cluster.claims()
        for worker in LEDGER_WORKERS:
            cluster.supervisor.kill(worker)
        await cluster.until_shared_by(2, claims_min=claims + PARTITIONS)
        await send_often(producer, commands)
        await cluster.until_decided()
        found = cluster.audit.assert_sound(producer.sent)
        for command, outcome in zip(
            commands, (Outcome.GRANTED, Outcome.CONFIRMED, Outcome.APPLIED), strict=True
        ):
            asked = Asked(PARTITION, getattr(command, "reservation_id", None), command.id)
            assert found.outcome(asked) is outcome
            assert len(found.answers[asked]) == REPEATS
        assert found.held[Place(SKU, "harbour")] == 3
        assert found.positions[Place(SKU, "harbour")].available_to_promise == STOCK_UNITS - 3
        assert found.positions[Place(SKU, "back-room")].on_hand == 5
        report = await cluster.verify()
        assert report["granted_units"] == 3
    await cluster.end_in_order({worker: [-9] for worker in LEDGER_WORKERS})


async def send_often(producer: Producer, commands: Sequence[Command]) -> None:
    """Send each command for half of its times, every other one in a pack, mixed as retries are."""
    for _ in range(REPEATS // 4):
        for command in commands:
            await producer.send(command)
            await producer.send_pack([command], PARTITION)
    await producer.flush()


def pack_with_one_bad(producer: Producer) -> Poison:
    """Give a pack of three commands, whose second is half a unit too much."""
    first, second, third = adjust("pack-1"), adjust("pack-2"), adjust("pack-3")
    for command in (first, third):
        producer.note(command, PARTITION)
    parts = encode_command(first), altered(second, b'"delta":5', b'"delta":5.5'), encode_command(third)
    return Poison("pack with one bad command", STOCK_EVENTS, b"[" + b",".join(parts) + b"]", "got `float`", 1)


def reused_ids(producer: Producer) -> list[Poison]:
    """Give commands under ids that have been used, asking for something else (R27)."""
    other_ask, other_move = reserve("good", units=2), adjust("good", 7)
    producer.sent.reused[Asked(PARTITION, other_ask.reservation_id, other_ask.id)] += 1
    producer.sent.reused[Asked(PARTITION, None, other_move.id)] += 1
    return [
        Poison("order id reused", ORDER_EVENTS, encode_command(other_ask), "COMMAND_ID_REUSED"),
        Poison("stock id reused", STOCK_EVENTS, encode_command(other_move), "COMMAND_ID_REUSED"),
    ]


async def send_astray(producer: Producer) -> Asked:
    """Send a reserve to a partition that its SKU does not belong to (R30): answered, but binds nothing."""
    sku = next(sku for sku in HOT_SKUS if partition_of(sku, PARTITIONS) != PARTITION)
    command = Reserve("astray-ask", "astray-cart", sku, 1, 600, location="harbour")
    producer.note(command, PARTITION)
    asked = Asked(PARTITION, command.reservation_id, command.id)
    producer.sent.may_bind_nothing.add(asked)
    await producer.put(producer.topic_of(command), encode_command(command), partition=PARTITION)
    return asked


def place_of(record: RecordMetadata, pack_index: int | None) -> bytes:
    """Give the key that a record's dead letter must have."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    return (place if pack_index is None else f"{place}/{pack_index}").encode()


async def dead_letters(cluster: Cluster) -> dict[bytes, DeadLetter]:
    """Read all dead letters by key."""
    reader = KafkaLedgerReader(
        connection=KafkaConnection(cluster.settings.kafka.bootstrap_servers),
        topic=cluster.settings.topic(DEAD_LETTERS),
    )
    letters = {}
    try:
        async for records in reader.read(0, 0, await reader.end_offset(0)):
            for record in records:
                letters[record.key or b""] = decode_letter(record.value or b"")
    finally:
        await reader.close()
    return letters
