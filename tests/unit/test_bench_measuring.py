"""What is measured when, and what becomes of a run that fails."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import measuring
from benchmarks.bench import Bench
from benchmarks.catalogue import HEADLINE, SCENARIOS
from benchmarks.document import is_whole, read_result
from benchmarks.options import FULL_RUNS, Options, ScenarioNameError
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import BARE_LOOP, WORKER, Faults, Scenario

GOOD: RunResult = {
    WORKER: SubjectResult({"commands_per_s": 5.0}, [], "", 0),
    BARE_LOOP: SubjectResult({"commands_per_s": 10.0}, [], "", 0),
}


async def test_run_that_ends_early_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours of figures are kept: the failed scenario does not count, the one after it does."""
    first, second = SCENARIOS[:2]
    said: list[str] = []

    async def run(_: Bench, scenario: Scenario, __: int) -> RunResult:
        if scenario is first:
            raise TimeoutError("not decided in time")
        return GOOD

    monkeypatch.setattr(measuring, "run", run)
    launcher: Any = None
    bench = Bench("nowhere:1", launcher, Path(), said.append)
    failed, passed = await measuring._run_all(bench, [(first, 1), (second, 1)])
    assert not failed["is_valid"]
    assert failed["runs"][0][WORKER]["faults"] == ["ended by TimeoutError: not decided in time"]
    assert not any(target["met"] for target in failed["targets"])
    assert passed["is_valid"]
    assert passed["medians"][WORKER] == {"commands_per_s": 5.0}
    assert any("DOES NOT COUNT" in line for line in said)


@pytest.mark.parametrize("error", [RuntimeError(""), ZeroDivisionError("division by zero"), ValueError("x")])
async def test_error_that_nobody_thought_of_ends_one_run_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A fault in a generator or in a check must not lose the hours before it."""

    async def run(_: Bench, __: Scenario, number: int) -> RunResult:
        if number == 0:
            raise error
        return GOOD

    monkeypatch.setattr(measuring, "run", run)
    launcher: Any = None
    said: list[str] = []
    bench = Bench("nowhere:1", launcher, Path(), said.append)
    (summed,) = await measuring._run_all(bench, [(SCENARIOS[0], 2)])
    assert not summed["is_valid"]
    assert [list(run) for run in summed["runs"]] == [[WORKER], [WORKER, BARE_LOOP]]
    assert any(f"({Path(__file__).name}:" in line for line in said)  # where to look


def have_runs(monkeypatch: pytest.MonkeyPatch, last: BaseException | None) -> None:
    """Have every run but the first end by `last` (None: go well), without a broker."""
    launcher: Any = None

    @contextmanager
    def bench_at(*_: object) -> Iterator[Bench]:
        yield Bench("nowhere:1", launcher, Path(), lambda _: None)

    async def run(_: Bench, __: Scenario, number: int) -> RunResult:
        if number and last is not None:
            raise last
        return GOOD

    monkeypatch.setattr(measuring, "bench_at", bench_at)
    monkeypatch.setattr(measuring, "run", run)


def test_interrupted_bench_keeps_what_it_measured_and_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C after an hour leaves the hour's runs, readable, and never taken for a whole result."""
    have_runs(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        measuring.measure_and_keep(Options(only=[SCENARIOS[0].name], runs=3, results=tmp_path))
    (kept,) = tmp_path.iterdir()
    assert kept.name.endswith(".partial.json")
    assert str(kept) in capsys.readouterr().out
    document = read_result(kept)
    assert [len(scenario["runs"]) for scenario in document["scenarios"]] == [1]
    assert not is_whole(document)


def test_whole_result_takes_the_place_of_the_unfinished_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once all is written, nothing of the way there is left."""
    have_runs(monkeypatch, None)
    measuring.measure_and_keep(Options(only=[SCENARIOS[0].name], runs=2, results=tmp_path))
    (result,) = tmp_path.glob("*.json")
    assert len(json.loads(result.read_text(encoding="utf-8"))["scenarios"][0]["runs"]) == 2
    assert not list(tmp_path.glob("*.partial.*"))


def test_selections_name_their_result_and_their_runs() -> None:
    """The headline, everything, the fault mode and one by name differ in scenarios, runs and file name."""
    headline, full = Options(), Options(is_full=True)
    assert (headline.selection, full.selection) == ("headline", "full")
    assert [scenario for scenario, _ in headline.chosen()] == list(HEADLINE)
    assert all(runs == scenario.headline_runs for scenario, runs in headline.chosen())
    assert [scenario for scenario, _ in full.chosen()] == list(SCENARIOS)
    assert all(runs == min(FULL_RUNS, scenario.runs_max or FULL_RUNS) for scenario, runs in full.chosen())
    faults = Options(is_faults=True)
    assert faults.selection == "faults"
    assert all(isinstance(scenario, Faults) for scenario, _ in faults.chosen())
    one = Options(only=["memory"], runs=9)
    assert (one.selection, [runs for _, runs in one.chosen()]) == ("some", [1])
    with pytest.raises(ScenarioNameError, match="hot-positional"):
        Options(only=["hot"]).chosen()


def test_second_result_of_a_day_does_not_replace_the_first(tmp_path: Path) -> None:
    """What is compared with later must still be there."""
    assert measuring.unused_name(tmp_path, "day") == "day"
    (tmp_path / "day.json").touch()
    assert measuring.unused_name(tmp_path, "day") == "day-2"
    (tmp_path / "day-2.json").touch()
    assert measuring.unused_name(tmp_path, "day") == "day-3"


def test_peers_are_described_with_ours_first() -> None:
    """The terms of the worker and of the floor stand in the same columns as those of the others."""
    names = [peer["name"] for peer in measuring.peer_documents()]
    assert names[:2] == [WORKER, BARE_LOOP]
    assert all(
        set(peer["terms"]) == {"durability", "replication", "client", "misses"}
        for peer in measuring.peer_documents()
    )
