"""From a command to what storefronts see: the real worker, the real projection, a Valkey of its own."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX, OPEN_SECONDS_MAX
from benchmarks.ledger_check import LedgerReading, faults, oversold_units, read_ledger
from benchmarks.load import sku_name
from benchmarks.open_loop import DRAIN_SECONDS_MAX, drive
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import VIEW, ViewLoop
from benchmarks.statistics import Figures, batch_figures, latency_figures
from benchmarks.subjects import Running, Subject, worker_place
from benchmarks.view_watch import Tellings, ViewWatch
from benchmarks.watch import LedgerWatch
from inventory_stream.devservers import ValkeyServer
from inventory_stream.ports.commands import ORDER_EVENTS
from models.rows import PositionRow

LOOK_SECONDS: Final = 0.05
"""Between two looks at whether the view has caught up; not while anything is measured."""

HEARTBEAT: Final = "projection:heartbeat:0"
"""There while the view of partition 0 is fresh (docs/contracts.md)."""

SKUS_PER_QUESTION: Final = 1_000
"""SKUs asked about in one round trip."""


async def run_to_view(bench: Bench, scenario: ViewLoop, prefix: str) -> RunResult:
    """Measure from when a command was due until the view told a version that holds its effect."""
    place = worker_place(prefix)
    workload, rate = scenario.workload, scenario.rate_per_s
    values = list(workload.values())
    async with bench.topics(prefix), LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
        with ValkeyServer(bench.folder / f"{prefix}valkey") as valkey:
            client = Redis.from_url(valkey.url, decode_responses=True)
            stock_records = await bench.state_stock(workload, place)
            worker = bench.launcher.launch(Subject.WORKER, place, scenario.name)
            projection = bench.launcher.launch_projection(place, scenario.name, valkey.url)
            try:
                await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, worker.cpu_seconds)
                await _until_shown(client, projection, workload.skus)
                async with ViewWatch(valkey.url) as view:
                    cpu_before = worker.cpu_seconds(), projection.cpu_seconds()
                    topic = f"{prefix}{ORDER_EVENTS}"
                    driven = await drive(bench.bootstrap_servers, topic, values, rate, _nothing_to_read)
                    await watch.wait_decided(
                        stock_records, len(values), DECIDE_SECONDS_MAX, worker.cpu_seconds
                    )
                    reading = await read_ledger(watch, workload, Subject.WORKER.decode)
                    found = await _differences(client, projection, reading)
                    cpu_after = worker.cpu_seconds(), projection.cpu_seconds()
                    told = view.tellings()
            finally:
                projection.stop()
                worker.stop()
                await client.aclose()
    found += faults(reading, workload, has_positions=True)
    due_seconds = [driven.first_due_seconds + number / rate for number in range(workload.commands)]
    latencies, never_told = latencies_seconds(reading, workload.asked[0], due_seconds, told)
    if never_told:
        found.append(f"the view never told what {never_told} commands did")
    measured = [seconds for number, seconds in latencies if number >= scenario.warm_up_commands]
    cpu = [after - before for before, after in zip(cpu_before, cpu_after, strict=True)]
    figures: Figures = {
        **(latency_figures(measured) if measured else {}),
        "effects": float(len(measured)),
        "told": float(sum(len(of_sku.offsets) for of_sku in told.values())),
        "generator_lag_p99_ms": driven.lag_p99_ms,
        "cpu_us_per_command": sum(cpu) / workload.commands * 1e6,
        "projection_cpu_us_per_command": cpu[1] / workload.commands * 1e6,
        **batch_figures(reading.batch_commands),
    }
    result = SubjectResult(figures, found, reading.decisions_sha256, oversold_units(reading, workload))
    return {VIEW: result}


def latencies_seconds(
    reading: LedgerReading,
    sku_of: Sequence[int],
    due_seconds: Sequence[float],
    told: Mapping[str, Tellings],
) -> tuple[list[tuple[int, float]], int]:
    """Give (command number, latency) of each grant, and how many grants the view never told.

    A grant shows in the first row of its position after its own row, and in every later one: told is
    the first message about its SKU whose version is that row's offset or higher. A refusal changes
    nothing that could be told.
    """
    latencies = []
    never_told = 0
    for number, units in enumerate(reading.granted):
        if not units:
            continue
        sku = sku_name(sku_of[number])
        moved_at = reading.moved_at[sku]
        shows_at = bisect_right(moved_at, reading.decided_at[number])
        of_sku = told.get(sku)
        seconds = (
            of_sku.first_with(moved_at[shows_at]) if of_sku is not None and shows_at < len(moved_at) else None
        )
        if seconds is None:
            never_told += 1
        else:
            latencies.append((number, seconds - due_seconds[number]))
    return latencies, never_told


async def _nothing_to_read(_first_due: float) -> None:
    """The view's watch hears by itself."""


async def _until_shown(client: Redis, projection: Running, skus: int) -> None:
    """Wait until the view is fresh and shows the opening stock of every SKU."""
    last = sku_name(skus - 1)
    async with asyncio.timeout(OPEN_SECONDS_MAX):
        while not (await client.exists(HEARTBEAT) and await client.exists(f"atp:{{{last}}}")):
            projection.cpu_seconds()  # raises when it has ended
            await asyncio.sleep(LOOK_SECONDS)


async def _differences(client: Redis, projection: Running, reading: LedgerReading) -> list[str]:
    """Wait until the view has caught up, and say where it differs from the ledger at rest (I6)."""
    give_up = time.monotonic() + DRAIN_SECONDS_MAX
    while True:
        different = []
        skus = list(reading.positions)
        for first in range(0, len(skus), SKUS_PER_QUESTION):
            some = skus[first : first + SKUS_PER_QUESTION]
            pipeline: Any = client.pipeline(transaction=False)
            for sku in some:
                pipeline.hgetall(f"atp:{{{sku}}}")
            shown = await pipeline.execute()
            different += [
                f"Redis shows {fields} for {sku}, the ledger {wanted}"
                for sku, fields in zip(some, shown, strict=True)
                if not _agrees(fields, wanted := reading.positions[sku], reading.moved_at[sku][-1])
            ]
        sold_out: Any = await client.smembers("soldout")
        wanted_out = {sku for sku, row in reading.positions.items() if row.available_to_promise <= 0}
        if sold_out != wanted_out:
            different.append(f"{len(sold_out)} SKUs are in soldout, {len(wanted_out)} should be")
        if not different or time.monotonic() > give_up:
            return different
        projection.cpu_seconds()
        await asyncio.sleep(LOOK_SECONDS)


def _agrees(fields: Mapping[str, str], row: PositionRow, offset: int) -> bool:
    """Compare one SKU's hash with its one position: units and version."""
    available = str(max(0, row.available_to_promise))
    return fields.get("total") == fields.get(f"loc:{row.location}") == available and fields.get(
        "v", ""
    ).partition(":")[2] == str(offset)
