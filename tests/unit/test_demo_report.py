"""What makes the demo fail, and what its table and lines say."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from inventory_stream.demo.board import Board, Shelf, Step, StepState, WorkerLine
from inventory_stream.demo.channels_report import ChannelsResult
from inventory_stream.demo.heard import Comparison
from inventory_stream.demo.latency import p50_p99, quantile
from inventory_stream.demo.life_report import DIFFERENCES_NAMED, LifeResult
from inventory_stream.demo.report import Result, broken, table
from inventory_stream.demo.sale_report import SaleResult
from inventory_stream.demo.view import drawn, event_lines, status_line
from inventory_stream.flows.verify_report import Finding, VerifyReport
from models.outcomes import Outcome

LIFE: dict[str, Any] = {
    "orders": 240,
    "skus": 16,
    "stores": 25,
    "commands": 733,
    "positions": 32,
    "outcomes": {("confirm", Outcome.CONFIRMED_LATE): 12, ("confirm", Outcome.RESERVATION_EXPIRED): 7},
    "early_settled": 9,
    "recounts": 4,
    "late_movements": 3,
    "short_units": 3,
    "exceptions": {"shortfall": 1},
    "exceptions_expected": {"shortfall": 1},
    "decisions": 99,
    "decisions_by_metrics": 99,
    "differences": (),
    "hints": (),
}
COMPARED: dict[str, Any] = {
    "grants": 7,
    "grants_in_ledger": 7,
    "asked_again": 5,
    "asked_again_same": 5,
    "cut": 3,
    "differences": (),
}
SALE: dict[str, Any] = {
    "requests": 60,
    "seconds": 2.0,
    "per_second_peak": 40,
    "decided_seconds": [0.004, 0.006],
    "early_seconds": [],
    "not_answered": 4,
    "outage_seconds": 1.5,
    "killed_gateway": "gateway-1",
    "killed_under_way": 6,
    "gateway_back_seconds": 1.0,
    "unanswered": 0,
    "customer_units_max": 2,
    "customer_units_allowed": 2,
    "compared": Comparison(**COMPARED),
}
CHANNELS: dict[str, Any] = {
    "listings": {"shopify": 8, "square": 8},
    "differences": (),
    "sold_out": 14,
    "orders": 207,
    "requests": {"shopify": 25, "square": 61},
    "overlaps": 0,
    "order_channel": "square",
    "order_units": 2,
    "order_available": 28,
    "order_expected": 28,
    "order_answers": (204, 204),
    "killed": "channels-1",
    "back_seconds": 3.5,
    "broken": "shopify",
    "broken_seconds": 7.0,
    "behind_units": 158,
    "caught_up_seconds": 0.3,
}
SOUND: dict[str, Any] = {
    "sent": 10,
    "decided": 16,
    "decided_for_gateways": 6,
    "repeats": 1,
    "dead_letters": 0,
    "decided_in_history": 5,
    "history_seconds": 1.0,
    "history_redis_seconds": 0.5,
    "history_real": 3,
    "history_generated": 2,
    "history_positions_wrong": 0,
    "life": LifeResult(**LIFE),
    "sale": SaleResult(**SALE),
    "channels": ChannelsResult(**CHANNELS),
    "decided_in_sale": 5,
    "sale_seconds": 2.0,
    "decided_per_second_peak": 5,
    "sale_stock_units": 2,
    "sale_wanted_units": 40,
    "sale_sold_units": 2,
    "sale_granted_units": 3,
    "sale_returned_units": 1,
    "sale_promised_peak_units": 2,
    "sale_oversold_units": 0,
    "sale_unexplained_units": 0,
    "repeats_same": 1,
    "repeats_different": 0,
    "answered_twice": 0,
    "latency_seconds": [0.004],
    "latency_outage_seconds": [],
    "probes_unseen": 0,
    "killed_worker": "ledger-1",
    "recovery_seconds": 2.0,
    "shortfall_units": 3,
    "shortfall_skus": 1,
    "stale_rows": 0,
    "workers_down": [],
    "workers_ended": [],
    "verified": VerifyReport(),
}


def printed(result: Result) -> str:
    """Give the table as text."""
    console = Console(width=140, record=True, file=StringIO())
    console.print(table(result))
    return console.export_text()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("sale_oversold_units", 1, "oversold"),
        ("decided", 15, "9 answers"),
        ("decided", 17, "11 answers"),
        ("decided_for_gateways", 7, "9 answers"),
        ("dead_letters", 1, "dead letters"),
        ("history_positions_wrong", 1, "till history"),
        ("sale_unexplained_units", 1, "neither held"),
        ("answered_twice", 1, "decided twice"),
        ("repeats_different", 1, "another answer"),
        ("probes_unseen", 1, "probes"),
        ("recovery_seconds", None, "nobody decided"),
        ("workers_down", ["projection"], "need a hand"),
    ],
)
def test_whatever_must_hold_and_does_not_is_named(field: str, value: object, word: str) -> None:
    """Each broken promise alone makes the demo fail, with a line that names it."""
    assert broken(Result(**SOUND)) == []
    assert any(word in line for line in broken(Result(**{**SOUND, field: value})))


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("differences", ("command life-1:pay: expected CONFIRMED, answered SOLD_OUT",), "life-1:pay"),
        ("exceptions", {"shortfall": 2}, "exceptions expected 1 shortfall, told 2 shortfall"),
        ("exceptions", {}, "told none"),
        ("decisions_by_metrics", 98, "98 decisions by /metrics, 99 in the ledger topic"),
    ],
)
def test_whatever_differs_in_the_life_of_orders_is_named(field: str, value: object, word: str) -> None:
    """A difference from the demo's own count, from what was told, or from metrics makes the demo fail."""
    (line,) = broken(Result(**{**SOUND, "life": LifeResult(**{**LIFE, field: value})}))
    assert word in line


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        (
            "compared",
            Comparison(**{**COMPARED, "differences": ("reserve r: GRANTED",)}),
            "reserve r: GRANTED",
        ),
        ("unanswered", 2, "2 requests were never answered"),
        ("gateway_back_seconds", None, "gateway-1 did not come back"),
        ("customer_units_max", 3, "3 units where 2 are allowed"),
    ],
)
def test_whatever_is_wrong_over_http_is_named(field: str, value: object, word: str) -> None:
    """An answer that the ledger does not have, none at all, or a customer beyond the limit fails the demo."""
    (line,) = broken(Result(**{**SOUND, "sale": SaleResult(**{**SALE, field: value})}))
    assert word in line


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("differences", ("square shows 5 of A/B, the ledger has 4 of MUG",), "square shows 5"),
        ("overlaps", 1, "two requests at once"),
        ("order_available", 26, "26 left, not 28"),
        ("order_answers", (204, 503), "answered [204, 503]"),
    ],
)
def test_whatever_is_wrong_at_channels_is_named(field: str, value: object, word: str) -> None:
    """A listing unlike the ledger, two requests for one, or an order taken twice or never fails the demo."""
    (line,) = broken(Result(**{**SOUND, "channels": ChannelsResult(**{**CHANNELS, field: value})}))
    assert word in line


