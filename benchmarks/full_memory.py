"""Decisions and latency of a worker that already holds very many live reservations."""

from collections.abc import Iterator
from itertools import islice
from time import perf_counter

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import (
    DECIDE_SECONDS_MAX,
    OPEN_SECONDS_MAX,
    open_loop_figures,
    unseen_faults,
)
from benchmarks.ledger_check import between, faults, oversold_units, read_ledger
from benchmarks.load import produce
from benchmarks.open_loop import run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import FULL_MEMORY, FullMemory
from benchmarks.statistics import Figures, throughput_figures
from benchmarks.subjects import Subject, worker_place
from benchmarks.usage import Usage, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS


async def run_full_memory(bench: Bench, scenario: FullMemory, prefix: str) -> RunResult:
    """Fill a ledger, start its worker anew, so that it reads that, then have it decide more."""
    place, workload, servers = worker_place(prefix), scenario.workload, bench.bootstrap_servers
    topic, pack = f"{prefix}{ORDER_EVENTS}", workload.record_commands
    values = workload.values()

    def next_records(commands: int) -> Iterator[tuple[bytes | None, bytes]]:
        return islice(values, commands // pack)

    async with bench.topics(prefix), LedgerWatch(servers, place.ledger_topic) as watch:
        stock = await bench.state_stock(workload, place)
        running = bench.launcher.launch(Subject.WORKER, place, f"{scenario.name}-filling")
        try:
            await watch.wait_decided(stock, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            live_records, _ = await produce(servers, topic, next_records(scenario.live))
            await watch.wait_decided(stock, live_records, DECIDE_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        closed_records, _ = await produce(servers, topic, next_records(scenario.closed))
        usage, launched = Usage(servers), perf_counter()
        running = bench.launcher.launch(Subject.WORKER, place, scenario.name, profile=True)
        try:
            full = await watch.end()
            records = live_records + closed_records
            seen = await watch.wait_decided(stock, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
            closed_end = await watch.end()
            before = usage.look([running])
            rest = list(values)
            done = scenario.live + scenario.closed
            run = await run_open_loop(servers, topic, watch, rest, scenario.rate_per_s, pack=pack, first=done)
            after = usage.look([running])
            records += len(rest)
            await watch.wait_decided(stock, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        reading = await read_ledger(watch, workload, Subject.WORKER.decode)
    closed = between(reading, full, closed_end)
    paced = between(reading, closed_end, 1 << 62)
    found = faults(reading, workload, has_positions=True) + unseen_faults(run)
    figures: Figures = {
        **(throughput_figures(closed, seen, launched) if closed.appended else {}),
        **open_loop_figures(run, scenario.rate_per_s, scenario.warm_up_commands),
        **usage_figures(before, after, workload.commands - done),
    }
    series = batch_series(paced.batch_commands)
    oversold = oversold_units(reading, workload)
    return {FULL_MEMORY: SubjectResult(figures, found, reading.decisions_sha256, oversold, series)}
