"""Simulated edges under the product's own claiming, appending and reading (P1 to P7 run as they are).

`adapters/kafka/claiming.py` and `ledger_log.py` make a producer and a reader from a connection; here the
connection is a simulated process. Nothing above that knows the difference.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from inventory_stream.adapters.kafka import claiming, clock_skew, lease, ledger_log
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from inventory_stream.errors import LedgerLogError
from inventory_stream.flows import own_partition
from inventory_stream.ledger import batch as ledger_batch
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.ports.inputs import Input, InputRange
from inventory_stream.ports.ledger_log import RowRecord
from tests.simulation.broker import START_MS, Broker
from tests.simulation.evidence import StoredRow
from tests.simulation.network import Lost, Process
from tests.simulation.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from inventory_stream.adapters.kafka.connection import KafkaConnection

RETRY_SECONDS: Final = 0.1
"""Pause of the client's own retries of an append."""
ROWS_PER_YIELD: Final = 40
"""Rows that a reader hands over at once: few, so that other processes act meanwhile."""
LOOK_SECONDS: Final = 2.5
"""Between looks of an idle owner for due reservations, and for the end of its lease."""
ROWS_BYTES_MAX: Final = 4 * 1024 * 1024
"""As the real producer (P6)."""


class Edge:
    """What stands where a connection is expected: a process, and the broker at its other end."""

    def __init__(self, process: Process, broker: Broker) -> None:
        self.process = process
        self.broker = broker

    def __str__(self) -> str:
        return "the simulated broker"


class SimulatedProducer:
    """Takes the place of `FencedProducer`: one batch at a time, tried again under its own sequence."""

    def __init__(
        self,
        *,
        connection: Edge,
        topic: str,
        partition: int,
        producer_id: int,
        epoch: int,
        request_timeout_seconds: float,
        check: Callable[[], None],
    ) -> None:
        del topic, partition, request_timeout_seconds
        self.producer_id = producer_id
        self.epoch = epoch
        self.queued_bytes = 0
        self.acked_ms: int | None = None
        self._edge = connection
        self._check = check
        self._sequence = 0
        self._sending: asyncio.Task[None] | None = None
        self._acked: asyncio.Future[int] | None = None

    async def start(self) -> None:
        """Connect."""

    async def queue(self, rows: Sequence[RowRecord], tombstone_term: int) -> "asyncio.Future[int]":
        """Hand a batch over; the future gives its base offset."""
        if not rows:
            raise LedgerLogError("a batch without rows (P6)")
        self.queued_bytes = sum(len(key) + len(value or b"") for key, value in rows)
        if self.queued_bytes > ROWS_BYTES_MAX:
            raise LedgerLogError(f"{len(rows)} rows do not fit into one batch (P6)")
        acked = self._acked = asyncio.get_running_loop().create_future()
        sequence = self._sequence
        self._sequence += len(rows)
        self._sending = asyncio.create_task(self._send(list(rows), sequence, tombstone_term, acked))
        return acked

    async def _send(
        self, rows: list[RowRecord], sequence: int, term: int, acked: "asyncio.Future[int]"
    ) -> None:
        process, broker = self._edge.process, self._edge.broker

        def append() -> tuple[int, int]:
            return broker.append(self.producer_id, self.epoch, sequence, rows, term, process.name)

        while not acked.done():
            try:
                self._check()
            except LedgerLogError as error:
                _settle(acked, error)
                return
            what = "claim row" if rows[0][0].startswith(b"@claim") else "append"
            answering = process.carry(what, append)
            await process.reach(f"{what}: sent")
            answer = await answering
            if isinstance(answer, Lost):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await process.reach(f"{what}: answered")
            if isinstance(answer, Exception):
                _settle(acked, answer)
            else:
                self.acked_ms = answer[1]
                if not acked.done():
                    acked.set_result(answer[0])

    async def close(self) -> None:
        """Let go without a flush."""
        if self._sending is not None:
            self._sending.cancel()
        if self._acked is not None:
            _settle(self._acked, LedgerLogError("the append was dropped before it was acknowledged"))


def _settle(acked: "asyncio.Future[int]", error: Exception) -> None:
    if not acked.done():
        acked.set_exception(error)
        acked.exception()


