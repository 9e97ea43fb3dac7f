"""The twenty lines that a sceptic reads first: our figures with their spread, and all others beside."""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.document import Document, scenario_named
from benchmarks.memory_load import Kind
from benchmarks.overload import overloaded_line, overloaded_rate
from benchmarks.scenarios import (
    BARE_LOOP,
    COMPILED,
    RESTARTED,
    TAKEN_OVER,
    VIEW,
    WORKER,
    scaling_subject,
)

_WHOLE: Final = "{:,.0f}"
_TENTH: Final = "{:,.1f}"

EVERYBODY: Final = ", by whatever else could do it"
"""How titles of peers' scenarios end; where only such are shown it is left out."""

_LINES: Final = (
    ("hot-positional", WORKER, "commands_per_s", "one hot SKU, positional packs, decisions/s", _WHOLE),
    ("hot-compiled", COMPILED, "commands_per_s", "the same, the ledger compiled, decisions/s", _WHOLE),
    ("hot-packed", WORKER, "commands_per_s", "one hot SKU, packs of JSON objects, decisions/s", _WHOLE),
    ("hot-single", WORKER, "commands_per_s", "one hot SKU, one JSON command per record, decisions/s", _WHOLE),
    ("wide-positional", WORKER, "commands_per_s", "5,000 SKUs, positional packs, decisions/s", _WHOLE),
    ("wide-single", WORKER, "commands_per_s", "5,000 SKUs, one JSON command per record, decisions/s", _WHOLE),
    ("mixed", WORKER, "commands_per_s", "mix of a shop, 5,000 SKUs, commands/s", _WHOLE),
    ("scaling", scaling_subject(2, 2), "commands_per_s", "two hot SKUs, two workers, decisions/s", _WHOLE),
    ("sweep", WORKER, "highest_rate_per_s", "commands/s, one per record, that keep p99 below 25 ms", _WHOLE),
    ("latency", WORKER, "p50_ms", "due to row readable at 20,000/s, p50 ms", _TENTH),
    ("latency", WORKER, "p99_ms", "the same, p99 ms", _TENTH),
    ("latency-packed", WORKER, "p99_ms", "the same at 100,000/s in packs, one hot SKU, p99 ms", _TENTH),
    ("view", VIEW, "p99_ms", "due to Redis told its effect at 5,000/s, p99 ms", _TENTH),
    ("recovery", TAKEN_OVER, "rows_per_s", "recovery of a million rows after kill -9, rows/s", _WHOLE),
    ("recovery", TAKEN_OVER, "first_decision_s", "kill to the next decision, another worker, s", _TENTH),
    ("recovery", RESTARTED, "first_decision_s", "kill to the next decision, started again, s", _TENTH),
    ("faults", WORKER, "recover_max_s", "SIGKILL again and again: longest wait for a decision, s", _TENTH),
    (
        "memory",
        Kind.RESERVATION.value,
        "bytes_each_decided",
        "resident bytes for each live reservation",
        _WHOLE,
    ),
    ("memory", Kind.POSITION.value, "bytes_each_decided", "resident bytes for each position", _WHOLE),
    ("memory", Kind.RECEIPT.value, "bytes_each_decided", "resident bytes for each receipt", _WHOLE),
)


def headline_table(document: Document) -> list[list[str]]:
    """Give head and rows: what, the figure, its runs' spread, the bare loop's, the ratio, the target.

    A scenario that was not measured has no row; one whose check failed, or whose runs ended before they had
    a figure, has one without a figure, and so has a latency of whoever did not keep up.
    """
    rows = [["", WORKER, "lowest to highest run", BARE_LOOP, "ratio", "target"]]
    for name, subject, figure, title, form in _LINES:
        scenario = scenario_named(document, name)
        if scenario is None or (scenario["is_valid"] and subject not in scenario["medians"]):
            continue
        shown = _figure_or_overload(scenario, subject, figure, form)
        bare = _figure_or_overload(scenario, BARE_LOOP, figure, form)
        ratio = scenario["ratios"].get(BARE_LOOP, {}).get(figure) if subject == WORKER else None
        rows.append(
            [
                title,
                shown if scenario["is_valid"] else NO_FIGURE,
                _spread(scenario, subject, figure, form),
                bare if figure in scenario["medians"].get(BARE_LOOP, {}) else "",
                "" if ratio is None else f"{ratio:.2f}",
                _target(scenario, subject, figure),
            ]
        )
    return rows


NO_FIGURE: Final = "does not count"


