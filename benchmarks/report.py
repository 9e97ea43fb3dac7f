"""The result for people: tables on the terminal, a Markdown page with charts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.charts import save_charts
from benchmarks.document import Document
from benchmarks.headline import absent_lines, headline_table, met, peers_table
from benchmarks.method import METHOD
from benchmarks.overload import overloaded_line, overloaded_rate
from benchmarks.result import ENDED_BY
from benchmarks.scenarios import WORKER

FAULTS_SHOWN: Final = 10
"""Of a scenario: a wrong ledger may be wrong a million times. The file has all that were kept."""

_COLUMNS: Final = (
    ("commands_per_s", "commands/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.2f}"),
    ("p99_ms", "p99 ms", "{:.2f}"),
    ("p999_ms", "p99.9 ms", "{:.2f}"),
    ("max_ms", "max ms", "{:.1f}"),
    ("achieved_per_s", "achieved/s", "{:,.0f}"),
    ("highest_rate_per_s", "highest rate/s", "{:,.0f}"),
    ("goodput_per_s", "good/s", "{:,.0f}"),
    ("recover_p50_s", "kill to decision p50 s", "{:.2f}"),
    ("recover_max_s", "kill to decision max s", "{:.2f}"),
    ("cpu_us_per_command", "CPU us/command", "{:.2f}"),
    ("projection_cpu_us_per_command", "of that projection", "{:.2f}"),
    ("ledger_bytes_per_command", "ledger bytes/command", "{:,.0f}"),
    ("resident_mb", "RSS MB", "{:,.0f}"),
    ("commands_per_append_p50", "batch p50", "{:,.0f}"),
    ("commands_per_append_max", "batch max", "{:,.0f}"),
    ("rows", "rows", "{:,.0f}"),
    ("rows_per_s", "rows/s", "{:,.0f}"),
    ("recovery_s", "claim to ready s", "{:.2f}"),
    ("first_decision_s", "kill to decision s", "{:.2f}"),
    ("allowed_s", "allowed s", "{:.2f}"),
    ("all_expired_s", "all expired s", "{:.2f}"),
    ("bytes_each_decided", "bytes each, decided", "{:,.0f}"),
    ("bytes_each_recovered", "bytes each, recovered", "{:,.0f}"),
    ("base_mb", "base MB", "{:.0f}"),
)
"""Figures that a scenario's table shows; the rest is below it, folded."""


def save(document: Document, folder: Path, name: str) -> list[Path]:
    """Write `<name>.json` and what `save_page` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json = folder / f"{name}.json"
    # In the order of the report, which who reads it again shall see; the hash is of a sorted form.
    as_json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return [as_json, *save_page(document, folder, name)]


def save_page(document: Document, folder: Path, name: str) -> list[Path]:
    """Write the charts `<name>-*.svg`, and `<name>.md`, which shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = save_charts(document, folder, name)
    as_page = folder / f"{name}.md"
    as_page.write_text(page(document, {title: path.name for title, path in charts.items()}), encoding="utf-8")
    return [as_page, *charts.values()]


# --- parts -----------------------------------------------------------------------------------------


def _columns(scenario: Document) -> list[tuple[str, str, str]]:
    return [column for column in _COLUMNS if any(column[0] in part for part in scenario["medians"].values())]


def _rows(scenario: Document) -> list[list[str]]:
    columns = _columns(scenario)
    rows = [
        [subject, *(_shown(form, figures.get(name)) for name, _, form in columns)]
        for subject, figures in scenario["medians"].items()
    ]
    rows += [
        [f"{WORKER} / {other}", *(_shown("{:.2f}x", ratios.get(name)) for name, _, _ in columns)]
        for other, ratios in scenario["ratios"].items()
    ]
    return rows


