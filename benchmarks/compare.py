"""Two results side by side: faster, slower, or within the noise of their runs."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from rich.table import Table

from benchmarks.document import RATIOS, Document, newest_result, read_result, scenario_named
from benchmarks.headline import counted_values
from benchmarks.scenarios import WORKER
from benchmarks.terminal import console

DRAWS: Final = 2_000
"""Of the bootstrap: the bounds of two of them differ by less than the figures are shown with."""
BOUNDS_PERCENT: Final = 95
RUNS_MIN: Final = 3
"""Of each result, for a verdict: of two equal results with two runs each the bounds call one figure in three
different, with three runs one in ten."""
RUNS_TO_BELIEVE: Final = 5
"""Of each result: of so many, chance makes a difference of one figure in thirty (1,000 pairs drawn from one
normal distribution)."""
DRIFT: Final = 0.03
"""A smaller difference is noise even where the runs of each result lie together: how a machine drifts from
one hour to the next is in the spread of neither. Larger would hide what two small changes add up to."""
TOO_FEW: Final = "too few runs"
SEED: Final = 7
"""The same two files give the same bounds."""

HIGHER_IS_BETTER: Final = ("_per_s", "_per_s_wall", "_per_s_with_start")
LOWER_IS_BETTER: Final = ("_ms", "_s", "_us_per_command", "bytes_each_decided", "bytes_each_recovered", "_mb")
"""How the names of figures end that say something of speed or size; the others describe, such as a number of
batches, and are not compared. A rate ends in `_s`, too, so it is looked for first."""
NOT_OURS: Final = (
    "generator_lag_p99_ms",
    "allowed_s",
    "achieved_per_s",
    "due_per_s",
    "deadlines_within_s",
    "harness_cpu_us_per_command",
)
"""What a run was asked for, and what the benchmark itself took."""

SAME_MACHINE: Final = ("cpu", "cores", "memory_gib")
VERSIONS: Final = ("kernel", "python", "java", "libraries")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure in both results. `bounds` of `new / old`: None where a result has too few runs.

    `runs` are those of the old and of the new result that have the figure, and whose check held.
    """

    scenario: str
    subject: str
    figure: str
    old: float
    new: float
    runs: tuple[int, int]
    bounds: tuple[float, float] | None

    @property
    def ratio(self) -> float:
        """How many times the old figure the new one is."""
        return self.new / self.old

    @property
    def verdict(self) -> str:
        """`faster`, `slower` (`smaller`, `larger` of memory), `within noise`, or that nobody can say."""
        if self.bounds is None:
            return TOO_FEW
        low, high = self.bounds
        if low <= 1.0 <= high or abs(self.ratio - 1.0) < DRIFT:
            return "within noise"
        is_better = (self.ratio > 1.0) == is_higher_better(self.figure)
        if "bytes" in self.figure or self.figure.endswith("_mb"):
            return "smaller" if is_better else "larger"
        return "faster" if is_better else "slower"


def is_higher_better(figure: str) -> bool:
    """Say which way a figure ought to go."""
    return figure.endswith(HIGHER_IS_BETTER)


def is_compared(figure: str) -> bool:
    """Say whether more or less of a figure is better at all."""
    return figure not in NOT_OURS and figure.endswith((*HIGHER_IS_BETTER, *LOWER_IS_BETTER))


def bootstrap_bounds(old: Sequence[float], new: Sequence[float]) -> tuple[float, float] | None:
    """Give the bounds of median(new) / median(old) in 95 of 100 draws with replacement, if runs suffice."""
    if min(len(old), len(new)) < RUNS_MIN:
        return None
    dice = random.Random(SEED)
    ratios = sorted(
        median(dice.choices(new, k=len(new))) / median(dice.choices(old, k=len(old))) for _ in range(DRAWS)
    )
    outside = DRAWS * (100 - BOUNDS_PERCENT) // 200
    return ratios[outside], ratios[-outside - 1]


def compare(old: Document, new: Document) -> tuple[list[Line], list[str]]:
    """Compare every figure that both have, and say what the reader must know beside it.

    Results of two machines are compared by the ratios to other subjects of the same run alone.
    """
    notes = []
    is_same_machine = all(old["machine"][name] == new["machine"][name] for name in SAME_MACHINE)
    if not is_same_machine:
        machines = " and ".join(
            f"{one['machine']['cpu']}, {one['machine']['cores']} cores" for one in (old, new)
        )
        notes.append(f"machines differ ({machines}): only ratios within a run compare")
    differing = [name for name in VERSIONS if old["machine"][name] != new["machine"][name]]
    if differing:
        notes.append(f"differ, too: {', '.join(differing)}")
    lines: list[Line] = []
    for scenario in new["scenarios"]:
        before = scenario_named(old, scenario["name"])
        if before is None:
            notes.append(f"{scenario['name']}: only in the new result")
        elif not (scenario["is_valid"] and before["is_valid"]):
            notes.append(f"{scenario['name']}: does not count in one of them")
        elif _shared(scenario["parameters"], before["parameters"]) != _shared(
            before["parameters"], scenario["parameters"]
        ):
            notes.append(f"{scenario['name']}: measured with other parameters, not compared")
        else:
            lines += _lines_of(before, scenario, is_same_machine=is_same_machine)
    return lines, notes + _notes_on_runs(lines)


