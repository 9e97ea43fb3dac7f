"""`python -m benchmarks.channels`: how soon, how fair and how exact channels follow the ledger."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.channels.scenarios import FULL, SCENARIOS, SMALL, Found
from benchmarks.channels.stack import NotReadyError
from benchmarks.machine import busy_cores, describe_machine, describe_revision, slug
from inventory_stream.devservers import DevServerError
from inventory_stream.errors import InventoryStreamError

RESULTS: Final = Path(__file__).parent.parent / "results"
EXIT_FAILED: Final = 1

_EPILOG: Final = """\
Broker, ledger worker, channel worker and sandbox are real processes; the load is open loop. A figure counts
only when every listing ends at the ledger's value and none was ever in two requests at once: the exit status
is 1 otherwise. A missed target is shown and changes nothing. By default a look of two minutes; --full takes
the large numbers (a backlog of 100,000 listings, 100,000 decisions told to every channel, a million listings
in memory: about 10 minutes) and writes its page to benchmarks/results.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=sorted(SCENARIOS), help="these alone")
    parser.add_argument("--full", action="store_true", help="the large numbers")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    busy = busy_cores()
    measured: dict[str, Found] = {}
    try:
        for name in options.only or SCENARIOS:
            with tempfile.TemporaryDirectory(prefix="inventory-stream-bench-") as folder:
                size = FULL if options.full else SMALL
                measured[name] = uvloop.run(SCENARIOS[name](Path(folder), size))
            _show(console, name, measured[name])
    except (InventoryStreamError, DevServerError, NotReadyError, TimeoutError) as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False, soft_wrap=True)
        return EXIT_FAILED
    if options.full and not options.only:
        machine = describe_machine()
        date = datetime.now(UTC).isoformat(timespec="seconds")
        path = RESULTS / f"{date[:10]}-{slug(machine)}-channels.md"
        head = f"{date}, {machine}, {describe_revision()}; {busy} cores busy with other programs"
        path.write_text(_page(head, measured), encoding="utf-8")
        console.print(f"written: {path}", highlight=False)
    return EXIT_FAILED if any(found.faults for found in measured.values()) else 0


def _lines(found: Found) -> list[tuple[str, str, str]]:
    return [
        (figure, f"{value:,.2f}".removesuffix(".00"), _judged(found, figure))
        for figure, value in found.figures.items()
    ]


def _judged(found: Found, figure: str) -> str:
    if figure not in found.targets:
        return ""
    bound, is_met = found.targets[figure]
    return f"{bound}: {'met' if is_met else 'MISSED'}"


def _show(console: Console, name: str, found: Found) -> None:
    table = Table("figure", "value", "target", title=name)
    for line in _lines(found):
        table.add_row(*line)
    console.print(table)
    for fault in found.faults:
        console.print(fault, style="red", markup=False)


def _page(head: str, measured: dict[str, Found]) -> str:
    lines = ["# Channels", "", head, "", "| run | figure | value | target |", "| --- | --- | --- | --- |"]
    for name, found in measured.items():
        lines += [f"| {name} | {figure} | {value} | {target} |" for figure, value, target in _lines(found)]
        lines += [f"| {name} | fault | {fault} | |" for fault in found.faults]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
