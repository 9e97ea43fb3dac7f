"""The order of all runs, and how far they are: a line before each, for somebody who waits."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.scenarios import Scenario

BELIEVED_SECONDS: Final = 60.0
"""So much of the work must be done before its pace counts for what is left: one slow start is no pace."""


class Step(NamedTuple):
    """One run of a scenario, the `number`-th from 0."""

    scenario: Scenario
    number: int


def steps_of(chosen: Sequence[tuple[Scenario, int]]) -> list[Step]:
    """Put the runs of all scenarios in order: every one's first, then every one's second.

    A slow minute of the machine then spoils one run of each, which the medians forget, and not all runs of
    one.
    """
    rounds = max((runs for _, runs in chosen), default=0)
    return [Step(scenario, number) for number in range(rounds) for scenario, runs in chosen if number < runs]


def seconds_of(steps: Sequence[Step]) -> int:
    """Sum up what steps take on the machine that the scenarios' seconds are of."""
    return sum(step.scenario.about_seconds for step in steps)


def progress_line(steps: Sequence[Step], done: int, elapsed_seconds: float) -> str:
    """Say which step is next, and about how long is left, by the pace of those that are done."""
    planned = seconds_of(steps[:done])
    pace = elapsed_seconds / planned if planned >= BELIEVED_SECONDS else 1.0
    minutes_left = seconds_of(steps[done:]) * pace / 60
    left = f"about {minutes_left:.0f} minutes left" if minutes_left >= 1 else "less than a minute left"
    scenario, number = steps[done]
    return f"{done + 1} of {len(steps)}: {scenario.name} run {number + 1}, {left}"
