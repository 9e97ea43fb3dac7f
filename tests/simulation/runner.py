"""Runs seeds and judges them."""

from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation.audit_gap import is_in_the_gap
from tests.simulation.auditor import audit
from tests.simulation.evidence import Violation
from tests.simulation.plan import Plan, plan_of
from tests.simulation.redecide import compare_states, recovered, redecide
from tests.simulation.stand_ins import standing_in
from tests.simulation.world import Run, simulate

KNOWN_GAP: Final = "known gap: one epoch given twice, its state lost between the claims"
"""Counted in `Run.met`."""


def run_seed(
    seed: int, *, crash_at: int | None = None, plan: Plan | None = None, is_told: bool = False
) -> Run:
    """Run one seed and judge it: `violations` says what broke."""
    plan = plan or plan_of(Random(f"plan {seed}"))
    run = simulate(seed, plan, crash_at=crash_at, is_told=is_told)
    return judged(run)


def judged(run: Run) -> Run:
    """Judge a run by its evidence; what the known gap did to it is `excused`."""
    _judge(run)
    if run.violations and is_in_the_gap(run.evidence):
        run.met[KNOWN_GAP] += 1
        run.excused, run.violations = run.violations, []
    return run


def _judge(run: Run) -> None:
    try:
        found, sifted, answers = audit(run.evidence)
    except (AssertionError, LookupError, ValueError) as error:
        run.violations.append(Violation("form", "log", f"it cannot even be judged: {error!r}"))
        return
    run.violations += found
    run.met.update(f"outcome {one.said.outcome.name}" for one in answers.decided)
    run.met["void rows"] += sifted.void_rows
    if run.state is None:
        run.violations.append(Violation("liveness", "run", "nobody owned the partition at the end"))
        return
    with standing_in(run.plan.batch_bytes):
        again, state = redecide(run.evidence, sifted, run.plan.rules)
    run.violations += again
    if not again:
        run.violations += compare_states("decided again", run.state, state)
        run.violations += compare_states("recovered", run.state, recovered(run.evidence, run.plan.rules))


def short_plan(seed: int) -> Plan:
    """A plan of few records and no other faults, to be crashed at every step."""
    drawn = plan_of(Random(f"short {seed}"))
    return replace(
        drawn,
        records=6,
        span_seconds=3.0,
        faults=(),
        fault_count=0,
        marker_share=0.0,
        twin_share=0.0,
        reclaim_seconds=86_400.0,
        quiet_seconds=8.0,
    )
