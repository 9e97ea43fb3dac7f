"""kill -9 at the first step, the second, ... until a run meets no crash any more."""

import os
from collections import Counter
from typing import Final

import pytest

from tests.simulation.runner import run_seed, short_plan

SEEDS: Final = int(os.environ.get("SIMULATION_CRASH_SEEDS", "8"))
"""Short runs of about 60 steps each."""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_crash_at_any_step_of_the_commit_order_breaks_nothing(seed: int) -> None:
    """Dead letter, append, acknowledgement, claim, fence, each read: wherever the owner is killed."""
    steps: Counter[str] = Counter()
    number = 0
    while True:
        run = run_seed(seed, plan=short_plan(seed), crash_at=number)
        assert not run.violations, f"make sim SEED={seed} CRASH={number}: {run.violations[:3]}"
        if run.crashed_at is None:
            break
        steps[run.crashed_at.partition(" ")[2]] += 1
        number += 1
    assert number == run.steps
    wanted = {
        "append: sent",
        "append: done by the broker",
        "append: answered",
        "claim row: sent",
        "claim row: done by the broker",
        "claim row: answered",
        "read rows: answered",
        "opened",
        "stock acknowledged",
        "orders acknowledged",
    }
    assert steps.keys() >= wanted, f"never crashed at {sorted(wanted - steps.keys())}"
