"""Decisions per second, and latency to the ledger: the worker and what is beside it, one after the other."""

import asyncio
import math
import time
from typing import Final, NamedTuple

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.compiled import compiled_path
from benchmarks.ledger_check import LedgerReading, faults, oversold_units, read_ledger
from benchmarks.load import Workload, produce
from benchmarks.open_loop import OpenLoopRun, run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import ClosedLoop, OpenLoop
from benchmarks.statistics import Figures, batch_figures, latency_figures, throughput_figures
from benchmarks.subjects import Place, Subject, interleaved, why_absent, worker_place
from benchmarks.usage import Look, Usage, usage_figures
from benchmarks.watch import LedgerWatch, Sight
from inventory_stream.ports.commands import ORDER_EVENTS

OPEN_SECONDS_MAX: Final = 60.0
"""From the launch of a process until it has decided the opening stock: 3 s here."""
DECIDE_SECONDS_MAX: Final = 180.0
"""For a whole closed-loop run: 2 to 10 s here."""


async def run_closed_loop(bench: Bench, scenario: ClosedLoop, number: int, prefix: str) -> RunResult:
    """Have all subjects decide the same commands, which lie in the log beforehand."""
    results: RunResult = {}
    for subject in interleaved(number, scenario.subjects):
        if (why := why_absent(subject)) is not None:
            bench.say(f"{subject} is left out: {why}")
            continue
        if subject is Subject.COMPILED:
            # Built before anything is measured: 75 s, once for each state of its source.
            await asyncio.to_thread(compiled_path)
        place = worker_place(f"{prefix}{subject.name.lower()}-")
        async with bench.topics(place.inputs_prefix):
            results[subject.value] = await _closed_loop(bench, scenario, subject, place)
    return results


async def run_to_ledger(bench: Bench, scenario: OpenLoop, number: int, prefix: str) -> RunResult:
    """Have all subjects decide commands that are due at a rate."""
    results: RunResult = {}
    for subject in interleaved(number, scenario.subjects):
        place = worker_place(f"{prefix}{subject.name.lower()}-")
        async with bench.topics(place.inputs_prefix):
            results[subject.value] = await _open_loop(bench, scenario, subject, place)
    return results


# --- closed loop ----------------------------------------------------------------------------------


class Life(NamedTuple):
    """A process from its launch, by the clock of `seen`, until all was decided: what it did and used."""

    launched_seconds: float
    seen: list[Sight]
    before: Look
    after: Look


async def live(
    bench: Bench,
    subject: Subject,
    place: Place,
    label: str,
    watch: LedgerWatch,
    *,
    stock_records: int,
    order_records: int,
) -> Life:
    """Have a process decide what lies in the log beforehand, and stop it."""
    usage = Usage(bench.bootstrap_servers)
    launched_seconds = time.perf_counter()
    before = usage.look()
    running = bench.launcher.launch(subject, place, label, profile=True)
    try:
        seen = await watch.wait_decided(stock_records, order_records, DECIDE_SECONDS_MAX, running.cpu_seconds)
        return Life(launched_seconds, seen, before, usage.look([running]))
    finally:
        running.stop()


async def open_stock(bench: Bench, place: Place, label: str, stock_records: int) -> None:
    """Have a worker decide the opening stock, and stop it: two topics have no order (R26)."""
    running = bench.launcher.launch(Subject.WORKER, place, f"{label}-stock")
    try:
        async with LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
    finally:
        running.stop()


