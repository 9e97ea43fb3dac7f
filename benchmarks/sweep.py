"""Latency over the rate: where it stays low, and where the line forms."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import (
    DECIDE_SECONDS_MAX,
    OPEN_SECONDS_MAX,
    byte_figures,
    open_loop_figures,
    unseen_faults,
)
from benchmarks.ledger_check import faults, oversold_units, read_ledger
from benchmarks.load import Workload, produce
from benchmarks.open_loop import run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import WORKER, Sweep, rate_subject
from benchmarks.subjects import Subject, worker_place
from benchmarks.usage import Usage, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS

if TYPE_CHECKING:
    from benchmarks.statistics import Figures

WARM_UP_PART: Final = 5
"""One part in so many of each rate does not count. The line that a rate leaves is decided before the next
one, so there is only the first batch size to settle."""

TRIES: Final = 2
"""Of a rate, before the sweep ends there: one pause of the machine must not be taken for the limit."""

REFUSED_MIN: Final = 1_000
"""Commands that a sweep must have had refused: so many chances to sell a unit that is not there."""


async def run_sweep(bench: Bench, scenario: Sweep, prefix: str) -> RunResult:
    """Raise the rate on one worker until its p99 passes the bound `TRIES` times; the better try counts.

    The rate that ends it is still in the result. Where it ended before enough was refused, the commands that
    follow are sent at once, unmeasured, so that the check of the stock says something.
    """
    workload, pack = scenario.workload, scenario.workload.record_commands
    place = worker_place(prefix)
    topic = f"{prefix}{ORDER_EVENTS}"
    values = workload.values()
    steps: dict[int, Figures] = {}
    found: list[str] = []
    records = input_bytes = 0
    async with bench.topics(prefix), LedgerWatch(bench.bootstrap_servers, place.ledger_topic) as watch:
        stock_records = await bench.state_stock(workload, place)
        usage = Usage(bench.bootstrap_servers)
        running = bench.launcher.launch(Subject.WORKER, place, scenario.name, profile=True)
        try:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            tries = [(rate, at) for rate in scenario.rates_per_s for at in range(1, TRIES + 1)]
            for rate, at in tries:
                if rate in steps and _is_within(steps[rate], scenario):
                    continue
                some = list(islice(values, rate * scenario.seconds_each // pack))
                before = usage.look([running])
                run = await run_open_loop(
                    bench.bootstrap_servers, topic, watch, some, rate, pack=pack, first=records * pack
                )
                after = usage.look([running])
                records += len(some)
                input_bytes += sum(len(value) for _, value in some)
                await watch.wait_decided(stock_records, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
                found += unseen_faults(run)
                step: Figures = {
                    **open_loop_figures(run, rate, len(some) * pack // WARM_UP_PART),
                    **usage_figures(before, after, len(some) * pack),
                }
                steps[rate] = min(steps.get(rate, step), step, key=_p99_ms) | {"tries": float(at)}
                if at == TRIES and not _is_within(steps[rate], scenario):
                    break
            more = list(islice(values, max(0, records_until_refused(workload) - records)))
            _, more_bytes = await produce(bench.bootstrap_servers, topic, more)
            records += len(more)
            input_bytes += more_bytes
            await watch.wait_decided(stock_records, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        reading = await read_ledger(watch, workload, Subject.WORKER.decode)
    sent = records * pack
    found += faults(reading, workload, has_positions=True, sent=sent)
    within = [rate for rate, figures in steps.items() if _is_within(figures, scenario)]
    whole = {
        "highest_rate_per_s": float(max(within, default=0)),
        **byte_figures(reading, input_bytes, sent),
    }
    sha256, oversold = reading.decisions_sha256, oversold_units(reading, workload)
    results = {rate_subject(rate): SubjectResult(figures, found, "") for rate, figures in steps.items()}
    # One ledger, checked once.
    return {
        WORKER: SubjectResult(whole, found, sha256, oversold, batch_series(reading.batch_commands)),
        **results,
    }


def records_until_refused(workload: Workload) -> int:
    """Count the records up to the one with the `REFUSED_MIN`-th command that must be refused."""
    refused = (number for number, units in enumerate(workload.granted) if not units)
    return next(islice(refused, REFUSED_MIN - 1, None)) // workload.record_commands + 1


def _p99_ms(figures: Mapping[str, float]) -> float:
    return figures["p99_ms"]


def _is_within(figures: Mapping[str, float], scenario: Sweep) -> bool:
    return _p99_ms(figures) <= scenario.p99_ms_max
