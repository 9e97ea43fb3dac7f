"""The charts: the same figures give the same files, and each says what it shows and in which unit."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.batches import APPENDS_OVER_COMMANDS
from benchmarks.catalogue import SCENARIOS
from benchmarks.charts import charts_of, save_charts
from benchmarks.document import Document, result_document, scenario_document
from benchmarks.headline import absent_lines, headline_table, peers_table
from benchmarks.report import page
from benchmarks.result import DECIDED_OVER_TIME, KILLS_OVER_TIME, RunResult, SubjectResult
from benchmarks.scenarios import (
    BARE_LOOP,
    RESTARTED,
    TAKEN_OVER,
    WORKER,
    Faults,
    OpenLoop,
    PeersClosed,
    PeersOpen,
    Recovery,
    Scaling,
    Scenario,
    Sweep,
    rate_subject,
    scaling_subject,
)
from benchmarks.statistics import latency_curve, latency_figures, percentile_name

PEER = "Another System"
TERMS = {"durability": "a disk", "replication": "none", "client": "C", "misses": "expiry"}
MACHINE = {
    "cpu": "X",
    "cores": 2,
    "memory_gib": 4.0,
    "kernel": "6",
    "python": "3",
    "java": "17",
    "libraries": {},
}


def rate(per_s: float, *faults: str) -> SubjectResult:
    """Give a result of a closed loop."""
    return SubjectResult({"commands_per_s": per_s}, list(faults), "", 0)


def latency(scale_ms: float) -> SubjectResult:
    """Give a result of an open loop."""
    return SubjectResult(latency_figures(scale_ms * n / 1e6 for n in range(1, 1_001)), [], "", 0)


def runs_of(scenario: Scenario) -> list[RunResult]:
    """Make two runs of a scenario up."""
    match scenario:
        case PeersClosed():
            run = {WORKER: rate(900), BARE_LOOP: rate(1_000), PEER: rate(300)}
        case PeersOpen():
            run = {WORKER: latency(1), BARE_LOOP: latency(0.5), PEER: latency(20)}
        case OpenLoop():
            run = {WORKER: latency(1), BARE_LOOP: latency(0.5)}
        case Sweep():
            run = {rate_subject(due): latency(due / 1_000) for due in scenario.rates_per_s}
        case Scaling():
            run = {
                scaling_subject(*setup): rate(100 * number) for number, setup in enumerate(scenario.setups, 1)
            }
        case Recovery():
            names = ("rows", "rows_per_s", "recovery_s", "first_decision_s", "allowed_s")
            figures = dict(zip(names, (1e6, 2e5, 5.0, 11.0, 13.0), strict=True))
            run = dict.fromkeys((TAKEN_OVER, RESTARTED), SubjectResult(figures, [], ""))
        case Faults():
            series = {
                APPENDS_OVER_COMMANDS: [(1.0, 3.0), (64.0, 1.0)],
                DECIDED_OVER_TIME: [(0.0, 5.0), (1.0, 0.0)],
                KILLS_OVER_TIME: [(0.5, 1.0)],
            }
            run = {WORKER: SubjectResult({"goodput_per_s": 2.0}, [], "", 0, series)}
        case _:
            run = {WORKER: rate(900), BARE_LOOP: rate(1_000)}
    return [run, run]


@pytest.fixture(scope="module")
def document() -> Document:
    """Give a result of every scenario that a chart is drawn of."""
    names = ["hot-single", "latency", "sweep", "scaling", "recovery", "peers-hot", "peers-latency", "faults"]
    chosen = [scenario for scenario in SCENARIOS if scenario.name in names]
    assert len(chosen) == len(names)
    peers = [{"name": name, "terms": TERMS, "absent": None} for name in (WORKER, BARE_LOOP, PEER)]
    peers.append({"name": "Left Out", "terms": TERMS, "absent": "no java here: apt install maven"})
    return result_document(
        "2026-01-02T00:00:00+00:00",
        MACHINE,  # type: ignore[arg-type]
        {"commit": "a" * 40, "is_clean": True},
        {"runs": 2, "is_small": False, "selection": "full"},
        [scenario_document(scenario, runs_of(scenario)) for scenario in chosen],
        peers,
    )


def test_every_kind_of_figure_has_its_chart(document: Document) -> None:
    """A result of everything has rates, peers, percentiles, the sweep, scaling, recovery and the kills."""
    assert [name for name, _, _ in charts_of(document)] == [
        "throughput",
        "peers",
        "latency",
        "sweep",
        "scaling",
        "recovery",
        "peers-latency",
        "faults",
        "batches",
    ]


def test_same_figures_give_the_same_files(document: Document, tmp_path: Path) -> None:
    """A result that is drawn again must leave nothing to commit: no date, no random name."""
    part = {**document, "scenarios": document["scenarios"][:2]}  # one of bars, one of lines
    first, second = save_charts(part, tmp_path, "first"), save_charts(part, tmp_path, "second")
    assert len(first) == 2
    assert first.keys() == second.keys()
    for title, path in first.items():
        text = path.read_text(encoding="utf-8")
        assert text == second[title].read_text(encoding="utf-8")
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314  # our own file
        assert title in text


def test_axes_are_labelled_with_units(document: Document) -> None:
    """Nobody should have to guess what is counted, or in what."""
    units = ("per second", "ms", "%", "seconds", "commands per append")
    for _, _, figure in charts_of(document):
        labels = [label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel()) if label]
        assert labels
        assert all(any(unit in label for unit in units) for label in labels)


def test_figures_that_do_not_count_are_not_drawn(document: Document) -> None:
    """A wrong ledger's speed must not look like a result."""
    scenario = next(each for each in SCENARIOS if each.name == "hot-single")
    wrong = scenario_document(scenario, [{WORKER: rate(9_000, "oversold"), BARE_LOOP: rate(1_000)}])
    assert list(charts_of({**document, "scenarios": [wrong]})) == []


