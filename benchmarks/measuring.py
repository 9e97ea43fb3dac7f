"""Runs what was asked for, on a broker of its own or a given one, and shows and keeps the result."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final

import uvloop
from aiokafka.errors import KafkaError
from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.compiled import CompileError
from benchmarks.document import RESULTS, Document, is_whole, result_document, scenario_document
from benchmarks.environment import bench_at
from benchmarks.gateway.stack import NotReadyError
from benchmarks.harness import run
from benchmarks.machine import busy_cores, describe_machine, describe_revision, slug
from benchmarks.memory import ChildFailedError
from benchmarks.options import Options
from benchmarks.peers.registry import OWN_TERMS, PEERS
from benchmarks.progress import progress_line, steps_of
from benchmarks.report import print_report, save
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import WORKER, PeersClosed, PeersOpen, Scenario
from benchmarks.subjects import PARTITIONS, SubjectEndedError
from benchmarks.terminal import console
from inventory_stream.devservers import JVM_FOR_LOAD, JVM_FOR_TESTS, DevServerError
from inventory_stream.errors import InventoryStreamError

BUSY_CORES_MAX: Final = 0.1
"""More than this in the hands of other programs spoils figures: while five others used both cores, the
bare loop's p50 was 15 ms instead of 2, and its p99 250 instead of 5."""

EXIT_FAILED: Final = 1

RUN_ENDS: Final = (
    InventoryStreamError,
    SubjectEndedError,
    ChildFailedError,
    CompileError,
    NotReadyError,
    DevServerError,
    KafkaError,
    TimeoutError,
)
"""What ends one run and not those after it: hours of others' figures are worth keeping."""


def measure_and_keep(options: Options) -> int:
    """Measure, print, keep; give the exit status: 0 when every check held, whatever the figures."""
    screen = console()
    chosen = options.chosen()
    folder = options.results or (None if options.is_small else RESULTS)
    try:
        document = measure(chosen, options, folder if options.is_profiled else None, screen)
    except DevServerError as error:
        screen.print(
            f"{type(error).__name__}: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        return EXIT_FAILED
    print_report(document, screen)
    if folder is not None:
        parts = [document["date"][:10], slug(document["machine"])]
        parts += [] if options.selection == "headline" else [options.selection]
        for path in save(document, folder, unused_name(folder, "-".join(parts))):
            screen.print(f"written: {path}", highlight=False, soft_wrap=True)
        if folder == RESULTS and is_whole(document):
            screen.print(
                "README quotes it after `git add` and `python -m benchmarks.readme`", highlight=False
            )
    return 0 if all(scenario["is_valid"] for scenario in document["scenarios"]) else EXIT_FAILED


def unused_name(folder: Path, name: str) -> str:
    """Give a name that no result has yet: a second one of a day does not replace the first."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(each for each in names if not (folder / f"{each}.json").exists())


def measure(
    chosen: Sequence[tuple[Scenario, int]], options: Options, profile_dir: Path | None, screen: Console
) -> Document:
    """Run each scenario as often as is said, and sum it up; a run that fails is one that does not count.

    Raises:
        DevServerError: no broker could be started.
    """
    busy = busy_cores()
    if busy > BUSY_CORES_MAX and not options.is_small:
        screen.print(
            f"other programs keep {busy} cores busy: do not believe these figures",
            style="red",
            highlight=False,
        )

    def say(line: str) -> None:
        screen.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    jvm_options = JVM_FOR_TESTS if options.is_small else JVM_FOR_LOAD
    with bench_at(options.bootstrap_servers, say, jvm_options, profile_dir) as bench:
        scenarios = uvloop.run(_run_all(bench, chosen))
    setup: Document = {
        "selection": options.selection,
        "runs": max(runs for _, runs in chosen),
        "partitions": PARTITIONS,
        "workers": 1,
        "is_small": options.is_small,
        "is_profiled": options.is_profiled,
        "cores_busy_before": busy,
    }
    date = datetime.now(UTC).isoformat(timespec="seconds")
    peers = peer_documents() if any(_has_peers(scenario) for scenario, _ in chosen) else []
    return result_document(date, describe_machine(), describe_revision(), setup, scenarios, peers)


async def _run_all(bench: Bench, chosen: Sequence[tuple[Scenario, int]]) -> list[Document]:
    results: dict[str, list[RunResult]] = {scenario.name: [] for scenario, _ in chosen}
    steps, began = steps_of(chosen), time.monotonic()
    for done, (scenario, number) in enumerate(steps):
        bench.say(progress_line(steps, done, time.monotonic() - began))
        results[scenario.name].append(await _guarded(bench, scenario, number))
    return [scenario_document(scenario, results[scenario.name]) for scenario, _ in chosen]


async def _guarded(bench: Bench, scenario: Scenario, number: int) -> RunResult:
    try:
        return await run(bench, scenario, number)
    except RUN_ENDS as error:
        fault = f"{type(error).__name__}: {error}"
        bench.say(f"{scenario.name} run {number + 1} DOES NOT COUNT: {fault}")
        return {WORKER: SubjectResult({}, [fault], "")}


def _has_peers(scenario: Scenario) -> bool:
    return isinstance(scenario, PeersClosed | PeersOpen)


def peer_documents() -> list[Document]:
    """Say on what terms each system answers, ours among them, and why one was left out."""
    own = [{"name": name, "terms": asdict(terms), "absent": None} for name, terms in OWN_TERMS.items()]
    return own + [
        {"name": peer.name, "terms": asdict(peer.terms), "absent": peer.why_absent()} for peer in PEERS
    ]
