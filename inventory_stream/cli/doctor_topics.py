"""The looks of `doctor` into topics: the ledger and its inputs, the side topics, the windows."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.bootstrap import input_topics
from inventory_stream.cli.reading import ledger_reader
from inventory_stream.flows.doctor import Check, Level, counted
from inventory_stream.flows.doctor_ledger import (
    LedgerSeen,
    Waiting,
    judge_owner,
    judge_progress,
    read_tail,
)
from inventory_stream.flows.doctor_windows import bounds_of, judge_window, measure_windows
from inventory_stream.flows.explain_walk import LedgerWalk
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.inputs import Input
from inventory_stream.settings import Settings

# Offsets of the dead letters that are read to count what waits: of 2 KB each 20 MB, a second or so.
COUNTED_OFFSETS_MAX: Final = 10_000


async def look_at_ledger(settings: Settings, connection: KafkaConnection, seen: LedgerSeen) -> list[Check]:
    """Look at each partition's end and at its inputs; leave the tails for the comparison with Redis."""
    worker = settings.worker
    async with AsyncExitStack() as stack:
        reader = ledger_reader(settings)
        stack.push_async_callback(reader.close)
        topics = input_topics(settings)
        offsets = KafkaInputOffsets(connection=connection, topics=topics)
        stack.push_async_callback(offsets.close)
        inputs = {
            source: KafkaLedgerReader(connection=connection, topic=topic) for source, topic in topics.items()
        }
        for one in inputs.values():
            stack.push_async_callback(one.close)
        checks: list[Check] = []
        for partition in range(settings.kafka.partitions):
            tail = await read_tail(reader, LiveRows, partition)
            seen.tails.append(tail)
            checks += judge_owner(
                tail, now_ms(), worker.alive_interval_seconds, worker.reclaim_interval_seconds
            )
            for source, topic in topics.items():
                held = await offsets.range_of(source, partition)
                progress = tail.progress
                decided = held.beginning
                if progress is not None:
                    decided = progress.stock_next if source is Input.STOCK else progress.orders_next
                seen.waiting_records += max(0, held.end - decided)
                first_ms = None
                if held.beginning <= decided < held.end:
                    first_ms = await _record_time(inputs[source], partition, decided)
                checks += judge_progress(tail, source, Waiting(topic, held, first_ms), now_ms())
        return checks


async def _record_time(reader: KafkaLedgerReader, partition: int, offset: int) -> int | None:
    async for records in reader.read(partition, offset, offset + 1):
        return records[0].timestamp
    return None


async def look_at_side_topics(settings: Settings, connection: KafkaConnection) -> list[Check]:
    """Count what lies in the dead letters and the exceptions."""
    letters_in, exceptions_in = settings.topic(DEAD_LETTERS), settings.topic(EventTopic.EXCEPTIONS.value)
    letters, is_exact = await _letters_in(connection, letters_in)
    checks = [Check(Level.OK, letters_in, "no dead letter")]
    if letters:
        said = counted(letters, "letter") if is_exact else f"at most {counted(letters, 'letter')}"
        checks = [
            Check(
                Level.WARN,
                letters_in,
                f"waiting: {said}",
                "each is a command that was sent and not decided",
                "inventory-stream dead-letters list",
            )
        ]
    offsets = 0
    async with _reader_of(connection, exceptions_in) as reader:
        for partition in range(settings.kafka.partitions):
            offsets += await reader.end_offset(partition) - await reader.beginning_offset(partition)
    # Each transaction's marker has an offset, too.
    return [
        *checks,
        Check(Level.OK, exceptions_in, f"at most {counted(offsets, 'exception')} in its retention"),
    ]


async def _letters_in(connection: KafkaConnection, topic: str) -> tuple[int, bool]:
    """Count the letters that wait; for a long topic give its offsets, and False: at most so many."""
    async with _reader_of(connection, topic) as reader:
        beginning, end = await reader.beginning_offset(0), await reader.end_offset(0)
        if end - beginning > COUNTED_OFFSETS_MAX:
            return end - beginning, False
        waiting: set[int] = set()
        async for records in reader.read(0, beginning, end):
            for record in records:
                # Taken out by a record without a value, which stays until it is compacted.
                (waiting.discard if record.value is None else waiting.add)(hash(record.key))
        return len(waiting), True


@asynccontextmanager
async def _reader_of(connection: KafkaConnection, topic: str) -> AsyncIterator[KafkaLedgerReader]:
    reader = KafkaLedgerReader(connection=connection, topic=topic)
    try:
        yield reader
    finally:
        await reader.close()


async def look_at_windows(settings: Settings) -> list[Check]:
    """Read the whole ledger: say of each window whether time or the count ends it."""
    bounds = bounds_of(settings.ledger)
    reader = ledger_reader(settings)
    try:
        checks: list[Check] = []
        for partition in range(settings.kafka.partitions):
            kept = await measure_windows(LedgerWalk(reader, LiveRows), partition)
            for bound, one in zip(bounds, kept, strict=True):
                checks += judge_window(partition, bound, one, now_ms())
        return checks
    finally:
        await reader.close()
