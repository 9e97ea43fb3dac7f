"""A peer on Kafka: a program that reads the product's inputs and writes an outcome per command."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.bench import Bench
from benchmarks.deciding import open_loop_figures, unseen_faults
from benchmarks.ledger_check import LedgerReading, faults, oversold_units
from benchmarks.load import Form, Workload, produce
from benchmarks.open_loop import run_open_loop
from benchmarks.peers.peer import Terms
from benchmarks.peers.process import PeerProcess
from benchmarks.peers.process_outcomes import (
    OutcomeWatch,
    as_warm_up,
    closed_figures,
    warm_up_of,
    warm_up_records,
)
from benchmarks.result import SubjectResult
from benchmarks.statistics import Figures
from benchmarks.subjects import worker_place
from benchmarks.usage import Usage, usage_figures
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS

DECIDE_SECONDS_MAX: Final = 180.0
"""For warm-up and workload of a closed loop: 15 s of the slowest here."""

WARM_UP_TIMES_MAX: Final = 3
"""A warm-up is at most so many times the workload: a trial with few commands should be short."""

READ_SECONDS_MAX: Final = 60.0
"""For the outcomes of a run that is over."""


@dataclass(frozen=True, slots=True)
class PeerPlace:
    """What a peer's program is told: `skus` counts are in stock-events, warm-up included."""

    bootstrap_servers: str
    prefix: str
    ledger_topic: str
    folder: Path
    skus: int


@dataclass(frozen=True, slots=True)
class ProcessPeer:
    """See benchmarks/peers/peer.py.

    `command` gives the program's arguments, `find` why it cannot run. `warm_up_commands` of the same kind are
    decided before anything counts. `commands_max` bounds a closed loop of a slow peer, which then decides a
    smaller workload of the same kind, and `is_single` says that it takes one command per record only.
    """

    name: str
    terms: Terms
    command: Callable[[PeerPlace], list[str]]
    find: Callable[[], str | None]
    warm_up_commands: int
    commands_max: int | None = None
    is_single: bool = False

    def why_absent(self) -> str | None:
        """Say what is missing."""
        return self.find()

    async def closed_loop(self, bench: Bench, workload: Workload, prefix: str) -> SubjectResult:
        """Decide what all lies in the log before the program starts, warm-up first."""
        workload = self._formed(workload)
        if self.commands_max is not None:
            workload = replace(workload, commands=min(workload.commands, self.commands_max))
        warm_up = self._warm_up(workload)
        usage = Usage(bench.bootstrap_servers)
        async with _placed(bench, workload, warm_up, prefix) as place:
            topic = f"{prefix}{ORDER_EVENTS}"
            records = itertools.chain(warm_up_records(warm_up), workload.values())
            await produce(bench.bootstrap_servers, topic, records)
            async with OutcomeWatch(bench.bootstrap_servers, place.ledger_topic, workload) as watch:
                with self._start(place) as process:
                    expected = warm_up.commands + workload.commands
                    seen = await watch.wait_outcomes(
                        expected, DECIDE_SECONDS_MAX, lambda: usage.look([process])
                    )
                await _read_rest(watch)
        figures = closed_figures(watch.reading, seen) if watch.reading.appended else {}
        return _result(figures, watch.reading, workload, [])

    async def open_loop(
        self, bench: Bench, workload: Workload, prefix: str, *, rate_per_s: int, warm_up_commands: int
    ) -> SubjectResult:
        """Decide commands when each is due, after a closed loop of warm-up commands."""
        workload = self._formed(workload)
        warm_up = self._warm_up(workload)
        values = list(workload.values())
        usage = Usage(bench.bootstrap_servers)
        async with _placed(bench, workload, warm_up, prefix) as place:
            topic = f"{prefix}{ORDER_EVENTS}"
            await produce(bench.bootstrap_servers, topic, warm_up_records(warm_up))
            async with OutcomeWatch(bench.bootstrap_servers, place.ledger_topic, workload) as watch:
                with self._start(place) as process:
                    await watch.wait_outcomes(
                        warm_up.commands, DECIDE_SECONDS_MAX, lambda: usage.look([process])
                    )
                    before = usage.look([process])
                    run = await run_open_loop(
                        bench.bootstrap_servers,
                        topic,
                        watch,
                        values,
                        rate_per_s,
                        pack=workload.record_commands,
                    )
                    after = usage.look([process])
                await _read_rest(watch)
        figures = {
            **open_loop_figures(run, rate_per_s, warm_up_commands),
            **usage_figures(before, after, workload.commands),
        }
        return _result(figures, watch.reading, workload, unseen_faults(run))

    def _formed(self, workload: Workload) -> Workload:
        return replace(workload, form=Form.SINGLE) if self.is_single else workload

    def _warm_up(self, workload: Workload) -> Workload:
        return warm_up_of(workload, min(self.warm_up_commands, WARM_UP_TIMES_MAX * workload.commands))

    def _start(self, place: PeerPlace) -> PeerProcess:
        return PeerProcess("peer", self.command(place), place.folder)


async def _read_rest(watch: OutcomeWatch) -> None:
    """Read what came until the program ended: an outcome too many shows here, too."""
    async with asyncio.timeout(READ_SECONDS_MAX):
        await watch.read_to_end()


def _result(figures: Figures, reading: LedgerReading, workload: Workload, found: list[str]) -> SubjectResult:
    found += faults(reading, workload, has_positions=False)
    return SubjectResult(figures, found, reading.decisions_sha256, oversold_units(reading, workload))


@asynccontextmanager
async def _placed(
    bench: Bench, workload: Workload, warm_up: Workload, prefix: str
) -> AsyncIterator[PeerPlace]:
    """Have topics with all counts in them and a folder; afterwards give back the disk."""
    values = itertools.chain(map(as_warm_up, warm_up.stock_values()), workload.stock_values())
    records = ((None, value) for value in values)
    async with bench.topics(prefix):
        await produce(bench.bootstrap_servers, f"{prefix}{STOCK_EVENTS}", records)
        with TemporaryDirectory(dir=bench.folder, ignore_cleanup_errors=True) as folder:
            try:
                yield PeerPlace(
                    bench.bootstrap_servers,
                    prefix,
                    worker_place(prefix).ledger_topic,
                    Path(folder),
                    workload.skus + warm_up.skus,
                )
            finally:
                await _delete_changelogs(bench.bootstrap_servers, prefix)


async def _delete_changelogs(bootstrap_servers: str, prefix: str) -> None:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if prefix in name and "changelog" in name]
        await admin.delete_topics(names)
    finally:
        await admin.close()