def _figure_or_overload(scenario: Document, subject: str, figure: str, form: str) -> str:
    value = scenario["medians"].get(subject, {}).get(figure)
    if value is None:
        return NO_FIGURE
    overloaded = overloaded_rate(scenario, subject) if figure.endswith("_ms") else None
    return form.format(value) if overloaded is None else overloaded_line(overloaded)


def counted_values(scenario: Document, subject: str, figure: str) -> list[float]:
    """Give a figure's value in each run of a subject that had it and whose check held."""
    results = [run[subject] for run in scenario["runs"] if subject in run]
    return [
        result["figures"][figure]
        for result in results
        if not result["faults"] and result["figures"].get(figure) is not None
    ]


def _spread(scenario: Document, subject: str, figure: str, form: str) -> str:
    values = counted_values(scenario, subject, figure)
    if len(values) > 1:
        return f"{form.format(min(values))} to {form.format(max(values))}"
    return "one run" if values else "none"


def _target(scenario: Document, subject: str, figure: str) -> str:
    """Give the target of a figure itself; else that of its ratio, which is another's there."""
    figures = scenario["medians"].get(subject, {})
    if figure == "first_decision_s" and (allowed := figures.get("allowed_s")):
        is_met = scenario["is_valid"] and figures[figure] <= allowed
        return f"<= {allowed:.1f}, by its rows: {'met' if is_met else 'MISSED'}"
    own = [one for one in scenario["targets"] if (one["subject"], one["figure"]) == (subject, figure)]
    for target in sorted(own, key=lambda one: bool(one["is_ratio"])):
        reached = f"{target['value']:.2f}x, " if target["is_ratio"] and target["value"] else ""
        return f"{reached}{target['bound']}: {met(target)}"
    return ""


def met(target: Document) -> str:
    """Say what became of a target: nothing, where the other side was not there or a check failed."""
    if target["value"] is None:
        return "not measured"
    return "met" if target["met"] else "MISSED"


# --- beside others ---------------------------------------------------------------------------------


def peer_scenarios(document: Document) -> list[Document]:
    """Give the scenarios that other systems took part in."""
    return [scenario for scenario in document["scenarios"] if scenario["kind"].startswith("Peers")]


def peers_table(document: Document) -> list[list[str]]:
    """Give head and rows: a system, what it did in each scenario with our ratio to it, and on what terms.

    Only systems that were measured have a row; `absent_lines` has the others.
    """
    shared = peer_scenarios(document)
    columns = [_closed if scenario["kind"] == "PeersClosed" else _open for scenario in shared]
    terms = ("durability", "replication", "client", "misses")
    rows = [
        [
            "",
            *(scenario["title"].removesuffix(EVERYBODY) for scenario in shared),
            *terms,
        ]
    ]
    for peer in document["peers"]:
        name = peer["name"]
        if peer["absent"] is None and any(name in one["medians"] or _has_ended(one) for one in shared):
            cells = [
                column(scenario, name) if name in scenario["medians"] or _has_ended(scenario) else NOT_ASKED
                for column, scenario in zip(columns, shared, strict=True)
            ]
            rows.append([name, *cells, *(peer["terms"][term] for term in terms)])
    return rows


NOT_ASKED: Final = "not asked"
"""A system that takes no part in a scenario, such as a tool without an open loop."""

_Cell = Callable[[Document, str], str]


def _has_ended(scenario: Document) -> bool:
    """Say whether every run ended before it had results: whom it would have asked is not known then."""
    return not scenario["is_valid"] and set(scenario["medians"]) <= {WORKER}


def _closed(scenario: Document, name: str) -> str:
    rate = scenario["medians"].get(name, {}).get("commands_per_s")
    return NO_FIGURE if rate is None else f"{rate:,.0f}/s{_times(scenario, name, 'commands_per_s')}"


def _open(scenario: Document, name: str) -> str:
    figures = scenario["medians"].get(name, {})
    if not {"p50_ms", "p99_ms"} <= figures.keys():
        return NO_FIGURE
    if (reached := overloaded_rate(scenario, name)) is not None:
        return overloaded_line(reached)
    p99 = _times(scenario, name, "p99_ms")
    return f"p50 {figures['p50_ms']:.1f}, p99 {figures['p99_ms']:.1f} ms{p99}"


def _times(scenario: Document, name: str, figure: str) -> str:
    ratio = scenario["ratios"].get(name, {}).get(figure)
    return "" if ratio is None else f" (ours {ratio:.2f}x)"


def absent_lines(document: Document) -> Sequence[str]:
    """Say of each system that was left out why it was."""
    return [f"{peer['name']} is absent: {peer['absent']}" for peer in document["peers"] if peer["absent"]]
