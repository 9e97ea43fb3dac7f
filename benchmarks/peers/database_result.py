"""Runs a database through a workload, and says what it did and whether it was right."""

import math
import time

from benchmarks.load import Workload
from benchmarks.peers.database_check import faults, oversold_units
from benchmarks.peers.database_load import Database, run_closed_loop, run_open_loop
from benchmarks.result import SubjectResult
from benchmarks.statistics import Figures, latency_figures


async def closed_result(database: Database, workload: Workload) -> SubjectResult:
    """Have all commands decided as fast as the plan allows; check what is stored.

    Figures: `commands_per_s` from the first call to the last answer, `cpu_us_per_command` of the server's
    processes, `client_cpu_us_per_command` of the generator, `connections`, `commands_per_call`.

    Raises:
        SubjectEndedError: the database failed.
        TimeoutError: it did not decide everything in time.
    """
    cpu_before, client_before = database.cpu_seconds(), time.process_time()
    run = await run_closed_loop(database, workload.commands)
    client_seconds = time.process_time() - client_before
    cpu_seconds = database.cpu_seconds() - cpu_before
    return await _checked(
        database,
        workload,
        run.replies,
        {
            "commands_per_s": workload.commands / run.seconds,
            "cpu_us_per_command": cpu_seconds / workload.commands * 1e6,
            "client_cpu_us_per_command": client_seconds / workload.commands * 1e6,
            "connections": float(database.plan.connections),
            "commands_per_call": float(database.plan.commands_per_call),
        },
    )


async def open_result(
    database: Database, workload: Workload, *, rate_per_s: int, warm_up_commands: int
) -> SubjectResult:
    """Have commands decided that are due at a rate; check what is stored.

    A database that did not keep the rate up has commands without an outcome, which is a fault: a latency
    without them would flatter it.

    Raises:
        SubjectEndedError: the database failed.
    """
    cpu_before = database.cpu_seconds()
    run = await run_open_loop(database, workload.commands, rate_per_s)
    cpu_seconds = database.cpu_seconds() - cpu_before
    measured = run.latencies_seconds[warm_up_commands:]
    since = run.first_due_seconds + warm_up_commands / rate_per_s
    seen = [seconds for seconds in measured if not math.isnan(seconds)]
    lags = sorted(run.lags_seconds)
    figures: Figures = {"cpu_us_per_command": cpu_seconds / workload.commands * 1e6}
    if seen:
        figures |= latency_figures(seen)
        figures["achieved_per_s"] = len(seen) / (run.last_seen_seconds - since)
    if lags:
        figures["generator_lag_p99_ms"] = lags[len(lags) * 99 // 100] * 1_000
    result = await _checked(database, workload, run.replies, figures)
    if late := sum(map(math.isnan, run.latencies_seconds)):
        result.faults.insert(0, f"it does not keep this rate up: {late} commands were not decided in the end")
    return result


async def _checked(
    database: Database, workload: Workload, replies: bytearray, figures: Figures
) -> SubjectResult:
    stored = await database.read_back()
    found = faults(stored, replies, workload, is_ordered=database.plan.connections == 1)
    return SubjectResult(figures, found, stored.decisions_sha256, oversold_units(stored, workload))
