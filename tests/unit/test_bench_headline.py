"""The lines read first: a run that failed and a queue that grew are said, and are never a figure."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.catalogue import SCENARIOS
from benchmarks.charts import charts_of
from benchmarks.document import Document, result_document, scenario_document
from benchmarks.headline import headline_table, peers_table
from benchmarks.overload import overloaded_rate
from benchmarks.report import verdicts
from benchmarks.result import ENDED_BY, RunResult, SubjectResult
from benchmarks.scenarios import BARE_LOOP, RESTARTED, TAKEN_OVER, VIEW, WORKER, PeersOpen
from benchmarks.statistics import latency_figures

PEER = "Another System"
OTHER = "A Third"
ENDED: RunResult = {WORKER: SubjectResult({}, [f"{ENDED_BY}RuntimeError: the generator fell over"], "")}
SECONDS = 5.0
"""Measured of the open loop below."""


def result_of(**runs: list[RunResult]) -> Document:
    """Give a result of these runs of scenarios, by name (`_` for `-`)."""
    named = {scenario.name: scenario for scenario in SCENARIOS}
    peers = [
        {"name": name, "terms": dict.fromkeys(TERMS, ""), "absent": None} for name in (WORKER, PEER, OTHER)
    ]
    machine = {"cpu": "X", "cores": 2, "memory_gib": 4.0, "kernel": "6", "python": "3", "java": "17"}
    return result_document(
        "2026-01-02T00:00:00+00:00",
        machine | {"libraries": {}},  # type: ignore[arg-type]
        {"commit": "a" * 40, "is_clean": True},
        {"runs": 2, "is_small": False, "selection": "full"},
        [scenario_document(named[name.replace("_", "-")], each) for name, each in runs.items()],
        peers,
    )


TERMS = ("durability", "replication", "client", "misses")


def rate(per_s: float, *faults: str) -> SubjectResult:
    """Give a result of a closed loop."""
    return SubjectResult({"commands_per_s": per_s}, list(faults), "", 0)


def test_run_that_an_exception_ended_is_a_row_that_does_not_count() -> None:
    """A view, a recovery or the memory that fell over stays in the first table and in README."""
    document = result_of(view=[ENDED], recovery=[ENDED], memory=[ENDED], hot_single=[{WORKER: rate(9)}])
    _, *rows = headline_table(document)
    assert len(rows) == 1 + 3 + 1 + 3
    assert [row[1] for row in rows].count("does not count") == 7
    assert not any("met" in row[-1].split() for row in rows)
    assert {row[2] for row in rows} == {"one run", "none"}
    for name in (VIEW, TAKEN_OVER, RESTARTED):
        assert all(name not in scenario["medians"] for scenario in document["scenarios"])


def test_verdict_names_the_exception_and_not_the_check() -> None:
    """Nobody looked at the decisions of a run that fell over: they are not said to be wrong."""
    document = result_of(view=[ENDED], wide_single=[{WORKER: rate(9, "SKU-1: oversold")}])
    fell_over, wrong = (verdicts(scenario) for scenario in document["scenarios"])
    assert fell_over[0] == "DOES NOT COUNT: run 1 was ended by RuntimeError: the generator fell over"
    assert not any("check of the decisions" in line for line in fell_over)
    assert wrong[:2] == [
        "DOES NOT COUNT: the check of the decisions failed",
        "run 1, worker: SKU-1: oversold",
    ]


def test_systems_whose_run_an_exception_ended_are_not_said_not_to_be_asked() -> None:
    """Who was measured in one load, and lost in another, has both in its row."""
    document = result_of(peers_hot=[{WORKER: rate(9), PEER: rate(3)}], peers_latency=[ENDED])
    rows = {row[0]: row[1:3] for row in peers_table(document)[1:]}
    assert rows[PEER] == ["3/s (ours 3.00x)", "does not count"]
    assert rows[OTHER] == ["not asked", "does not count"]


def test_spread_leaves_out_runs_whose_check_failed() -> None:
    """A wrong ledger may be fast: its rate is no end of the spread, in the table or in the chart."""
    runs = [{WORKER: rate(100)}, {WORKER: rate(110)}, {WORKER: rate(9_000, "2 units beyond the stock")}]
    _, (_, shown, spread, *_) = headline_table(result_of(hot_single=runs))
    assert (shown, spread) == ("does not count", "100 to 110")
    peers = [{WORKER: run[WORKER]._replace(faults=[]), PEER: run[WORKER]} for run in runs]
    ((_, _, figure),) = charts_of(result_of(peers_hot=peers))
    lines: list[Any] = list(figure.axes[0].lines)
    ends = [max(line.get_xdata()) for line in lines]
    assert ends == [9_000, 110]


def open_loop(reached: float, p99_ms: float) -> SubjectResult:
    """Give a result of an open loop that took so many commands a second, most of them near its p99."""
    return SubjectResult(
        latency_figures(p99_ms / 1e3 * n / 990 for n in range(1, 1_001)) | {"achieved_per_s": reached},
        [],
        "",
        0,
    )


def open_scenario(run: RunResult) -> Document:
    """Give a result of the peers' open loop, 5,000/s for `SECONDS`."""
    scenario = next(each for each in SCENARIOS if isinstance(each, PeersOpen))
    commands = scenario.warm_up_commands + int(SECONDS * scenario.rate_per_s)
    scenario = replace(scenario, workload=replace(scenario.workload, commands=commands))
    document = result_of()
    return document | {"scenarios": [scenario_document(scenario, [run])]}


