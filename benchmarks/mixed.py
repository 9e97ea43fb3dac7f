"""Commands of many kinds, which lie in the log beforehand, decided as fast as the worker can."""

from collections.abc import Iterable

from benchmarks.answers import Expected, answer_faults, read_answers
from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import life_figures, live, open_stock
from benchmarks.group_load import GroupLoad
from benchmarks.load import produce
from benchmarks.mixed_load import MixedLoad, packs
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import WORKER, Groups, Mixed
from benchmarks.subjects import Subject, worker_place
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
    async with bench.topics(prefix):
        stock_records = await bench.state_facts(opening, place)
        await open_stock(bench, place, scenario.name, stock_records)
        stock_records += await bench.state_facts(facts, place)
        values = ((None, value) for value in packs(orders, scenario.pack))
        order_records, input_bytes = await produce(servers, f"{prefix}{ORDER_EVENTS}", values)
        async with LedgerWatch(servers, place.ledger_topic) as watch:
            life = await live(
                bench,
                Subject.WORKER,
                place,
                scenario.name,
                watch,
                stock_records=stock_records,
                order_records=order_records,
            )
            answers = await read_answers(watch, expected)
    figures = life_figures(life, answers.timing, input_bytes, scenario.commands)
    found = answer_faults(answers, expected)
    series = batch_series(answers.timing.batch_commands)
    result = SubjectResult(figures, found, answers.decisions_sha256, answers.oversold_units, series)
    return {WORKER: result}
