"""What to measure: the selection of `inventory-stream bench` and its options."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.catalogue import FAULTS, HEADLINE, SCENARIOS
from benchmarks.scenarios import Scenario
from benchmarks.small import small
from inventory_stream.errors import InventoryStreamError

FULL_RUNS: Final = 5
"""Of each scenario in `--full`: between two results of five runs each chance makes a difference of one figure
in thirty, of three runs one in ten (1,000 pairs of a normal distribution, `compare.bootstrap_bounds`)."""
SOME_RUNS: Final = 3
"""Of a scenario that is asked for by name."""


class ScenarioNameError(InventoryStreamError):
    """A scenario was asked for that there is not; the message has the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and where results go.

    `runs` of each scenario; None: as the selection has it. `results`: None is benchmarks/results, or nowhere
    for a trial, whose figures mean nothing. `bootstrap_servers`: None starts a broker.
    """

    only: Sequence[str] = ()
    is_full: bool = False
    is_faults: bool = False
    is_small: bool = False
    is_profiled: bool = False
    runs: int | None = None
    results: Path | None = None
    bootstrap_servers: str | None = None

    @property
    def selection(self) -> str:
        """Name what was asked for, in a result and in its file's name."""
        if self.only:
            return "some"
        if self.is_faults:
            return "faults"
        return "full" if self.is_full else "headline"

    def chosen(self) -> list[tuple[Scenario, int]]:
        """Give each scenario with the number of its runs.

        Raises:
            ScenarioNameError: there is no such scenario.
        """
        names = [scenario.name for scenario in SCENARIOS]
        unknown = [name for name in self.only if name not in names]
        if unknown:
            raise ScenarioNameError(f"no scenario {', '.join(unknown)}; there are {', '.join(names)}")
        if self.only:
            scenarios = [scenario for scenario in SCENARIOS if scenario.name in self.only]
        elif self.is_faults:
            scenarios = list(FAULTS)
        else:
            scenarios = list(SCENARIOS if self.is_full or self.is_small else HEADLINE)
        runs = [self._runs_of(scenario) for scenario in scenarios]
        if self.is_small:
            scenarios = [small(scenario) for scenario in scenarios]
        return list(zip(scenarios, runs, strict=True))

    def _runs_of(self, scenario: Scenario) -> int:
        if self.runs is not None:
            runs = self.runs
        elif self.is_small:
            runs = 1
        elif self.is_full:
            runs = FULL_RUNS
        else:
            runs = scenario.headline_runs if self.selection == "headline" else SOME_RUNS
        return runs if scenario.runs_max is None else min(runs, scenario.runs_max)