class SimulatedReader:
    """Takes the place of `RecordReader`; it is its own `client`."""

    def __init__(
        self, *, connection: Edge, topic: str, partition: int, request_timeout_seconds: float
    ) -> None:
        del topic, partition, request_timeout_seconds
        self._process = connection.process
        self._broker = connection.broker
        self.client = self

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Let go."""

    async def init_producer_id(self, transactional_id: str) -> tuple[int, int]:
        """Ask the coordinator for the next epoch."""
        del transactional_id
        return await self._process.ask("producer id", self._broker.init_producer_id)

    async def range(self) -> InputRange:
        """Ask which offsets there are."""
        return InputRange(0, await self._process.ask("end of the ledger", lambda: self._broker.end))

    async def record_at(self, offset: int) -> StoredRow | None:
        """Read one row."""
        return await self._process.ask("read one row", lambda: self._broker.rows[offset])

    async def records(self, first: int, last: int) -> AsyncIterator[list[StoredRow]]:
        """Read rows, a few at a time."""
        for start in range(first, last + 1, ROWS_PER_YIELD):
            end = min(last + 1, start + ROWS_PER_YIELD)
            yield await self._process.ask("read rows", lambda: self._broker.rows[start:end])  # noqa: B023

    async def single_rows(self, first: int, last: int) -> AsyncIterator[list[StoredRow]]:
        """Read the rows that were appended alone."""
        if first <= last:
            yield await self._process.ask("scan claims", lambda: self._alone(first, last))

    def _alone(self, first: int, last: int) -> list[StoredRow]:
        return [
            row
            for batch in self._broker.evidence.batches
            if len(batch.rows) == 1
            for row in batch.rows
            if first <= row.offset <= last
        ]


class SimulatedOffsets:
    """`ports.inputs.InputOffsets` over the simulated broker."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """Ask the broker."""
        del partition
        sent = self._edge.broker.evidence.sent[source]
        return InputRange(0, await self._edge.process.ask("end of an input", lambda: len(sent)))

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """Ask whether anything but control records lies there."""
        del partition
        sent = self._edge.broker.evidence.sent[source]
        return await self._edge.process.ask(
            "look for records", lambda: any(not record.is_marker for record in sent[first:end])
        )


class SimulatedDeadLetters:
    """`ports.dead_letters.DeadLetters` over the simulated broker."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters; a letter that comes again is kept again, as the topic does until it is compacted."""
        process, broker = self._edge.process, self._edge.broker
        try:
            await process.ask("dead letters", lambda: broker.bury(letters, process.name))
        except Exception as error:
            raise LedgerLogError(f"dead letters were not kept: {error}") from error


def log_of(
    edge: Edge,
    *,
    lease_seconds: float,
    alive_interval_seconds: float,
    append_seconds_max: float,
    on_stamp: Callable[[float, int, float], None] | None,
    end_process: Callable[[int, str], None],
) -> KafkaLedgerLog:
    """Build the product's own log over the simulated edges."""
    return KafkaLedgerLog(
        connection=cast("KafkaConnection", edge),
        topic="ledger",
        partition=0,
        lease_seconds=lease_seconds,
        alive_interval_seconds=alive_interval_seconds,
        append_seconds_max=append_seconds_max,
        end_process=end_process,
        clock=edge.process.steady_seconds,
        on_stamp=on_stamp,
    )


class _Silent:
    """A log that nobody reads."""

    def error(self, *words: object, **values: object) -> None:
        """Say nothing."""

    def info(self, *words: object, **values: object) -> None:
        """Say nothing."""


@contextmanager
def standing_in(batch_bytes: int | None = None) -> Iterator[None]:
    """Have the product's modules meet simulated edges, virtual time and seeded chance.

    `batch_bytes`: batches are sealed past so many bytes of rows.
    """

    def loop() -> VirtualLoop:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        return running

    def seconds() -> float:
        return loop().time()

    def below(bound: int) -> int:
        return loop().random.randrange(bound)

    clocks: Any = SimpleNamespace(
        monotonic=seconds,
        perf_counter=seconds,
        time_ns=lambda: int((START_MS + seconds() * 1_000) * 1_000_000),
    )
    chance: Any = SimpleNamespace(
        token_hex=lambda size: loop().random.randbytes(size).hex(),
        randbelow=below,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claiming, "FencedProducer", SimulatedProducer)
        patch.setattr(claiming, "secrets", chance)
        patch.setattr(ledger_log, "RecordReader", SimulatedReader)
        patch.setattr(ledger_log, "time", clocks)
        patch.setattr(ledger_log, "now_ms", lambda: clocks.time_ns() // 1_000_000)
        patch.setattr(clock_skew, "log", _Silent())
        patch.setattr(own_partition, "time", clocks)
        # An idle owner looks around more seldom than a real one: each look costs as much as a decision.
        patch.setattr(own_partition, "DEADLINE_CHECK_SECONDS", LOOK_SECONDS)
        patch.setattr(lease, "CHECK_SECONDS_MAX", LOOK_SECONDS)
        if batch_bytes is not None:
            patch.setattr(ledger_batch, "BATCH_BYTES", batch_bytes)
        yield