@pytest.mark.parametrize(
    ("reached", "p99_ms", "is_overloaded"),
    [
        (1_421, 12_443, True),
        (2_800, 3_926, True),
        (4_990, 9.6, False),
        (4_156, 132, False),  # one straggler a second late, after all others
        (4_900, 400, False),  # a stall in between, made up for
    ],
)
def test_queue_that_grows_is_told_from_a_straggler_and_from_a_stall(
    reached: float, p99_ms: float, *, is_overloaded: bool
) -> None:
    """Only who falls further behind till the end does not keep up."""
    (scenario,) = open_scenario({WORKER: open_loop(reached, p99_ms)})["scenarios"]
    assert overloaded_rate(scenario, WORKER) == (reached if is_overloaded else None)


def test_overload_is_said_and_is_no_latency_anywhere() -> None:
    """A p50 of five seconds is the length of the run: the table has the rate, the chart a name."""
    run = {WORKER: open_loop(4_990, 9), BARE_LOOP: open_loop(4_990, 5), PEER: open_loop(1_421, 12_443)}
    document = open_scenario(run)
    rows = {row[0]: row[1] for row in peers_table(document)[1:]}
    assert rows[PEER] == "does not keep up: 1,421/s"
    assert rows[WORKER].startswith("p50 4.5, p99 9.0 ms")
    assert any(
        line.startswith(f"{PEER} does not keep up: 1,421/s of 5,000")
        for line in verdicts(document["scenarios"][0])
    )
    ((_, _, figure),) = charts_of(document)
    assert [line.get_label() for line in figure.axes[0].lines] == [WORKER, BARE_LOOP]
    assert "Another System (1,421/s)" in figure.axes[0].get_title(loc="left").replace("\n", " ")


def test_worker_that_does_not_keep_up_has_no_latency_in_the_headline() -> None:
    """What holds for the others holds for ours."""
    _, *rows = headline_table(
        result_of(latency=[{WORKER: open_loop(9_000, 9_000), BARE_LOOP: open_loop(19_990, 4)}])
    )
    assert [row[1] for row in rows] == ["does not keep up: 9,000/s"] * 2
    assert [row[3] for row in rows] == ["2.0", "4.0"]
