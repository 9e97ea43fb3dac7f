"""The result of a benchmark as a document: what is kept as JSON, with its hash, and read again later."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.machine import ASK_SECONDS_MAX, Machine, Revision
from benchmarks.result import RunResult
from benchmarks.scenarios import BARE_LOOP, WORKER, PeersClosed, PeersOpen, Scenario, Target
from benchmarks.statistics import Figures, medians
from inventory_stream.errors import InventoryStreamError

SCHEMA: Final = 3
"""2: ratios to the bare loop alone, no peers, no kind of a scenario, no series. Still read (`upgraded`)."""

RATIOS: Final = ("commands_per_s", "cpu_us_per_command", "p50_ms", "p99_ms", "p999_ms")
"""Figures whose ratio worker / other is given: the median of the ratios of each run, for only
figures of one run on one machine compare."""

RESULTS: Final = Path(__file__).parent / "results"
"""Where results go that are committed."""

Document = dict[str, Any]


class ResultFileError(InventoryStreamError):
    """A file is no result of ours; the message says which, and why."""


# --- made of runs ----------------------------------------------------------------------------------


def scenario_document(scenario: Scenario, runs: Sequence[RunResult]) -> Document:
    """Sum up the runs of one scenario; figures of a subject's runs that failed their check are left out.

    `is_valid` and `oversold` are about the ledger and the floor beside it: what a peer got wrong stands with
    the peer, and takes its own figures away.
    """
    subjects = _in_order(runs)
    own = [
        result
        for run in runs
        for subject, result in run.items()
        if not isinstance(scenario, PeersClosed | PeersOpen) or subject in (WORKER, BARE_LOOP)
    ]
    is_valid = all(not result.faults for result in own)
    oversold = [result.oversold_units for result in own]
    others = [subject for subject in subjects if subject != WORKER] if WORKER in subjects else []
    ratios = {other: _ratios(runs, WORKER, other, RATIOS) for other in others}
    return {
        "name": scenario.name,
        "kind": type(scenario).__name__,
        "title": scenario.title,
        "parameters": scenario.parameters,
        "is_valid": is_valid,
        "oversold": [units for units in oversold if units is not None],
        "runs": [{subject: result._asdict() for subject, result in run.items()} for run in runs],
        "medians": {subject: medians(list(_counted(runs, subject))) for subject in subjects},
        "ratios": {other: figures for other, figures in ratios.items() if figures},
        "targets": [_judged(target, runs, is_valid=is_valid) for target in scenario.targets],
    }


def _in_order(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who goes first changes from run to run; the report keeps one order: the worker, the floor, the rest."""
    first = {WORKER: 0, BARE_LOOP: 1}
    seen = dict.fromkeys(subject for run in runs for subject in run)
    return sorted(seen, key=lambda subject: first.get(subject, len(first)))


def _counted(runs: Iterable[RunResult], subject: str) -> Iterable[Figures]:
    results = (run[subject] for run in runs if subject in run)
    return (result.figures for result in results if not result.faults and result.figures)


def _ratios(runs: Sequence[RunResult], subject: str, other: str, names: Sequence[str]) -> Figures:
    pairs = [
        (ours[0], theirs[0])
        for run in runs
        if (ours := list(_counted([run], subject))) and (theirs := list(_counted([run], other)))
    ]
    return {
        name: median(ours[name] / theirs[name] for ours, theirs in pairs)
        for name in names
        if pairs and all(ours.get(name) and theirs.get(name) for ours, theirs in pairs)
    }


def _judged(target: Target, runs: Sequence[RunResult], *, is_valid: bool) -> Document:
    figures = (
        _ratios(runs, target.subject, target.against, [target.figure])
        if target.is_ratio
        else medians(list(_counted(runs, target.subject)))
    )
    value = figures.get(target.figure)
    target = target.beside(medians(list(_counted(runs, target.against))).get(target.figure))
    return {
        "subject": target.subject,
        "figure": target.figure,
        "bound": target.text,
        "is_ratio": target.is_ratio,
        "value": value,
        "met": is_valid and value is not None and target.is_met(value),
    }