def test_the_table_tells_the_channels() -> None:
    """How many listings are as the ledger has them, and what the broken one and the killed worker cost."""
    text = printed(Result(**SOUND))
    for part in ("16 of 16", "broken for", "158 units behind", "3.5 s", "its webhook came 2 times", "86"):
        assert part in text


def test_the_table_tells_the_sale_over_http() -> None:
    """Requests and their rate, latency, what was cut off by the kill and asked again, and the grants."""
    text = printed(Result(**SOUND))
    for part in ("30/s as customers came", "4.0 / 6.0 ms", "6 were under way there", "5 of 5", "7 of 7"):
        assert part in text


def test_many_differences_are_counted_and_not_all_printed() -> None:
    """A ledger that is wrong everywhere fills no screens: ten lines, and how many more there are."""
    life = LifeResult(**{**LIFE, "differences": tuple(f"command {number}" for number in range(37))})
    lines = broken(Result(**{**SOUND, "life": life}))
    assert len(lines) == DIFFERENCES_NAMED + 1
    assert "27 differences more" in lines[-1]


def test_metrics_are_not_compared_once_a_worker_was_started_again() -> None:
    """Counters begin anew with a process: then the table says so, and nothing is broken."""
    result = Result(**{**SOUND, "life": LifeResult(**{**LIFE, "decisions_by_metrics": None})})
    assert broken(result) == []
    assert "counters too" in printed(result)


