"""Latency over the rate: where it stays low, and where the line forms."""

from itertools import islice
from typing import TYPE_CHECKING, Final

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import (
    DECIDE_SECONDS_MAX,
    OPEN_SECONDS_MAX,
    byte_figures,
    open_loop_figures,
    unseen_faults,
)
from benchmarks.ledger_check import faults, oversold_units, read_ledger
from benchmarks.open_loop import run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import WORKER, Sweep, rate_subject
from benchmarks.subjects import Subject, worker_place
from benchmarks.usage import Usage, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS

if TYPE_CHECKING:
    from benchmarks.statistics import Figures

WARM_UP_PART: Final = 5
"""One part in so many of each rate does not count. The line that a rate leaves is decided before the next
one, so there is only the first batch size to settle."""


async def run_sweep(bench: Bench, scenario: Sweep, prefix: str) -> RunResult:
    """Raise the rate on one worker until its p99 passes the bound; that rate is still in the result."""
    workload, pack = scenario.workload, scenario.workload.record_commands
    place = worker_place(prefix)
    topic = f"{prefix}{ORDER_EVENTS}"
    values = workload.values()
    steps: dict[int, Figures] = {}
    found: list[str] = []
    records = input_bytes = 0
    async with bench.topics(prefix), LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
        stock_records = await bench.state_stock(workload, place)
        usage = Usage(bench.bootstrap_servers)
        running = bench.launcher.launch(Subject.WORKER, place, scenario.name, profile=True)
        try:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            for rate in scenario.rates_per_s:
                some = list(islice(values, rate * scenario.seconds_each // pack))
                before = usage.look([running])
                run = await run_open_loop(
                    bench.bootstrap_servers, topic, watch, some, rate, pack=pack, first=records * pack
                )
                after = usage.look([running])
                records += len(some)
                input_bytes += sum(len(value) for _, value in some)
                await watch.wait_decided(stock_records, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
                found += unseen_faults(run)
                steps[rate] = open_loop_figures(run, rate, len(some) * pack // WARM_UP_PART) | usage_figures(
                    before, after, len(some) * pack
                )
                if steps[rate]["p99_ms"] > scenario.p99_ms_max:
                    break
        finally:
            running.stop()
        reading = await read_ledger(watch, workload, Subject.WORKER.decode)
    sent = records * pack
    found += faults(reading, workload, has_positions=True, sent=sent)
    within = [rate for rate, figures in steps.items() if figures["p99_ms"] <= scenario.p99_ms_max]
    whole = {
        "highest_rate_per_s": float(max(within, default=0)),
        **byte_figures(reading, input_bytes, sent),
    }
    sha256, oversold = reading.decisions_sha256, oversold_units(reading, workload)
    results = {rate_subject(rate): SubjectResult(figures, found, "") for rate, figures in steps.items()}
    # One ledger, checked once.
    return {
        WORKER: SubjectResult(whole, found, sha256, oversold, batch_series(reading.batch_commands)),
        **results,
    }
