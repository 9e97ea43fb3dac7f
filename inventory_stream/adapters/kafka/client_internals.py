"""Everything of aiokafka that is not its documented API, in this one place.

aiokafka has no producer that takes a producer id from outside, none that can be stopped without a
flush, and no way to look at every produce request before its bytes leave. The ledger needs all
three (P1, P3, P7, P8). `ATTRIBUTES` names what is touched; `tests/unit/test_client_internals.py`
fails when a release renames one, the files `tests/integration/test_protocol_*.py` when one stops to
do what we need it for.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    NotCoordinatorError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.sender import Sender
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import InventoryStreamError
from inventory_stream.ports.ledger_log import RowRecord

TESTED_VERSIONS: Final = ((0, 14), (0, 15))
"""From the first to before the second: the releases whose source was read for this module."""

ATTRIBUTES: Final[tuple[tuple[type, str], ...]] = (
    (AIOKafkaConnection, "close"),
    (AIOKafkaConnection, "send"),
    (AIOKafkaClient, "bootstrap"),
    (AIOKafkaClient, "coordinator_lookup"),
    (AIOKafkaClient, "force_metadata_update"),
    (AIOKafkaClient, "ready"),
    (AIOKafkaClient, "send"),
    (AIOKafkaClient, "set_topics"),
    (BatchBuilder, "record_count"),
    (DefaultRecordBatchBuilder, "append"),
    (MessageAccumulator, "_pop_batch"),
    (PartitionRecords, "__next__"),
    (ProduceRequest, "prepare"),
    (Sender, "close"),
    (Sender, "sender_task"),
    (TransactionManager, "increment_sequence_number"),
    (TransactionManager, "set_pid_and_epoch"),
)
"""What must exist on the classes; instance attributes (`_txn_manager`, ...) are tested on an instance."""

SEQUENCE_MASK: Final = 0x7FFFFFFF
"""Kafka's sequence numbers run from 0 to 2^31 - 1 and start again at 0 (P8)."""

RETRY_SECONDS: Final = 0.05
"""Pause before a question is asked again. A coordinator moves or loads for tens of ms to seconds;
each caller bounds the sum with its own deadline."""

TRANSACTION_TIMEOUT_MS: Final = 60_000
"""InitProducerId wants one. No transaction is ever begun, so it decides nothing."""

EARLIEST: Final = -2
LATEST: Final = -1
"""Timestamps that ListOffsets takes for the two ends of a partition."""

ABANDON_SECONDS_MAX: Final = 2.0
"""How long closing waits for aiokafka's tasks; they hold nothing that we want to keep."""

_NO_REPLICA: Final = -1
_READ_UNCOMMITTED: Final = 0
_LOOK_FETCH_BYTES: Final = 1 << 20
_HIGH_WATERMARK: Final = 2
_LAST_STABLE_OFFSET: Final = 3  # in a partition's part of a fetch answer, from version 4 on
_FIELDS_OF_FETCH_4: Final = 6
_COORDINATOR_BUSY: Final = (ConcurrentTransactions, CoordinatorLoadInProgressError)
_COORDINATOR_MOVED: Final = (NotCoordinatorError, CoordinatorNotAvailableError)


