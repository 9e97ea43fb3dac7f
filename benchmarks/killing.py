"""Fault mode: the hot SKU at a fixed rate while its owner is killed again and again."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX, OPEN_SECONDS_MAX, unseen_faults
from benchmarks.ledger_check import faults, oversold_units, read_ledger
from benchmarks.open_loop import Driving, OpenLoopRun, run_open_loop
from benchmarks.recovery import first_decision_ms, verify
from benchmarks.result import DECIDED_OVER_TIME, KILLS_OVER_TIME, RunResult, SubjectResult
from benchmarks.scenarios import WORKER, Faults
from benchmarks.statistics import Figures, latency_figures
from benchmarks.subjects import Running, Subject, worker_place
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS

GOOD_SECONDS: Final = 1.0
"""A command that is answered later than this after it was due is no good to who waits: a shopper looks at
the page for about so long before it feels stuck."""


class Kill(NamedTuple):
    """One kill: when (by `time.perf_counter`), and how long until a new owner's first decision."""

    at_seconds: float
    recovered_seconds: float


async def run_faults(bench: Bench, scenario: Faults, prefix: str) -> RunResult:
    """Kill the owner, wait until its heir decides, let it work for a while, kill it."""
    place, workload = worker_place(prefix), scenario.workload
    servers, topic = bench.bootstrap_servers, f"{prefix}{ORDER_EVENTS}"
    values = list(workload.values())
    driving = Driving()
    async with (
        bench.topics(prefix),
        LedgerWatch(servers, place.ledger_topic) as watch,
        LedgerWatch(servers, place.ledger_topic) as heirs,
    ):
        stock_records = await bench.state_stock(workload, place)
        instance_id = f"{prefix}owner" if scenario.is_static else None
        owner = bench.launcher.launch_watched(place, scenario.name, instance_id=instance_id)
        try:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, owner.cpu_seconds)
            killing = asyncio.create_task(_kill(owner, heirs, scenario, driving))
            try:
                # Ends with the last kill, and also when no heir comes.
                run = await run_open_loop(servers, topic, watch, values, scenario.rate_per_s, driving=driving)
                kills = await killing
            finally:
                killing.cancel()
            # Not whether it is alive: it has ended, often.
            await watch.wait_decided(stock_records, run.driven.sent, DECIDE_SECONDS_MAX, float)
        finally:
            owner.stop()
        reading = await read_ledger(watch, workload, Subject.WORKER.decode)
        oversold, unsound = await verify(bench, place)
    found = faults(reading, workload, has_positions=True, sent=run.driven.sent) + unseen_faults(run) + unsound
    if len(kills) < scenario.kills:
        found.append(f"the load ended before the owner was killed {scenario.kills} times")
    seconds = [one for one in run.latencies_seconds if not math.isnan(one)]
    figures: Figures = {
        **fault_figures(run, driving, kills),
        **latency_figures(seconds),
        "generator_lag_p99_ms": run.driven.lag_p99_ms,
    }
    first_due = run.driven.first_due_seconds
    decided = Counter(
        int(driving.due_seconds(number) - first_due + late)
        for number, late in enumerate(run.latencies_seconds)
        if not math.isnan(late)
    )
    series = {
        **batch_series(reading.batch_commands),
        DECIDED_OVER_TIME: [(float(at), float(decided[at])) for at in range(max(decided, default=0) + 1)],
        KILLS_OVER_TIME: [(kill.at_seconds - first_due, float(n)) for n, kill in enumerate(kills, 1)],
    }
    worst = max(oversold, oversold_units(reading, workload))
    return {WORKER: SubjectResult(figures, found, reading.decisions_sha256, worst, series)}


async def _kill(owner: Running, heirs: LedgerWatch, scenario: Faults, driving: Driving) -> list[Kill]:
    """Kill as often as asked, each time after the heir of the last has worked for a while."""
    kills: list[Kill] = []
    try:
        while len(kills) < scenario.kills and not driving.is_over:
            await asyncio.sleep(scenario.kill_seconds)
            end = await heirs.end()
            at_seconds, killed_ms = time.perf_counter(), time.time_ns() // 1_000_000
            owner.kill(for_good=False)
            first_ms = await first_decision_ms(heirs, end, after_claim=True)
            kills.append(Kill(at_seconds, (first_ms - killed_ms) / 1_000))
        await asyncio.sleep(scenario.kill_seconds)
    finally:
        driving.is_enough = True
    return kills


def fault_figures(run: OpenLoopRun, driving: Driving, kills: Sequence[Kill]) -> Figures:
    """Give what was decided in time, and what was decided at all.

    Returns:
        due_per_s; goodput_per_s, of commands that were readable within `GOOD_SECONDS` of when they were due;
        good_percent of all; kills; recover_p50_s and recover_max_s, from a kill to the next decision.
    """
    last_due = driving.due_seconds(run.driven.sent - 1)
    good = sum(late <= GOOD_SECONDS for late in run.latencies_seconds)  # false for one that never came
    recovered = [kill.recovered_seconds for kill in kills]
    return {
        "due_per_s": driving.records_per_s,
        "goodput_per_s": good / (last_due - run.driven.first_due_seconds),
        "good_percent": good / run.driven.sent * 100,
        "kills": float(len(kills)),
        **({"recover_p50_s": median(recovered), "recover_max_s": max(recovered)} if recovered else {}),
    }