def _shown(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def verdicts(scenario: Document) -> list[str]:
    """Say what the figures are worth: the check, then each target beside its figure."""
    faults = [
        (number, subject, fault)
        for number, run in enumerate(scenario["runs"], 1)
        for subject, result in run.items()
        for fault in result["faults"]
    ]
    ended = [f"run {number} was {fault}" for number, _, fault in faults if fault.startswith(ENDED_BY)]
    checks = [
        f"run {n}, {subject}: {fault}" for n, subject, fault in faults if not fault.startswith(ENDED_BY)
    ]
    lines = [f"DOES NOT COUNT: {line}" for line in ended[:FAULTS_SHOWN]]
    if not scenario["is_valid"] and not ended:
        lines.append("DOES NOT COUNT: the check of the decisions failed")
    elif scenario["is_valid"] and checks:
        lines.append("a peer's figures do NOT COUNT: its check failed, or its run did")
    lines += checks[:FAULTS_SHOWN]
    for subject in scenario["medians"]:
        if (reached := overloaded_rate(scenario, subject)) is not None:
            due = scenario["parameters"]["rate_per_s"]
            lines.append(f"{subject} {overloaded_line(reached)} of {due:,}; its latencies say nothing else")
    for target in scenario["targets"]:
        value = _shown("{:,.4g}" if (target["value"] or 0) < 1_000 else "{:,.0f}", target["value"]) or "none"
        whose = "" if target["subject"] == WORKER else f"{target['subject']}: "
        lines.append(f"{whose}{target['figure']} {value}, target {target['bound']}: {met(target)}")
    lines.append(oversold_line([scenario]))
    return lines


def oversold_line(scenarios: Sequence[Document]) -> str:
    """Sum up the units granted beyond the stock (I2): 0, or everything else is in vain."""
    counts = [units for scenario in scenarios for units in scenario["oversold"]]
    total = sum(counts)
    return f"oversold units {total} in {len(counts)} checks, target 0: {'MISSED' if total else 'met'}"


def heading(document: Document) -> list[str]:
    """Describe machine, versions and revision in a few lines."""
    machine, revision = document["machine"], document["revision"]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    state = "" if revision["is_clean"] else " with uncommitted changes"
    setup = ", ".join(f"{name} {value}" for name, value in document["setup"].items())
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}",
        f"Python {machine['python']}, {machine['java']}, {libraries}",
        f"revision {revision['commit']}{state}, {document['date']}",
        setup,
    ]


# --- the terminal ----------------------------------------------------------------------------------


def print_report(document: Document, console: Console) -> None:
    """Show the result on a terminal, or as plain lines where there is none: the headline comes last."""
    for line in heading(document):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    for scenario in document["scenarios"]:
        console.print(
            f"\n{scenario['name']}: {scenario['title']}", style="bold", highlight=False, soft_wrap=True
        )
        _print_table([["", *(title for _, title, _ in _columns(scenario))], *_rows(scenario)], console)
        for line in verdicts(scenario):
            style = "red" if "MISSED" in line or "NOT COUNT" in line else None
            console.print(f"  {line}", style=style, highlight=False, soft_wrap=True)
    for title, table in (("headline", headline_table(document)), ("beside others", peers_table(document))):
        if len(table) > 1:
            console.print(f"\n{title}", style="bold", highlight=False)
            _print_table(table, console)
    for line in absent_lines(document):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print(f"\nall scenarios: {oversold_line(document['scenarios'])}", highlight=False)
    console.print(f"sha256 of the result: {document['sha256']}", highlight=False)


def _print_table(rows: Sequence[Sequence[str]], console: Console) -> None:
    table = Table()
    for number, title in enumerate(rows[0]):
        table.add_column(title, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*row)
    console.print(table)


# --- the page --------------------------------------------------------------------------------------


def page(document: Document, charts: dict[str, str] | None = None) -> str:
    """Write the result as a Markdown page; `charts` are file names beside it, by their title."""
    lines = [f"# Benchmark of {document['date']}", ""]
    lines += [f"- {line}" for line in heading(document)]
    lines += ["", "## Headline", "", *markdown_table(headline_table(document)), ""]
    lines += [oversold_line(document["scenarios"]), ""]
    if len(table := peers_table(document)) > 1:
        lines += ["## Beside others", "", *markdown_table(table), ""]
        lines += [f"- {line}" for line in absent_lines(document)]
        lines += [""]
    if charts:
        lines += ["## Charts", ""]
        for title, name in charts.items():
            lines += [f"![{title}]({name})", ""]
    lines += ["## Method", "", METHOD]
    for scenario in document["scenarios"]:
        titles = ["", *(title for _, title, _ in _columns(scenario))]
        lines += [f"## {scenario['name']}", "", f"{scenario['title']}; {_parameters(scenario)}", ""]
        lines += markdown_table([titles, *_rows(scenario)])
        lines += ["", *(f"- {line}" for line in verdicts(scenario)), ""]
        lines += [
            "<details><summary>all figures</summary>",
            "",
            *_all_figures(scenario),
            "",
            "</details>",
            "",
        ]
    lines += [f"All scenarios: {oversold_line(document['scenarios'])}", ""]
    lines += [f"sha256 of the canonical result: `{document['sha256']}`", ""]
    return "\n".join(lines)


def _all_figures(scenario: Document) -> list[str]:
    subjects = scenario["medians"]
    names = dict.fromkeys(name for figures in subjects.values() for name in figures)
    rows = [[name, *(_shown("{:,.3f}", subjects[each].get(name)) for each in subjects)] for name in names]
    return markdown_table([["median of", *subjects], *rows])


def markdown_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table whose first row is its head; all columns but the first are numbers, to the right."""
    head, *body = rows
    return [_row(head), _row(["---", *("---:" for _ in head[1:])]), *(_row(row) for row in body)]


def _parameters(scenario: Document) -> str:
    return ", ".join(f"{name} {value}" for name, value in scenario["parameters"].items() if value is not None)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
