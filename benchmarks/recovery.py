"""kill -9 of the owner of a full partition: how fast the next one reads it, and when it decides again.

Both ways in one run, on the same partition: first a second worker of the group takes over while the killed
one stays away, then the only worker is killed and started again by its supervisor.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Final, Self

from aiokafka import AIOKafkaProducer

from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX
from benchmarks.load import command_number, produce
from benchmarks.recovery_load import kept_after, order_values, reserve, stock_values
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import RESTARTED, TAKEN_OVER, Recovery
from benchmarks.scrape import PARTITION, scrape
from benchmarks.statistics import Figures
from benchmarks.subjects import Place, Running, place_settings, worker_place
from benchmarks.watch import LedgerWatch
from inventory_stream.metric_names import KEPT, OWNED, READY, RECOVERY_ROWS, RECOVERY_SECONDS
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.settings import ENV_PREFIX
from models.codec import encode_pack
from models.rows import term_of

PROBE_SECONDS: Final = 0.02
"""Between two commands while nobody decides: what the time of the first decision may be off by."""
READY_SECONDS_MAX: Final = 120.0
"""For a worker to join and, if the partition moves to it, read it; for an owner after a kill."""
VERIFY_SECONDS_MAX: Final = 300.0
"""For `ledger verify` to read a million rows and recompute everything: 20 s here."""
LOOK_SECONDS: Final = 0.1
"""Between two looks at whether a worker is ready; not part of any figure."""

SESSION_SECONDS: Final = place_settings("localhost:1", "").kafka.session_timeout_seconds
START_SECONDS: Final = 3.0
SECONDS_PER_MILLION_ROWS: Final = 4.0
"""The design's bound: session timeout + 3 s + 4 s for each million rows of the partition."""


class Probes:
    """Commands one by one, numbered on from the load's, until somebody decides."""

    def __init__(self, bench: Bench, scenario: Recovery, topic: str) -> None:
        self._scenario = scenario
        self._topic = topic
        self._producer = AIOKafkaProducer(bootstrap_servers=bench.bootstrap_servers, acks="all", linger_ms=0)
        self.sent = 0
        self.records_end = 0

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def run(self) -> None:
        """Send one after the other until cancelled; every one that was sent is acknowledged."""
        while True:
            number = self._scenario.reservations + self.sent
            self.sent += 1
            value = encode_pack([reserve(self._scenario, number)])
            acked = await asyncio.shield(self._producer.send_and_wait(self._topic, value, partition=0))
            self.records_end = acked.offset + 1
            await asyncio.sleep(PROBE_SECONDS)


async def run_recovery(bench: Bench, scenario: Recovery, prefix: str) -> RunResult:
    """Fill a partition, kill its owner twice, check that all was decided once."""
    place = worker_place(prefix)
    servers = bench.bootstrap_servers
    async with bench.topics(prefix), LedgerWatch(servers, place.ledger_topic) as watch:
        stock = ((None, value) for value in stock_values(scenario))
        stock_records, _ = await produce(servers, f"{prefix}{STOCK_EVENTS}", stock)
        first = bench.launcher.launch_watched(place, f"{scenario.name}-first")
        second: Running | None = None
        try:
            # Two topics have no order (R26): all stock first.
            await watch.wait_decided(stock_records, 0, DECIDE_SECONDS_MAX, first.cpu_seconds)
            orders = ((None, value) for value in order_values(scenario))
            order_records, _ = await produce(servers, f"{prefix}{ORDER_EVENTS}", orders)
            await watch.wait_decided(stock_records, order_records, DECIDE_SECONDS_MAX, first.cpu_seconds)
            second = bench.launcher.launch_watched(place, f"{scenario.name}-second")
            async with Probes(bench, scenario, f"{prefix}{ORDER_EVENTS}") as probes:
                owner, other = await _owner_and_other(first, second)
                taken_over = await _kill(watch, probes, owner, other, for_good=True)
                restarted = await _kill(watch, probes, other, other, for_good=False)
            await watch.wait_decided(stock_records, probes.records_end, DECIDE_SECONDS_MAX, float)
            found = await _kept_faults(other, kept_after(scenario, probes.sent))
        finally:
            first.stop()
            if second is not None:
                second.stop()
        found += await _probe_faults(watch, scenario, probes.sent)
        oversold, unsound = await verify(bench, place)
    found += unsound
    return {  # one ledger, checked once
        TAKEN_OVER: SubjectResult(taken_over, found, ""),
        RESTARTED: SubjectResult(restarted, found, "", oversold),
    }