class NotSentError(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """A produce request was held back by the check before it; the reason is its `__cause__`."""

    retriable = False


class UntestedClientError(InventoryStreamError):
    """The installed aiokafka is outside the range whose internals were read. Install one inside it."""


def check_client_version(installed: str = aiokafka.__version__) -> None:
    """Refuse to touch internals that nobody has read.

    Raises:
        UntestedClientError: the release is outside `TESTED_VERSIONS`.
    """
    first, before = TESTED_VERSIONS
    major, minor = (int(part) for part in installed.split(".")[:2])
    if not first <= (major, minor) < before:
        raise UntestedClientError(
            f"aiokafka {installed} is installed; the ledger's log was written against its internals from "
            f"{'.'.join(map(str, first))} to before {'.'.join(map(str, before))}: install one of those"
        )


def wrap_sequence(sequence: int, rows: int) -> int:
    """Give the sequence number that follows `rows` rows from `sequence` (P8).

    aiokafka 0.14 lets it turn negative after 2^31 rows (2 h at 300k/s), and the broker answers
    InvalidRecord; Kafka itself goes on at 0.
    """
    return (sequence + rows) & SEQUENCE_MASK


def give_identity(
    producer: AIOKafkaProducer, producer_id: int, epoch: int, partition: TopicPartition, sequence: int = 0
) -> None:
    """Make an idempotent producer that is not started yet append as `(producer_id, epoch)`.

    `sequence` is that of its first row; the broker takes none but 0 for a new epoch of an id that
    it knows, and any for one that it does not.
    """
    check_client_version()
    manager = producer._txn_manager  # noqa: SLF001  # no public way to a given producer id
    sequences = manager._sequence_numbers  # noqa: SLF001
    sequences[partition] = sequence

    def increment(changed: TopicPartition, rows: int) -> None:
        sequences[changed] = wrap_sequence(sequences[changed], rows)

    manager.increment_sequence_number = increment
    # With an id at hand `start` asks the broker for none (Sender._maybe_wait_for_pid).
    manager.set_pid_and_epoch(producer_id, epoch)


def check_each_produce(producer: AIOKafkaProducer, check: Callable[[], None]) -> None:
    """Have `check` called right before the bytes of each produce request leave, retries included (P3).

    aiokafka sends a queued batch again by itself, without an end, also after SIGCONT. A connection
    calls `request.prepare` and writes in one go, without giving up control in between; that is as
    low as Python can look (a batch that the system's socket buffer did not take at once is past
    it; P4 is there for what then still arrives). What `check` raises fails the batch, as the
    cause of a NotSentError: of errors that are not Kafka's aiokafka's sender would die.
    """
    client = producer.client
    send = client.send

    async def checked_send(node_id: int, request: Any, **options: Any) -> Any:  # noqa: ANN401  # aiokafka ships no types
        checked = _CheckedRequest(request, check) if isinstance(request, ProduceRequest) else request
        return await send(node_id, checked, **options)

    client.send = checked_send


class _CheckedRequest:
    """A produce request that looks once more before its bytes are made; never of acks 0, which has no answer.

    Around it, not in it: a request that knew of its own `prepare` was garbage for the collector, with its
    bytes: all that the collector ever found in a worker.
    """

    __slots__ = ("_check", "_request")

    def __init__(self, request: Any, check: Callable[[], None]) -> None:  # noqa: ANN401  # aiokafka ships no types
        self._request = request
        self._check = check

    def prepare(self, versions: Any) -> Any:  # noqa: ANN401  # as above
        """Give the bytes' form, unless the check refuses."""
        try:
            self._check()
        except Exception as reason:
            raise NotSentError(str(reason)) from reason
        return self._request.prepare(versions)


def is_written(producer: AIOKafkaProducer) -> bool:
    """Tell whether the system has all that the producer's connections were given to write."""
    return not any(
        conn._writer is not None and conn._writer.transport.get_write_buffer_size()  # noqa: SLF001
        for conn in producer.client._conns.values()  # noqa: SLF001
    )


def survive_broken_writes() -> None:
    """Have a write to a connection that has just been reset fail as a lost connection, for all of aiokafka.

    uvloop refuses to write to a transport that it has closed already, with a RuntimeError, where asyncio
    would let the reader find out. aiokafka expects an OSError: the RuntimeError ended the task that was
    sending (a producer's sender, a fetch, a group's commit), for good, and a projection whose broker was
    reset then stood still until somebody killed it. For processes that run on uvloop; once is enough.
    """
    send = AIOKafkaConnection.send
    if getattr(send, "is_surviving", False):
        return

    def surviving_send(self: Any, request: Any, expect_response: bool = True) -> Any:  # noqa: ANN401, FBT001, FBT002  # aiokafka's signature
        try:
            return send(self, request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    surviving_send.is_surviving = True  # type: ignore[attr-defined]  # a mark on our own function
    AIOKafkaConnection.send = surviving_send


def fill_batch(
    batch: BatchBuilder, rows: Sequence[RowRecord], tombstone_headers: list[tuple[str, bytes]]
) -> bool:
    """Append all rows to an empty batch, without a timestamp; False: they do not fit, and it is of no use.

    aiokafka's own `append` takes its arguments by name through two more Python frames: 0.25 us of processor
    for each row where this takes 0.13 (`python -m benchmarks.log_loop`).
    """
    append = batch._builder.append  # noqa: SLF001  # what BatchBuilder.append calls
    no_headers: list[tuple[str, bytes]] = []
    for number, (key, value) in enumerate(rows):
        headers = no_headers if value is not None else tombstone_headers
        if append(number, None, key, value, headers) is None:
            return False
    batch._relative_offset = len(rows)  # noqa: SLF001  # its record count
    return True


async def abandon(producer: AIOKafkaProducer) -> None:
    """Stop a producer without its flush: what was not acked must not be sent now (P7).

    `AIOKafkaProducer.stop` would first wait, without a bound, until everything queued was sent.
    """
    producer._closed = True  # noqa: SLF001  # what stop() sets first; silences its __del__
    task = producer._sender.sender_task  # noqa: SLF001
    if task is not None:
        task.cancel()
    await close_client(producer.client)
    if task is not None:
        await asyncio.wait([task], timeout=ABANDON_SECONDS_MAX)
        if task.done() and not task.cancelled():
            task.exception()  # a fenced sender dies of it, which its caller was told: not the log once more


async def close_client(client: AIOKafkaClient) -> None:
    """Close a client's connections, for `ABANDON_SECONDS_MAX` at most."""
    try:
        await asyncio.wait_for(client.close(), ABANDON_SECONDS_MAX)
    except TimeoutError:
        # A peer that takes no FIN; the sockets go with the process.
        return


class BrokerClient:
    """Questions that aiokafka's own producer and consumer do not ask for us.

    Every method retries what Kafka calls retriable, without an end: callers set the deadline.
    """

    def __init__(self, connection: KafkaConnection, *, request_timeout_seconds: float) -> None:
        check_client_version()
        self._client = AIOKafkaClient(
            **connection.client_options,
            client_id="inventory-stream-ledger",
            request_timeout_ms=int(request_timeout_seconds * 1000),
        )

    async def open(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: no broker of the list answers.
        """
        await self._client.bootstrap()

    async def close(self) -> None:
        """Let go of the connections; bounded."""
        await close_client(self._client)

    async def init_producer_id(self, transactional_id: str) -> tuple[int, int]:
        """Ask the transaction coordinator for the next `(producer id, epoch)` of an id (P1)."""
        request = InitProducerIdRequest(transactional_id, TRANSACTION_TIMEOUT_MS)
        while True:
            try:
                node = await self._client.coordinator_lookup(CoordinationType.TRANSACTION, transactional_id)
                response = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
                error = for_code(response.error_code)()
            except KafkaError as failed:
                error = failed
            else:
                if response.error_code == 0:
                    return response.producer_id, response.producer_epoch
            if isinstance(error, _COORDINATOR_BUSY):
                await asyncio.sleep(RETRY_SECONDS)
            elif isinstance(error, _COORDINATOR_MOVED) or error.retriable:
                await self._refresh()
            else:
                raise error

    async def fetch(
        self, topic: str, partition: int, offset: int, *, bytes_max: int, wait_ms_max: int
    ) -> list[Any]:
        """Give the record batches from `offset` on, whole, without their records unpacked.

        The first may begin before `offset`. Empty where nothing came within `wait_ms_max`. A batch
        larger than `bytes_max` comes alone, whole.
        """
        batches, _ = await self.fetch_and_end(
            topic, partition, offset, bytes_max=bytes_max, wait_ms_max=wait_ms_max
        )
        return batches

    async def fetch_and_end(
        self, topic: str, partition: int, offset: int, *, bytes_max: int, wait_ms_max: int
    ) -> tuple[list[Any], int]:
        """Fetch, and say before which offset everything could be read when the broker answered."""
        request = FetchRequest(
            wait_ms_max, 1, bytes_max, _READ_UNCOMMITTED, [(topic, [(partition, offset, bytes_max)])]
        )
        answer = await self._ask_leader(topic, partition, request)
        return list(_batches(answer[-1] or b"")), int(answer[_HIGH_WATERMARK])

    async def end_of(self, topic: str, partition: int, which: int) -> int:
        """Ask for the offset of an end, EARLIEST or LATEST (the one that the next record gets)."""
        request = OffsetRequest(_NO_REPLICA, _READ_UNCOMMITTED, [(topic, [(partition, which)])])
        answer = await self._ask_leader(topic, partition, request)
        return int(answer[-1])

    async def has_committed(
        self, topic: str, partition: int, first: int, end: int, *, bytes_max: int
    ) -> bool:
        """Tell whether a consumer that reads committed would get a record from `first` to before `end`.

        True also where it might still: a transaction is open, or `bytes_max` were read without an
        answer. What is skipped is what aiokafka's own consumer skips, for it is its code.
        """
        place = TopicPartition(topic, partition)
        position = first
        for _ in range(bytes_max // _LOOK_FETCH_BYTES):
            if position >= end:
                return False
            request = FetchRequest(
                0, 0, _LOOK_FETCH_BYTES, READ_COMMITTED, [(topic, [(partition, position, _LOOK_FETCH_BYTES)])]
            )
            answer = await self._ask_leader(topic, partition, request)
            if answer[_LAST_STABLE_OFFSET] < end:
                return True
            # From version 5 on the log's start comes before it.
            aborted = answer[4 if len(answer) == _FIELDS_OF_FETCH_4 else 5]
            fetched = PartitionRecords(
                place,
                MemoryRecords(answer[-1] or b""),
                aborted,
                position,
                key_deserializer=None,
                value_deserializer=None,
                check_crcs=True,
                isolation_level=READ_COMMITTED,
            )
            record = next(fetched, None)
            if record is not None:
                return bool(record.offset < end)
            if fetched.next_fetch_offset <= position:
                return True  # nothing came that would say what lies there
            position = fetched.next_fetch_offset
        return position < end

    async def partitions_of(self, topic: str) -> frozenset[int]:
        """Give the partitions that a topic has; waits while it has none."""
        while True:
            await self._client.set_topics([topic])
            partitions = self._client.cluster.partitions_for_topic(topic)
            if partitions:
                return frozenset(partitions)
            await self._refresh()

    async def _ask_leader(self, topic: str, partition: int, request: Any) -> Any:  # noqa: ANN401
        """Send a request about one partition to its leader; give that partition's part of the answer."""
        while True:
            await self._client.set_topics([topic])
            if topic in self._client.cluster.unauthorized_topics:
                raise TopicAuthorizationFailedError(topic)  # no leader will ever be told
            leader = self._client.cluster.leader_for_partition(TopicPartition(topic, partition))
            if leader is None or leader == -1:
                error: KafkaError = LeaderNotAvailableError()
            else:
                try:
                    response = await self._client.send(leader, request)
                except KafkaError as failed:
                    error = failed
                else:
                    ((_, (answer,)),) = response.topics
                    if answer[1] == 0:
                        return answer
                    error = for_code(answer[1])()
            if not error.retriable:
                raise error
            await self._refresh()

    async def _refresh(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        await self._client.force_metadata_update()


def _batches(data: bytes) -> Iterator[Any]:
    records = MemoryRecords(data)  # leaves out a last batch that was cut off
    while records.has_next():
        yield records.next_batch()
