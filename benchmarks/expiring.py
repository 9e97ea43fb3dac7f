"""Very many reservations expire in the same moment: how long that takes, and what others notice."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from benchmarks.batches import batch_series
from benchmarks.bench import Bench
from benchmarks.deciding import DECIDE_SECONDS_MAX, OPEN_SECONDS_MAX, unseen_faults
from benchmarks.ledger_check import (
    LedgerReading,
    decode_worker_row,
    faults,
    note_decision,
    note_outcome,
    note_row,
    oversold_units,
    rows_of,
)
from benchmarks.load import LOCATION, ROW_PREFIX, Workload, produce
from benchmarks.open_loop import Driving, OpenLoopRun, run_open_loop
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import CALM, STORM, ExpiryStorm
from benchmarks.statistics import Figures, latency_figures
from benchmarks.subjects import Subject, worker_place
from benchmarks.usage import Usage, usage_figures
from benchmarks.watch import LedgerWatch
from inventory_stream.ports.commands import ORDER_EVENTS
from models.codec import PACK_COMMANDS_MAX, encode_pack, to_positional
from models.commands import Reserve, Sync
from models.rows import ReservationRow, decode_row

STORM_SKU: Final = "SKU-storm"
_STORM_PREFIX: Final = b"r/storm-"


@dataclass
class Storm:
    """What a ledger says about the reservations that should expire, by their number."""

    granted: bytearray
    expired: bytearray
    deadlines_ms: list[int] = field(default_factory=list)
    expired_ms: list[int] = field(default_factory=list)

    def note(self, row: ReservationRow, time_ms: int) -> None:
        """Note one row, appended at a time."""
        number = int(row.reservation_id[-9:])
        if row.answered < 0:
            self.expired[number] += sum(line.expired for line in row.lines)
            self.expired_ms.append(time_ms)
        else:
            self.granted[number] += sum(line.granted for line in row.lines)
            self.deadlines_ms.append(row.deadline_ms)

    def faults(self, reserved: int | None) -> list[str]:
        """Say what is wrong: each must be granted once and expire once, and leave nothing reserved."""
        found = []
        for name, times in (("granted", self.granted), ("expired", self.expired)):
            wrong = len(times) - times.count(1)
            if wrong:
                found.append(f"{wrong} of {len(times)} reservations were not {name} exactly once")
        early = sum(
            at <= due for at, due in zip(sorted(self.expired_ms), sorted(self.deadlines_ms), strict=False)
        )
        if early:
            found.append(f"{early} reservations expired before their deadline")
        if reserved != 0:
            found.append(f"{STORM_SKU}: {reserved} units are still reserved")
        return found


async def run_expiry_storm(bench: Bench, scenario: ExpiryStorm, prefix: str) -> RunResult:
    """Reserve what shall expire, then send other commands at a rate until all of it has."""
    place, workload, servers = worker_place(prefix), scenario.workload, bench.bootstrap_servers
    topic = f"{prefix}{ORDER_EVENTS}"
    values = list(workload.values())
    driving = Driving()
    async with bench.topics(prefix), LedgerWatch(servers, place.ledger_topic) as watch:
        stock_records = await bench.state_facts(_stock_values(scenario), place)
        usage = Usage(servers)
        running = bench.launcher.launch(Subject.WORKER, place, scenario.name, profile=True)
        try:
            await watch.wait_decided(stock_records, 0, OPEN_SECONDS_MAX, running.cpu_seconds)
            storm_records, _ = await produce(servers, topic, _storm_values(scenario))
            await watch.wait_decided(stock_records, storm_records, DECIDE_SECONDS_MAX, running.cpu_seconds)
            before = usage.look([running])
            run = await run_open_loop(servers, topic, watch, values, scenario.rate_per_s, driving=driving)
            after = usage.look([running])
            records = storm_records + len(values)
            await watch.wait_decided(stock_records, records, DECIDE_SECONDS_MAX, running.cpu_seconds)
        finally:
            running.stop()
        reading, storm = await _read(watch, workload, scenario.due)
    position = reading.positions.get(STORM_SKU)
    found = faults(reading, workload, has_positions=True) + unseen_faults(run)
    found += storm.faults(None if position is None else position.reserved)
    calm, stormy = _figures(run, driving, storm)
    stormy |= usage_figures(before, after, workload.commands)
    sha256, oversold = reading.decisions_sha256, oversold_units(reading, workload)
    return {  # one ledger, checked once
        CALM: SubjectResult(calm, found, sha256),
        STORM: SubjectResult(stormy, found, sha256, oversold, batch_series(reading.batch_commands)),
    }


def _figures(run: OpenLoopRun, driving: Driving, storm: Storm) -> tuple[Figures, Figures]:
    """Describe the latencies of those due before the first deadline, and of those due until all expired."""
    if not storm.expired_ms:
        return {}, {}
    # The rows' times are of the wall clock, which the broker of this machine goes by, too.
    wall = time.time() - time.perf_counter()
    first_deadline, last_deadline = min(storm.deadlines_ms) / 1_000, max(storm.deadlines_ms) / 1_000
    first_expired, last_expired = min(storm.expired_ms) / 1_000, max(storm.expired_ms) / 1_000
    calm: list[float] = []
    stormy: list[float] = []
    for number, seconds in enumerate(run.latencies_seconds):
        due = driving.due_seconds(number) + wall
        if not math.isnan(seconds) and due <= last_expired:
            (calm if due < first_deadline else stormy).append(seconds)
    of_storm = {
        "all_expired_s": last_expired - last_deadline,
        "first_expired_s": first_expired - first_deadline,
        "deadlines_within_s": last_deadline - first_deadline,
        "expired": float(len(storm.expired_ms)),
        **({"expired_per_s": len(storm.expired_ms) / span} if (span := last_expired - first_expired) else {}),
    }
    return (
        latency_figures(calm) if calm else {},
        of_storm | (latency_figures(stormy) if stormy else {}),
    )


def _stock_values(scenario: ExpiryStorm) -> Iterator[bytes]:
    yield from scenario.workload.stock_values()
    now_ms = time.time_ns() // 1_000_000
    count = Sync("count-storm", STORM_SKU, LOCATION, scenario.due, now_ms)
    yield encode_pack([to_positional(count)])


def _storm_values(scenario: ExpiryStorm) -> Iterator[tuple[None, bytes]]:
    commands = (
        to_positional(
            Reserve(
                f"storm-cmd-{number:09d}",
                f"storm-{number:09d}",
                STORM_SKU,
                1,
                scenario.ttl_seconds,
                LOCATION,
                channel="web",
            )
        )
        for number in range(scenario.due)
    )
    while some := list(islice(commands, PACK_COMMANDS_MAX)):
        yield None, encode_pack(some)


async def _read(watch: LedgerWatch, workload: Workload, due: int) -> tuple[LedgerReading, Storm]:
    reading = LedgerReading.of(workload)
    storm = Storm(bytearray(due), bytearray(due))
    async for records in rows_of(watch):
        for record in records:
            if record.key.startswith(_STORM_PREFIX):
                note_outcome(reading, record)
                row = decode_row(record.key, record.value)
                assert isinstance(row, ReservationRow)  # noqa: S101  # by its key
                storm.note(row, record.timestamp)
            elif record.key.startswith(ROW_PREFIX):
                note_outcome(reading, record)
                note_decision(reading, record.key, record.offset, decode_worker_row(record.key, record.value))
            else:
                note_row(reading, record)
    return reading, storm
