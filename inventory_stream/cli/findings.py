"""Findings as text: what is wrong, how bad it is, and the way out. A table on a terminal, else lines."""

from collections.abc import Iterator, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inventory_stream.adapters.kafka.topic_rules import Finding, Severity
from inventory_stream.flows.doctor import Check, Level, in_order

LEVEL_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def print_findings(findings: Sequence[Finding], all_is_well: str) -> None:
    """Print a table, errors first; or one line when there is nothing to find."""
    console = Console()
    if not findings:
        console.print(all_is_well)
        return
    if not console.is_terminal:
        for finding in grouped(findings):
            _print_plain(finding.severity.value, finding.subject, finding.problem, way_out=finding.way_out)
        return
    table = Table()
    for heading in ("severity", "about", "problem", "way out"):
        table.add_column(heading, overflow="fold")  # a setting's name must not be cut
    for finding in grouped(findings):
        colour = COLOURS[finding.severity]
        severity = f"[{colour}]{finding.severity.value}[/{colour}]"
        table.add_row(severity, finding.subject, finding.problem, finding.way_out)
    console.print(table)


def grouped(findings: Sequence[Finding]) -> list[Finding]:
    """Give errors first, by subject; subjects that share problem and way out become one finding."""
    subjects: dict[tuple[Severity, str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda one: (one.severity.value, one.subject)):
        subjects.setdefault((finding.severity, finding.problem, finding.way_out), []).append(finding.subject)
    return [
        Finding(severity, ", ".join(names), problem, way_out)
        for (severity, problem, way_out), names in subjects.items()
    ]


def has_errors(findings: Sequence[Finding]) -> bool:
    """Tell whether any finding means lost or doubled decisions, or no service at all."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def as_checks(findings: Sequence[Finding]) -> Iterator[Check]:
    """Give findings about topics as checks: what is after the rule's number is why it matters."""
    for finding in grouped(findings):
        level = Level.FAIL if finding.severity is Severity.ERROR else Level.WARN
        what, _, why = finding.problem.partition(": ")
        yield Check(level, finding.subject, what, why, finding.way_out)


def print_checks(checks: Sequence[Check]) -> None:
    """Print what was looked at, the worst first, each finding with why it matters and the way out."""
    console = Console()
    if not console.is_terminal:
        for check in in_order(checks):
            _print_plain(check.level.value, check.subject, check.what, check.why, check.way_out)
        return
    table = Table()
    for heading in ("", "about", "found"):
        table.add_column(heading, overflow="fold")  # a setting's name must not be cut
    for check in in_order(checks):
        found = Text(check.what)
        if check.why:
            found.append(f"\nwhy: {check.why}")
        if check.way_out:
            found.append(f"\nway out: {check.way_out}", style="bold")
        # Text, not str: what a server says may look like rich's markup.
        table.add_row(Text(check.level.value, style=LEVEL_COLOURS[check.level]), Text(check.subject), found)
    console.print(table)


def _print_plain(level: str, subject: str, what: str, why: str = "", way_out: str = "") -> None:
    """Print for a file or another program: no line is broken, so that it can be searched and copied."""
    typer.echo(f"{level} {subject}: {what}")
    for name, text in (("why", why), ("way out", way_out)):
        if text:
            typer.echo(f"  {name}: {text}")
