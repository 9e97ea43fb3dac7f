"""Fails when the worker has lost much of its speed beside the bare loop: `python -m benchmarks.ratio_gate`.

Machines differ and are busy, so no absolute figure is looked at: only how fast the worker is beside the bare
loop, which runs in turns with it over commands of the same form. One slow run is not believed, either: each
form is run until a pair is good enough, and fails after three in a row that are not.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

import uvloop

from benchmarks.bench import Bench
from benchmarks.deciding import run_closed_loop
from benchmarks.environment import bench_at
from benchmarks.load import Form, Workload
from benchmarks.machine import describe_revision
from benchmarks.scenarios import BARE_LOOP, WORKER, ClosedLoop
from inventory_stream.errors import InventoryStreamError

RECORDED: Final = Path(__file__).parent / "recorded_ratio.json"
"""What `--record` wrote, with the revision that made it."""

PAIRS_MAX: Final = 3
"""In a row below the bound: the worker is slower, and not the machine for a moment."""
SHARE_MIN: Final = 0.75
"""Of the recorded ratio that must be left."""
RECORDED_PAIRS: Final = 5
"""Of each form, for the median that is recorded."""

COMMANDS: Final = 300_000
"""Of each run: a second of the bare loop, and a bound on what a pair costs every change."""

SCENARIOS: Final = tuple(
    ClosedLoop(name=f"gate-{name}", title=name, about_seconds=20, workload=Workload(COMMANDS, 1, form))
    for name, form in (("single", Form.SINGLE), ("positional", Form.POSITIONAL))
)

EXIT_FAILED: Final = 1


class GateError(InventoryStreamError):
    """Nothing can be said about the ratio; the message says why."""


def judge(ratios: Sequence[float], recorded: float) -> bool | None:
    """Say whether the pairs so far pass (True) or fail (False); None: another pair is needed.

    The last pair alone decides: it is good enough, or all of `PAIRS_MAX` were not.
    """
    if ratios and ratios[-1] >= SHARE_MIN * recorded:
        return True
    return False if len(ratios) >= PAIRS_MAX else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, or record; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ratio_gate", description=__doc__)
    parser.add_argument(
        "--record", action="store_true", help=f"measure {RECORDED_PAIRS} pairs and keep their medians"
    )
    is_recording: bool = parser.parse_args(arguments).record
    try:
        with bench_at(None, print) as bench:
            return uvloop.run(_record(bench) if is_recording else _check(bench, read_recorded()))
    except InventoryStreamError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


def read_recorded(path: Path = RECORDED) -> dict[str, float]:
    """Read the recorded ratio of each form.

    Raises:
        GateError: there is none.
    """
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        return {scenario.name: float(recorded["ratios"][scenario.name]) for scenario in SCENARIOS}
    except (OSError, ValueError, KeyError) as error:
        raise GateError(f"{path}: {error}; `python -m benchmarks.ratio_gate --record` writes it") from error


async def _check(bench: Bench, recorded: dict[str, float]) -> int:
    status = 0
    for scenario in SCENARIOS:
        wanted = recorded[scenario.name]
        ratios: list[float] = []
        while (verdict := judge(ratios, wanted)) is None:
            ratios.append(await pair(bench, scenario, len(ratios)))
        shown = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        word = "ok" if verdict else f"FAILED: below {SHARE_MIN:.0%} of it {PAIRS_MAX} times in a row"
        print(f"{scenario.title}: worker / bare loop {shown}, recorded {wanted:.3f}: {word}")
        status = status if verdict else EXIT_FAILED
    return status


async def _record(bench: Bench) -> int:
    measured: dict[str, list[float]] = {scenario.name: [] for scenario in SCENARIOS}
    for number in range(RECORDED_PAIRS):
        for scenario in SCENARIOS:
            measured[scenario.name].append(await pair(bench, scenario, number))
            print(f"{scenario.title}: {measured[scenario.name][-1]:.3f}")
    document: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": describe_revision(),
        "pairs": RECORDED_PAIRS,
        "ratios": {name: round(median(ratios), 4) for name, ratios in measured.items()},
    }
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    await asyncio.to_thread(RECORDED.write_text, text, encoding="utf-8")
    print(f"written: {RECORDED.name}: {document['ratios']}")
    return 0


async def pair(bench: Bench, scenario: ClosedLoop, number: int) -> float:
    """Run worker and bare loop in turns; give the ratio of their rates.

    Raises:
        GateError: a decision was wrong, or all was over before a rate could be told.
    """
    prefix = f"bench-{scenario.name}-{number}-{time.time_ns() // 1_000_000}-"
    results = await run_closed_loop(bench, scenario, number, prefix)
    faults = [f"{name}: {fault}" for name, result in results.items() for fault in result.faults]
    if faults:
        raise GateError(f"{scenario.title}: the check of the decisions failed: {'; '.join(faults[:3])}")
    rates = [results[name].figures.get("commands_per_s") for name in (WORKER, BARE_LOOP)]
    worker, bare = rates
    if worker is None or bare is None:
        raise GateError(f"{scenario.title}: too short for a rate")
    return worker / bare


if __name__ == "__main__":
    sys.exit(main())
