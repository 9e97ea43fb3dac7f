"""`bench scenarios` and `bench show`: what can be measured, and what was."""

from pathlib import Path

from rich.table import Table

from benchmarks.catalogue import SCENARIOS
from benchmarks.document import read_result
from benchmarks.options import Options
from benchmarks.report import print_report, save_page
from benchmarks.terminal import console


def print_scenarios() -> None:
    """List every scenario, what a run takes, and how often each command runs it."""
    headline = {scenario.name: runs for scenario, runs in Options().chosen()}
    full = {scenario.name: runs for scenario, runs in Options(is_full=True).chosen()}
    table = Table()
    for title in ("name", "what", "seconds a run, about", "runs of bench", "of bench --full"):
        table.add_column(title, justify="left" if title in ("name", "what") else "right")
    for each in SCENARIOS:
        runs = str(headline.get(each.name, ""))
        table.add_row(each.name, each.title, str(each.about_seconds), runs, str(full[each.name]))
    console().print(table)


def print_result(file: Path, pages: Path | None) -> None:
    """Print a kept result, and write its page and charts where `pages` says.

    Raises:
        ResultFileError: it is none.
    """
    document, screen = read_result(file), console()
    print_report(document, screen)
    if pages is not None:
        for path in save_page(document, pages, file.stem):
            screen.print(f"written: {path}", highlight=False, soft_wrap=True)