def test_the_table_tells_the_life_of_orders() -> None:
    """Late confirms show how many were had and refused; exceptions show their kinds."""
    text = printed(Result(**SOUND))
    assert "12 / 7" in text
    assert "1 shortfall" in text
    assert "differences from the demo's own count" in text


def test_a_finding_of_ledger_verify_is_named_with_its_place() -> None:
    """The demo fails on what ledger verify finds, and says where."""
    report = VerifyReport()
    report.findings.add(Finding("I4", 2, "p/x/y", 77, "5", "6"))
    (line,) = broken(Result(**{**SOUND, "verified": report}))
    assert all(part in line for part in ("I4", "p/x/y", "77", "expected 5, found 6"))


def test_shortfall_from_till_sales_is_no_fault() -> None:
    """Shops selling more than was counted is a fact, shown apart from overselling."""
    text = printed(Result(**SOUND))
    assert broken(Result(**SOUND)) == []
    assert "shortfall from till sales" in text
    assert "units oversold" in text


def test_quantiles_are_samples() -> None:
    """A quantile is one of the samples: the smallest that the share of them does not exceed."""
    samples = [float(number) for number in range(1, 101)]
    assert quantile(samples, 0.5) == 50.0
    assert quantile(samples, 0.99) == 99.0
    assert quantile([3.0], 0.99) == 3.0
    assert quantile([], 0.5) is None
    assert p50_p99([]) == "-"


def test_a_line_says_how_far_the_demo_is() -> None:
    """Without a terminal one line has the step, the figures, the shelf and any worker that is down."""
    now = [10.0]
    board = Board(clock_seconds=lambda: now[0], steps=[Step("one"), Step("two")])
    board.begin("one")
    board.begin("two")
    now[0] = 12.5
    board.detail("half way")
    board.sent, board.answered, board.per_second = 1_000, 400, 300
    board.shelf = Shelf(7, 2, 1, 10)
    board.workers = (WorkerLine("w1", 1, "up", is_up=True), WorkerLine("w2", None, "down", is_up=False))
    board.say("kill -9 w2")
    line = status_line(board)
    assert line.startswith("[  2.5 s] two: half way")
    for part in (
        "sent 1,000",
        "decided 400 (300/s)",
        "behind 600",
        "7 free",
        "2 on hold",
        "1 sold",
        "w2 down",
    ):
        assert part in line
    assert "w1" not in line
    assert event_lines(board, 0) == ["[  2.5 s] * kill -9 w2"]
    assert [step.state for step in board.steps] == [StepState.DONE, StepState.RUNNING]


def test_the_panel_of_a_terminal_shows_the_same() -> None:
    """On a terminal the panel names steps, workers with their process, the shelf and what happened."""
    board = Board(steps=[Step("one")])
    board.begin("one")
    board.shelf = Shelf(7, 2, 1, 10)
    board.workers = (WorkerLine("ledger-1", 42, "up", is_up=True),)
    board.say("something")
    console = Console(width=120, record=True, file=StringIO())
    console.print(drawn(board))
    text = console.export_text()
    for part in ("one", "ledger-1", "pid 42", "7 of 10 free", "something", "Ctrl-C"):
        assert part in text
