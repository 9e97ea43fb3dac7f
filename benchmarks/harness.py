"""Runs a scenario once, whatever its kind, and says in a line what came of it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from benchmarks.bench import Bench
from benchmarks.deciding import run_closed_loop, run_to_ledger
from benchmarks.expiring import run_expiry_storm
from benchmarks.full_memory import run_full_memory
from benchmarks.killing import run_faults
from benchmarks.memory import run_memory
from benchmarks.mixed import run_groups, run_mixed
from benchmarks.over_http import run_gateway
from benchmarks.peers.run import run_peers_closed, run_peers_open
from benchmarks.recovery import run_recovery
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scaling import run_scaling
from benchmarks.scenarios import (
    ClosedLoop,
    ExpiryStorm,
    Faults,
    FullMemory,
    GatewayLoad,
    Groups,
    Memory,
    Mixed,
    OpenLoop,
    PeersClosed,
    PeersOpen,
    Recovery,
    Scaling,
    Scenario,
    Sweep,
    ViewLoop,
)
from benchmarks.sweep import run_sweep
from benchmarks.view import run_to_view

_ALONE: Final[Mapping[type[Scenario], Callable[..., Awaitable[RunResult]]]] = {
    ViewLoop: run_to_view,
    Sweep: run_sweep,
    Mixed: run_mixed,
    Groups: run_groups,
    FullMemory: run_full_memory,
    ExpiryStorm: run_expiry_storm,
    Scaling: run_scaling,
    Faults: run_faults,
    GatewayLoad: run_gateway,
    Recovery: run_recovery,
    Memory: run_memory,
}
_IN_TURNS: Final[Mapping[type[Scenario], Callable[..., Awaitable[RunResult]]]] = {
    ClosedLoop: run_closed_loop,
    OpenLoop: run_to_ledger,
    PeersClosed: run_peers_closed,
    PeersOpen: run_peers_open,
}
"""Kinds whose subjects change their order from run to run."""

_SHOWN: Final = (
    ("commands_per_s", "{:,.0f}/s"),
    ("highest_rate_per_s", "{:,.0f}/s within"),
    ("goodput_per_s", "{:,.0f}/s in time"),
    ("recover_p50_s", "recovered in {:.1f} s"),
    ("all_expired_s", "all expired after {:.2f} s"),
    ("p50_ms", "p50 {:.1f} ms"),
    ("p99_ms", "p99 {:.1f} ms"),
    ("max_ms", "max {:.0f} ms"),
    ("rows_per_s", "{:,.0f} rows/s"),
    ("first_decision_s", "first decision {:.1f} s"),
    ("bytes_each_decided", "{:,.0f} bytes each decided"),
    ("bytes_each_recovered", "{:,.0f} recovered"),
)
"""Figures of the line that is said after a run, where a subject has them."""


async def run(bench: Bench, scenario: Scenario, number: int) -> RunResult:
    """Measure once; the order of subjects depends on the run's number (0, 1, ...)."""
    prefix = f"bench-{scenario.name}-{number}-{time.time_ns() // 1_000_000}-"
    kind = type(scenario)
    if kind in _ALONE:
        results = await _ALONE[kind](bench, scenario, prefix)
    else:
        results = await _IN_TURNS[kind](bench, scenario, number, prefix)
    for subject, result in results.items():
        bench.say(_line(scenario, number, subject, result))
    return results


def _line(scenario: Scenario, number: int, subject: str, result: SubjectResult) -> str:
    shown = [form.format(result.figures[name]) for name, form in _SHOWN if name in result.figures]
    verdict = "checked" if not result.faults else "DOES NOT COUNT: " + "; ".join(result.faults[:3])
    what = ", ".join(shown) or "too short for a figure"
    return f"{scenario.name} run {number + 1} {subject}: {what} ({verdict})"
