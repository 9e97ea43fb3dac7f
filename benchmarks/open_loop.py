"""Open-loop load: commands are due on a schedule, and late ones do not slow the schedule down.

A latency counts from when a command was DUE, not from when it could be sent: otherwise a stall of
the measured, or of the generator, would hide the commands that it held up (coordinated omission;
tests/unit/test_bench_open_loop.py shows it with a server that stalls).
"""

import asyncio
import gc
import math
import time
from array import array
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer

from benchmarks.load import ROW_PREFIX, command_number
from benchmarks.watch import LedgerWatch

TICK_SECONDS: Final = 0.001
"""Between looks at the schedule: what is due since the last look goes out as one batch."""
LEAD_SECONDS: Final = 0.2
"""From the call to the first due time, so that connections and the reader are warm."""
DRAIN_SECONDS_MAX: Final = 60.0
"""How long rows may come in after the last command was sent, before the run is given up."""

Records = Sequence[tuple[bytes | None, bytes]]
"""Key and value of record 0, 1, ...: encoded beforehand."""

Send = Callable[[Records, int, int], Awaitable[tuple[int, Awaitable[Any]]]]
"""(records, first, due) -> sends the records from `first` to before `due`, or as many as fit: gives the
number of the next one, and what ends when these were taken."""


@dataclass(slots=True)
class Driving:
    """How far a load is: read by who waits for its outcomes, and by who may end it early."""

    first_due_seconds: float = 0.0
    records_per_s: float = 0.0
    sent: int = 0
    is_over: bool = False
    is_enough: bool = False
    """Set it, and nothing more is sent."""

    def due_seconds(self, record: int) -> float:
        """Say when a record was due, by the clock of `time.perf_counter`: whenever it was sent."""
        return self.first_due_seconds + record / self.records_per_s


class Driven(NamedTuple):
    """How the generator itself did."""

    lags_seconds: list[float]
    """How late it was, once per batch that it sent."""
    first_due_seconds: float
    sent: int

    @property
    def lag_p99_ms(self) -> float:
        """Its own lateness, of 99 of 100 batches."""
        lags = sorted(self.lags_seconds)
        return lags[len(lags) * 99 // 100] * 1_000


class OpenLoopRun(NamedTuple):
    """What one run saw. A latency is NaN where no row came."""

    latencies_seconds: "array[float]"
    driven: Driven
    last_seen_seconds: float


async def run_open_loop(
    bootstrap_servers: str,
    topic: str,
    watch: LedgerWatch,
    values: Records,
    rate_per_s: int,
    *,
    pack: int = 1,
    first: int = 0,
    driving: Driving | None = None,
) -> OpenLoopRun:
    """Send each value when it is due and read its row back from the ledger.

    Args:
        bootstrap_servers: The broker.
        topic: Where commands go, partition 0.
        watch: The ledger that they end in; nothing else may come there.
        values: The records, `pack` commands in each.
        rate_per_s: Commands due per second; those of a record are due together.
        pack: Commands of one record.
        first: Number of the first record's first command.
        driving: Where to see how far it is, and to end it early.
    """
    watch.consumer.seek(watch.place, await watch.end())
    latencies = array("d", [math.nan]) * (len(values) * pack)
    driving = driving or Driving()
    last_seen = 0.0

    async def read(_first_due: float) -> None:
        nonlocal last_seen
        last_seen = await _read(watch, latencies, driving, pack, first)

    driven = await drive(bootstrap_servers, topic, values, rate_per_s / pack, read, driving)
    return OpenLoopRun(latencies[: driven.sent * pack], driven, last_seen)


async def drive(
    bootstrap_servers: str,
    topic: str,
    values: Records,
    rate_per_s: float,
    read: Callable[[float], Coroutine[Any, Any, None]],
    driving: Driving | None = None,
) -> Driven:
    """Send each record when it is due, while `read`, told the first due time, sees what comes of it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", linger_ms=0, max_batch_size=1 << 20
    )
    await producer.start()
    await producer.partitions_for(topic)

    async def send(records: Records, first: int, due: int) -> tuple[int, Awaitable[Any]]:
        batch = producer.create_batch()
        while first < due and batch.append(key=records[first][0], value=records[first][1], timestamp=None):
            first += 1
        # Waits while the batch before it is still queued; what falls due meanwhile goes next.
        return first, await producer.send_batch(batch, topic, partition=0)

    gc.collect()
    gc.freeze()
    gc.disable()  # a collection here would be a latency that is not the worker's
    try:
        return await drive_by(send, values, rate_per_s, read, driving or Driving())
    finally:
        gc.enable()
        gc.unfreeze()
        await producer.stop()


async def drive_by(
    send: Send,
    values: Records,
    rate_per_s: float,
    read: Callable[[float], Coroutine[Any, Any, None]],
    driving: Driving,
) -> Driven:
    """Send each record when it is due, by any way of sending."""
    driving.records_per_s = rate_per_s
    first_due = driving.first_due_seconds = time.perf_counter() + LEAD_SECONDS
    reading = asyncio.create_task(read(first_due))
    try:
        lags = await _send(send, values, driving)
        driving.is_over = True
        await reading
    finally:
        reading.cancel()
    return Driven(lags, first_due, driving.sent)


async def _send(send: Send, values: Records, driving: Driving) -> list[float]:
    lags: list[float] = []
    acks: list[Awaitable[Any]] = []
    first_due, total = driving.first_due_seconds, len(values)
    while driving.sent < total and not driving.is_enough:
        now = time.perf_counter()
        due = min(total, int((now - first_due) * driving.records_per_s) + 1) if now >= first_due else 0
        if due > driving.sent:
            lags.append(now - driving.due_seconds(driving.sent))
            driving.sent, ack = await send(values, driving.sent, due)
            acks.append(ack)
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.gather(*acks)
    return lags


async def _read(
    watch: LedgerWatch, latencies: "array[float]", driving: Driving, pack: int, first: int
) -> float:
    """Note the latency of each command whose row comes; give when the last one came."""
    seen = 0
    now = driving.first_due_seconds
    give_up = math.inf
    while (seen < driving.sent * pack or not driving.is_over) and now < give_up:
        fetched = await watch.consumer.getmany(watch.place, timeout_ms=200)
        now = time.perf_counter()
        if driving.is_over and give_up == math.inf:
            give_up = now + DRAIN_SECONDS_MAX
        for record in fetched.get(watch.place, ()):
            key = record.key
            if key[: len(ROW_PREFIX)] == ROW_PREFIX:
                number = command_number(key) - first
                if math.isnan(latencies[number]):
                    latencies[number] = now - driving.due_seconds(number // pack)
                    seen += 1
    return now
