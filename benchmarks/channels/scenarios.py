"""The numbers promised of channels as runs against the sandbox; each gives figures and what was wrong."""

import asyncio
import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.channels.stack import LOCATION, Row, Shown, Stack
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.sandbox.config import FAKES
from models.commands import Adjust

CHANGES_PER_SECOND: Final = 200.0
"""The rate that the promise is made for."""
BACKLOG_REQUESTS_PER_SECOND: Final = 20.0
"""The promise is for a channel of at least so many."""
BACKLOG_SHARE: Final = 0.9
"""Of the listings; until so many were told the limit is what holds the rest up."""
ZERO_SECONDS: Final = 0.1
"""Between two SKUs that sell out while the backlog drains: ten a second, half of the requests."""
STOCK: Final = 1_000_000
SHOP: Final = "template"
"""The plainest channel: what is timed is ours, not its form."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is: the promised numbers, or a look that takes a minute."""

    seconds: float
    latency_listings: int
    backlog_listings: int
    decisions: int
    memory_listings: int


FULL: Final = Size(60.0, 2_000, 100_000, 100_000, 1_000_000)
SMALL: Final = Size(10.0, 500, 8_000, 10_000, 100_000)

MEMORY_SECONDS_MAX: Final = 600.0
"""A million listings take about a minute."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a run gave. `targets`: figure -> (bound, whether it was met); it counts only without `faults`."""

    figures: Mapping[str, float]
    targets: Mapping[str, tuple[str, bool]]
    faults: tuple[str, ...]


async def latency(folder: Path, size: Size) -> Found:
    """Time from a row's record to its arrival at an unthrottled channel, open loop."""
    async with Stack(folder, [SHOP], 1_000.0, size.latency_listings) as stack:
        await stack.state(STOCK)
        stack.start_worker()
        await stack.until_in_step()
        begun_ms = time.time() * 1_000
        cpu_seconds = stack.worker_cpu_seconds()
        number = 0
        async with open_command_sink(stack.settings) as sink:
            start = time.monotonic()
            while (due := number / CHANGES_PER_SECOND) < size.seconds:
                await asyncio.sleep(max(0.0, start + due - time.monotonic()))
                sku = f"SKU-{random.randrange(size.latency_listings)}"
                await sink.send(Adjust(f"sold-{number}", sku, LOCATION, -1, int(begun_ms)), sku)
                number += 1
            await sink.flush()
        cpu_seconds = stack.worker_cpu_seconds() - cpu_seconds
        await stack.until_in_step()
        rows = [row for row in await stack.rows() if row.at_ms >= begun_ms]
        shown = (await stack.end())[SHOP]
    ways = ways_ms(rows, shown, stack.listings)
    p50, p99 = quantile(ways, 0.5), quantile(ways, 0.99)
    return Found(
        {
            "changes": len(ways),
            "p50_ms": p50,
            "p99_ms": p99,
            "max_ms": max(ways, default=0.0),
            "worker_cpu_us_per_change": cpu_seconds * 1e6 / max(1, number),
        },
        {"p50_ms": ("<= 10", p50 <= 10), "p99_ms": ("<= 100", p99 <= 100)},
        faults_of(shown, rows, stack.listings),
    )


