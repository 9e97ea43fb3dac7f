"""A simulation that cannot find a bug proves nothing: each planted one must be told by its rule."""

from typing import Final

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.runner import run_seed

SEEDS_MAX: Final = 120
"""Tries per bug. The rarest needs 12 (docs/simulation.md), so ten times that leaves room for new commands,
which change what every seed draws."""


@pytest.mark.parametrize("name", MUTANTS)
def test_planted_bug_is_found(name: str) -> None:
    """Within the bound a seed breaks one of the rules that this bug breaks."""
    mutant = MUTANTS[name]
    for seed in range(SEEDS_MAX):
        with mutant.planted():
            run = run_seed(seed, plan=mutant.plan_of(seed))
        if mutant.rules & {violation.rule for violation in run.violations}:
            return
    pytest.fail(f"{mutant.what}: not found in {SEEDS_MAX} seeds")


@pytest.mark.parametrize("name", ["no-fence", "any-clock"])
def test_the_same_plans_without_a_bug_break_nothing(name: str) -> None:
    """The rare faults that a planted bug is looked for with are themselves survived."""
    for seed in range(SEEDS_MAX // 3):
        run = run_seed(seed, plan=MUTANTS[name].plan_of(seed))
        assert not run.violations, f"seed {seed}: {run.violations[:3]}"
