"""Commands of many kinds, which lie in the log beforehand, decided as fast as the worker can."""

import time
from collections.abc import Iterable

from benchmarks.answers import Expected, answer_faults, read_answers
from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX, OPEN_SECONDS_MAX, byte_figures
from benchmarks.group_load import GroupLoad
from benchmarks.load import produce
from benchmarks.mixed_load import MixedLoad, packs
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import WORKER, Groups, Mixed
from benchmarks.statistics import throughput_figures
from benchmarks.subjects import Subject, worker_place
from benchmarks.usage import Usage, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS
from models.commands import Command


async def run_mixed(bench: Bench, scenario: Mixed, prefix: str) -> RunResult:
    """Measure the mix of a shop."""
    load = MixedLoad(scenario.commands, scenario.skus, scenario.pack, scenario.seed)
    facts = packs(load.facts, scenario.pack)
    return await _run(bench, scenario, prefix, load.opening_values(), facts, load.orders, load.expected)


async def run_groups(bench: Bench, scenario: Groups, prefix: str) -> RunResult:
    """Measure reservations over a location group."""
    load = GroupLoad(scenario.commands, scenario.skus, scenario.locations, scenario.pack, scenario.seed)
    return await _run(bench, scenario, prefix, load.opening_values(), (), load.orders, load.expected)


async def _run(
    bench: Bench,
    scenario: Mixed | Groups,
    prefix: str,
    opening: Iterable[bytes],
    facts: Iterable[bytes],
    orders: Iterable[Command],
    expected: Expected,
) -> RunResult:
    place, servers = worker_place(prefix), bench.bootstrap_servers
    async with bench.topics(prefix), LedgerWatch(servers, place.ledger_topic) as watch:
        stock_records = await bench.state_facts(opening, place)
        # Two topics have no order (R26): the opening stock first, by a life of its own.
        running = bench.launcher.launch(Subject.WORKER, place, f"{scenario.name}-stock")
        try:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        stock_records += await bench.state_facts(facts, place)
        values = ((None, value) for value in packs(orders, scenario.pack))
        order_records, input_bytes = await produce(servers, f"{prefix}{ORDER_EVENTS}", values)
        usage, launched = Usage(servers), time.perf_counter()
        before = usage.look()
        running = bench.launcher.launch(Subject.WORKER, place, scenario.name, profile=True)
        try:
            seen = await watch.wait_decided(
                stock_records, order_records, DECIDE_SECONDS_MAX, running.cpu_seconds
            )
            after = usage.look([running])
        finally:
            running.stop()
        answers = await read_answers(watch, expected)
    timing = answers.timing
    figures = throughput_figures(timing, seen, launched) if timing.appended else {}
    figures |= usage_figures(before, after, scenario.commands)
    figures |= byte_figures(timing, input_bytes, scenario.commands)
    found = answer_faults(answers, expected)
    series = batch_series(timing.batch_commands)
    result = SubjectResult(figures, found, answers.decisions_sha256, answers.oversold_units, series)
    return {WORKER: result}