async def backlog(folder: Path, size: Size) -> Found:
    """How long SKUs that sell out wait while everything else is being told for the first time."""
    async with Stack(folder, [SHOP], BACKLOG_REQUESTS_PER_SECOND, size.backlog_listings) as stack:
        await stack.state(STOCK)
        stack.start_worker()
        await stack.until_begun()
        begun = time.time()
        sold = random.sample(range(size.backlog_listings), size.backlog_listings // 100)
        drains = asyncio.create_task(stack.until_in_step())
        async with open_command_sink(stack.settings) as sink:
            for number in sold:
                if drains.done():
                    break
                sku = f"SKU-{number}"
                await sink.send(Adjust(f"out-{number}", sku, LOCATION, -STOCK, int(begun * 1_000)), sku)
                await sink.flush()
                await asyncio.sleep(ZERO_SECONDS)
        await drains
        rows = [row for row in await stack.rows() if row.at_ms >= begun * 1_000]
        shown = (await stack.end())[SHOP]
    # While there is more to tell than the limit lets through; at the end there is not.
    firsts = sorted({listing: at_ns for listing, _, at_ns in reversed(shown.changes)}.values())
    first_ns, last_ns = firsts[0], firsts[int(len(firsts) * BACKLOG_SHARE)]
    seconds = (last_ns - first_ns) / 1e9
    requests = sum(at_ns <= last_ns for at_ns in shown.taken)
    ways = ways_ms([row for row in rows if row.units == 0], shown, stack.listings)
    p99 = quantile(ways, 0.99)
    # The bucket was full at the begin: so much beyond the flow is its own.
    used = (requests - BACKLOG_REQUESTS_PER_SECOND) / (BACKLOG_REQUESTS_PER_SECOND * seconds)
    return Found(
        {
            "zeros": len(ways),
            "zero_p50_ms": quantile(ways, 0.5),
            "zero_p99_ms": p99,
            "backlog_seconds": seconds,
            "limit_used_share": used,
            "refused_requests": shown.refused,
        },
        {
            "zero_p99_ms": ("<= 250", p99 <= 250),
            "limit_used_share": (">= 0.9", used >= 0.9),
            "refused_requests": ("<= 1", shown.refused <= 1),
        },
        faults_of(shown, rows, stack.listings),
    )


async def flash(folder: Path, size: Size) -> Found:
    """Many decisions on one SKU, told to every channel: one request in flight, and the exact last value."""
    names = sorted(FAKES)
    async with Stack(folder, names, 0.0, 1) as stack:
        await stack.state(STOCK)
        stack.start_worker()
        await stack.until_in_step()
        begun = time.time()
        await stack.send(
            Adjust(f"sold-{number}", "SKU-0", LOCATION, -1, int(begun * 1_000))
            for number in range(size.decisions)
        )
        await stack.until_decided(STOCK - size.decisions)
        await stack.until_in_step()
        rows = await stack.rows()
        seen = await stack.end()
    last = rows[-1].units
    ends = {name: next(iter(shown.last.values())) for name, shown in seen.items()}
    overlaps = sum(shown.overlaps for shown in seen.values())
    faults = [f"{name} shows {units}, the ledger has {last}" for name, units in ends.items() if units != last]
    if last != STOCK - size.decisions:
        faults.append(f"the ledger has {last}")
    return Found(
        {
            "decisions": size.decisions,
            "channels": len(names),
            "requests_most": max(len(shown.changes) for shown in seen.values()),
            "channels_exact": sum(units == last for units in ends.values()),
            "overlaps": overlaps,
        },
        {"overlaps": ("= 0", overlaps == 0), "channels_exact": ("all", not faults)},
        tuple(faults),
    )


async def memory(_: Path, size: Size) -> Found:
    """What a worker's listings take, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.channels.memory", "--listings"]
    process = await asyncio.create_subprocess_exec(
        *command, str(size.memory_listings), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(MEMORY_SECONDS_MAX):
        told, _errors = await process.communicate()
    mib = float(json.loads(told)["all"])
    is_met = mib <= 1_024 and size.memory_listings >= 1_000_000
    return Found(
        {"listings": size.memory_listings, "mib": mib},
        {"mib": ("<= 1,024 for 1,000,000", is_met)} if size is FULL else {},
        (),
    )


def ways_ms(rows: list[Row], shown: Shown, listings: int) -> list[float]:
    """Time from each row to the first moment at which the channel showed that or a later value.

    Stock only falls in these runs, so that a smaller number is a later one.
    """
    arrivals: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for listing, units, at_ns in shown.changes:
        arrivals[listing].append((at_ns, units))
    listing_of = {f"SKU-{number}": f"item-{number}" for number in range(listings)}
    ways = []
    for row in rows:
        found = next((at_ns for at_ns, units in arrivals[listing_of[row.sku]] if units <= row.units), None)
        # One that never came is the worst of all, not nothing.
        ways.append(math.inf if found is None else max(0.0, found / 1e6 - row.at_ms))
    return ways


def faults_of(shown: Shown, rows: list[Row], listings: int) -> tuple[str, ...]:
    """Say why a run does not count."""
    faults = []
    if shown.overlaps:
        faults.append(f"{shown.overlaps} listings were in two requests at once")
    last = {f"item-{row.sku.removeprefix('SKU-')}": row.units for row in rows}
    wrong = [listing for listing, units in last.items() if shown.last[listing] != units]
    if wrong:
        faults.append(f"{len(wrong)} of {listings} listings do not show what the ledger has")
    return tuple(faults)


def quantile(values: list[float], share: float) -> float:
    """Give what so large a share of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


SCENARIOS: Final = {"latency": latency, "backlog": backlog, "flash": flash, "memory": memory}
