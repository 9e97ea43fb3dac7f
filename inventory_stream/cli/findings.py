"""Findings on a terminal: what is wrong, how bad it is, and the way out."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from inventory_stream.adapters.kafka.topic_rules import Finding, Severity

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def print_findings(findings: Sequence[Finding], all_is_well: str) -> None:
    """Print a table, errors first; or one line when there is nothing to find."""
    console = Console()
    if not findings:
        console.print(all_is_well)
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
