"""Availability of 20 SKUs, asked again and again while stock changes: how many requests a second, how late?

    python -m benchmarks.gateway.reads --rate 2500 --seconds 10

Two processes: the gateway's reads over a shelf in memory, with 5,000 SKUs at five locations of which 1,000
positions change each second, and all readers. Open loop: a latency counts from when a request was DUE to when
its answer was read. Each connection asks one thing at a time; what is due meanwhile waits, and is late.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import deque
from typing import Final, cast

import psutil
import uvloop
from aiohttp import web
from hdrh.histogram import HdrHistogram

from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.routes.availability import AvailabilityRoutes
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import PositionRow, encode_row, position_key

SKUS: Final = 5_000
LOCATIONS: Final = 5
CHANGES_PER_SECOND: Final = 1_000
"""Rows of positions: a busy day; a change costs the next read of its SKU a new encoding."""
SKUS_ASKED: Final = 20
GOAL_PER_SECOND: Final = 2_500
"""Of the issue, for one process."""
CONNECTIONS: Final = 32
TICK_SECONDS: Final = 0.002
DRAIN_SECONDS_MAX: Final = 30.0


def row_of(offset: int, sku: int, location: int, units: int) -> LedgerRecord:
    """Give the ledger's row that says so many units."""
    name, place = f"SKU-{sku:05}", f"store-{location}"
    row = PositionRow(1, name, place, units, 0, 1, 2, 0, 0, 0, offset, units, 0, 0, 0, 0)
    return LedgerRecord(offset, time.time_ns() // 1_000_000, position_key(name, place), encode_row(row))


async def serve() -> None:
    """Serve reads of a shelf that changes, until killed."""
    shelf = MemoryShelf(1, lambda _: 0, lambda _: True, lambda _: True)
    places = [(sku, location) for sku in range(SKUS) for location in range(LOCATIONS)]
    shelf.take(0, 1, [row_of(number, *place, 100) for number, place in enumerate(places)])
    reads = AvailabilityRoutes(
        shelf, lambda: time.time_ns() // 1_000_000, wait_seconds=1.0, cache_seconds=1, stale_seconds=5
    )
    anybody = Caller("anybody", frozenset({Scope.STOREFRONT}))

    async def everybody(_request: web.Request) -> Caller:
        return anybody

    runner = web.AppRunner(new_app(reads.endpoints(), authenticate=everybody), access_log=None)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0, backlog=1_024)).start()
    assert site._server is not None  # noqa: S101, SLF001  # it was started
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]  # noqa: SLF001
    offset = len(places)
    while True:
        await asyncio.sleep(0.01)
        changes = random.sample(places, CHANGES_PER_SECOND // 100)
        shelf.take(0, 1, [row_of(offset + at, *place, offset % 97) for at, place in enumerate(changes)])
        offset += len(changes)


class Asker(asyncio.Protocol):
    """One connection. `due` are the times at which its next requests were due."""

    def __init__(self, histogram: HdrHistogram, requests: list[bytes]) -> None:
        self.due: deque[float] = deque()
        self.wrong = 0
        self._histogram = histogram
        self._requests = requests
        self._asked_for: float | None = None
        self._read = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one but does not say so

    def ask(self) -> None:
        """Ask for what is due, if nothing is asked for."""
        if self._asked_for is None and self.due:
            self._asked_for = self.due.popleft()
            self._transport.write(random.choice(self._requests))

    def data_received(self, data: bytes) -> None:
        """Take an answer; ask for the next."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length: ", 1)[1].split(b"\r", 1)[0]):
            return
        assert self._asked_for is not None  # noqa: S101  # nothing comes unasked
        self.wrong += not head.startswith(b"HTTP/1.1 200")
        self._histogram.record_value(max(1, round((time.monotonic() - self._asked_for) * 1e6)))
        self._read, self._asked_for = b"", None
        self.ask()

    @property
    def is_idle(self) -> bool:
        """Whether all that was due was answered."""
        return self._asked_for is None and not self.due


async def measure(rate: int, seconds: int) -> bool:
    """Run, print what came of it, and say whether all came, within what is due."""
    command = (sys.executable, "-m", "benchmarks.gateway.reads", "--serve")
    server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None  # noqa: S101  # asked for above
    histogram = HdrHistogram(1, 60_000_000, 3)  # 1 us to 60 s, to three digits
    requests = [
        b"GET /v1/availability?skus=%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
        % ",".join(f"SKU-{sku:05}" for sku in random.sample(range(SKUS), SKUS_ASKED)).encode()
        for _ in range(1_000)
    ]
    try:
        port = int(await server.stdout.readline())
        process = psutil.Process(server.pid)
        loop = asyncio.get_running_loop()
        askers = [Asker(histogram, requests) for _ in range(CONNECTIONS)]
        for asker in askers:
            await loop.create_connection(lambda asker=asker: asker, "127.0.0.1", port)  # type: ignore[misc]
        cpu_before = sum(process.cpu_times()[:2])
        first = time.monotonic() + 0.2
        given = 0
        while given < rate * seconds:
            await asyncio.sleep(TICK_SECONDS)
            due = min(rate * seconds, int((time.monotonic() - first) * rate))
            for number in range(given, due):
                asker = askers[number % CONNECTIONS]
                asker.due.append(first + number / rate)
                asker.ask()
            given = max(given, due)
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            while not all(asker.is_idle for asker in askers):  # noqa: ASYNC110  # callbacks only count
                await asyncio.sleep(0.01)
        took = time.monotonic() - first
        cpu = (sum(process.cpu_times()[:2]) - cpu_before) / took
    finally:
        server.send_signal(signal.SIGKILL)
        await server.wait()
    p50, p99, worst = (histogram.get_value_at_percentile(part) / 1_000 for part in (50, 99, 100))
    wrong = sum(asker.wrong for asker in askers)
    print(
        f"{rate * seconds:,} requests of {SKUS_ASKED} SKUs due at {rate:,}/s, answered at "
        f"{rate * seconds / took:,.0f}/s, {wrong} wrong: p50 {p50:.1f}, p99 {p99:.1f}, max {worst:.0f} ms; "
        f"the gateway used {cpu:.0%} of a core (goal: {GOAL_PER_SECOND:,}/s)"
    )
    return wrong == 0 and rate * seconds / took >= min(rate, GOAL_PER_SECOND) * 0.98


def main() -> int:
    """Run by the arguments; 1 when not all was answered as fast as it was due."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=int, default=GOAL_PER_SECOND)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(serve())
        return 0
    return 0 if uvloop.run(measure(arguments.rate, arguments.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
