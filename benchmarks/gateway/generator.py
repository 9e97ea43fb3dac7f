"""A process that asks, by a schedule that the asked cannot slow down.

    python -m benchmarks.gateway.generator   (a `words.Plan` as one line of JSON on its stdin)

A latency counts from when a request was DUE to when its answer was read whole: what no connection is free
for waits, and is late. It says `measuring` when the warm-up is over and `measured` at the end.
"""

import asyncio
import gc
import os
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from hdrh.histogram import HdrHistogram

from benchmarks.gateway.line import Line, connect
from benchmarks.gateway.requests import maker
from benchmarks.gateway.words import Granted, Outcome, Plan

TICK_SECONDS: Final = 0.001
"""Between looks at the schedule."""
LEAD_SECONDS: Final = 0.2
"""From the last connection to the first due time."""
DRAIN_SECONDS_MAX: Final = 20.0
"""How long answers may come in after the last request was due; the gateway gives up on one after 2 s."""
LATENCY_US_MAX: Final = 60_000_000
PRECEDENCE: Final = -10
"""Niceness that a generator takes where it may: it must not be late because what it measures is busy."""

_CREATED: Final = 201
_SERVER_ERROR: Final = 500
_GOOD: Final = {"reserve": (201, 200), "batch": (200,), "sold-out": (409,), "reads": (200,)}
"""Statuses that count as an answer of the kind that is measured."""
_REFUSED: Final = 409
"""Sold out: as good an answer to a reservation as a grant."""


