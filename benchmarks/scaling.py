"""One worker and two, on one hot partition and on two: what a second core gives, and what limits it."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from typing import Final

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX, OPEN_SECONDS_MAX
from benchmarks.ledger_check import LedgerReading, faults, oversold_units, read_ledger
from benchmarks.load import Workload, produce, sku_name
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import Scaling, scaling_subject
from benchmarks.scrape import scrape
from benchmarks.statistics import Figures, batch_figures
from benchmarks.subjects import Place, Running, Subject, worker_place
from benchmarks.tasks import together
from benchmarks.usage import Usage, cores_figures, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.metric_names import OWNED
from inventory_stream.ports.commands import ORDER_EVENTS
from models.ids import partition_of

SHARED_SECONDS_MAX: Final = 120.0
"""For the group to give each worker its share: every one that joins stops the others for a moment."""
LOOK_SECONDS: Final = 0.1
"""Between two looks at who owns what; not while anything is measured."""


async def run_scaling(bench: Bench, scenario: Scaling, prefix: str) -> RunResult:
    """Measure each setup on topics of its own."""
    results: RunResult = {}
    for workers, partitions in scenario.setups:
        place = worker_place(f"{prefix}{workers}-{partitions}-", partitions)
        async with bench.topics(place.inputs_prefix, partitions=partitions):
            results[scaling_subject(workers, partitions)] = await _decide(bench, scenario, place, workers)
    return results


def hot_workloads(scenario: Scaling, partitions: int) -> list[Workload]:
    """Give a workload of one SKU for each partition, named so that it belongs there (R30)."""
    skus = [
        next(number for number in count() if partition_of(sku_name(number), partitions) == partition)
        for partition in range(partitions)
    ]
    plain = Workload(scenario.commands_each, 1, scenario.form, scenario.pack)
    return [replace(plain, first_sku=sku) for sku in skus]


async def _decide(bench: Bench, scenario: Scaling, place: Place, workers: int) -> SubjectResult:
    servers = bench.bootstrap_servers
    workloads = hot_workloads(scenario, place.partitions)
    values = [list(workload.values()) for workload in workloads]
    watches = [LedgerWatch(servers, place.ledger_topic, partition) for partition in range(place.partitions)]
    stock = [await bench.state_stock(workload, place, at) for at, workload in enumerate(workloads)]
    usage = Usage(servers)
    opened = AsyncExitStack()
    running = [bench.launcher.launch_watched(place, f"{scenario.name}-{at}") for at in range(workers)]

    async def decided(records: Sequence[int], seconds_max: float) -> None:
        await together(
            *(
                watch.wait_decided(stock[at], records[at], seconds_max, running[at % workers].cpu_seconds)
                for at, watch in enumerate(watches)
            )
        )

    try:
        for watch in watches:
            await opened.enter_async_context(watch)
        await _until_shared(running, place.partitions)
        await decided([0] * place.partitions, OPEN_SECONDS_MAX)
        topic = f"{place.inputs_prefix}{ORDER_EVENTS}"
        before, began = usage.look(running), time.perf_counter()
        # To all partitions at once, while the workers run: in the log beforehand the first worker of the
        # group would begin on all partitions alone.
        await together(*(produce(servers, topic, records, at) for at, records in enumerate(values)))
        await decided([len(records) for records in values], DECIDE_SECONDS_MAX)
        after, seconds = usage.look(running), time.perf_counter() - began
        for each in running:
            each.stop()
        readings = [
            await read_ledger(watch, workload, Subject.WORKER.decode)
            for watch, workload in zip(watches, workloads, strict=True)
        ]
    finally:
        for each in running:
            each.stop()
        await opened.aclose()
    checked = list(zip(readings, workloads, strict=True))
    sizes = [size for reading in readings for size in reading.batch_commands]
    figures: Figures = {
        **rate_figures(readings),
        **cores_figures(before, after, seconds),
        **usage_figures(before, after, sum(workload.commands for workload in workloads)),
        **batch_figures(sizes),
    }
    found = [
        fault for reading, workload in checked for fault in faults(reading, workload, has_positions=True)
    ]
    oversold = sum(oversold_units(reading, workload) for reading, workload in checked)
    sha256 = " ".join(reading.decisions_sha256 for reading in readings)
    return SubjectResult(figures, found, sha256, oversold, batch_series(sizes))


def rate_figures(readings: Sequence[LedgerReading]) -> Figures:
    """Give the rate of all partitions together, from the first append of any to the last of any.

    The commands of that first append are left out, as the time before it is not known. Nothing where all
    was over within one append.
    """
    times = sorted(time_ms for reading in readings for time_ms, _ in reading.appended)
    later = sum(time_ms > times[0] for time_ms in times) if times else 0
    return {"commands_per_s": later / (times[-1] - times[0]) * 1_000} if later else {}


async def _until_shared(workers: Sequence[Running], partitions: int) -> None:
    """Wait until every partition is owned and no worker owns more than its share."""
    share = -(-partitions // len(workers))
    async with asyncio.timeout(SHARED_SECONDS_MAX):
        while True:
            owned = [
                [await scrape(worker.monitoring_port, OWNED, partition=str(at)) for at in range(partitions)]
                for worker in workers
            ]
            counts = [sum(one == 1.0 for one in of_worker) for of_worker in owned]
            if sum(counts) == partitions and max(counts) <= share:
                return
            await asyncio.sleep(LOOK_SECONDS)
