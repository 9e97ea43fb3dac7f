"""The result as a document: canonical JSON with its hash, a Markdown page, tables on the terminal."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine, Revision
from benchmarks.result import RunResult
from benchmarks.scenarios import BARE_LOOP, WORKER, Scenario, Target
from benchmarks.statistics import medians

SCHEMA: Final = 2
RATIOS: Final = ("commands_per_s", "cpu_us_per_command", "p50_ms", "p99_ms")
"""Figures whose ratio worker / bare loop is given: the median of the ratios of each run, for only
figures of one run on one machine compare."""

Document = dict[str, Any]

_HEADLINES: Final = (
    ("commands_per_s", "commands/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.2f}"),
    ("p99_ms", "p99 ms", "{:.2f}"),
    ("p999_ms", "p99.9 ms", "{:.2f}"),
    ("max_ms", "max ms", "{:.1f}"),
    ("achieved_per_s", "achieved/s", "{:,.0f}"),
    ("cpu_us_per_command", "CPU us/command", "{:.2f}"),
    ("projection_cpu_us_per_command", "of that projection", "{:.2f}"),
    ("commands_per_append_p50", "batch p50", "{:,.0f}"),
    ("commands_per_append_max", "batch max", "{:,.0f}"),
    ("rows", "rows", "{:,.0f}"),
    ("rows_per_s", "rows/s", "{:,.0f}"),
    ("recovery_s", "claim to ready s", "{:.2f}"),
    ("first_decision_s", "kill to decision s", "{:.2f}"),
    ("allowed_s", "allowed s", "{:.2f}"),
    ("bytes_each_decided", "bytes each, decided", "{:,.0f}"),
    ("bytes_each_recovered", "bytes each, recovered", "{:,.0f}"),
    ("base_mb", "base MB", "{:.0f}"),
)


def scenario_document(scenario: Scenario, runs: Sequence[RunResult]) -> Document:
    """Sum up the runs of one scenario; figures of runs that failed their check are left out."""
    is_valid = all(not result.faults for run in runs for result in run.values())
    counted = [run for run in runs if all(not result.faults and result.figures for result in run.values())]
    # Who goes first changes from run to run; the report keeps one order.
    subjects = sorted(runs[0], key=lambda subject: subject == BARE_LOOP)
    of_subject = {subject: medians([run[subject].figures for run in counted]) for subject in subjects}
    ratios = {
        name: median(run[WORKER].figures[name] / run[BARE_LOOP].figures[name] for run in counted)
        for name in RATIOS
        if counted
        and BARE_LOOP in subjects
        and all(result.figures.get(name) for run in counted for result in run.values())
    }
    oversold = [result.oversold_units for run in runs for result in run.values()]
    return {
        "name": scenario.name,
        "title": scenario.title,
        "parameters": scenario.parameters,
        "is_valid": is_valid,
        "oversold": [units for units in oversold if units is not None],
        "runs": [{subject: result._asdict() for subject, result in run.items()} for run in runs],
        "medians": of_subject,
        "ratios": ratios,
        "targets": [
            _judge(target, ratios if target.is_ratio else of_subject[target.subject], is_valid=is_valid)
            for target in scenario.targets
        ],
    }


def _judge(target: Target, figures: dict[str, float], *, is_valid: bool) -> Document:
    value = figures.get(target.figure)
    met = is_valid and value is not None and target.is_met(value)
    return {
        "subject": target.subject,
        "figure": target.figure,
        "bound": target.text,
        "value": value,
        "met": met,
    }


def result_document(
    date: str, machine: Machine, revision: Revision, setup: Document, scenarios: Sequence[Document]
) -> Document:
    """Put it all together and add the hash over the canonical rest."""
    document: Document = {
        "schema": SCHEMA,
        "date": date,
        "machine": machine,
        "revision": revision,
        "setup": setup,
        "scenarios": list(scenarios),
    }
    # Through JSON once, so that the hash is of what a reader of the file has.
    document = json.loads(json.dumps(document))
    document["sha256"] = sha256_of(document)
    return document


def sha256_of(document: Document) -> str:
    """Hash a result without its own hash: keys sorted, no spaces, UTF-8."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def save(document: Document, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `<name>.json` and `<name>.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_page = folder / f"{name}.json", folder / f"{name}.md"
    as_json.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    as_page.write_text(page(document))
    return as_json, as_page


# --- for people ------------------------------------------------------------------------------------


def _columns(scenario: Document) -> list[tuple[str, str, str]]:
    return [
        column for column in _HEADLINES if any(column[0] in part for part in scenario["medians"].values())
    ]


def _rows(scenario: Document) -> list[list[str]]:
    columns = _columns(scenario)
    rows = []
    for subject, figures in scenario["medians"].items():
        rows.append([subject, *(_shown(form, figures.get(name)) for name, _, form in columns)])
    ratios = scenario["ratios"]
    if ratios:
        rows.append(["worker / bare", *(_shown("{:.2f}x", ratios.get(name)) for name, _, _ in columns)])
    return rows


