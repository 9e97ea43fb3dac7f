"""The internals of aiokafka that we touch are what they were when its source was read."""

import asyncio

import aiokafka
import pytest
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.default_records import DefaultRecordBatch

from inventory_stream.adapters.kafka.client_internals import (
    ATTRIBUTES,
    UntestedClientError,
    abandon,
    check_client_version,
    fill_batch,
    give_identity,
    survive_broken_writes,
    wrap_sequence,
)

HERE = TopicPartition("ledger", 0)


@pytest.mark.parametrize(("owner", "name"), ATTRIBUTES, ids=lambda value: getattr(value, "__name__", value))
def test_attribute_exists(owner: type, name: str) -> None:
    """Every attribute that we call or replace is still there."""
    assert hasattr(owner, name)


def test_installed_client_is_one_whose_source_was_read() -> None:
    """The lock file holds a release inside the tested range."""
    check_client_version(aiokafka.__version__)


@pytest.mark.parametrize("version", ["0.13.0", "0.15.0", "1.0.0"])
def test_other_release_is_refused_with_its_number(version: str) -> None:
    """An upgrade that nobody tested stops at start, saying which release it found."""
    with pytest.raises(UntestedClientError, match=version):
        check_client_version(version)


async def test_given_identity_is_what_a_producer_would_append_as() -> None:
    """Producer id, epoch and first sequence are the given ones, seen through aiokafka's own names."""
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    try:
        give_identity(producer, 12, 3, HERE, sequence=5)
        manager = producer._txn_manager
        assert manager.has_pid()
        assert (manager.producer_id, manager.producer_epoch) == (12, 3)
        assert manager.sequence_number(HERE) == 5
        assert producer._message_accumulator._txn_manager is manager
        assert producer._sender._txn_manager is manager
        assert producer._sender.client is producer.client
    finally:
        await abandon(producer)
    assert producer._closed


async def test_sequence_of_a_producer_wraps_as_the_brokers_does() -> None:
    """After 2^31 - 1 comes 0: aiokafka's own counter would turn negative there (P8)."""
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", enable_idempotence=True)
    try:
        give_identity(producer, 12, 3, HERE, sequence=2**31 - 3)
        manager = producer._txn_manager
        manager.increment_sequence_number(HERE, 5)
        assert manager.sequence_number(HERE) == 2
    finally:
        await abandon(producer)


def test_a_filled_batch_is_what_aiokafka_itself_would_have_built() -> None:
    """Rows and tombstones, appended in bulk, are the same bytes, counted the same."""
    rows: list[tuple[bytes, bytes | None]] = [(b"k%d" % number, b"v" * number) for number in range(200)]
    rows[7:7] = [(b"gone", None), (b"gone too", None)]
    headers = [("term", b"12")]
    one_by_one, filled = BatchBuilder(1 << 20, 0), BatchBuilder(1 << 20, 0)
    for key, value in rows:
        one_by_one.append(timestamp=None, key=key, value=value, headers=[] if value is not None else headers)
    assert fill_batch(filled, rows, headers)
    assert filled.record_count() == one_by_one.record_count() == len(rows)
    assert filled.size() == one_by_one.size()
    assert records_of(filled) == records_of(one_by_one)


def records_of(batch: BatchBuilder) -> list[tuple[object, ...]]:
    """Give what a reader sees of a batch, but for the time of day."""
    return [(one.offset, one.key, one.value, one.headers) for one in DefaultRecordBatch(batch._build())]


def test_rows_beyond_a_batch_are_refused() -> None:
    """What does not fit is said, never cut off."""
    assert not fill_batch(BatchBuilder(1_000, 0), [(b"key", b"v" * 100)] * 20, [])


@pytest.mark.parametrize(
    ("sequence", "rows", "following"),
    [(0, 1, 1), (2**31 - 2, 1, 2**31 - 1), (2**31 - 1, 1, 0), (2**31 - 1, 10, 9), (2**31 - 10, 25, 15)],
)
def test_sequence_follows_kafkas_rule(sequence: int, rows: int, following: int) -> None:
    """Kafka: `sequence > MAX - increment ? increment - (MAX - sequence) - 1 : sequence + increment`."""
    largest = 2**31 - 1
    by_kafka = rows - (largest - sequence) - 1 if sequence > largest - rows else sequence + rows
    assert wrap_sequence(sequence, rows) == following == by_kafka


def test_write_to_a_connection_that_was_just_reset_is_a_lost_connection() -> None:
    """Uvloop says RuntimeError, which nothing in aiokafka survives; it must come as what it retries."""

    async def write() -> None:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port: int = server.sockets[0].getsockname()[1]
            connection = AIOKafkaConnection("127.0.0.1", port)
            connection._versions = {MetadataRequest([]).API_KEY: (0, 0)}
            connection._reader, connection._writer = await asyncio.open_connection("127.0.0.1", port)
            connection._read_task = asyncio.create_task(asyncio.sleep(0))
            connection._writer.transport.abort()
            await asyncio.sleep(0)
            with pytest.raises(KafkaConnectionError, match="closed"):
                connection.send(MetadataRequest([]))
            assert not connection.connected()

    before = AIOKafkaConnection.send
    survive_broken_writes()
    survive_broken_writes()
    try:
        uvloop.run(write())
    finally:
        AIOKafkaConnection.send = before
