"""`python -m benchmarks`: measure, check, report."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop
from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.catalogue import SCENARIOS
from benchmarks.harness import run
from benchmarks.machine import busy_cores, describe_machine, describe_revision, slug
from benchmarks.memory import ChildFailedError
from benchmarks.report import Document, print_report, result_document, save, scenario_document
from benchmarks.scenarios import Scenario
from benchmarks.small import small
from benchmarks.subjects import PARTITIONS, Launcher, SubjectEndedError
from inventory_stream.devservers import (
    JVM_FOR_LOAD,
    JVM_FOR_TESTS,
    DevServerError,
    KafkaServer,
    KafkaSettings,
)
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.errors import InventoryStreamError

if TYPE_CHECKING:
    from benchmarks.result import RunResult

RESULTS: Final = Path(__file__).parent / "results"
RUNS: Final = 3

EXIT_FAILED: Final = 1
PLAIN_COLUMNS: Final = 160

BUSY_CORES_MAX: Final = 0.1
"""More than this in the hands of other programs spoils figures: while five others used both cores, the
bare loop's p50 was 15 ms instead of 2, and its p99 250 instead of 5."""

_EPILOG: Final = """\
scenarios:
{scenarios}

what you get: a table per scenario with the medians of the runs, the ratio to a bare aiokafka loop where one
ran in turns with the worker, and each target of the design beside its figure; the same as
<date>-<machine>.json and .md in the folder --results. Every decision is read back from the ledger and
compared with what it should be, and oversold units are counted: a result that fails this is shown as not
counting, and the exit status is 1. A missed target is shown as missed and does not change the exit status.

examples:
  python -m benchmarks                             everything, 3 runs each: about 15 minutes
  python -m benchmarks --only recovery --runs 5    one scenario, more runs
  python -m benchmarks --small                     everything in a minute, figures without meaning: for CI
  python -m benchmarks --only hot-single --profile where the worker's time goes (its figures suffer ~2 %)

Close everything else on the machine first: broker, worker and load share its cores.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    options = _parser().parse_args(arguments)
    chosen = [scenario for scenario in SCENARIOS if not options.only or scenario.name in options.only]
    if options.small:
        chosen = [small(scenario) for scenario in chosen]
    runs: int = options.runs or (1 if options.small else RUNS)
    # Figures without meaning are not kept beside the others, unless somebody asks.
    folder: Path | None = options.results or (None if options.small else RESULTS)
    # Without a terminal rich would fold the tables at 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_COLUMNS)
    try:
        document = measure(
            chosen,
            runs,
            bootstrap_servers=options.bootstrap_servers,
            is_small=options.small,
            profile_dir=folder if options.profile else None,
            console=console,
        )
    except (
        InventoryStreamError,
        DevServerError,
        SubjectEndedError,
        ChildFailedError,
        TimeoutError,
    ) as error:
        console.print(
            f"{type(error).__name__}: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        return EXIT_FAILED
    print_report(document, console)
    if folder is not None:
        name = f"{document['date'][:10]}-{slug(document['machine'])}"
        for path in save(document, folder, name):
            console.print(f"written: {path}", highlight=False)
    return 0 if all(scenario["is_valid"] for scenario in document["scenarios"]) else EXIT_FAILED


def measure(
    scenarios: Sequence[Scenario],
    runs: int,
    *,
    bootstrap_servers: str | None,
    is_small: bool,
    profile_dir: Path | None,
    console: Console,
) -> Document:
    """Run scenarios against a broker of our own, or a given one, and sum them up.

    Raises:
        SubjectEndedError: a measured process ended by itself.
        ChildFailedError: a process that measures its own memory failed.
        DevServerError: no broker could be started.
        InventoryStreamError: the broker does not answer, or refuses the topics.
        TimeoutError: a subject did not decide everything in time.
    """
    busy = busy_cores()
    if busy > BUSY_CORES_MAX and not is_small:
        console.print(
            f"other programs keep {busy} cores busy: do not believe these figures",
            style="red",
            highlight=False,
        )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inventory-stream-bench-")))
        if bootstrap_servers is None:
            settings = KafkaSettings(jvm_options=JVM_FOR_TESTS if is_small else JVM_FOR_LOAD)
            kafka = stack.enter_context(KafkaServer(folder / "kafka", settings))
            bootstrap_servers = kafka.bootstrap_servers
        supervisor = stack.enter_context(Supervisor(folder / "logs"))
        if profile_dir is not None:
            profile_dir.mkdir(parents=True, exist_ok=True)
        launcher = Launcher(supervisor, bootstrap_servers, folder / "worker", profile_dir)

        def say(line: str) -> None:
            console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

        bench = Bench(bootstrap_servers, launcher, folder, say)
        documents = uvloop.run(_run_all(bench, scenarios, runs))
    setup: Document = {
        "runs": runs,
        "partitions": PARTITIONS,
        "workers": 1,
        "is_small": is_small,
        "is_profiled": profile_dir is not None,
        "cores_busy_before": busy,
    }
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return result_document(date, describe_machine(), describe_revision(), setup, documents)


async def _run_all(bench: Bench, scenarios: Sequence[Scenario], runs: int) -> list[Document]:
    results: dict[str, list[RunResult]] = {scenario.name: [] for scenario in scenarios}
    # Run by run rather than scenario by scenario: a slow minute of the machine spoils one run of
    # each, which the medians forget, not all runs of one.
    for number in range(runs):
        for scenario in scenarios:
            if scenario.runs_max is None or number < scenario.runs_max:
                results[scenario.name].append(await run(bench, scenario, number))
    return [scenario_document(scenario, results[scenario.name]) for scenario in scenarios]


def _parser() -> argparse.ArgumentParser:
    shown = "\n".join(f"  {scenario.name:<16} {scenario.title}" for scenario in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the ledger worker: decisions per second, latency to the ledger and to Redis, "
        "recovery after kill -9, memory per row.",
        epilog=_EPILOG.format(scenarios=shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=_positive, metavar="N", help=f"runs of each scenario (default {RUNS})")
    parser.add_argument(
        "--only",
        action="append",
        metavar="SCENARIO",
        choices=[scenario.name for scenario in SCENARIOS],
        help="measure only this; may be given several times",
    )
    parser.add_argument("--small", action="store_true", help="tiny parameters: does it all still work?")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="run the worker under a sampling profiler; a .txt per run beside the results",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="where results go (default benchmarks/results; --small: nowhere)",
    )
    parser.add_argument(
        "--bootstrap-servers",
        metavar="HOST:PORT",
        help="use this broker instead of starting one (--small: too)",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
