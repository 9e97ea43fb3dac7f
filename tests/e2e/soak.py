"""`make soak`: days of shopping in miniature, at a steady rate; memory stays flat, every command is answered.

Orders live their whole life: reserved, paid, shipped, returned, cancelled, released or left to expire. The
windows are set to a minute, so that what is kept is as much after three minutes as after thirty.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, ValkeyServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from inventory_stream.metric_names import KEPT
from models.commands import Adjust, Cancel, Command, Confirm, Fulfil, Release, Reserve, Return
from models.ids import partition_of
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, ReceiptRow, ReservationRow, decode_row
from tests.e2e.audit import Judgement, LedgerAudit, Place, hold
from tests.e2e.cluster import LEDGER_WORKERS, PARTITIONS, PROJECTION, Cluster
from tests.e2e.conftest import BROKER_PROPERTIES
from tests.e2e.load import LOCATIONS, TICK_SECONDS, Producer
from tests.e2e.memory import MemoryWatch

if TYPE_CHECKING:
    from inventory_stream.ports.ledger_log import LedgerRecord

SKUS: Final = [f"sku-{number}" for number in range(400)]

WINDOW_SECONDS: Final = 60
"""Of receipts, ended reservations and movements: the shortest that the settings allow for all of them."""
TTL_SECONDS: Final = 20
LIFE_SECONDS_MAX: Final = 30.0
"""From an order's reserve to its last command."""
WARM_UP_SECONDS: Final = 240.0
"""Until every window is full, and what they free is where the allocator finds it again: measured with the
ledger alone, which grew for 230 s and then not at all."""
VERIFY_SECONDS_MAX: Final = 1_800.0
"""For `ledger verify` at the end, which reads the journal of the whole run: 20 M rows and more."""

SAMPLE_SECONDS: Final = 1.0
SLOPE_MIB_PER_MINUTE_MAX: Final = 2.0
"""Of a straight line through the samples after the warm-up: 7 bytes a command at 5,000/s. A receipt that is
never forgotten would be 20 times that."""
MEASURED_SECONDS_MIN: Final = 300.0
"""Below this the line is shown and not judged: one collection more or less decides its slope."""

NAMES: Final = (*LEDGER_WORKERS, PROJECTION)


class Due(NamedTuple):
    """An order that goes on later, if its last command came out well."""

    at_seconds: float
    reserve: Reserve
    last: int


