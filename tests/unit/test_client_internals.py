"""The internals of aiokafka that we touch are what they were when its source was read."""

import asyncio

import aiokafka
import pytest
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from inventory_stream.adapters.kafka.client_internals import (
    ATTRIBUTES,
    UntestedClientError,
    abandon,
    check_client_version,
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
