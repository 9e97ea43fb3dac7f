"""Thousands of seeds: owners that come, go, sleep and wake, and a judge for each."""

import os
from typing import Final

import pytest

from tests.simulation.plan import FAULTS
from tests.simulation.runner import run_seed

SEEDS: Final = int(os.environ.get("SIMULATION_SEEDS", "2000"))
"""How many: about 40 ms each on one core; SIMULATION_SEEDS asks for more."""
FIRST_SEED: Final = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
PARTS: Final = 8
"""Tests that share them, so that they spread over workers."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_seed_keeps_every_promise(part: int) -> None:
    """One final outcome per command, granted <= stock, no early expiry, I8, whatever befalls the owners."""
    met: set[str] = set()
    for seed in range(FIRST_SEED + part, FIRST_SEED + SEEDS, PARTS):
        run = run_seed(seed)
        assert not run.violations, f"make sim SEED={seed}: {run.violations[:3]}"
        met |= {name for name, times in run.met.items() if times}
    assert met >= set(FAULTS), f"never met: {sorted(set(FAULTS) - met)}"


@pytest.mark.parametrize("seed", [3, 44])
def test_equal_seeds_give_equal_runs(seed: int) -> None:
    """What a seed found yesterday it finds today: the log is the same, byte for byte, and so is the story."""
    first, second = run_seed(seed), run_seed(seed)
    assert first.evidence.batches == second.evidence.batches
    assert first.notes == second.notes
    assert first.steps == second.steps
