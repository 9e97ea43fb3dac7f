"""Runs what was asked for, on a broker of its own or a given one, and shows and keeps the result."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.document import RESULTS, Document, is_whole, result_document, scenario_document
from benchmarks.environment import bench_at
from benchmarks.harness import run
from benchmarks.machine import busy_cores, describe_machine, describe_revision, slug
from benchmarks.options import Options
from benchmarks.peers.registry import OWN_TERMS, PEERS
from benchmarks.progress import progress_line, steps_of
from benchmarks.report import print_report, save
from benchmarks.result import ENDED_BY, RunResult, SubjectResult
from benchmarks.scenarios import WORKER, PeersClosed, PeersOpen, Scenario
from benchmarks.subjects import PARTITIONS
from benchmarks.terminal import console
from benchmarks.unfinished import Keep, kept_until_done
from inventory_stream.devservers import JVM_FOR_LOAD, JVM_FOR_TESTS, DevServerError

BUSY_CORES_MAX: Final = 0.1
"""More than this in the hands of other programs spoils figures: while five others used both cores, the
bare loop's p50 was 15 ms instead of 2, and its p99 250 instead of 5."""

EXIT_FAILED: Final = 1


def measure_and_keep(options: Options) -> int:
    """Measure, print, keep; give the exit status: 0 when every check held, whatever the figures."""
    screen = console()
    chosen = options.chosen()
    folder = options.results or (None if options.is_small else RESULTS)

    def say(line: str) -> None:
        screen.print(line, highlight=False, markup=False, soft_wrap=True)

    try:
        with kept_until_done(folder, say) as keep:
            document = measure(chosen, options, folder if options.is_profiled else None, screen, keep)
            print_report(document, screen)
            if folder is not None:
                parts = [document["date"][:10], slug(document["machine"])]
                parts += [] if options.selection == "headline" else [options.selection]
                for path in save(document, folder, unused_name(folder, "-".join(parts))):
                    say(f"written: {path}")
    except DevServerError as error:
        screen.print(
            f"{type(error).__name__}: {error}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        return EXIT_FAILED
    if folder == RESULTS and is_whole(document):
        say("README quotes it after `git add` and `python -m benchmarks.readme`")
    return 0 if all(scenario["is_valid"] for scenario in document["scenarios"]) else EXIT_FAILED


def unused_name(folder: Path, name: str) -> str:
    """Give a name that no result has yet: a second one of a day does not replace the first."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(each for each in names if not (folder / f"{each}.json").exists())


def measure(
    chosen: Sequence[tuple[Scenario, int]],
    options: Options,
    profile_dir: Path | None,
    screen: Console,
    keep: Keep,
) -> Document:
    """Run each scenario as often as is said, and sum it up; a run that fails is one that does not count.

    `keep` is told after every run what there is so far.

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

    machine, revision = describe_machine(), describe_revision()
    peers = peer_documents() if any(_has_peers(scenario) for scenario, _ in chosen) else []
    setup: Document = {
        "selection": options.selection,
        "runs": max(runs for _, runs in chosen),
        "partitions": PARTITIONS,
        "workers": 1,
        "is_small": options.is_small,
        "is_profiled": options.is_profiled,
        "cores_busy_before": busy,
    }

    def document_of(scenarios: Sequence[Document], selection: str) -> Document:
        date = datetime.now(UTC).isoformat(timespec="seconds")
        return result_document(date, machine, revision, setup | {"selection": selection}, scenarios, peers)

    def keep_so_far(scenarios: Sequence[Document]) -> None:
        keep(document_of(scenarios, f"{options.selection}, unfinished"))

    jvm_options = JVM_FOR_TESTS if options.is_small else JVM_FOR_LOAD
    with bench_at(options.bootstrap_servers, say, jvm_options, profile_dir) as bench:
        scenarios = uvloop.run(_run_all(bench, chosen, keep_so_far))
    return document_of(scenarios, options.selection)


async def _run_all(
    bench: Bench,
    chosen: Sequence[tuple[Scenario, int]],
    keep: Callable[[Sequence[Document]], None] = lambda _: None,
) -> list[Document]:
    results: dict[str, list[RunResult]] = {scenario.name: [] for scenario, _ in chosen}
    steps, began = steps_of(chosen), time.monotonic()
    summed: list[Document] = []
    for done, (scenario, number) in enumerate(steps):
        bench.say(progress_line(steps, done, time.monotonic() - began))
        results[scenario.name].append(await _guarded(bench, scenario, number))
        summed = [scenario_document(each, runs) for each, _ in chosen if (runs := results[each.name])]
        keep(summed)
    return summed


async def _guarded(bench: Bench, scenario: Scenario, number: int) -> RunResult:
    """Whatever ends one run, ends none after it: hours of others' figures are worth keeping."""
    try:
        return await run(bench, scenario, number)
    except Exception as error:  # noqa: BLE001  # of a broker, a peer or a check; Ctrl-C is none
        fault = f"{ENDED_BY}{type(error).__name__}: {error}"
        at = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(at.filename).name}:{at.lineno}"
        bench.say(f"{scenario.name} run {number + 1} DOES NOT COUNT: {fault} ({place})")
        return {WORKER: SubjectResult({}, [fault], "")}


def _has_peers(scenario: Scenario) -> bool:
    return isinstance(scenario, PeersClosed | PeersOpen)


def peer_documents() -> list[Document]:
    """Say on what terms each system answers, ours among them, and why one was left out."""
    own = [{"name": name, "terms": asdict(terms), "absent": None} for name, terms in OWN_TERMS.items()]
    return own + [
        {"name": peer.name, "terms": asdict(peer.terms), "absent": peer.why_absent()} for peer in PEERS
    ]
