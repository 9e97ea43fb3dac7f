"""Bytes of resident memory for each row that a worker keeps, each measured in a fresh process."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench import Bench
from benchmarks.memory_load import Found, Kind
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import Memory

CHILD_SECONDS_MAX: Final = 300.0
"""300,000 items take 5 to 15 s."""


class ChildFailedError(Exception):
    """A measuring process failed; the message is what it wrote last."""


async def run_memory(bench: Bench, scenario: Memory, prefix: str) -> RunResult:
    """Measure every kind twice: after deciding its commands, and after reading the rows of these."""
    results: RunResult = {}
    for kind in Kind:
        path = bench.folder / f"{prefix}rows"
        decided = await _measure("decided", kind, scenario, path)
        recovered = await _measure("recovered", kind, scenario, path)
        path.unlink()
        results[kind.value] = _result(scenario, decided, recovered)
    return results


async def _measure(way: str, kind: Kind, scenario: Memory, path: Path) -> Found:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.memory_child"),
        *(way, kind.value, str(scenario.items), str(scenario.skus), str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(CHILD_SECONDS_MAX):
            printed, complaints = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        raise ChildFailedError(f"{way} {kind}: {complaints.decode(errors='replace')[-2_000:]}")
    return msgspec.json.decode(printed, type=Found)


def _result(scenario: Memory, decided: Found, recovered: Found) -> SubjectResult:
    faults = [
        f"{way}: {found['items']} of {scenario.items} items are kept"
        for way, found in (("decided", decided), ("recovered", recovered))
        if found["items"] != scenario.items
    ]
    if decided["positions_sha256"] != recovered["positions_sha256"]:
        faults.append("recovered positions differ from the decided ones")
    figures = {
        "bytes_each_decided": _bytes_each(decided),
        "bytes_each_recovered": _bytes_each(recovered),
        "base_mb": max(decided["base_bytes"], recovered["base_bytes"]) / 1e6,
        "full_mb_decided": decided["full_bytes"] / 1e6,
        "full_mb_recovered": recovered["full_bytes"] / 1e6,
    }
    return SubjectResult(figures, faults, decided["positions_sha256"], decided["oversold_units"])


def _bytes_each(found: Found) -> float:
    return (found["full_bytes"] - found["base_bytes"]) / found["items"]