def test_peers_stand_beside_with_ratio_and_terms_and_absent_ones_with_their_line(document: Document) -> None:
    """What is not equal is a column, and who is not there is said with the way to get it."""
    head, *rows = peers_table(document)
    assert head[-4:] == ["durability", "replication", "client", "misses"]
    (row,) = [row for row in rows if row[0] == PEER]
    assert row[1] == "300/s (ours 3.00x)"
    assert row[2].startswith("p50 10.0, p99 19.8 ms (ours 0.05x)")
    assert row[-4:] == list(TERMS.values())
    assert absent_lines(document) == ["Left Out is absent: no java here: apt install maven"]
    text = page(document)
    assert text.index("## Headline") < text.index("## Beside others") < text.index("## Method")
    assert "Left Out is absent" in text


def test_peer_that_takes_no_part_is_told_from_one_that_is_wrong(document: Document) -> None:
    """A tool without an open loop was not asked for a latency; only a failed check does not count."""
    latency = next(each for each in document["scenarios"] if each["kind"] == "PeersOpen")
    others = [each for each in document["scenarios"] if each is not latency]
    without = {
        **latency,
        "medians": {name: each for name, each in latency["medians"].items() if name != PEER},
    }
    wrong = {**latency, "medians": {**latency["medians"], PEER: {}}}
    for changed, said in ((without, "not asked"), (wrong, "does not count")):
        _, *rows = peers_table({**document, "scenarios": [*others, changed]})
        (row,) = [row for row in rows if row[0] == PEER]
        assert said in row


def test_peer_that_is_wrong_takes_its_own_figures_away_alone() -> None:
    """Another system that oversells has no figure; ours beside it still counts."""
    scenario = next(each for each in SCENARIOS if isinstance(each, PeersClosed))
    run = {WORKER: rate(900), BARE_LOOP: rate(1_000), PEER: rate(9_000, "2 units beyond the stock")}
    summed = scenario_document(scenario, [run])
    assert summed["is_valid"]
    assert summed["medians"][PEER] == {}
    assert PEER not in summed["ratios"]
    assert summed["oversold"] == [0, 0]


def test_headline_gives_spread_floor_ratio_and_target(document: Document) -> None:
    """The first table says what a figure is worth: its runs, the floor, the target."""
    _, *rows = headline_table(document)
    (hot,) = [row for row in rows if row[0].startswith("one hot SKU, one JSON")]
    assert hot[1:] == ["900", "900 to 900", "1,000", "0.90", ">= 180,000: MISSED"]


def test_latency_curve_gives_back_what_percentiles_are_called() -> None:
    """A name of a figure and the percent that it stands for must not come apart."""
    assert percentile_name(99.9) == "p999_ms"
    assert percentile_name(50.0) == "p50_ms"
    curve = latency_curve({"p50_ms": 1.0, "p9999_ms": 4.0, "p999_ms": 3.0})
    assert curve == [(50.0, 1.0), (99.9, 3.0), (99.99, 4.0)]
