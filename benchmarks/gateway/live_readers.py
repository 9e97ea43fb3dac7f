"""A process with all readers of one SKU, which also states its count once a second.

    python -m benchmarks.gateway.live_readers   (a `words.LivePlan` as one line of JSON on its stdin)

A latency counts from when a count was DUE to be posted to when a reader's bytes with it arrived, for each
reader and count: the request, the decision, its append, the gateway's tail and the writes to all before it.
"""

import asyncio
import gc
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop
from hdrh.histogram import HdrHistogram

from benchmarks.gateway.generator import take_precedence
from benchmarks.gateway.line import Line, connect
from benchmarks.gateway.requests import LOCATION
from benchmarks.gateway.words import LivePlan, Outcome

CHANGE_SECONDS: Final = 1.0
FIRST_UNITS: Final = 1_000_000
"""Count number 0, 1, ... says this many and so many more: an event tells which count it is of."""
CONNECTING_MAX: Final = 200
"""Connections begun at once."""
CONNECTED_SECONDS_MAX: Final = 60.0
DRAIN_SECONDS_MAX: Final = 10.0
"""How long events may come in after the last count."""
_MARK: Final = b'"available":'


class ReaderLine(asyncio.Protocol):
    """One reader: says of which counts it hears, each once.

    A reader who is told a newer count before an older one (as values are conflated) hears of both then. Being
    told again, as after a moment in which the gateway did not hear the ledger, is not heard.
    """

    def __init__(self, request: bytes, heard: Callable[[int], None]) -> None:
        self._request = request
        self._heard = heard
        self._next = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one but does not say so
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take events; an event comes whole, as it is far below a segment of the loopback."""
        at = data.find(_MARK)
        while at >= 0:
            told = int(data[at + len(_MARK) : data.index(b",", at)]) - FIRST_UNITS
            while self._next <= told:
                self._heard(self._next)
                self._next += 1
            at = data.find(_MARK, at + 1)


class Readers:
    """All readers, and whoever counts."""

    def __init__(self, plan: LivePlan) -> None:
        self._plan = plan
        self._heard: list[tuple[int, float]] = []
        self._refused = 0

    async def run(self) -> Outcome:
        """Connect, count, hear."""
        plan = self._plan
        request = (
            f"GET /v1/live?skus={plan.sku} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {plan.key}\r\nAccept: text/event-stream\r\n\r\n"
        ).encode()
        began = time.perf_counter()
        lines = await self._connect(request)
        await self._until(plan.readers, CONNECTED_SECONDS_MAX)
        connected_seconds = time.perf_counter() - began
        self._heard.clear()
        (counter,) = await connect(plan.port, 1, self._answered)
        gc.collect()
        gc.freeze()
        gc.disable()
        first = time.perf_counter() + CHANGE_SECONDS
        cpu = time.process_time()
        print("measuring", flush=True)
        lags = [await self._count(counter, number, first) for number in range(1, plan.seconds + 1)]
        await self._until(plan.readers * plan.seconds, DRAIN_SECONDS_MAX)
        cpu_share = (time.process_time() - cpu) / (time.perf_counter() - first + CHANGE_SECONDS)
        print("measured", flush=True)
        latencies = HdrHistogram(1, 60_000_000, 3)
        for number, at in self._heard:
            due = first + (number - 1) * CHANGE_SECONDS
            latencies.record_value(max(1, round((at - due) * 1e6)))
        counter.number = -1
        counter.abort()
        for line in lines:
            if line.transport is not None:
                line.transport.abort()
        percentiles = {"p50_ms": 50.0, "p99_ms": 99.0, "p999_ms": 99.9, "max_ms": 100.0}
        figures = {name: latencies.get_value_at_percentile(at) / 1_000 for name, at in percentiles.items()}
        figures |= {
            "connected_s": connected_seconds,
            "events": float(len(self._heard)),
            "lag_p99_ms": max(lags) * 1_000,
            "lag_max_ms": max(lags) * 1_000,
            "generator_cpu": cpu_share,
            "failed": float(plan.readers * plan.seconds - len(self._heard) + self._refused),
        }
        return Outcome(figures, {}, [], 0)

    async def _connect(self, request: bytes) -> list[ReaderLine]:
        loop, limit = asyncio.get_running_loop(), asyncio.Semaphore(CONNECTING_MAX)

        async def one() -> ReaderLine:
            async with limit:
                line = ReaderLine(request, lambda number: self._heard.append((number, time.perf_counter())))
                await loop.create_connection(lambda: line, "127.0.0.1", self._plan.port)
                return line

        return await asyncio.gather(*(one() for _ in range(self._plan.readers)))

    async def _count(self, line: Line, number: int, first: float) -> float:
        """State a count when it is due; gives how late that was, in seconds."""
        due = first + (number - 1) * CHANGE_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late = time.perf_counter() - due
        plan = self._plan
        body = (
            f'{{"sku":"{plan.sku}","location":"{LOCATION}","on_hand":{FIRST_UNITS + number},'
            f'"effective_at":"{datetime.now(UTC).isoformat()}"}}'
        )
        line.ask(
            number,
            (
                f"POST /v1/stock/syncs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {plan.key}\r\n"
                f"Idempotency-Key: {plan.run}-{number}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
        )
        return late

    def _answered(self, line: Line, status: int, _body: bytes) -> None:
        line.number = -1
        self._refused += status != 200

    async def _until(self, events: int, seconds_max: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while len(self._heard) < events:  # noqa: ASYNC110  # the readers only note
                    await asyncio.sleep(0.02)


def allow_files() -> None:
    """Let this process, and those that it starts, have as many connections as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Run the plan on stdin."""
    plan = msgspec.json.decode(sys.stdin.readline(), type=LivePlan)
    allow_files()
    take_precedence()
    outcome = uvloop.run(Readers(plan).run())
    Path(plan.result_file).write_bytes(msgspec.msgpack.encode(outcome))


if __name__ == "__main__":
    main()
