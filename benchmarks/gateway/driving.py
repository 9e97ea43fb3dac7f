"""One scenario on a stack that runs: stock, load, check."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psutil

from benchmarks.gateway import live_readers
from benchmarks.gateway.checking import (
    Checked,
    check,
    check_fastapi,
    ledger_ends,
    read_granted,
    state_fastapi_stock,
)
from benchmarks.gateway.requests import LOCATION
from benchmarks.gateway.scenarios import (
    FEW_UNITS,
    FIRST_WARM_UP_SECONDS,
    LIVE_SECONDS,
    MEASURED_SECONDS,
    READ_LOCATIONS,
    Load,
)
from benchmarks.gateway.stack import FASTAPI, GATEWAY, Stack
from benchmarks.gateway.words import LivePlan, Outcome, Plan, sku_name
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from models.codec import to_positional
from models.commands import TillSale

LAG_MS_MAX: Final = 10.0
"""A generator whose 99th tick of 100 was later than this was not open-loop enough to be believed: a quarter
of the tightest bound on a 99th percentile."""
LIVE_LAG_MS_MAX: Final = 50.0
"""The same of a count that was posted late: a tenth of its bound, as the latest of 12 decides."""
EXTRA_SECONDS_MAX: Final = 120.0
"""Beyond the load itself: connecting, draining, writing what was seen."""
EVERYTHING: Final = "everything"
"""Of the whole machine: what is not ours of it, the figures had to do without."""
FEED_TICK_SECONDS: Final = 0.1


class Result(NamedTuple):
    """What one scenario gave. `cpu` in cores, by process, while it was measured."""

    figures: dict[str, float]
    cpu: dict[str, float]
    statuses: dict[str, int]
    oversold_units: int | None
    faults: list[str]


async def run_load(stack: Stack, load: Load, seconds: float, folder: Path) -> Result:
    """Measure one load, and check what came of it."""
    prefix = f"{load.name}-{time.time_ns() // 1_000_000:x}"
    every = load.few_units_every
    stock = {
        sku_name(prefix, number): FEW_UNITS if every and number % every == 0 else load.units
        for number in range(load.skus)
    }
    plan = Plan(
        kind=load.kind,
        run=prefix,
        port=stack.peer_port if load.of_fastapi else stack.port,
        key=stack.key,
        rate_per_s=load.rate_per_s,
        connections=load.connections,
        warm_up_seconds=load.warm_up_seconds * min(1.0, seconds / MEASURED_SECONDS),
        seconds=seconds,
        prefix=prefix,
        skus=load.skus,
        lines=load.lines,
        result_file=str(folder / f"{prefix}.msgpack"),
    )
    if load.of_fastapi:
        await state_fastapi_stock(stack.valkey.url, LOCATION, stock)
        outcome, cpu = await _generate(stack, "benchmarks.gateway.generator", plan, seconds)
        checked = await check_fastapi(outcome, stack.valkey.url, LOCATION, stock)
    else:
        locations = READ_LOCATIONS if load.kind == "reads" else (LOCATION,)
        await stack.state_stock(stock, locations)
        since = await ledger_ends(stack.settings)
        async with _changing(stack, prefix, load):
            outcome, cpu = await _generate(stack, "benchmarks.gateway.generator", plan, seconds)
        checked = Checked(0, [])
        if load.kind != "reads":
            checked = check(outcome, await read_granted(stack.settings, since), stock)
    return _result(outcome, cpu, checked, seconds)


async def run_live(stack: Stack, readers: int, seconds: float, folder: Path) -> Result:
    """Measure how late many readers hear; at most `LIVE_SECONDS` counts."""
    counts = max(1, min(LIVE_SECONDS, int(seconds)))
    sku = f"hot-{time.time_ns() // 1_000_000:x}"
    await stack.state_stock({sku: live_readers.FIRST_UNITS})
    plan = LivePlan(
        run=sku,
        port=stack.port,
        key=stack.key,
        sku=sku,
        readers=readers,
        seconds=counts,
        result_file=str(folder / f"{sku}.msgpack"),
    )
    outcome, cpu = await _generate(stack, "benchmarks.gateway.live_readers", plan, counts)
    result = _result(outcome, cpu, Checked(0, []), seconds, LIVE_LAG_MS_MAX)
    faults = list(result.faults)
    if failed := result.figures["failed"]:
        faults.append(f"{failed:.0f} events of {readers * counts} did not come")
    return result._replace(faults=faults, oversold_units=None)


def _result(
    outcome: Outcome,
    cpu: dict[str, float],
    checked: Checked,
    seconds: float,
    lag_ms_max: float = LAG_MS_MAX,
) -> Result:
    figures = dict(outcome.figures)
    if figures.get("answered_per_s"):
        asked = cpu.get(GATEWAY) or cpu.get(FASTAPI, 0.0)
        figures["cpu_us_each"] = asked / figures["answered_per_s"] * 1e6
    everything = cpu.pop(EVERYTHING)
    cpu = cpu | {"generator": figures.pop("generator_cpu")}
    cpu["all others"] = max(0.0, everything - sum(cpu.values()))
    faults = [*checked.faults, *lateness_faults(figures["lag_p99_ms"], lag_ms_max, seconds)]
    return Result(figures, cpu, outcome.statuses, checked.oversold_units, faults)


def lateness_faults(lag_p99_ms: float, lag_ms_max: float, seconds: float) -> list[str]:
    """Say that the generator was late: its figures do not count, of which a trial has none to lose."""
    if lag_p99_ms <= lag_ms_max or seconds < MEASURED_SECONDS:
        return []
    return [f"the generator itself was {lag_p99_ms:.1f} ms late at its 99th percentile"]


async def _generate(
    stack: Stack, module: str, plan: Plan | LivePlan, seconds: float
) -> tuple[Outcome, dict[str, float]]:
    """Run a generator; gives what it saw, and the cores that each process used while it measured.

    Raises:
        TimeoutError: it takes far longer than its plan.
        RuntimeError: it failed; its own message is on stderr.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None  # noqa: S101  # asked for above
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(FIRST_WARM_UP_SECONDS + seconds + EXTRA_SECONDS_MAX):
            process.stdin.write(msgspec.json.encode(plan) + b"\n")
            await process.stdin.drain()
            looks = []
            for word in (b"measuring\n", b"measured\n"):
                if await process.stdout.readline() != word:
                    raise RuntimeError(f"{module} failed")
                looks.append((time.perf_counter(), stack.cpu_seconds() | {EVERYTHING: _busy_seconds()}))
            if await process.wait():
                raise RuntimeError(f"{module} failed")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    (began, before), (ended, after) = looks
    cpu = {name: (used - before[name]) / (ended - began) for name, used in after.items()}
    return _outcome(Path(plan.result_file)), cpu


def _busy_seconds() -> float:
    """Give the CPU that was used on the whole machine so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _outcome(file: Path) -> Outcome:
    return msgspec.msgpack.decode(file.read_bytes(), type=Outcome)


@asynccontextmanager
async def _changing(stack: Stack, prefix: str, load: Load) -> AsyncIterator[None]:
    """Have tills sell one unit of so many SKUs each second."""
    if not load.changes_per_s:
        yield
        return
    dice, numbers = random.Random(prefix), iter(range(1_000_000_000))

    async def feed() -> None:
        async with open_command_sink(stack.settings, pack_commands=1_000) as sink:
            while True:
                for _ in range(round(load.changes_per_s * FEED_TICK_SECONDS)):
                    sku = sku_name(prefix, dice.randrange(load.skus))
                    at_ms = time.time_ns() // 1_000_000
                    sale = TillSale(
                        f"till-{prefix}-{next(numbers)}", sku, dice.choice(READ_LOCATIONS), 1, at_ms
                    )
                    await sink.send(to_positional(sale), sku)
                await asyncio.sleep(FEED_TICK_SECONDS)

    feeding = asyncio.create_task(feed())
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