def result_document(
    date: str,
    machine: Machine,
    revision: Revision,
    setup: Mapping[str, object],
    scenarios: Sequence[Document],
    peers: Sequence[Document] = (),
) -> Document:
    """Put it all together and add the hash over the canonical rest.

    Args:
        date: When it was measured, ISO 8601.
        machine: On what.
        revision: Of which state of the project.
        setup: How it was run: selection, runs, partitions.
        scenarios: Each of `scenario_document`.
        peers: Each system beside the ledger: `name`, `terms` (columns of the report), and `absent`, a line
            that says why it was not measured; None: it was there.
    """
    document: Document = {
        "schema": SCHEMA,
        "date": date,
        "machine": machine,
        "revision": revision,
        "setup": dict(setup),
        "scenarios": list(scenarios),
        "peers": list(peers),
    }
    # Through JSON once, so that the hash is of what a reader of the file has.
    document = json.loads(json.dumps(document))
    document["sha256"] = sha256_of(document)
    return document


def sha256_of(document: Document) -> str:
    """Hash a result without its own hash: keys sorted, no spaces, UTF-8."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


# --- read again ------------------------------------------------------------------------------------


def read_result(path: Path) -> Document:
    """Read a kept result, of this schema or the one before.

    Raises:
        ResultFileError: it cannot be read, is no result, or was changed after it was measured.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultFileError(f"{path}: {error}") from error
    if not isinstance(document, dict) or not {"schema", "scenarios", "sha256"} <= document.keys():
        raise ResultFileError(f"{path} is no result of `inventory-stream bench`")
    if document["sha256"] != sha256_of(document):
        raise ResultFileError(f"{path} was changed after it was measured: its hash is another")
    return upgraded(document)


def upgraded(document: Document) -> Document:
    """Give a result in the form of this schema; the hash stays that of the file.

    Raises:
        ResultFileError: its schema is not known here.
    """
    if document["schema"] == SCHEMA:
        return document
    if document["schema"] != SCHEMA - 1:
        raise ResultFileError(f"a result of schema {document['schema']}: this program reads 2 and {SCHEMA}")
    kinds = {"latency": "OpenLoop", "view": "ViewLoop", "recovery": "Recovery", "memory": "Memory"}
    scenarios = [
        {
            **scenario,
            "kind": kinds.get(scenario["name"], "ClosedLoop"),
            "medians": {name: scenario["medians"][name] for name in _in_order(scenario["runs"])},
            "ratios": {BARE_LOOP: scenario["ratios"]} if scenario["ratios"] else {},
            "targets": [
                {**target, "is_ratio": target["bound"].endswith("x the bare loop")}
                for target in scenario["targets"]
            ],
        }
        for scenario in document["scenarios"]
    ]
    return {**document, "schema": SCHEMA, "scenarios": scenarios, "peers": []}


def is_whole(document: Document) -> bool:
    """Say whether it is the result of a whole command and not of a chosen scenario or a trial."""
    setup = document["setup"]
    return not setup["is_small"] and setup.get("selection", "headline") in ("headline", "full")


def newest_result(folder: Path = RESULTS, *, without: Path | None = None) -> Path:
    """Find the newest whole result in a folder, by the time at which it was measured.

    In a git checkout only what git knows counts: what somebody just measured there is theirs alone.

    Raises:
        ResultFileError: there is none, or one that cannot be read.
    """
    kept = known_to_git(folder)
    others = [
        path
        for path in folder.glob("*.json")
        if (kept is None or path.name in kept) and (without is None or path.resolve() != without.resolve())
    ]
    dated = [(document["date"], path) for path in others if is_whole(document := read_result(path))]
    if not dated:
        raise ResultFileError(f"{folder} has no whole result that git knows: `make bench` makes one")
    return max(dated)[1]


def known_to_git(folder: Path) -> set[str] | None:
    """Give the names of the files of a folder that git tracks or will; None outside of a checkout."""
    try:
        listed = subprocess.run(  # noqa: S603  # a fixed command
            ["git", "-C", str(folder), "ls-files", "-z"],  # noqa: S607  # whichever git there is
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS_MAX,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return set(filter(None, listed.split("\0")))


def scenario_named(document: Document, name: str) -> Document | None:
    """Find a scenario of a result."""
    return next((scenario for scenario in document["scenarios"] if scenario["name"] == name), None)