def _shown(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def verdicts(scenario: Document) -> list[str]:
    """Say what the figures are worth: the check, then each target beside its figure."""
    lines = []
    if not scenario["is_valid"]:
        faults = [
            f"run {number}, {subject}: {fault}"
            for number, run in enumerate(scenario["runs"], 1)
            for subject, result in run.items()
            for fault in result["faults"]
        ]
        lines += ["DOES NOT COUNT: the check of the decisions failed", *faults[:10]]
    for target in scenario["targets"]:
        value = _shown("{:,.4g}" if (target["value"] or 0) < 1_000 else "{:,.0f}", target["value"]) or "none"
        whose = "" if target["subject"] == WORKER else f"{target['subject']}: "
        lines.append(f"{whose}{target['figure']} {value}, target {target['bound']}: {_met(target)}")
    lines.append(oversold_line([scenario]))
    return lines


def oversold_line(scenarios: Sequence[Document]) -> str:
    """Sum up the units granted beyond the stock (I2): 0, or everything else is in vain."""
    counts = [units for scenario in scenarios for units in scenario["oversold"]]
    total = sum(counts)
    return f"oversold units {total} in {len(counts)} checks, target 0: {'MISSED' if total else 'met'}"


def _met(target: Document) -> str:
    return "met" if target["met"] else "MISSED"


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


def print_report(document: Document, console: Console) -> None:
    """Show the result on a terminal, or as plain lines where there is none."""
    for line in heading(document):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    for scenario in document["scenarios"]:
        table = Table()
        table.add_column("")
        for _, title, _ in _columns(scenario):
            table.add_column(title, justify="right")
        for row in _rows(scenario):
            table.add_row(*row)
        console.print(
            f"\n{scenario['name']}: {scenario['title']}", style="bold", highlight=False, soft_wrap=True
        )
        console.print(table)
        for line in verdicts(scenario):
            style = "red" if "MISSED" in line or "NOT COUNT" in line else None
            console.print(f"  {line}", style=style, highlight=False, soft_wrap=True)
    console.print(f"\nall scenarios: {oversold_line(document['scenarios'])}", highlight=False)
    console.print(f"sha256 of the result: {document['sha256']}", highlight=False)


_METHOD: Final = """\
How it was measured: one broker, one partition, all on this machine. Throughput is a
closed loop: every command lay in the log before the process was started, so the generator took no
CPU; the rate is by the broker's record times, from the first append of outcomes to the last, the
first one's commands not counted (`..._wall` is the same by the clock of a watcher outside, and
`..._with_start` includes the start of the process). Latency is an open loop: from the moment a
command was DUE until its row was read back from the ledger, warm-up left out. The bare loop ran in
turns with the worker on the same commands: a plain aiokafka loop with the same decoder, one number
per SKU, one small row per command. Medians of the runs; ratios are medians of each run's ratio.
Every decision was read back and compared with a model: one outcome per command, the right one,
granted within stock.

`view` is an open loop, too, with the real projection worker and a Valkey beside the ledger worker:
from when a command was DUE until a subscriber heard a version of its SKU that holds its effect
(refusals change nothing that could be told). At the end the hash of every SKU and the set of those
sold out were compared with the ledger.

`recovery`: the owner of a filled partition got SIGKILL while a command came every 20 ms. Rows per
second are those of the next owner, by its own metrics: all that it read, compacted or not, over the
time from its claim until it was ready to decide. The first decision is by record times of the ledger,
from the kill on; allowed are the session timeout of 6 s, 3 s, and 4 s per million rows. First a second
worker of the group took over, then the only worker was killed and started again by its supervisor.
Afterwards `ledger verify` recomputed the whole ledger.

`memory`: a fresh process each, with everything imported that a worker imports; resident memory (RSS)
after many of one kind less before them, divided by their number, indexes and all. Decided: commands
came from wire bytes, 100 to a batch, 20,000 a second by the ledger's clock. Recovered: the rows of
these were read as an owner reads them. Live reservations and receipts (of till sales) lie on 5,000 SKUs
with one location, positions have four locations to a SKU. MB are millions of bytes.
"""


def page(document: Document) -> str:
    """Write the result as a Markdown page."""
    lines = [f"# Benchmark of {document['date']}", ""]
    lines += [f"- {line}" for line in heading(document)]
    lines += ["", _METHOD]
    for scenario in document["scenarios"]:
        titles = ["", *(title for _, title, _ in _columns(scenario))]
        lines += [f"## {scenario['name']}", "", f"{scenario['title']}; {_parameters(scenario)}", ""]
        lines += [_row(titles), _row(["---", *("---:" for _ in titles[1:])])]
        lines += [_row(cells) for cells in _rows(scenario)]
        lines += ["", *(f"- {line}" for line in verdicts(scenario)), ""]
        lines += ["<details><summary>all figures</summary>", ""]
        subjects = list(scenario["medians"])
        lines += [_row(["median of", *subjects]), _row(["---", *("---:" for _ in subjects)])]
        for name in next(iter(scenario["medians"].values())):
            cells = [_shown("{:,.3f}", scenario["medians"][subject].get(name)) for subject in subjects]
            lines.append(_row([name, *cells]))
        lines += ["", "</details>", ""]
    lines += [f"All scenarios: {oversold_line(document['scenarios'])}", ""]
    lines += [f"sha256 of the canonical result: `{document['sha256']}`", ""]
    return "\n".join(lines)


def _parameters(scenario: Document) -> str:
    return ", ".join(f"{name} {value}" for name, value in scenario["parameters"].items() if value is not None)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