async def _closed_loop(bench: Bench, scenario: ClosedLoop, subject: Subject, place: Place) -> SubjectResult:
    workload, servers = scenario.workload, bench.bootstrap_servers
    stock_records = await bench.state_stock(workload, place)
    if subject is not Subject.BARE:  # which takes its stock in before anything else
        await open_stock(bench, place, scenario.name, stock_records)
    # Before anybody reads them: the generator takes no CPU while measuring.
    topic = f"{place.inputs_prefix}{ORDER_EVENTS}"
    order_records, input_bytes = await produce(servers, topic, workload.values())
    async with LedgerWatch(servers, place.ledger_topic) as watch:
        life = await live(
            bench,
            subject,
            place,
            scenario.name,
            watch,
            stock_records=stock_records,
            order_records=order_records,
        )
        reading = await read_ledger(watch, workload, subject.decode)
    figures = life_figures(life, reading, input_bytes, workload.commands)
    return _result(reading, workload, subject, figures)


def life_figures(life: Life, reading: LedgerReading, input_bytes: int, commands: int) -> Figures:
    """Give the rates, the costs and the bytes of a life; nothing where nothing was appended."""
    if not reading.appended:
        return {}
    return {
        **throughput_figures(reading, life.seen, life.launched_seconds),
        **usage_figures(life.before, life.after, commands),
        **byte_figures(reading, input_bytes, commands),
    }


# --- open loop ------------------------------------------------------------------------------------


async def _open_loop(bench: Bench, scenario: OpenLoop, subject: Subject, place: Place) -> SubjectResult:
    workload, rate = scenario.workload, scenario.rate_per_s
    values = list(workload.values())
    stock_records = await bench.state_stock(workload, place)
    usage = Usage(bench.bootstrap_servers)
    running = bench.launcher.launch(subject, place, scenario.name, profile=True)
    try:
        async with LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            before = usage.look([running])
            topic = f"{place.inputs_prefix}{ORDER_EVENTS}"
            run = await run_open_loop(
                bench.bootstrap_servers, topic, watch, values, rate, pack=workload.record_commands
            )
            after = usage.look([running])
            await watch.wait_decided(stock_records, len(values), DECIDE_SECONDS_MAX, running.cpu_seconds)
            running.stop()  # frees its core before the ledger is read back
            reading = await read_ledger(watch, workload, subject.decode)
    finally:
        running.stop()
    figures = {
        **open_loop_figures(run, rate, scenario.warm_up_commands),
        **usage_figures(before, after, workload.commands),
        **byte_figures(reading, sum(len(value) for _, value in values), workload.commands),
        **batch_figures(reading.batch_commands),
    }
    return _result(reading, workload, subject, figures, unseen_faults(run))


def open_loop_figures(run: OpenLoopRun, rate_per_s: int, warm_up_commands: int) -> Figures:
    """Describe the latencies after a warm-up, the rate that was reached, and how late the generator was."""
    measured = run.latencies_seconds[warm_up_commands:]
    since = run.driven.first_due_seconds + warm_up_commands / rate_per_s
    return {
        **latency_figures(seconds for seconds in measured if not math.isnan(seconds)),
        "achieved_per_s": len(measured) / (run.last_seen_seconds - since),
        "generator_lag_p99_ms": run.driven.lag_p99_ms,
    }


def unseen_faults(run: OpenLoopRun) -> list[str]:
    """Say how many rows did not come."""
    unseen = sum(map(math.isnan, run.latencies_seconds))
    return [f"{unseen} rows were not read back in time"] if unseen else []


# --- both -----------------------------------------------------------------------------------------


def byte_figures(reading: LedgerReading, input_bytes: int, commands: int) -> Figures:
    """Give what a command takes in Kafka: record values going in, keys and values of rows coming out.

    Before compression, of which the product uses none, and without the headers of record batches.
    """
    return {
        "input_bytes_per_command": input_bytes / commands,
        "ledger_bytes_per_command": reading.row_bytes / commands,
    }


def _result(
    reading: LedgerReading,
    workload: Workload,
    subject: Subject,
    figures: Figures,
    unseen: list[str] | None = None,
) -> SubjectResult:
    found = faults(reading, workload, has_positions=subject is not Subject.BARE)
    return SubjectResult(
        figures,
        found + (unseen or []),
        reading.decisions_sha256,
        oversold_units(reading, workload),
        batch_series(reading.batch_commands),
    )
