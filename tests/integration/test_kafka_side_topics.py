"""Dead letters, input offsets and ledger readers on the real broker."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters, decode_letter, letter_key
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import LedgerLogError, UnreachableError
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.ports.inputs import Input, InputRange
from tests.integration.ledger_topics import create_ledger, everything_in, write_unfenced
from tests.integration.processes import DEADLINE_SECONDS
from tests.integration.protocol import group_row
from tests.integration.transactions import open_transaction, write_transaction

LETTER = DeadLetter("orders", 0, 17, None, "not JSON", b"SKU1", b"{", 1_700_000_000_000)


async def create_topic(kafka_server: KafkaServer, name: str) -> str:
    """Create a topic of one partition with the broker's defaults."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap_servers)
    try:
        await admin.start()
        await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()
    return name


async def test_written_letters_are_in_the_topic(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """After `write` returned, the letters can be read back under their place's key."""
    topic = await create_topic(kafka_server, f"{topic_prefix}dead-letters")
    letters = [LETTER, LETTER._replace(offset=18, pack_index=2)]
    writer = KafkaDeadLetters(connection=KafkaConnection(kafka_server.bootstrap_servers), topic=topic)
    await writer.write([])
    await writer.write(letters)
    await writer.close()
    records = await everything_in(kafka_server.bootstrap_servers, topic)
    assert [record.key for record in records] == [letter_key(letter) for letter in letters]
    assert [decode_letter(record.value or b"") for record in records] == letters


async def test_letters_that_cannot_be_kept_are_an_error(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Without the topic `write` does not return as if all were well: progress must not pass the letter."""
    writer = KafkaDeadLetters(
        connection=KafkaConnection(kafka_server.bootstrap_servers),
        topic=f"{topic_prefix}missing",
        write_seconds_max=1.0,
    )
    with pytest.raises(LedgerLogError, match="missing"):
        await writer.write([LETTER])
    await writer.close()


async def test_offsets_are_those_of_the_broker_now(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """The range grows with what is written, without being told."""
    servers = kafka_server.bootstrap_servers
    topic = await create_topic(kafka_server, f"{topic_prefix}orders")
    offsets = KafkaInputOffsets(connection=KafkaConnection(servers), topics={Input.ORDERS: topic})
    assert await offsets.range_of(Input.ORDERS, 0) == InputRange(0, 0)
    await write_unfenced(servers, topic, [(b"k", b"v"), (b"k", b"w")])
    assert await offsets.range_of(Input.ORDERS, 0) == InputRange(0, 2)
    await offsets.close()


async def test_only_committed_records_count_as_records(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Markers and aborted records are no commands; those of an open transaction may become some."""
    servers = kafka_server.bootstrap_servers
    topic = await create_topic(kafka_server, f"{topic_prefix}orders")
    offsets = KafkaInputOffsets(connection=KafkaConnection(servers), topics={Input.ORDERS: topic})
    await write_transaction(servers, topic_prefix, topic, records=2, commit=False)  # 0, 1, marker 2
    await write_transaction(servers, topic_prefix, topic, records=1, commit=True)  # 3, marker 4
    # A coordinator writes the marker after it has answered; each look below asks the broker.
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await offsets.range_of(Input.ORDERS, 0) != InputRange(0, 5):
            pass
    spans = [(0, 3), (1, 3), (0, 4), (3, 4), (4, 5), (5, 5)]
    found = [await offsets.has_records(Input.ORDERS, 0, first, end) for first, end in spans]
    assert found == [False, False, True, True, False, False]
    async with open_transaction(servers, topic_prefix, topic):  # 5
        assert await offsets.range_of(Input.ORDERS, 0) == InputRange(0, 6)
        assert await offsets.has_records(Input.ORDERS, 0, 4, 6)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await offsets.has_records(Input.ORDERS, 0, 4, 6):
            pass
    await offsets.close()


async def test_offsets_without_an_answer_are_an_error(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Neither a missing broker nor a missing topic is taken for an empty input."""
    nowhere = KafkaInputOffsets(
        connection=KafkaConnection("127.0.0.1:1"), topics={Input.ORDERS: "x"}, ask_seconds_max=2.0
    )
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        await nowhere.range_of(Input.ORDERS, 0)
    await nowhere.close()
    missing = KafkaInputOffsets(
        connection=KafkaConnection(kafka_server.bootstrap_servers),
        topics={Input.ORDERS: f"{topic_prefix}missing"},
        ask_seconds_max=0.5,
    )
    with pytest.raises(UnreachableError, match="missing"):
        await missing.range_of(Input.ORDERS, 0)
    await missing.close()


async def test_reader_gives_exactly_the_asked_range(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """A range that begins and ends inside batches comes without what lies outside it."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    for batch in range(3):
        await write_unfenced(servers, topic, [group_row(0, f"g{batch}-{at}", "DC1") for at in range(4)])
    reader = KafkaLedgerReader(connection=KafkaConnection(servers), topic=topic)
    assert await reader.end_offset(0) == 12
    assert await reader.beginning_offset(0) == 0
    got = [record.offset async for records in reader.read(0, 2, 10) for record in records]
    assert got == list(range(2, 10))
    assert [records async for records in reader.read(0, 5, 5)] == []
    await reader.close()


async def test_reader_beyond_the_end_says_that_the_log_is_shorter(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """A reader whose position the log no longer reaches must not wait for ever: it was truncated."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    await write_unfenced(servers, topic, [group_row(0, "a", "DC1")])
    reader = KafkaLedgerReader(connection=KafkaConnection(servers), topic=topic)
    with pytest.raises(LedgerLogError, match="truncated"):
        assert [records async for records in reader.read(0, 5, 7)] == []
    await reader.close()
