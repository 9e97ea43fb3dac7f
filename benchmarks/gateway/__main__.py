"""`python -m benchmarks.gateway`: the gateway over HTTP, beside FastAPI with Redis Lua."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from benchmarks.gateway.driving import run_live, run_load
from benchmarks.gateway.live_readers import allow_files
from benchmarks.gateway.report import Measured, Setup, page, print_result, save
from benchmarks.gateway.scenarios import MEASURED_SECONDS, SCENARIOS, Load, Scenario
from benchmarks.gateway.stack import NotReadyError, Stack
from benchmarks.machine import busy_cores, describe_machine, describe_revision, slug
from inventory_stream.devservers import DevServerError
from inventory_stream.errors import InventoryStreamError

RESULTS: Final = Path(__file__).parent.parent / "results"
EXIT_FAILED: Final = 1
PLAIN_COLUMNS: Final = 160

_EPILOG: Final = """\
scenarios:
{scenarios}

Broker, Valkey, one ledger worker and one gateway are real processes with the product's settings; the load
comes from a process of its own, by a schedule. A figure counts only when every 201 was found in the ledger,
nothing was granted beyond the stock, and the generator itself kept its schedule, but for a trial: the exit
status is 1 otherwise. A missed target is shown as MISSED and does not change it. The page goes to
<date>-<machine>-gateway.md in the folder --results; that of chosen scenarios, of a shorter run or of a
profiled one is kept only when --results is given.

examples:
  python -m benchmarks.gateway                                  everything: about 5 minutes
  python -m benchmarks.gateway --only reserve --seconds 5       one scenario, a short look
  python -m benchmarks.gateway --only capacity --profile p.txt  where the gateway's time goes

Close everything else on the machine first: broker, worker, gateway and load share its cores.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    options = _parser().parse_args(arguments)
    chosen = [scenario for scenario in SCENARIOS if not options.only or scenario.name in options.only]
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_COLUMNS)
    allow_files()
    busy = busy_cores()
    date = datetime.now(UTC).isoformat(timespec="seconds")
    setup = Setup(
        date, describe_machine(), describe_revision(), busy, options.seconds, options.profile is not None
    )
    if not setup.is_as_stated:
        console.print(
            f"a trial: {options.seconds:g} s each, other programs keep {busy} cores busy", style="red"
        )
    try:
        with tempfile.TemporaryDirectory(prefix="inventory-stream-bench-") as folder:
            measured = uvloop.run(
                _run(chosen, options.seconds, options.readers, Path(folder), options.profile, console)
            )
    except (InventoryStreamError, DevServerError, NotReadyError, TimeoutError, RuntimeError) as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False, soft_wrap=True)
        return EXIT_FAILED
    is_whole = not options.only and options.seconds >= MEASURED_SECONDS and options.profile is None
    results: Path | None = options.results or (RESULTS if is_whole else None)
    if results is not None:
        path = save(page(setup, measured), results, f"{date[:10]}-{slug(setup.machine)}-gateway")
        console.print(f"written: {path}", highlight=False)
    return EXIT_FAILED if any(result.faults for _, result in measured) else 0


async def _run(
    chosen: Sequence[Scenario],
    seconds: float,
    readers: int | None,
    folder: Path,
    profile_file: Path | None,
    console: Console,
) -> list[Measured]:
    ours = [one for one in chosen if not (isinstance(one, Load) and one.of_fastapi)]
    peers = [one for one in chosen if isinstance(one, Load) and one.of_fastapi]
    measured = []
    with Stack(folder, profile_file) as stack:
        if ours:
            await stack.start_gateway()
        for scenario in ours:
            if isinstance(scenario, Load):
                result = await run_load(stack, scenario, seconds, folder)
            else:
                result = await run_live(stack, readers or scenario.readers, seconds, folder)
            measured.append(Measured(scenario, result))
            print_result(measured[-1], console)
        if ours:
            stack.stop_gateway()
        if peers:
            await stack.start_fastapi()
        for peer in peers:
            measured.append(Measured(peer, await run_load(stack, peer, seconds, folder)))
            print_result(measured[-1], console)
    return measured


def _parser() -> argparse.ArgumentParser:
    shown = "\n".join(f"  {scenario.name:<17} {scenario.title}" for scenario in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description="Measure the gateway over HTTP: reservations, batches, sold out, reads, live readers.",
        epilog=_EPILOG.format(scenarios=shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="SCENARIO",
        choices=[scenario.name for scenario in SCENARIOS],
        help="measure only this; may be given several times",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=MEASURED_SECONDS,
        metavar="N",
        help=f"measured for each load (default {MEASURED_SECONDS:g}); less is a trial",
    )
    parser.add_argument("--readers", type=int, metavar="N", help="of the scenario live")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="run the gateway under the sampling profiler"
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="where the page goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
