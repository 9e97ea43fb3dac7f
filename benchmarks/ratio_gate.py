"""Fails when the worker has lost much of its speed beside the bare loop: `python -m benchmarks.ratio_gate`.

Machines differ and are busy, so no absolute figure is looked at: only what the worker is beside the bare
loop, which runs in turns with it over commands of the same form. By CPU time always; by decisions per second
where nothing else keeps the machine busy, for there a wait shows that costs no CPU. One bad pair is not
believed: each form is run until a pair is good enough, and fails after three in a row that are not.
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
from typing import Any, Final, NamedTuple

import uvloop

from benchmarks.bench import Bench
from benchmarks.deciding import run_closed_loop
from benchmarks.environment import bench_at
from benchmarks.load import Form, Workload
from benchmarks.machine import busy_cores, describe_revision
from benchmarks.scenarios import BARE_LOOP, WORKER, ClosedLoop
from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import DevServerError
from inventory_stream.errors import InventoryStreamError

RECORDED: Final = Path(__file__).parent / "recorded_ratio.json"
"""What `--record` wrote, with the revision that made it."""

PAIRS_MAX: Final = 3
"""In a row below the bound: the worker is slower, and not the machine for a moment."""
SHARE_MIN: Final = 0.75
"""Of a recorded ratio that must be left."""
BUSY_CORES_MAX: Final = 0.3
"""Of other programs, before a pair: what a desktop does by itself."""
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


class Ratios(NamedTuple):
    """The worker beside the bare loop; more is better.

    `cpu` is the bare loop's CPU time for each command over the worker's. `rate` is that of the decisions per
    second; None: other programs kept the machine busy, and it would say more about them. On two cores that
    fifteen threads wanted, it went from 0.23 to 0.78 for one form, while `cpu` went from 0.36 to 0.41.
    """

    cpu: float
    rate: float | None


def is_good(pair: Ratios, recorded: Ratios) -> bool:
    """Say whether enough of the recorded ratios is left, of those that are known."""
    return pair.cpu >= SHARE_MIN * recorded.cpu and (
        pair.rate is None or recorded.rate is None or pair.rate >= SHARE_MIN * recorded.rate
    )


def judge(pairs: Sequence[Ratios], recorded: Ratios) -> bool | None:
    """Say whether the pairs so far pass (True) or fail (False); None: another pair is needed.

    The last pair alone decides: it is good enough, or all of `PAIRS_MAX` were not.
    """
    if pairs and is_good(pairs[-1], recorded):
        return True
    return False if len(pairs) >= PAIRS_MAX else None


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
    except (InventoryStreamError, DevServerError, SubjectEndedError, TimeoutError) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


def read_recorded(path: Path = RECORDED) -> dict[str, Ratios]:
    """Read the recorded ratios of each form.

    Raises:
        GateError: there are none.
    """
    try:
        ratios = json.loads(path.read_text(encoding="utf-8"))["ratios"]
        return {scenario.name: Ratios(**ratios[scenario.name]) for scenario in SCENARIOS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GateError(f"{path}: {error}; `python -m benchmarks.ratio_gate --record` writes it") from error


async def _check(bench: Bench, recorded: dict[str, Ratios]) -> int:
    status = 0
    for scenario in SCENARIOS:
        wanted = recorded[scenario.name]
        pairs: list[Ratios] = []
        while (verdict := judge(pairs, wanted)) is None:
            pairs.append(await pair(bench, scenario, len(pairs)))
            print(f"{scenario.title}: {_shown(pairs[-1])}; recorded {_shown(wanted)}")
        if not verdict:
            print(f"{scenario.title}: FAILED, {PAIRS_MAX} pairs in a row below {SHARE_MIN:.0%} of it")
            status = EXIT_FAILED
    return status


def _shown(ratios: Ratios) -> str:
    rate = "unknown, the machine was busy" if ratios.rate is None else f"{ratios.rate:.3f}"
    return f"worker beside the bare loop by CPU {ratios.cpu:.3f}, by rate {rate}"


async def _record(bench: Bench) -> int:
    measured: dict[str, list[Ratios]] = {scenario.name: [] for scenario in SCENARIOS}
    for number in range(RECORDED_PAIRS):
        for scenario in SCENARIOS:
            measured[scenario.name].append(await pair(bench, scenario, number))
            print(f"{scenario.title}: {_shown(measured[scenario.name][-1])}")
    document: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": describe_revision(),
        "pairs": RECORDED_PAIRS,
        "ratios": {name: _median(pairs)._asdict() for name, pairs in measured.items()},
    }
    text = json.dumps(document, indent=1, sort_keys=True) + "\n"
    await asyncio.to_thread(RECORDED.write_text, text, encoding="utf-8")
    print(f"written: {RECORDED.name}: {document['ratios']}")
    return 0


def _median(pairs: Sequence[Ratios]) -> Ratios:
    """Give the median of each; the rate's only where no pair was disturbed."""
    rates = [pair.rate for pair in pairs if pair.rate is not None]
    rate = round(median(rates), 4) if len(rates) == len(pairs) else None
    return Ratios(round(median(pair.cpu for pair in pairs), 4), rate)


async def pair(bench: Bench, scenario: ClosedLoop, number: int) -> Ratios:
    """Run worker and bare loop in turns.

    Raises:
        GateError: a decision was wrong, or all was over before a rate could be told.
    """
    is_busy = await asyncio.to_thread(busy_cores) > BUSY_CORES_MAX
    prefix = f"bench-{scenario.name}-{number}-{time.time_ns() // 1_000_000}-"
    results = await run_closed_loop(bench, scenario, number, prefix)
    faults = [f"{name}: {fault}" for name, result in results.items() for fault in result.faults]
    if faults:
        raise GateError(f"{scenario.title}: the check of the decisions failed: {'; '.join(faults[:3])}")
    worker, bare = (results[name].figures for name in (WORKER, BARE_LOOP))
    try:
        cpu = bare["cpu_us_per_command"] / worker["cpu_us_per_command"]
        rate = worker["commands_per_s"] / bare["commands_per_s"]
    except KeyError as error:
        raise GateError(f"{scenario.title}: too short to tell {error}") from error
    return Ratios(cpu, None if is_busy else rate)


if __name__ == "__main__":
    sys.exit(main())
