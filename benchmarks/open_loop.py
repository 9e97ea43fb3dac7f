"""Open-loop load: commands are due on a schedule, and late ones do not slow the schedule down.

A latency counts from when a command was DUE, not from when it could be sent: otherwise a stall of
the measured, or of the generator, would hide the commands that it held up.
"""

import asyncio
import gc
import math
import time
from array import array
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer

from benchmarks.load import command_number
from benchmarks.watch import LedgerWatch

TICK_SECONDS: Final = 0.001
"""Between looks at the schedule: what is due since the last look goes out as one batch."""
LEAD_SECONDS: Final = 0.2
"""From the call to the first due time, so that connections and the reader are warm."""
DRAIN_SECONDS_MAX: Final = 60.0
"""How long rows may come in after the last command was due, before the run is given up."""

Records = Sequence[tuple[bytes | None, bytes]]
"""Key and value of command 0, 1, ...: encoded beforehand."""


class Driven(NamedTuple):
    """How the generator itself did."""

    lags_seconds: list[float]
    """How late it was, once per batch that it sent."""
    first_due_seconds: float

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
    bootstrap_servers: str, topic: str, watch: LedgerWatch, values: Records, rate_per_s: int
) -> OpenLoopRun:
    """Send each value when it is due and read its row back from the ledger.

    Args:
        bootstrap_servers: The broker.
        topic: Where commands go, partition 0.
        watch: The ledger that they end in; nothing else may come there.
        values: The commands.
        rate_per_s: Commands due per second.
    """
    watch.consumer.seek(watch.place, await watch.end())
    latencies = array("d", [math.nan]) * len(values)
    seconds_max = LEAD_SECONDS + len(values) / rate_per_s + DRAIN_SECONDS_MAX
    last_seen = 0.0

    async def read(first_due: float) -> None:
        nonlocal last_seen
        last_seen = await _read(watch, latencies, first_due, rate_per_s, seconds_max)

    driven = await drive(bootstrap_servers, topic, values, rate_per_s, read)
    return OpenLoopRun(latencies, driven, last_seen)


async def drive(
    bootstrap_servers: str,
    topic: str,
    values: Records,
    rate_per_s: int,
    read: Callable[[float], Coroutine[Any, Any, None]],
) -> Driven:
    """Send each value when it is due, while `read`, told the first due time, sees what comes of it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", linger_ms=0, max_batch_size=1 << 20
    )
    await producer.start()
    await producer.partitions_for(topic)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection here would be a latency that is not the worker's
    try:
        first_due = time.perf_counter() + LEAD_SECONDS
        reading = asyncio.create_task(read(first_due))
        try:
            lags = await _send(producer, topic, values, first_due, rate_per_s)
            await reading
        finally:
            reading.cancel()
    finally:
        gc.enable()
        gc.unfreeze()
        await producer.stop()
    return Driven(lags, first_due)


async def _send(
    producer: AIOKafkaProducer,
    topic: str,
    values: Records,
    first_due: float,
    rate_per_s: int,
) -> list[float]:
    lags: list[float] = []
    acks: list[asyncio.Future[Any]] = []
    sent, total = 0, len(values)
    while sent < total:
        now = time.perf_counter()
        due = min(total, int((now - first_due) * rate_per_s) + 1) if now >= first_due else 0
        if due > sent:
            lags.append(now - first_due - sent / rate_per_s)
            batch = producer.create_batch()
            while sent < due and batch.append(key=values[sent][0], value=values[sent][1], timestamp=None):
                sent += 1
            # Waits while the batch before it is still queued; what falls due meanwhile goes next.
            acks.append(await producer.send_batch(batch, topic, partition=0))
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.gather(*acks)
    return lags


async def _read(
    watch: LedgerWatch, latencies: "array[float]", first_due: float, rate_per_s: int, seconds_max: float
) -> float:
    """Note the latency of each command whose row comes; give when the last one came."""
    missing = len(latencies)
    now = first_due
    give_up = time.perf_counter() + seconds_max
    while missing and now < give_up:
        fetched = await watch.consumer.getmany(watch.place, timeout_ms=200)
        now = time.perf_counter()
        for record in fetched.get(watch.place, ()):
            key = record.key
            if key[:2] == b"r/":
                number = command_number(key)
                if math.isnan(latencies[number]):
                    latencies[number] = now - first_due - number / rate_per_s
                    missing -= 1
    return now