class Generator:
    """Asks by a plan and remembers what came."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._make = maker(plan)
        self._good = frozenset((*_GOOD[plan.kind], *((_REFUSED,) if plan.kind == "reserve" else ())))
        self._latencies = HdrHistogram(1, LATENCY_US_MAX, 3)
        self._lags = HdrHistogram(1, LATENCY_US_MAX, 3)
        self._statuses: Counter[int] = Counter()
        self._bodies: list[bytes] = []
        self._waiting: deque[int] = deque()
        self._idle: list[Line] = []
        self._asked_at: dict[int, float] = {}
        self._answered_in_time = 0
        self._sent = 0
        self._under_way = 0
        self._first = self._begins = self._ends = 0.0

    async def run(self) -> Outcome:
        """Connect, ask, drain."""
        lines = await connect(self._plan.port, self._plan.connections, self._answered)
        self._idle = list(lines)
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection here would be a latency that is not the gateway's
        try:
            await self._load()
        finally:
            gc.enable()
            gc.unfreeze()
        for line in lines:
            line.number = -1
            line.abort()
        return self._outcome()

    async def _load(self) -> None:
        plan = self._plan
        self._first = time.perf_counter() + LEAD_SECONDS
        self._begins = self._first + plan.warm_up_seconds
        self._ends = self._begins + plan.seconds
        telling = asyncio.create_task(self._tell())
        await (self._closed_loop() if plan.rate_per_s is None else self._open_loop(plan.rate_per_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                while self._under_way or self._waiting:  # noqa: ASYNC110  # the connections only count
                    await asyncio.sleep(0.01)
        await telling
        self._statuses[0] += self._under_way + len(self._waiting)

    async def _tell(self) -> None:
        await asyncio.sleep(self._begins - time.perf_counter())
        cpu = time.process_time()
        print("measuring", flush=True)
        await asyncio.sleep(self._ends - time.perf_counter())
        self._cpu_share = (time.process_time() - cpu) / self._plan.seconds
        print("measured", flush=True)

    async def _open_loop(self, rate_per_s: float) -> None:
        total = int((self._plan.warm_up_seconds + self._plan.seconds) * rate_per_s)
        while self._sent < total:
            now = time.perf_counter()
            due = min(total, int((now - self._first) * rate_per_s) + 1) if now >= self._first else 0
            if due > self._sent and now >= self._begins:
                self._lags.record_value(_us(now - self._first - self._sent / rate_per_s))
            for number in range(self._sent, due):
                self._asked_at[number] = self._first + number / rate_per_s
                line = self._idle_line()
                if line is not None:
                    self._ask(line, number)
                else:
                    self._waiting.append(number)
            self._sent = max(self._sent, due)
            await asyncio.sleep(TICK_SECONDS)

    async def _closed_loop(self) -> None:
        while (now := time.perf_counter()) < self._ends:
            if now >= self._first:
                while (line := self._idle_line()) is not None:
                    self._ask_next(line, now)
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            if now >= self._begins:
                self._lags.record_value(_us(time.perf_counter() - before - TICK_SECONDS))

    def _idle_line(self) -> Line | None:
        """Give a connection that is free; a server hangs up on one that nobody used for some seconds."""
        while self._idle:
            line = self._idle.pop()
            if not line.is_closed:
                return line
        return None

    def _ask_next(self, line: Line, now: float) -> None:
        number = self._sent
        self._sent += 1
        self._asked_at[number] = now
        self._ask(line, number)

    def _ask(self, line: Line, number: int) -> None:
        self._under_way += 1
        line.ask(number, self._make(number))

    def _answered(self, line: Line, status: int, body: bytes) -> None:
        now = time.perf_counter()
        self._under_way -= 1
        due = self._asked_at.pop(line.number)
        line.number = -1
        self._statuses[status] += 1
        if due >= self._begins:
            self._latencies.record_value(_us(now - due))
        if status in self._good and self._begins <= now < self._ends:
            self._answered_in_time += 1
        if status == _CREATED or self._plan.kind == "batch":
            self._bodies.append(body)
        if line.is_lost:
            return
        if self._waiting:
            self._ask(line, self._waiting.popleft())
        elif self._plan.rate_per_s is None and now < self._ends:
            self._ask_next(line, now)
        else:
            self._idle.append(line)

    def _outcome(self) -> Outcome:
        plan = self._plan
        granted, unanswered_lines = _granted(self._bodies)
        unheard = sum(
            count for status, count in self._statuses.items() if status == 0 or status >= _SERVER_ERROR
        )
        percentiles = {"p50_ms": 50.0, "p99_ms": 99.0, "p999_ms": 99.9, "max_ms": 100.0}
        figures = {name: _at(self._latencies, part) for name, part in percentiles.items()}
        figures |= {
            "answered_per_s": self._answered_in_time * plan.lines / plan.seconds,
            "lag_p99_ms": _at(self._lags, 99.0),
            "lag_max_ms": _at(self._lags, 100.0),
            "generator_cpu": self._cpu_share,
            "failed": float(unheard * plan.lines + unanswered_lines),
        }
        statuses = {str(status): count for status, count in sorted(self._statuses.items()) if count}
        return Outcome(figures, statuses, granted, unheard * plan.lines + unanswered_lines)


def _granted(bodies: list[bytes]) -> tuple[list[Granted], int]:
    """Read who was promised what, and how many lines of batches were not answered."""
    granted, unanswered = [], 0
    for body in bodies:
        answer: dict[str, Any] = msgspec.json.decode(body)
        for result in answer.get("results", ({"status": _CREATED, "reservation": answer},)):
            if result["status"] == _CREATED:
                told = result["reservation"]
                granted.append(Granted(told["reservation_id"], told["sku"], told["moved_units"]))
            unanswered += result["status"] >= _SERVER_ERROR
    return granted, unanswered


def _us(seconds: float) -> int:
    return min(LATENCY_US_MAX, max(1, round(seconds * 1e6)))


def _at(histogram: HdrHistogram, percentile: float) -> float:
    return float(histogram.get_value_at_percentile(percentile)) / 1_000


def take_precedence() -> None:
    """Go before other processes, where the system allows it."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRECEDENCE)


def main() -> None:
    """Run the plan on stdin."""
    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    take_precedence()
    outcome = uvloop.run(Generator(plan).run())
    Path(plan.result_file).write_bytes(msgspec.msgpack.encode(outcome))


if __name__ == "__main__":
    main()
