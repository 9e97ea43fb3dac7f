"""Runs a scenario once, whatever its kind, and says in a line what came of it."""

import time

from benchmarks.bench import Bench
from benchmarks.deciding import run_closed_loop, run_to_ledger
from benchmarks.memory import run_memory
from benchmarks.recovery import run_recovery
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import ClosedLoop, Memory, OpenLoop, Recovery, Scenario, ViewLoop
from benchmarks.view import run_to_view


async def run(bench: Bench, scenario: Scenario, number: int) -> RunResult:
    """Measure once; the order of subjects depends on the run's number (0, 1, ...)."""
    prefix = f"bench-{scenario.name}-{number}-{time.time_ns() // 1_000_000}-"
    match scenario:
        case ViewLoop():
            results = await run_to_view(bench, scenario, prefix)
        case OpenLoop():
            results = await run_to_ledger(bench, scenario, number, prefix)
        case ClosedLoop():
            results = await run_closed_loop(bench, scenario, number, prefix)
        case Recovery():
            results = await run_recovery(bench, scenario, prefix)
        case Memory():
            results = await run_memory(bench, scenario)
        case _:
            raise AssertionError(f"{scenario.name}: a kind of scenario that nobody runs")
    for subject, result in results.items():
        bench.say(_line(scenario, number, subject, result))
    return results


def _line(scenario: Scenario, number: int, subject: str, result: SubjectResult) -> str:
    figures = result.figures
    what = "too short for a rate"
    if "p50_ms" in figures:
        what = f"p50 {figures['p50_ms']:.1f}, p99 {figures['p99_ms']:.1f}, max {figures['max_ms']:.0f} ms"
    elif "commands_per_s" in figures:
        what = f"{figures['commands_per_s']:,.0f}/s"
    elif "first_decision_s" in figures:
        what = f"{figures['rows_per_s']:,.0f} rows/s, first decision {figures['first_decision_s']:.1f} s"
    elif "bytes_each_decided" in figures:
        decided, recovered = figures["bytes_each_decided"], figures["bytes_each_recovered"]
        what = f"{decided:,.0f} bytes each decided, {recovered:,.0f} recovered"
    verdict = "checked" if not result.faults else "DOES NOT COUNT: " + "; ".join(result.faults[:3])
    return f"{scenario.name} run {number + 1} {subject}: {what} ({verdict})"