async def _owner_and_other(first: Running, second: Running) -> tuple[Running, Running]:
    """Wait until both are in the group and one owns the partition, which may move as the second joins."""
    async with asyncio.timeout(READY_SECONDS_MAX):
        while True:
            ready = [await scrape(each.monitoring_port, READY) for each in (first, second)]
            owns = [await scrape(each.monitoring_port, OWNED, **PARTITION) for each in (first, second)]
            if ready == [1.0, 1.0] and sorted(one or 0.0 for one in owns) == [0.0, 1.0]:
                return (first, second) if owns[0] else (second, first)
            await asyncio.sleep(LOOK_SECONDS)


async def _kill(
    watch: LedgerWatch, probes: Probes, owner: Running, heir: Running, *, for_good: bool
) -> Figures:
    """Kill the owner while commands come in; give what its heir needed, by the ledger's record times."""
    sending = asyncio.create_task(probes.run())
    try:
        # One decision before the kill, so that the owner is known to be at work.
        await first_decision_ms(watch, await watch.end(), after_claim=False)
        end = await watch.end()
        killed_ms = time.time_ns() // 1_000_000
        owner.kill(for_good=for_good)
        first_ms = await first_decision_ms(watch, end, after_claim=True)
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    async with asyncio.timeout(READY_SECONDS_MAX):
        while await scrape(heir.monitoring_port, OWNED, **PARTITION) != 1.0:  # noqa: ASYNC110  # a process
            await asyncio.sleep(LOOK_SECONDS)
    rows = await scrape(heir.monitoring_port, RECOVERY_ROWS, **PARTITION) or 0.0
    recovery_seconds = await scrape(heir.monitoring_port, RECOVERY_SECONDS, **PARTITION) or 0.0
    allowed_seconds = SESSION_SECONDS + START_SECONDS + SECONDS_PER_MILLION_ROWS * rows / 1e6
    first_decision_seconds = (first_ms - killed_ms) / 1_000
    return {
        "rows": rows,
        "rows_per_s": rows / recovery_seconds,
        "recovery_s": recovery_seconds,
        "first_decision_s": first_decision_seconds,
        "allowed_s": allowed_seconds,
        "share_of_allowed": first_decision_seconds / allowed_seconds,
    }


async def first_decision_ms(watch: LedgerWatch, offset: int, *, after_claim: bool) -> int:
    """Give the record time of the first reservation row from an offset on, of a later term if asked.

    Raises:
        TimeoutError: there was none in time.
    """
    watch.consumer.seek(watch.place, offset)
    async with asyncio.timeout(READY_SECONDS_MAX):
        while True:
            record = await watch.consumer.getone()
            # A term is the offset of its claim.
            if record.key[:2] == b"r/" and (not after_claim or term_of(record.value) >= offset):
                return int(record.timestamp)


async def _kept_faults(owner: Running, wanted: dict[str, int]) -> list[str]:
    """Compare what the last owner holds with what was decided before it, and by it."""
    kept = {kind: await scrape(owner.monitoring_port, KEPT, **PARTITION, kind=kind) for kind in wanted}
    return [
        f"the last owner holds {kept[kind]} {kind}, not {units}"
        for kind, units in wanted.items()
        if kept[kind] != units
    ]


async def _probe_faults(watch: LedgerWatch, scenario: Recovery, sent: int) -> list[str]:
    """Every probe must have exactly one row: it was decided once, by whoever owned the partition."""
    decided: Counter[int] = Counter()
    end = await watch.end()
    watch.consumer.seek(watch.place, 0)
    offset = -1
    async with asyncio.timeout(VERIFY_SECONDS_MAX):
        while offset < end - 1:
            for records in (await watch.consumer.getmany(watch.place, timeout_ms=1_000)).values():
                offset = records[-1].offset
                decided.update(command_number(record.key) for record in records if record.key[:2] == b"r/")
    probes = range(scenario.reservations, scenario.reservations + sent)
    wrong = sum(decided[number] != 1 for number in probes)
    missing = sum(not decided[number] for number in range(scenario.reservations))
    faults = [f"{wrong} of {sent} commands around the kills have not exactly one row"] if wrong else []
    return faults + ([f"{missing} reservations have no row"] if missing else [])


async def verify(bench: Bench, place: Place) -> tuple[int, list[str]]:
    """Run `inventory-stream ledger verify`; give the oversold units and what it found unsound."""
    settings = place_settings(bench.bootstrap_servers, place.inputs_prefix).kafka
    environment = {
        f"{ENV_PREFIX}KAFKA__BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        f"{ENV_PREFIX}KAFKA__TOPIC_PREFIX": settings.topic_prefix,
        f"{ENV_PREFIX}KAFKA__PARTITIONS": str(settings.partitions),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "inventory_stream.cli", "ledger", "verify", "--no-redis", "--json"),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(VERIFY_SECONDS_MAX):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if not printed:
        return 0, [f"ledger verify ended with {process.returncode}: {complaints.decode(errors='replace')}"]
    report = json.loads(printed)
    return report["oversold_units"], [] if report["sound"] else ["ledger verify found the ledger unsound"]
