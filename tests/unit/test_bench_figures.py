"""Figures and reports of the benchmarks."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.catalogue import SCENARIOS
from benchmarks.document import result_document, scenario_document, sha256_of
from benchmarks.ledger_check import LedgerReading
from benchmarks.machine import slug
from benchmarks.report import oversold_line, page, print_report, save
from benchmarks.result import SubjectResult
from benchmarks.scenarios import BARE_LOOP, KAFKA_STREAMS, RESTARTED, TAKEN_OVER, WORKER, IfSlow, Target
from benchmarks.small import small
from benchmarks.statistics import latency_figures, medians, throughput_figures
from benchmarks.subjects import interleaved
from benchmarks.watch import Sight

MACHINE = {
    "cpu": "Some(R) CPU 9000 @ 3.00GHz",
    "cores": 2,
    "memory_gib": 4.0,
    "kernel": "6.1",
    "python": "3.11",
    "java": "17",
    "libraries": {"aiokafka": "0.14"},
}
REVISION = {"commit": "abc", "is_clean": True}


def reading_of(appends: list[tuple[int, int]]) -> LedgerReading:
    """Read a ledger to which (record time in ms, commands) were appended one after the other."""
    reading = LedgerReading(bytearray(), bytearray())
    offset = 0
    for time_ms, commands in appends:
        for _ in range(commands):
            offset += 1
            reading.appended.append((time_ms, offset))
        offset += 1  # @progress
        reading.batch_commands.append(commands)
    return reading


def test_rate_leaves_out_the_commands_of_the_first_append() -> None:
    """The time before the first append is unknown, so its commands must not count."""
    reading = reading_of([(1_000, 500), (1_500, 1_000), (2_000, 1_000)])
    seen = [Sight(10.0, 0, 1.0), Sight(10.1, 501, 1.1), Sight(10.6, 1_502, 1.6), Sight(11.1, 2_503, 2.1)]
    figures = throughput_figures(reading, seen, launched_seconds=8.6)
    assert figures["commands_per_s"] == pytest.approx(2_000)
    assert figures["commands_per_s_wall"] == pytest.approx(2_000)
    assert figures["commands_per_s_with_start"] == pytest.approx(1_000)
    assert figures["cpu_us_per_command"] == pytest.approx(500)
    assert (figures["appends"], figures["commands_per_append_max"]) == (3, 1_000)


def test_rate_is_left_out_when_one_append_held_everything() -> None:
    """A rate over no time must not be invented."""
    seen = [Sight(10.0, 0, 1.0), Sight(10.1, 501, 1.1)]
    figures = throughput_figures(reading_of([(1_000, 500)]), seen, launched_seconds=9.0)
    assert "commands_per_s" not in figures
    assert "commands_per_s_wall" not in figures


def test_latency_figures_are_percentiles_in_ms() -> None:
    """Percentiles must be those of the samples, to three digits."""
    figures = latency_figures(ms / 1_000 for ms in range(1, 1_001))
    assert figures["p50_ms"] == pytest.approx(500, rel=0.002)
    assert figures["p99_ms"] == pytest.approx(990, rel=0.002)
    assert figures["max_ms"] == pytest.approx(1_000, rel=0.002)


def test_medians_keep_figures_that_every_run_has() -> None:
    """A figure that one run could not tell must not be a median of the others."""
    assert medians([{"a": 1, "b": 5}, {"a": 9}, {"a": 3, "b": 6}]) == {"a": 3}


def test_target_is_met_on_its_side_of_the_bound() -> None:
    """Rates must reach, latencies must stay below."""
    assert Target("x", at_least=10).is_met(10)
    assert not Target("x", at_least=10).is_met(9.9)
    assert Target("x", at_most=4).is_met(4)
    assert not Target("x", at_most=4).is_met(4.1)


@pytest.mark.parametrize(
    ("theirs", "bound", "is_met"),
    [
        (60, ">= 3x Kafka Streams where it makes at most 60", False),
        (61, ">= 2x Kafka Streams where it makes more than 60", True),
    ],
)
def test_bound_follows_what_the_other_side_made(theirs: float, bound: str, *, is_met: bool) -> None:
    """Where the other side is slow more is asked for: the run itself must say which bound holds."""
    target = Target(
        "commands_per_s", at_least=2, is_ratio=True, against=KAFKA_STREAMS, if_slow=IfSlow(60, at_least=3)
    )
    run = {
        name: SubjectResult({"commands_per_s": rate}, [], "")
        for name, rate in ((WORKER, 2.5 * theirs), (KAFKA_STREAMS, theirs))
    }
    (judged,) = scenario_document(replace(SCENARIOS[0], targets=(target,)), [run])["targets"]
    assert (judged["bound"], judged["met"]) == (bound, is_met)


def test_order_of_subjects_alternates() -> None:
    """Worker and bare loop must take turns in going first."""
    assert interleaved(0) == tuple(reversed(interleaved(1)))


def test_small_scenarios_promise_nothing() -> None:
    """A trial run must not be judged by the targets."""
    for scenario in SCENARIOS:
        shrunk = small(scenario)
        assert shrunk.targets == ()
        numbers = [value for value in shrunk.parameters.values() if isinstance(value, int)]
        assert max(numbers, default=0) <= 20_000


def result(rate: float, *faults: str, oversold_units: int = 0) -> SubjectResult:
    """Make a subject's result with one figure."""
    return SubjectResult({"commands_per_s": rate}, list(faults), "00", oversold_units)


