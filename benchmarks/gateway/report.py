"""The result as tables on the terminal and as a Markdown page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.gateway.driving import Result
from benchmarks.gateway.scenarios import (
    FIRST_WARM_UP_SECONDS,
    MEASURED_SECONDS,
    WARM_UP_SECONDS,
    Live,
    Scenario,
)
from benchmarks.machine import Machine, Revision
from benchmarks.scenarios import Target

_FIGURES: Final = (
    ("answered_per_s", "answers/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.1f}"),
    ("p99_ms", "p99 ms", "{:.1f}"),
    ("p999_ms", "p99.9 ms", "{:.1f}"),
    ("max_ms", "max ms", "{:.0f}"),
    ("failed", "no answer", "{:,.0f}"),
    ("cpu_us_each", "its CPU us each", "{:,.0f}"),
)

NOT_KEPT: Final = """\
What the FastAPI service does not keep, and the gateway does:

- **Durability.** A failover of Redis to a replica loses whatever was not copied yet, and a power cut up to a
  second (`appendfsync everysec`): reservations that shoppers were promised. The gateway answers what the
  log has, acknowledged by as many brokers as the topic asks for; here it is one, which a power cut hits, too.
- **One answer over crashes.** A key is remembered for a day in the same Redis, and lost with it; the ledger
  has its answers in the log, and the worker that takes over goes on from there, the old one fenced off.
- **History.** No log says how the stock came to be what it is: no events, no explanation of a refusal, no
  audit, nothing to recover from, and tills that report late cannot be put in order.
- **Rules.** No confirm, no counts and till sales with their times, no safety stock, groups, split shipments,
  sale pools, ring-fences, limits per customer, backorders, waiting room. Expiry follows one process's clock
  and not the order of a log.
- **Growth.** The script needs all its keys on one node of a cluster, and its few lines would have to hold
  every rule above.
"""


class Measured(NamedTuple):
    """One scenario and what it gave."""

    scenario: Scenario
    result: Result


class Setup(NamedTuple):
    """On what, when and how it was measured."""

    date: str
    machine: Machine
    revision: Revision
    cores_busy_before: float
    seconds: float
    is_profiled: bool

    @property
    def is_as_stated(self) -> bool:
        """Whether the run was long enough, and nothing else shared the cores."""
        return self.seconds >= MEASURED_SECONDS and not self.is_profiled and self.cores_busy_before <= 0.1


def verdict(target: Target, result: Result) -> str:
    """Say whether a target was met."""
    value = result.figures[target.figure]
    if result.faults:
        return "does not count"
    return "met" if target.is_met(value) else "MISSED"


def print_result(measured: Measured, console: Console) -> None:
    """Show one scenario as soon as it is over."""
    scenario, result = measured
    table = Table(title=f"{scenario.name}: {scenario.title}", title_justify="left")
    shown = [
        (title, form.format(result.figures[name])) for name, title, form in _FIGURES if name in result.figures
    ]
    for title, _ in shown:
        table.add_column(title, justify="right")
    table.add_row(*(value for _, value in shown))
    console.print(table)
    for line in _lines(measured):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def page(setup: Setup, all_measured: Sequence[Measured]) -> str:
    """Write it all down."""
    machine, revision = setup.machine, setup.revision
    clean = "" if revision["is_clean"] else " with changes that are not committed"
    parts = [
        f"# The gateway over HTTP, {setup.date[:10]}",
        "",
        "`make bench-gateway`; what is measured and how: [docs/performance.md](../../docs/performance.md).",
        "",
        f"- {machine['cpu']}, {machine['cores']} cores for everything, {machine['memory_gib']:.0f} GiB",
        f"- kernel {machine['kernel']}, Python {machine['python']}, {machine['java']}",
        f"- revision {revision['commit'][:12]}{clean}, {setup.date}",
        f"- {FIRST_WARM_UP_SECONDS:.0f} s of warm-up for `reserve`, {WARM_UP_SECONDS:.0f} s for the others",
        f"- {setup.seconds:.0f} s measured for each load",
        f"- other programs kept {setup.cores_busy_before} cores busy before",
    ]
    if not setup.is_as_stated:
        parts.append("- **A trial**: too short, profiled, or not alone on the machine. Do not quote it.")
    parts += ["", "| scenario | figure | target | result | |", "| --- | --- | --- | --- | --- |"]
    for scenario, result in all_measured:
        for target in scenario.targets:
            parts.append(
                f"| {scenario.name} | {target.figure} | {target.text} | {result.figures[target.figure]:,.1f} "
                f"| {verdict(target, result)} |"
            )
    for measured in all_measured:
        scenario, result = measured
        shown = [one for one in _FIGURES if one[0] in result.figures]
        parts += [
            "",
            f"## {scenario.name}",
            scenario.title,
            "",
            "| " + " | ".join(title for _, title, _ in shown) + " |",
            "|" + " --- |" * len(shown),
            "| " + " | ".join(form.format(result.figures[name]) for name, _, form in shown) + " |",
            "",
            *(f"- {line}" for line in _lines(measured)),
        ]
    if any(scenario.name.startswith("fastapi") for scenario, _ in all_measured):
        parts += ["", "## What the comparison leaves out", NOT_KEPT]
    return "\n".join(parts).rstrip() + "\n"


def save(text: str, folder: Path, name: str) -> Path:
    """Write the page."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(text)
    return path


def _lines(measured: Measured) -> list[str]:
    scenario, result = measured
    figures = result.figures
    lines = [
        f"{target.figure} {figures[target.figure]:,.1f}, target {target.text}: {verdict(target, result)}"
        for target in scenario.targets
    ]
    cpu = ", ".join(f"{name} {cores:.2f}" for name, cores in result.cpu.items())
    lines.append(f"cores used: {cpu}")
    lag = f"the generator's own lag: p99 {figures['lag_p99_ms']:.1f}, max {figures['lag_max_ms']:.1f} ms"
    if isinstance(scenario, Live):
        lines.append(f"{lag}; all connected after {figures['connected_s']:.1f} s")
    else:
        lines.append(f"{lag}; statuses {json.dumps(result.statuses)}")
    if result.oversold_units is not None:
        lines.append(f"oversold units: {result.oversold_units}")
    lines.extend(f"DOES NOT COUNT: {fault}" for fault in result.faults)
    return lines
