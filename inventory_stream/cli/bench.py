"""`bench`: measure this ledger on this machine, beside others; `bench compare`, `show`, `scenarios`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

import inventory_stream
from inventory_stream.cli.lazy import EXTRAS
from inventory_stream.errors import InventoryStreamError

RUNS_MAX: Final = 100
"""Of each scenario: a hundred take a day, and a typing error should not."""


class BenchUnavailableError(InventoryStreamError):
    """The benchmarks cannot be run from here; the message says how they can."""


app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help=(
        "Measure decisions a second, latency, recovery and memory on this machine, beside other systems.\n\n"
        "Starts a broker, the real workers, and in turns with them a bare aiokafka loop (the floor) and each "
        "peer that is installed here. Every decision is read back from the ledger and compared with what it "
        "should be: a figure whose check failed does not count, and the exit status is 1. A missed target is "
        "shown as missed and changes nothing.\n\n"
        "Without an option: the headline table and its charts, under 15 minutes. They go to "
        "benchmarks/results: a .json named by date and machine, a page, SVG charts. Close everything else "
        "first: broker, worker and load share the machine's cores.\n\n"
        "Needs a checkout of the project, java, mvn and the extra `bench`: `make bench` sets it up.\n\n"
        "Examples: `bench`; `bench --full`, everything, medians of 5, some hours; `bench --only recovery "
        "--runs 5`; `bench --faults`; `bench compare mine.json`; `bench --small`, everything in minutes, "
        "figures without meaning: does it all still work?"
    ),
)


@app.callback()
def bench(  # noqa: PLR0913  # the options of the command
    context: typer.Context,
    *,
    is_full: Annotated[
        bool, typer.Option("--full", help="Every scenario and every peer, medians of 5 runs: some hours.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="SCENARIO", help="Just this one; may be repeated. `bench scenarios` has all."
        ),
    ] = None,
    is_faults: Annotated[
        bool,
        typer.Option("--faults", help="Just the fault mode: the hot SKU while its owner is killed."),
    ] = False,
    is_small: Annotated[
        bool,
        typer.Option("--small", help="Tiny parameters: does it all still work? Nothing is written."),
    ] = False,
    is_profiled: Annotated[
        bool,
        typer.Option("--profile", help="Sample the worker; a .txt per run beside the results. Costs ~2 %."),
    ] = False,
    runs: Annotated[
        int | None,
        typer.Option(
            min=1, max=RUNS_MAX, help="Runs of each scenario, instead of its own number.", show_default=False
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="Folder for the result.", show_default="benchmarks/results; --small: nowhere"),
    ] = None,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(help="Use this broker and start none.", show_default=False),
    ] = None,
) -> None:
    """Measure, unless a subcommand was called; the help of the whole is the application's."""
    if context.invoked_subcommand is not None:
        return
    with _benchmarks():
        from benchmarks.measuring import measure_and_keep  # noqa: PLC0415
        from benchmarks.options import Options  # noqa: PLC0415

        options = Options(
            only=only or (),
            is_full=is_full,
            is_faults=is_faults,
            is_small=is_small,
            is_profiled=is_profiled,
            runs=runs,
            results=results,
            bootstrap_servers=bootstrap_servers,
        )
        raise typer.Exit(measure_and_keep(options))


@app.command()
def scenarios() -> None:
    """List what can be measured, with the minutes of a run and the runs of `bench` and `bench --full`.

    Example: inventory-stream bench scenarios
    """
    with _benchmarks():
        from benchmarks.listing import print_scenarios  # noqa: PLC0415

        print_scenarios()


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A result, the .json of it.", show_default=False)],
    *,
    pages: Annotated[
        Path | None,
        typer.Option(help="Write its page and charts into this folder, too.", show_default=False),
    ] = None,
) -> None:
    """Print a kept result as it was printed when it was measured.

    Example: inventory-stream bench show benchmarks/results/2026-11-22-intel-xeon-2c.json
    """
    with _benchmarks():
        from benchmarks.listing import print_result  # noqa: PLC0415

        print_result(file, pages)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="A result, the .json of it.", show_default=False)],
    other: Annotated[
        Path | None,
        typer.Argument(
            help="The old one, that FILE is compared with.",
            show_default="the newest whole one of benchmarks/results",
        ),
    ] = None,
) -> None:
    """Say of each figure of FILE whether it is faster or slower than in OTHER, the old one, or that is noise.

    The bounds are those of 95 of 100 draws from the runs of both results (bootstrap of the medians); a
    figure of fewer than three runs in one of them has none, and no verdict. Results of different machines
    are compared by their ratios to the other systems of the same run alone, which is what a machine changes
    least.

    Example: inventory-stream bench compare new.json old.json
    """
    with _benchmarks():
        from benchmarks.compare import print_comparison  # noqa: PLC0415

        print_comparison(file, other)


def checkout_of(package: Path) -> Path | None:
    """Give the folder that has the benchmarks beside this package; None: it was installed without."""
    folder = package.resolve().parents[1]
    return folder if (folder / "benchmarks" / "measuring.py").is_file() else None


@contextmanager
def _benchmarks() -> Iterator[None]:
    """Make the checkout's benchmarks importable, here and in the processes that they start.

    Raises:
        BenchUnavailableError: there is no checkout, or a package of the extra is missing.
    """
    folder = checkout_of(Path(inventory_stream.__file__))
    if folder is None:
        raise BenchUnavailableError(
            "`bench` needs a checkout of the project, benchmarks are not in the wheel: "
            "get its source and run `make bench` there"
        )
    sys.path.insert(0, str(folder))
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([others] if others else [])])
    try:
        yield
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise BenchUnavailableError(
            f"`bench` needs the package {error.name}: pip install 'inventory-stream[{extra}]'"
        ) from error