class Orders:
    """Makes commands for each moment; each has the next number as its id."""

    def __init__(self, seed: int, outcomes: bytearray) -> None:
        """Go by `outcomes`, which holds what is known of each command by its number."""
        self.made = 0
        self._outcomes = outcomes
        self._random = random.Random(seed)
        # By step: each waits the same time, so the next due is always in front.
        self._due: dict[str, deque[Due]] = {step: deque() for step in _STEPS}

    def commands(self, count: int, now_seconds: float) -> list[Command]:
        """Give so many: what is due first, then new orders and deliveries."""
        commands: list[Command] = []
        for step, waiting in self._due.items():
            while waiting and waiting[0].at_seconds <= now_seconds and len(commands) < count:
                due = waiting.popleft()
                # A shop ships what is paid, and takes back what it shipped.
                if self._outcomes[due.last] in _WELL:
                    commands.append(self._go_on(due.reserve, step, now_seconds))
        while len(commands) < count:
            commands.append(self._begin(now_seconds))
        return commands

    def _begin(self, now_seconds: float) -> Command:
        number = self._next()
        if self._random.random() < 0.15:
            place, units = delivery(number)
            return Adjust(str(number), *place, units, time.time_ns() // 1_000_000)
        sku, location = self._random.choice(SKUS), self._random.choice(LOCATIONS)
        units = self._random.randint(1, 3)
        reserve = Reserve(str(number), f"order-{number}", sku, units, TTL_SECONDS, location=location)
        self._wait(self._random.choices(("pay", "release", "leave"), (60, 25, 15))[0], reserve, now_seconds)
        return reserve

    def _go_on(self, reserve: Reserve, step: str, now_seconds: float) -> Command:
        command_id, reservation_id, sku = str(self._next()), reserve.reservation_id, reserve.sku
        if step == "pay":
            self._wait(self._random.choices(("ship", "cancel"), (80, 20))[0], reserve, now_seconds)
            return Confirm(command_id, reservation_id, sku)
        if step == "ship":
            self._wait(self._random.choices(("return", "leave"), (20, 80))[0], reserve, now_seconds)
            return Fulfil(command_id, reservation_id, sku)
        if step == "return":
            return Return(command_id, reservation_id, sku, 1, reserve.location)
        return (Cancel if step == "cancel" else Release)(command_id, reservation_id, sku)

    def _wait(self, step: str, reserve: Reserve, now_seconds: float) -> None:
        if step != "leave":
            self._due[step].append(Due(now_seconds + _STEPS[step], reserve, self.made - 1))

    def _next(self) -> int:
        self.made += 1
        return self.made - 1


_STEPS: Final = {"return": 8.0, "ship": 5.0, "cancel": 3.0, "pay": 4.0, "release": 2.0}
"""Seconds from the step before; the last of a life comes first."""
assert sum(_STEPS.values()) < LIFE_SECONDS_MAX


_UNKNOWN: Final = 255
_WELL: Final = frozenset({Outcome.GRANTED, Outcome.CONFIRMED, Outcome.CONFIRMED_LATE, Outcome.FULFILLED})
assert max(Outcome) < _UNKNOWN


def delivery(number: int) -> tuple[Place, int]:
    """Say what the delivery with this number brings: remembered by nobody, known to all."""
    return Place(SKUS[number * 7 % len(SKUS)], LOCATIONS[number % len(LOCATIONS)]), 1 + number % 9


class SoakAudit(LedgerAudit):
    """Judges while it reads, and forgets what the ledger forgets."""

    def __init__(self, commands_max: int) -> None:
        super().__init__(PARTITIONS)
        self.outcomes = bytearray([_UNKNOWN]) * commands_max
        """Of each command, by number."""
        self.repeated: list[str] = []
        """Commands that were answered for the first time twice."""
        self.found = Judgement()
        self._ids: dict[bytes, str] = {}

    def take(self, partition: int, live: "Sequence[LedgerRecord]") -> None:  # noqa: ARG002  # ids are unique here
        """Count answers, supply and what is held."""
        for record in live:
            if record.value is None:
                reservation_id = self._ids.pop(record.key, None)
                if reservation_id is not None:
                    del self.found.reservations[reservation_id]
                continue
            row = decode_row(record.key, record.value)
            if isinstance(row, ReservationRow):
                hold(self.found, row)
                self._ids[record.key] = row.reservation_id
                if row.answered >= 0 and row.repeat == FIRST_ANSWER:
                    answer = row.answers[row.answered]
                    self._hear(answer.command_id, answer.outcome)
            elif isinstance(row, ReceiptRow) and row.repeat == FIRST_ANSWER:
                self._hear(row.command_id, row.outcome)
                if row.reservation_id is None:
                    place, units = delivery(int(row.command_id))
                    self.found.supply[place] += units

    def _hear(self, command_id: str, outcome: int) -> None:
        number = int(command_id)
        if self.outcomes[number] != _UNKNOWN:
            self.repeated.append(command_id)
        self.outcomes[number] = outcome


def slope_per_minute(samples: Sequence[float], interval_seconds: float) -> float:
    """Give the slope of the straight line that fits best."""
    if len(samples) < 2:
        return 0.0
    middle = (len(samples) - 1) / 2
    mean = sum(samples) / len(samples)
    over = sum((at - middle) * (value - mean) for at, value in enumerate(samples))
    return over / sum((at - middle) ** 2 for at in range(len(samples))) * 60 / interval_seconds


async def soak(folder: Path, minutes: float, per_second: int) -> list[str]:
    """Run it; gives what was wrong, nothing if all was well."""
    commands_max = int((minutes * 60 + LIFE_SECONDS_MAX) * per_second * 1.1) + 1_000
    audit = SoakAudit(commands_max)
    orders = Orders(1, audit.outcomes)
    ledger = "INVENTORY_STREAM_LEDGER__"
    windows = {
        f"{ledger}RECEIPT_WINDOW_SECONDS": str(WINDOW_SECONDS),
        f"{ledger}RETURN_WINDOW_SECONDS": str(WINDOW_SECONDS),
        f"{ledger}MOVEMENT_WINDOW_SECONDS": str(WINDOW_SECONDS),
    }
    broker = KafkaServer(folder / "kafka", BrokerSettings(JVM_FOR_LOAD, BROKER_PROPERTIES))
    with broker, ValkeyServer(folder / "valkey") as valkey:
        async with (
            Cluster(broker.bootstrap_servers, valkey.url, "soak-", folder, windows, audit=audit) as cluster,
            Producer(cluster) as producer,
            MemoryWatch(cluster, NAMES, SAMPLE_SECONDS) as memory,
        ):
            await _shop(cluster, producer, orders, minutes, per_second, memory)
            await cluster.until_decided()
            wrong = _judge(audit, orders.made) + _judge_memory(memory)
            report = await cluster.verify(VERIFY_SECONDS_MAX)
            print(f"ledger verify: sound, {report['oversold_units']} units oversold")  # noqa: T201
            await cluster.end_in_order({})
    return wrong


async def _shop(
    cluster: Cluster, producer: Producer, orders: Orders, minutes: float, per_second: int, memory: MemoryWatch
) -> None:
    began = time.monotonic()
    per_tick = round(per_second * TICK_SECONDS)
    ticks, told = 0, 0
    while (now := time.monotonic() - began) < minutes * 60:
        for command in orders.commands(per_tick, now):
            sku: str = command.sku  # type: ignore[attr-defined]  # these commands have one
            await producer.put_command(command, partition_of(sku, PARTITIONS))
        ticks += 1
        if ticks % 50 == 0:  # each second's worth
            await producer.flush()
            await cluster.follow()
        if now // 60 > told:
            told += 1
            rss = ", ".join(f"{name} {samples[-1]:.0f} MiB" for name, samples in memory.samples_mib.items())
            lag, kept = await cluster.undecided(), await cluster.sum_of(KEPT)
            line = f"{orders.made:,} commands, {lag} records undecided, {kept:,.0f} things kept, {rss}"
            print(f"{told} min: {line}", flush=True)  # noqa: T201
        early_seconds = began + ticks * TICK_SECONDS - time.monotonic()
        if early_seconds > 0:
            await asyncio.sleep(early_seconds)  # the rate
    await producer.flush()
    seconds = time.monotonic() - began
    print(f"{orders.made:,} commands in {seconds:.0f} s: {orders.made / seconds:,.0f}/s")  # noqa: T201


def _judge(audit: SoakAudit, made: int) -> list[str]:
    wrong = list(audit.found.oversold[:5])
    if audit.alarms:
        wrong.append(f"{audit.alarms} rows of fenced owners (P4)")
    if audit.repeated:
        wrong.append(f"{len(audit.repeated)} commands decided twice, such as {audit.repeated[:3]}")
    unanswered = audit.outcomes.count(_UNKNOWN, 0, made)
    if unanswered:
        wrong.append(f"{unanswered} commands not answered, the first is {audit.outcomes.find(_UNKNOWN)}")
    counts = {outcome.name: audit.outcomes.count(outcome, 0, made) for outcome in Outcome}
    print(", ".join(f"{name} {count:,}" for name, count in counts.items() if count))  # noqa: T201
    return wrong


def _judge_memory(memory: MemoryWatch) -> list[str]:
    wrong = []
    for name, samples in memory.samples_mib.items():
        warm = samples[int(WARM_UP_SECONDS / SAMPLE_SECONDS) :]
        if not warm:
            print(f"{name}: the run ended before it was warm, {max(samples):.0f} MiB")  # noqa: T201
            continue
        slope = slope_per_minute(warm, SAMPLE_SECONDS)
        line = f"{name}: {min(warm):.0f} to {max(warm):.0f} MiB when warm, {slope:+.2f} MiB a minute"
        print(line)  # noqa: T201
        if len(warm) * SAMPLE_SECONDS >= MEASURED_SECONDS_MIN and slope > SLOPE_MIB_PER_MINUTE_MAX:
            wrong.append(f"{line}; at most {SLOPE_MIB_PER_MINUTE_MAX:+.2f} is flat")
    return wrong


def main() -> int:
    """Run from a shell; 0 when all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=5_000, help="commands a second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="inventory-stream-soak-") as folder:
        wrong = asyncio.run(soak(Path(folder), asked.minutes, asked.rate))
    for line in wrong:
        print(f"WRONG: {line}")  # noqa: T201
    print("soak failed" if wrong else "soak passed: every command answered once, nothing oversold")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
