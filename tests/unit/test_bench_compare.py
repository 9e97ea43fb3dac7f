"""`bench compare`: what counts as faster, as slower, and as noise."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import SCENARIOS
from benchmarks.compare import bootstrap_bounds, compare, is_compared
from benchmarks.document import Document, newest_result, read_result, result_document, scenario_document
from benchmarks.report import save
from benchmarks.result import SubjectResult
from benchmarks.scenarios import BARE_LOOP, WORKER

HOT = replace(SCENARIOS[0], targets=())
MACHINE: dict[str, Any] = {
    "cpu": "Some CPU",
    "cores": 2,
    "memory_gib": 4.0,
    "kernel": "6.1",
    "python": "3.11",
    "java": "17",
    "libraries": {},
}


def document(rates: list[float], bare: float = 1_000.0, **machine: object) -> Document:
    """Make a result of a run for each rate of the worker; its latency falls as the rate grows."""
    runs = [
        {
            WORKER: SubjectResult({"commands_per_s": rate, "p99_ms": 1e4 / rate, "appends": 3.0}, [], "", 0),
            BARE_LOOP: SubjectResult({"commands_per_s": bare}, [], "", 0),
        }
        for rate in rates
    ]
    return result_document(
        "2026-01-02T00:00:00+00:00",
        MACHINE | machine,  # type: ignore[arg-type]
        {"commit": "a" * 40, "is_clean": True},
        {"runs": len(rates), "is_small": False, "selection": "headline"},
        [scenario_document(HOT, runs)],
    )


def verdicts(old: Document, new: Document) -> dict[str, str]:
    """Give the verdict of each figure."""
    lines, _ = compare(old, new)
    return {f"{line.subject} {line.figure}": line.verdict for line in lines}


def test_difference_beyond_the_spread_is_faster_or_slower() -> None:
    """More decisions and less latency are both better, and the other way round both worse."""
    old, new = document([100, 102, 98, 101, 99]), document([150, 151, 149, 152, 148])
    better = verdicts(old, new)
    assert better[f"{WORKER} commands_per_s"] == "faster"
    assert better[f"{WORKER} p99_ms"] == "faster"
    assert better[f"{WORKER} / {BARE_LOOP} commands_per_s"] == "faster"
    worse = verdicts(new, old)
    assert worse[f"{WORKER} commands_per_s"] == "slower"
    assert worse[f"{WORKER} p99_ms"] == "slower"


def test_difference_within_the_spread_is_noise() -> None:
    """Runs that lie apart by a fifth say nothing of a median that moved by a twentieth."""
    old, new = document([100, 120, 90, 110, 95]), document([105, 125, 92, 112, 97])
    assert set(verdicts(old, new).values()) == {"within noise"}


def test_small_difference_is_noise_even_where_runs_lie_together() -> None:
    """A machine drifts by a percent from one hour to the next, which the runs of neither hour show."""
    old, new = document([100.0, 100.1, 99.9, 100, 100]), document([102.0, 102.1, 101.9, 102, 102])
    assert set(verdicts(old, new).values()) == {"within noise"}


@pytest.mark.parametrize(("old", "new"), [(1, 1), (2, 2), (2, 5), (5, 2)])
def test_fewer_than_three_runs_of_either_have_no_verdict(old: int, new: int) -> None:
    """Two runs must not be called faster, however far apart: chance does it to one figure in three."""
    before, after = document([100.0 + n for n in range(old)]), document([900.0 + n for n in range(new)])
    lines, notes = compare(before, after)
    assert {line.verdict for line in lines} == {"too few runs"}
    assert {line.bounds for line in lines} == {None}
    assert {line.runs for line in lines} == {(old, new)}
    assert f"{len(lines)} of {len(lines)} figures have fewer than 3 runs in one of them: no verdict" in notes


def test_runs_are_counted_by_scenario_and_figure_and_not_by_the_setup() -> None:
    """A result of "3 runs" may have one of a slow scenario, or two whose check held."""
    old, new = document([100, 101, 99]), document([150, 151, 149])
    run = new["scenarios"][0]["runs"][1]
    run[WORKER]["faults"] = ["SKU-1: oversold"]
    del new["scenarios"][0]["runs"][2][WORKER]["figures"]["p99_ms"]
    lines, notes = compare(old, new)
    runs = {f"{line.subject} {line.figure}": line.runs for line in lines}
    assert runs[f"{WORKER} commands_per_s"] == (3, 2)
    assert runs[f"{WORKER} p99_ms"] == (3, 1)
    assert runs[f"{BARE_LOOP} commands_per_s"] == (3, 3)
    assert runs[f"{WORKER} / {BARE_LOOP} commands_per_s"] == (3, 2)
    assert any(note.startswith("3 of 4 figures have fewer than 3 runs") for note in notes)
    assert any(note.startswith("1 of 4 figures have fewer than 5 runs") for note in notes)


def test_figures_that_only_describe_are_not_compared() -> None:
    """More appends are neither better nor worse."""
    assert not is_compared("appends")
    assert not is_compared("commands_per_append_max")
    assert not is_compared("generator_lag_p99_ms")
    assert is_compared("bytes_each_recovered")
    assert is_compared("first_decision_s")


def test_results_of_two_machines_are_compared_by_ratios_alone() -> None:
    """Twice the machine is not twice the program: only what ran beside it tells."""
    old = document([100, 101, 99, 100, 102])
    lines, notes = compare(old, document([200, 202, 198, 200, 204], bare=2_000.0, cpu="Another"))
    assert {line.subject for line in lines} == {f"{WORKER} / {BARE_LOOP}"}
    assert {line.verdict for line in lines} == {"within noise"}
    assert any("machines differ" in note for note in notes)


def test_other_parameters_are_not_compared() -> None:
    """A shorter run is another measurement."""
    new = document([100, 101, 99])
    new["scenarios"][0]["parameters"]["commands"] = 1
    lines, notes = compare(document([100, 101, 99]), new)
    assert lines == []
    assert any("other parameters" in note for note in notes)


def test_bounds_enclose_the_ratio_and_are_the_same_twice() -> None:
    """The same two files give the same answer."""
    old, new = [100.0, 104.0, 97.0], [120.0, 118.0, 125.0]
    bounds = bootstrap_bounds(old, new)
    assert bounds is not None
    assert bounds[0] <= 1.2 <= bounds[1]
    assert bounds == bootstrap_bounds(old, new)


def test_a_file_is_compared_with_the_newest_committed_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`bench compare FILE` and `bench show FILE` work on a kept result, of this schema or the one before."""
    committed = newest_result()
    copy, *_ = save(read_result(committed), tmp_path, "copy")
    copy.write_text(committed.read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["compare", str(copy)]) == 0
    shown = capsys.readouterr().out
    assert f"copy.json against {committed.name}, the old one" in shown
    assert "faster" not in shown
    assert main(["show", str(copy), "--pages", str(tmp_path / "pages")]) == 0
    assert "headline" in capsys.readouterr().out
    assert (tmp_path / "pages" / "copy.md").read_text(encoding="utf-8").startswith("# Benchmark")
    assert list((tmp_path / "pages").glob("copy-*.svg"))
    assert main(["show", str(tmp_path / "none.json")]) == 1
