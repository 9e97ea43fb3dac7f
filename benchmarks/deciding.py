"""Decisions per second, and latency to the ledger: the worker and the bare loop, one after the other."""

import math
import time
from typing import Final

from benchmarks.bench import Bench
from benchmarks.ledger_check import faults, oversold_units, read_ledger
from benchmarks.load import Workload, produce
from benchmarks.open_loop import run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import ClosedLoop, OpenLoop
from benchmarks.statistics import Figures, batch_figures, latency_figures, throughput_figures
from benchmarks.subjects import Place, Subject, interleaved, worker_place
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS

OPEN_SECONDS_MAX: Final = 60.0
"""From the launch of a process until it has decided the opening stock: 3 s here."""
DECIDE_SECONDS_MAX: Final = 180.0
"""For a whole closed-loop run: 2 to 10 s here."""


async def run_closed_loop(bench: Bench, scenario: ClosedLoop, number: int, prefix: str) -> RunResult:
    """Have both subjects decide the very same records, all of which lie in the log beforehand."""
    bare_prefix = f"{prefix}bare-"
    async with bench.topics(prefix, bare_prefix):
        places = {
            Subject.WORKER: worker_place(prefix),
            Subject.BARE: Place(prefix, worker_place(bare_prefix).ledger_topic),
        }
        stock_records = await _open_stock(bench, scenario, places[Subject.WORKER])
        order_records = await _load(bench, scenario.workload, prefix)
        return {
            subject.value: await _closed_loop(
                bench, scenario, subject, places[subject], stock_records, order_records
            )
            for subject in interleaved(number)
        }


async def run_to_ledger(bench: Bench, scenario: OpenLoop, number: int, prefix: str) -> RunResult:
    """Have both subjects decide commands that are due at a rate."""
    bare_prefix = f"{prefix}bare-"
    async with bench.topics(prefix, bare_prefix):
        places = {
            Subject.WORKER: worker_place(prefix),
            Subject.BARE: Place(bare_prefix, worker_place(bare_prefix).ledger_topic),
        }
        return {
            subject.value: await _open_loop(bench, scenario, subject, places[subject])
            for subject in interleaved(number)
        }


# --- closed loop ----------------------------------------------------------------------------------


async def _open_stock(bench: Bench, scenario: ClosedLoop, place: Place) -> int:
    """Have the worker decide the opening stock, and stop it: two topics have no order (R26)."""
    records = await bench.state_stock(scenario.workload, place)
    running = bench.launcher.launch(Subject.WORKER, place, f"{scenario.name}-stock")
    try:
        async with LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
            await watch.wait_decided(records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
    finally:
        running.stop()
    return records


async def _load(bench: Bench, workload: Workload, prefix: str) -> int:
    """Write all commands before anybody reads them: the generator takes no CPU while measuring."""
    records, _ = await produce(bench.bootstrap_servers, f"{prefix}{ORDER_EVENTS}", workload.values())
    return records


async def _closed_loop(
    bench: Bench, scenario: ClosedLoop, subject: Subject, place: Place, stock_records: int, order_records: int
) -> SubjectResult:
    workload = scenario.workload
    async with LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
        launched = time.perf_counter()
        running = bench.launcher.launch(subject, place, scenario.name, profile=True)
        try:
            seen = await watch.wait_decided(
                stock_records, order_records, DECIDE_SECONDS_MAX, running.cpu_seconds
            )
        finally:
            running.stop()
        reading = await read_ledger(watch, workload, subject.decode)
    found = faults(reading, workload, has_positions=subject is Subject.WORKER)
    figures = throughput_figures(reading, seen, launched) if reading.appended else {}
    return SubjectResult(figures, found, reading.decisions_sha256, oversold_units(reading, workload))


# --- open loop ------------------------------------------------------------------------------------


async def _open_loop(bench: Bench, scenario: OpenLoop, subject: Subject, place: Place) -> SubjectResult:
    workload, rate = scenario.workload, scenario.rate_per_s
    values = list(workload.values())
    stock_records = await bench.state_stock(workload, place)
    running = bench.launcher.launch(subject, place, scenario.name, profile=True)
    try:
        async with LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            cpu_before = running.cpu_seconds()
            topic = f"{place.inputs_prefix}{ORDER_EVENTS}"
            run = await run_open_loop(bench.bootstrap_servers, topic, watch, values, rate)
            cpu_seconds = running.cpu_seconds() - cpu_before
            await watch.wait_decided(stock_records, len(values), DECIDE_SECONDS_MAX, running.cpu_seconds)
            running.stop()  # frees its core before the ledger is read back
            reading = await read_ledger(watch, workload, subject.decode)
    finally:
        running.stop()
    found = faults(reading, workload, has_positions=subject is Subject.WORKER)
    unseen = sum(map(math.isnan, run.latencies_seconds))
    if unseen:
        found.append(f"{unseen} rows were not read back in time")
    measured = run.latencies_seconds[scenario.warm_up_commands :]
    since = run.driven.first_due_seconds + scenario.warm_up_commands / rate
    figures: Figures = {
        **latency_figures(seconds for seconds in measured if not math.isnan(seconds)),
        "achieved_per_s": len(measured) / (run.last_seen_seconds - since),
        "generator_lag_p99_ms": run.driven.lag_p99_ms,
        "cpu_us_per_command": cpu_seconds / len(values) * 1e6,
        **batch_figures(reading.batch_commands),
    }
    return SubjectResult(figures, found, reading.decisions_sha256, oversold_units(reading, workload))