def test_report_gives_medians_ratios_and_verdicts(tmp_path: Path) -> None:
    """Medians are of runs, ratios of runs too, and each target stands beside its figure."""
    scenario = replace(SCENARIOS[0], targets=(Target("commands_per_s", at_least=300),))
    runs = [
        {WORKER: result(worker), BARE_LOOP: result(bare)}
        for worker, bare in ((300, 600), (400, 500), (200, 1_000))
    ]
    summed = scenario_document(scenario, runs)
    assert summed["medians"]["worker"]["commands_per_s"] == 300
    assert summed["ratios"][BARE_LOOP]["commands_per_s"] == pytest.approx(0.5)
    assert [target["met"] for target in summed["targets"]] == [True]
    document = result_document("2026-01-02", MACHINE, REVISION, {"runs": 3, "is_small": False}, [summed])  # type: ignore[arg-type]
    as_json, as_page, *charts = save(document, tmp_path, "x")
    read_back = json.loads(as_json.read_text())
    assert sha256_of(read_back) == read_back["sha256"]
    assert page(read_back) == page(document)  # subjects in the same order, too
    assert "target >= 300: met" in as_page.read_text()
    assert charts
    assert all(f"({chart.name})" in as_page.read_text() for chart in charts)


def test_result_whose_check_failed_does_not_count() -> None:
    """A wrong ledger must show as such, with no target met and no figure taken from it."""
    scenario = replace(SCENARIOS[0], targets=(Target("commands_per_s", at_least=1),))
    worker = result(900, "SKU-00001: oversold", oversold_units=2)
    runs = [{WORKER: worker, BARE_LOOP: result(900)}]
    summed = scenario_document(scenario, runs)
    assert not summed["is_valid"]
    assert [target["met"] for target in summed["targets"]] == [False]
    assert summed["medians"]["worker"] == {}
    document = result_document("2026-01-02", MACHINE, REVISION, {"runs": 1, "is_small": False}, [summed])  # type: ignore[arg-type]
    shown = io.StringIO()
    print_report(document, Console(file=shown, width=160))
    for text in (shown.getvalue(), page(document)):
        assert "DOES NOT COUNT" in text
        assert "target >= 1: not measured" in text
        assert "oversold units 2 in 2 checks, target 0: MISSED" in text


def test_subjects_are_judged_by_their_own_targets() -> None:
    """A scenario of two ways needs no bare loop, and each way's target looks at that way's figure."""
    scenario = replace(
        SCENARIOS[0],
        targets=(
            Target("commands_per_s", at_least=500, subject=TAKEN_OVER),
            Target("commands_per_s", at_least=500, subject=RESTARTED),
        ),
    )
    summed = scenario_document(scenario, [{TAKEN_OVER: result(600), RESTARTED: result(400)}])
    assert summed["ratios"] == {}
    assert [target["met"] for target in summed["targets"]] == [True, False]
    assert oversold_line([summed]) == "oversold units 0 in 2 checks, target 0: met"


def test_checks_without_a_ledger_do_not_count_as_oversold_checks() -> None:
    """The row on oversold units must count only what looked at a ledger."""
    nobody_looked = SubjectResult({"commands_per_s": 1}, [], "")
    scenario = replace(SCENARIOS[0], targets=())
    summed = scenario_document(scenario, [{TAKEN_OVER: nobody_looked, RESTARTED: result(1)}])
    assert summed["oversold"] == [0]


def test_machine_is_named_by_its_processor() -> None:
    """A result file's name must tell the machine without telling its host name."""
    assert slug(MACHINE) == "some-9000-2c"  # type: ignore[arg-type]


def test_help_teaches_options_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """The help must show how to call the program."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "--full" in shown
    assert "Examples:" in shown


def test_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    """Who wants one scenario alone finds its name."""
    assert main(["scenarios"]) == 0
    shown = capsys.readouterr().out
    assert all(f" {scenario.name} " in shown for scenario in SCENARIOS)
