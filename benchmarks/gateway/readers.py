"""Many readers of one SKU that changes once a second: how late does each hear of it?

    python -m benchmarks.gateway.readers --readers 5000 --seconds 20

Two processes: the gateway's live updates over a shelf in memory, and all readers. A latency counts from when
the change was DUE to be put on the shelf to when the reader's bytes arrived, for each reader and change. What
lies before the shelf (a decision, its append, the tail) is measured by the other scenarios.
"""

import argparse
import asyncio
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Final, cast

import psutil
import uvloop
from aiohttp import web
from hdrh.histogram import HdrHistogram

from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.sse import LiveEvents
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import PositionRow, encode_row, position_key

SKU: Final = "HOT"
CHANGE_SECONDS: Final = 1.0
GOAL_MS: Final = 500.0
"""Of the issue: 5,000 readers on one process hear within this, 99 of 100."""
CONNECTING_MAX: Final = 200
"""Connections begun at once; the listener's backlog is 1,024."""
WAIT_SECONDS_MAX: Final = 120.0
"""For all readers to be connected, and for all events to have come."""
_REQUEST: Final = b"GET /v1/live?skus=%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % SKU.encode()
_MARK: Final = b'"available":'


def row_of(units: int) -> LedgerRecord:
    """Give the ledger's row that says so many units."""
    row = PositionRow(1, SKU, "L1", units, 0, 0, 0, 0, 0, 0, units, units, 0, 0, 0, 0)
    return LedgerRecord(units, time.time_ns() // 1_000_000, position_key(SKU, "L1"), encode_row(row))


async def serve() -> None:
    """Serve live updates; from a line of stdin on, change the SKU once a second; print when first."""
    shelf = MemoryShelf(1, lambda _: 0, lambda _: True, lambda _: True)
    shelf.take(0, 1, [row_of(1)])
    hub = LiveHub(shelf, lambda _: 0)

    async def everybody(_request: web.Request) -> None:
        pass

    runner = web.AppRunner(new_app((), LiveEvents(hub, everybody).routes()), access_log=None)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0, backlog=1_024)).start()
    assert site._server is not None  # noqa: S101, SLF001  # it was started
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]  # noqa: SLF001
    loop = asyncio.get_running_loop()
    async with hub.running():
        await loop.run_in_executor(None, sys.stdin.readline)
        first = time.monotonic() + CHANGE_SECONDS
        print(first, flush=True)
        for units in range(2, 1_000_000):
            due = first + (units - 2) * CHANGE_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            shelf.take(0, 1, [row_of(units)])


class ReaderLine(asyncio.Protocol):
    """One reader: says which units it hears of."""

    def __init__(self, heard: Callable[[int], None]) -> None:
        self._heard = heard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        cast("asyncio.Transport", transport).write(_REQUEST)  # uvloop's is one but does not say so

    def data_received(self, data: bytes) -> None:
        """Take events; an event comes whole, as it is far below a segment of the loopback."""
        at = data.find(_MARK)
        while at >= 0:
            self._heard(int(data[at + len(_MARK) : data.index(b",", at)]))
            at = data.find(_MARK, at + 1)


async def measure(readers: int, seconds: int) -> bool:
    """Run, print what came of it, and say whether the goal was reached."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.gateway.readers",
        "--serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None  # noqa: S101  # asked for above
    assert server.stdout is not None  # noqa: S101
    try:
        port = int(await server.stdout.readline())
        process = psutil.Process(server.pid)
        before_bytes = process.memory_info().rss
        heard: list[tuple[int, float]] = []
        loop = asyncio.get_running_loop()
        limit = asyncio.Semaphore(CONNECTING_MAX)

        async def connect() -> asyncio.Transport:
            async with limit:
                line = ReaderLine(lambda units: heard.append((units, time.monotonic())))
                transport, _ = await loop.create_connection(lambda: line, "127.0.0.1", port)
                return transport

        began = time.monotonic()
        lines = await asyncio.gather(*(connect() for _ in range(readers)))
        await _until(lambda: len(heard) == readers)
        connected_seconds = time.monotonic() - began
        reader_bytes = (process.memory_info().rss - before_bytes) / readers
        heard.clear()
        cpu_before = sum(process.cpu_times()[:2])
        server.stdin.write(b"go\n")
        first = float(await server.stdout.readline())
        await _until(lambda: len(heard) >= readers * seconds)
        cpu = (sum(process.cpu_times()[:2]) - cpu_before) / (time.monotonic() - first)
        # 1 us to 60 s, to three digits.
        histogram = HdrHistogram(1, 60_000_000, 3)
        for units, at in heard:
            if units - 2 < seconds:
                histogram.record_value(max(1, round((at - first - (units - 2) * CHANGE_SECONDS) * 1e6)))
        for line in lines:
            line.abort()
    finally:
        server.send_signal(signal.SIGKILL)
        await server.wait()
    p50, p99, worst = (histogram.get_value_at_percentile(part) / 1_000 for part in (50, 99, 100))
    print(
        f"{readers:,} readers, {seconds} changes, {histogram.get_total_count():,} events of "
        f"{readers * seconds:,}: p50 {p50:.1f}, p99 {p99:.1f}, max {worst:.0f} ms "
        f"(goal: p99 <= {GOAL_MS:.0f}); "
        f"the gateway used {cpu:.0%} of a core and {reader_bytes / 1024:.0f} KB a reader;"
        f" all connected within {connected_seconds:.1f} s"
    )
    return bool(p99 <= GOAL_MS) and histogram.get_total_count() == readers * seconds


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110  # the readers' callbacks only count
            await asyncio.sleep(0.05)


def main() -> int:
    """Run by the arguments; 1 when the goal was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--readers", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if soft < hard else (soft, hard))
    if arguments.serve:
        uvloop.run(serve())
        return 0
    return 0 if uvloop.run(measure(arguments.readers, arguments.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())
