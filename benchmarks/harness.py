"""Runs scenarios: topics, load, subjects one after the other, figures, and the check of each result."""

import math
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.ledger_check import faults, read_ledger
from benchmarks.load import Workload, produce
from benchmarks.open_loop import run_open_loop
from benchmarks.scenarios import Scenario
from benchmarks.statistics import (
    Figures,
    batch_figures,
    latency_figures,
    throughput_figures,
)
from benchmarks.subjects import (
    Launcher,
    Place,
    Subject,
    interleaved,
    place_settings,
    worker_place,
)
from benchmarks.watch import LedgerWatch
from inventory_stream.adapters.kafka.topic_rules import topic_specs
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS

OPEN_SECONDS_MAX: Final = 60.0
"""From the launch of a process until it has decided the opening stock: 3 s here."""
DECIDE_SECONDS_MAX: Final = 180.0
"""For a whole closed-loop run: a million commands take 2 to 10 s."""


class SubjectResult(NamedTuple):
    """One subject in one run. It counts only when `faults` is empty."""

    figures: Figures
    faults: list[str]
    decisions_sha256: str


RunResult = dict[Subject, SubjectResult]
Say = Callable[[str], None]


class Harness:
    """Runs scenarios against one broker, each run on topics of its own.

    Args:
        bootstrap_servers: The broker.
        launcher: Starts what is measured.
        say: Told what happens, one line at a time.
    """

    def __init__(self, bootstrap_servers: str, launcher: Launcher, say: Say) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._launcher = launcher
        self._say = say

    async def run(self, scenario: Scenario, number: int) -> RunResult:
        """Measure both subjects once, the order depending on the run's number (0, 1, ...)."""
        prefix = f"bench-{scenario.name}-{number}-{time.time_ns() // 1_000_000}-"
        bare_prefix = f"{prefix}bare-"
        for each in (prefix, bare_prefix):
            await create_topics(place_settings(self._bootstrap_servers, each))
        bare_ledger = worker_place(bare_prefix).ledger_topic
        results: RunResult = {}
        try:
            if scenario.rate_per_s is None:
                # Both read the very same records.
                places = {
                    Subject.WORKER: worker_place(prefix),
                    Subject.BARE: Place(prefix, bare_ledger),
                }
                stock_records = await self._open_stock(scenario, places[Subject.WORKER])
                order_records = await self._load(scenario.workload, prefix)
                for subject in interleaved(number):
                    results[subject] = await self._closed_loop(
                        scenario, subject, places[subject], stock_records, order_records
                    )
                    self._say(_line(scenario, number, subject, results[subject]))
            else:
                places = {
                    Subject.WORKER: worker_place(prefix),
                    Subject.BARE: Place(bare_prefix, bare_ledger),
                }
                for subject in interleaved(number):
                    results[subject] = await self._open_loop(scenario, subject, places[subject])
                    self._say(_line(scenario, number, subject, results[subject]))
        finally:
            await self._delete_topics(prefix, bare_prefix)
        return results

    # --- closed loop ------------------------------------------------------------------------------

    async def _open_stock(self, scenario: Scenario, place: Place) -> int:
        """Have the worker decide the opening stock, and stop it: two topics have no order (R26)."""
        records = await self._state_stock(scenario.workload, place)
        running = self._launcher.launch(Subject.WORKER, place, f"{scenario.name}-stock")
        try:
            async with LedgerWatch(self._bootstrap_servers, place.ledger_topic) as watch:
                await watch.wait_decided(records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        return records

    async def _state_stock(self, workload: Workload, place: Place) -> int:
        values = ((None, value) for value in workload.stock_values())
        records, _ = await produce(self._bootstrap_servers, f"{place.inputs_prefix}{STOCK_EVENTS}", values)
        return records

    async def _load(self, workload: Workload, prefix: str) -> int:
        """Write all commands before anybody reads them: the generator takes no CPU while measuring."""
        topic = f"{prefix}{ORDER_EVENTS}"
        records, _ = await produce(self._bootstrap_servers, topic, workload.values())
        return records

    async def _closed_loop(
        self, scenario: Scenario, subject: Subject, place: Place, stock_records: int, order_records: int
    ) -> SubjectResult:
        async with LedgerWatch(self._bootstrap_servers, place.ledger_topic) as watch:
            launched = time.perf_counter()
            running = self._launcher.launch(subject, place, scenario.name, profile=True)
            try:
                seen = await watch.wait_decided(
                    stock_records, order_records, DECIDE_SECONDS_MAX, running.cpu_seconds
                )
            finally:
                running.stop()
            reading = await read_ledger(watch, scenario.workload, subject.decode)
        found = faults(reading, scenario.workload, has_positions=subject is Subject.WORKER)
        figures = throughput_figures(reading, seen, launched) if reading.appended else {}
        return SubjectResult(figures, found, reading.decisions_sha256)

    # --- open loop --------------------------------------------------------------------------------

    async def _open_loop(self, scenario: Scenario, subject: Subject, place: Place) -> SubjectResult:
        assert scenario.rate_per_s is not None  # noqa: S101  # the caller's branch
        workload, rate = scenario.workload, scenario.rate_per_s
        values = list(workload.values())
        stock_records = await self._state_stock(workload, place)
        running = self._launcher.launch(subject, place, scenario.name, profile=True)
        try:
            async with LedgerWatch(self._bootstrap_servers, place.ledger_topic) as watch:
                await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
                cpu_before = running.cpu_seconds()
                topic = f"{place.inputs_prefix}{ORDER_EVENTS}"
                run = await run_open_loop(self._bootstrap_servers, topic, watch, values, rate)
                cpu_seconds = running.cpu_seconds() - cpu_before
                await watch.wait_decided(stock_records, len(values), DECIDE_SECONDS_MAX, running.cpu_seconds)
                running.stop()  # frees its core before the ledger is read back
                reading = await read_ledger(watch, workload, subject.decode)
        finally:
            running.stop()
        found = faults(reading, workload, has_positions=subject is Subject.WORKER)
        unseen = sum(map(math.isnan, run.latencies_seconds))
        if unseen:
            found.append(f"{unseen} rows were not read back in time")
        measured = run.latencies_seconds[scenario.warm_up_commands :]
        since = run.first_due_seconds + scenario.warm_up_commands / rate
        lags = sorted(run.lags_seconds)
        figures: Figures = {
            **latency_figures(seconds for seconds in measured if not math.isnan(seconds)),
            "achieved_per_s": len(measured) / (run.last_seen_seconds - since),
            "generator_lag_p99_ms": lags[len(lags) * 99 // 100] * 1_000,
            "cpu_us_per_command": cpu_seconds / len(values) * 1e6,
            **batch_figures(reading.batch_commands),
        }
        return SubjectResult(figures, found, reading.decisions_sha256)

    # --- topics -----------------------------------------------------------------------------------

    async def _delete_topics(self, *prefixes: str) -> None:
        """Give the disk back: a run leaves about 600 MB."""
        names = [
            spec.name
            for prefix in prefixes
            for spec in topic_specs(place_settings(self._bootstrap_servers, prefix))
        ]
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_topics(names)
        finally:
            await admin.close()


def _line(scenario: Scenario, number: int, subject: Subject, result: SubjectResult) -> str:
    figures = result.figures
    what = "too short for a rate"
    if "p50_ms" in figures:
        what = f"p50 {figures['p50_ms']:.1f}, p99 {figures['p99_ms']:.1f}, max {figures['max_ms']:.0f} ms"
    elif "commands_per_s" in figures:
        what = f"{figures['commands_per_s']:,.0f}/s"
    verdict = "checked" if not result.faults else "DOES NOT COUNT: " + "; ".join(result.faults[:3])
    return f"{scenario.name} run {number + 1} {subject}: {what} ({verdict})"
