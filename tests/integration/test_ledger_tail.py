"""The tail of the ledger over a real broker: all rows, whole appends, from the first on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.adapters.kafka.ledger_tail import LedgerTail
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import CorruptLedgerError
from inventory_stream.ports.ledger_log import LedgerRecord, RowRecord
from models.rows import ClaimRow, PositionRow, claim_key, encode_row, position_key
from tests.integration.ledger_topics import create_ledger, write_unfenced

DEADLINE_SECONDS = 60.0
LOOK_SECONDS = 0.01


def claim() -> list[RowRecord]:
    """Give the row that begins a term."""
    return [(claim_key(7), encode_row(ClaimRow(0, 7, 0, "nonce", fenced=False, generation_ms=0)))]


def positions(term: int, *units: int) -> list[RowRecord]:
    """Give position rows, one for each number of units."""
    rows = [PositionRow(term, "A", f"L{n}", n, 0, 0, 0, 0, 0, 0, 1, n, 0, 0, 0, 0) for n in units]
    return [(position_key("A", row.location), encode_row(row)) for row in rows]


@dataclass
class Heard:
    """A `TailListener` that writes down what it hears; with `refusals` left it cannot decode."""

    portions: list[list[LedgerRecord]] = field(default_factory=list)
    generations: set[int] = field(default_factory=set)
    begun_anew: int = 0
    refusals: int = 0

    @property
    def offsets(self) -> list[int]:
        """Of all rows since the beginning."""
        return [record.offset for portion in self.portions for record in portion]

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """See the port."""
        assert partition == 0
        if self.refusals:
            self.refusals -= 1
            raise CorruptLedgerError("the fake listener cannot decode this")
        self.generations.add(generation_ms)
        self.portions.append(list(records))

    def start_over(self, partition: int) -> None:
        """See the port."""
        assert partition == 0
        self.begun_anew += 1
        self.portions.clear()


@dataclass
class Bench:
    """A topic, and a tail that follows it."""

    servers: str
    topic: str
    tail: LedgerTail
    heard: Heard
    clock: HeldClock
    dropped: int = 0

    async def write(self, rows: Sequence[RowRecord], term: int = 0) -> int:
        """Append one batch."""
        return await write_unfenced(self.servers, self.topic, rows, term)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition, bounded."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so():  # noqa: ASYNC110  # a condition of the test, not an event
                await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def following(server: KafkaServer, prefix: str, *rows: list[RowRecord]) -> AsyncIterator[Bench]:
    """Create a ledger with some batches in it, and follow it."""
    topic = await create_ledger(server.bootstrap_servers, prefix)
    heard = Heard()
    clock = HeldClock(2_000)

    def count(partition: int, dropped: int) -> None:
        assert partition == 0
        bench.dropped += dropped

    tail = LedgerTail(
        connection=KafkaConnection(server.bootstrap_servers),
        topic=topic,
        partitions=1,
        clock=clock,
        on_dropped=count,
    )
    tail.listen(heard)
    bench = Bench(server.bootstrap_servers, topic, tail, heard, clock)
    for batch in rows:
        await bench.write(batch)
    assert not tail.is_all_caught_up()
    assert tail.why_not_ready()
    task = asyncio.create_task(tail.run())
    try:
        await bench.until(tail.is_all_caught_up)
        yield bench
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_every_row_that_counts_is_heard_in_whole_appends(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """From the first row on and then as they come; rows of a former owner are left out and counted (P4)."""
    async with following(kafka_server, topic_prefix, claim(), positions(0, 1, 2, 3)) as bench:
        assert bench.heard.offsets == [1, 2, 3]
        assert (bench.tail.is_fresh(0), bench.tail.why_not_ready()) == (True, ())
        await bench.write(positions(0, 4, 5))
        await bench.until(lambda: len(bench.heard.offsets) == 5)
        term = await bench.write(claim())
        await bench.write(positions(0, 6))  # a sleeper's
        await bench.write(positions(term, 7, 8))
        await bench.until(lambda: 9 in bench.heard.offsets)
        assert bench.heard.offsets == [1, 2, 3, 4, 5, 8, 9]
        assert bench.dropped == 1
        # An append is never heard in two parts, and the first claim dates all of it.
        assert all({4, 5} <= set(p) or not {4, 5} & set(p) for p in map(_offsets, bench.heard.portions))
        assert len(bench.heard.generations) == 1
        assert bench.tail.is_fresh(0)


async def test_a_ledger_made_anew_is_read_anew(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """Where the offset is gone, listeners forget and hear the new rows from the first on."""
    async with following(kafka_server, topic_prefix, claim(), positions(0, 1, 2, 3)) as bench:
        admin = AIOKafkaAdminClient(bootstrap_servers=bench.servers)
        await admin.start()
        await admin.delete_topics([bench.topic])
        async with asyncio.timeout(DEADLINE_SECONDS):
            while bench.topic in await admin.list_topics():
                pass  # each look asks the broker
        await admin.close()
        await create_ledger(bench.servers, topic_prefix)
        await bench.write(claim())
        await bench.write(positions(0, 9))
        await bench.until(lambda: bench.heard.begun_anew == 1 and bench.heard.offsets == [1])
        await bench.until(bench.tail.is_all_caught_up)


async def test_a_listener_that_cannot_decode_ends_nothing(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """The partition is read again from its beginning until it can be."""
    async with following(kafka_server, topic_prefix, claim(), positions(0, 1)) as bench:
        bench.heard.refusals = 2
        await bench.write(positions(0, 2))
        await bench.until(lambda: bench.heard.offsets == [1, 2])
        assert bench.heard.begun_anew == 2


def _offsets(portion: Sequence[LedgerRecord]) -> list[int]:
    return [record.offset for record in portion]