def _notes_on_runs(lines: Sequence[Line]) -> list[str]:
    """Say what chance does to the figures of few runs: how many runs there are differs by scenario."""
    notes = []
    if few := sum(min(line.runs) < RUNS_MIN for line in lines):
        notes.append(
            f"{few} of {len(lines)} figures have fewer than {RUNS_MIN} runs in one of them: no verdict"
        )
    if unsure := sum(RUNS_MIN <= min(line.runs) < RUNS_TO_BELIEVE for line in lines):
        notes.append(
            f"{unsure} of {len(lines)} figures have fewer than {RUNS_TO_BELIEVE} runs in one of them: "
            "of such, chance alone calls one in ten different"
        )
    return notes


def _shared(parameters: Mapping[str, object], others: Mapping[str, object]) -> dict[str, object]:
    """Leave out what only one of two schemas knows."""
    return {name: value for name, value in parameters.items() if name in others}


def _lines_of(old: Document, new: Document, *, is_same_machine: bool) -> Iterator[Line]:
    for subject, figures in new["medians"].items():
        if is_same_machine:
            for figure in filter(is_compared, figures):
                line = _line(
                    new["name"],
                    subject,
                    figure,
                    *(counted_values(each, subject, figure) for each in (old, new)),
                )
                if line is not None:
                    yield line
        if subject != WORKER and WORKER in new["medians"]:
            for figure in RATIOS:
                both = [_run_ratios(each, subject, figure) for each in (old, new)]
                line = _line(new["name"], f"{WORKER} / {subject}", figure, *both)
                if line is not None:
                    yield line


def _line(scenario: str, subject: str, figure: str, old: list[float], new: list[float]) -> Line | None:
    if not old or not new or not median(old):
        return None
    runs = len(old), len(new)
    return Line(scenario, subject, figure, median(old), median(new), runs, bootstrap_bounds(old, new))


def _run_ratios(scenario: Document, subject: str, figure: str) -> list[float]:
    ratios = []
    for run in scenario["runs"]:
        ours, theirs = (counted_values({"runs": [run]}, name, figure) for name in (WORKER, subject))
        if ours and theirs and theirs[0]:
            ratios.append(ours[0] / theirs[0])
    return ratios


# --- for people ------------------------------------------------------------------------------------


def print_comparison(file: Path, other: Path | None) -> None:
    """Print what became of each figure from `other` (None: the newest whole result) to `file`.

    Raises:
        ResultFileError: one of them is no result.
    """
    old_path = newest_result(without=file) if other is None else other
    old, new = read_result(old_path), read_result(file)
    lines, notes = compare(old, new)
    screen = console()
    screen.print(f"{file.name} against {old_path.name}, the old one", style="bold", highlight=False)
    for name, path, document in (("old", old_path, old), ("new", file, new)):
        revision = document["revision"]["commit"][:12]
        screen.print(f"{name}: {path.name}, {document['date']}, revision {revision}", highlight=False)
    for note in notes:
        screen.print(f"  {note}", highlight=False, soft_wrap=True)
    table = Table()
    for title in ("scenario", "whose", "figure"):
        table.add_column(title)
    for title in ("old", "new", "new / old", "bounds", "runs, old and new", "verdict"):
        table.add_column(title, justify="right")
    for line in lines:
        bounds = "" if line.bounds is None else f"{line.bounds[0]:.2f} to {line.bounds[1]:.2f}"
        shown = (
            (f"{line.old:,.4g}", f"{line.new:,.4g}")
            if line.new < 1_000
            else (f"{line.old:,.0f}", f"{line.new:,.0f}")
        )
        style = {"slower": "red", "larger": "red", "faster": "green", "smaller": "green"}.get(line.verdict)
        table.add_row(
            line.scenario,
            line.subject,
            line.figure,
            *shown,
            f"{line.ratio:.2f}",
            bounds,
            f"{line.runs[0]}, {line.runs[1]}",
            line.verdict,
            style=style,
        )
    screen.print(table)
    verdicts = [line.verdict for line in lines]
    counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts)))
    screen.print(counts or "nothing to compare", highlight=False)
