"""Drives a database with the commands of a workload: over some connections, with some commands per call."""

import asyncio
import gc
import math
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

import psutil

from benchmarks.load import Workload
from benchmarks.open_loop import DRAIN_SECONDS_MAX, LEAD_SECONDS, TICK_SECONDS
from benchmarks.peers.database_check import Stored

DECIDE_SECONDS_MAX: Final = 180.0
"""For a whole closed loop, as the worker's."""


class Plan(NamedTuple):
    """How commands reach the database."""

    connections: int
    """Each has one call under way."""
    commands_per_call: int
    """At most; an open loop sends what is due."""


class Database(Protocol):
    """One that runs, with the opening stock of a workload in it."""

    @property
    def plan(self) -> Plan:
        """How it is best spoken to."""

    async def decide(self, connection: int, numbers: range) -> Sequence[int]:
        """Decide commands in their order; give the units granted of each.

        Args:
            connection: 0, 1, ...: which one is to be used.
            numbers: Command numbers of the workload.

        Raises:
            SubjectEndedError: the database does not answer, or refuses.
        """

    async def read_back(self) -> Stored:
        """Give all that it holds."""

    def cpu_seconds(self) -> float:
        """Give the CPU time of its processes, user and system."""


class ClosedRun(NamedTuple):
    """What a closed loop saw."""

    replies: bytearray
    """Units granted, by command number."""
    seconds: float


class OpenRun(NamedTuple):
    """What an open loop saw; a latency is NaN where no answer came in time."""

    replies: bytearray
    latencies_seconds: "array[float]"
    lags_seconds: list[float]
    """How late an idle connection took what fell due: the generator's own lateness."""
    first_due_seconds: float
    last_seen_seconds: float


async def run_closed_loop(database: Database, commands: int) -> ClosedRun:
    """Have commands decided as fast as the plan allows: each connection calls again once it is answered.

    Raises:
        SubjectEndedError: the database failed.
        TimeoutError: not everything was decided in time.
    """
    plan = database.plan
    replies = bytearray(commands)
    firsts = iter(range(0, commands, plan.commands_per_call))

    async def call(connection: int) -> None:
        for first in firsts:  # shared: each takes the next that nobody has
            numbers = range(first, min(first + plan.commands_per_call, commands))
            replies[numbers.start : numbers.stop] = bytes(await database.decide(connection, numbers))

    with without_collections():
        started = time.perf_counter()
        async with _together(DECIDE_SECONDS_MAX) as tasks:
            for connection in range(plan.connections):
                tasks.create_task(call(connection))
        return ClosedRun(replies, time.perf_counter() - started)


async def run_open_loop(database: Database, commands: int, rate_per_s: int) -> OpenRun:
    """Have commands decided that are due at a rate; a latency counts from when its command was DUE.

    A connection that becomes free takes what is due by then, at most a call's worth: what waits, because
    all connections are busy, waits on the clock of its latency. A database that falls behind is given up
    `DRAIN_SECONDS_MAX` after the last command was due.

    Raises:
        SubjectEndedError: the database failed.
    """
    plan = database.plan
    replies = bytearray(commands)
    latencies = array("d", [math.nan]) * commands
    lags: list[float] = []
    taken = 0
    last_seen = math.nan
    turn = asyncio.Lock()  # whoever has it waits for the next that is due
    first_due = time.perf_counter() + LEAD_SECONDS
    give_up = first_due + commands / rate_per_s + DRAIN_SECONDS_MAX

    async def take() -> range:
        nonlocal taken
        waited = False
        async with turn:
            while taken < commands:
                now = time.perf_counter()
                due = min(commands, int((now - first_due) * rate_per_s) + 1) if now >= first_due else 0
                if now > give_up:
                    break
                if due > taken:
                    if waited:
                        lags.append(now - first_due - taken / rate_per_s)
                    numbers = range(taken, min(due, taken + plan.commands_per_call))
                    taken = numbers.stop
                    return numbers
                waited = True
                await asyncio.sleep(TICK_SECONDS)
            return range(0)

    async def call(connection: int) -> None:
        nonlocal last_seen
        while numbers := await take():
            granted = await database.decide(connection, numbers)
            last_seen = time.perf_counter()
            replies[numbers.start : numbers.stop] = bytes(granted)
            for number in numbers:
                latencies[number] = last_seen - first_due - number / rate_per_s

    with without_collections():
        async with _together(None) as tasks:
            for connection in range(plan.connections):
                tasks.create_task(call(connection))
    return OpenRun(replies, latencies, lags, first_due, last_seen)


async def fastest(
    plans: Sequence[Plan],
    opened: Callable[[Workload, Plan], AbstractAsyncContextManager[Database]],
    workload: Workload,
    commands: int,
) -> Plan:
    """Try each plan on so many commands, on a fresh database; give the one that decided them first.

    A workload that is no larger than a trial is not worth one: it gets the first plan.
    """
    if len(plans) == 1 or workload.commands <= commands:
        return plans[0]
    few = replace(workload, commands=commands)
    seconds = {}
    for plan in plans:
        async with opened(few, plan) as database:
            seconds[plan] = (await run_closed_loop(database, commands)).seconds
    return min(plans, key=seconds.__getitem__)


def tree_cpu_seconds(process_id: int) -> float:
    """Give the CPU time of a process, of all under it, and of those of them that have ended."""
    root = psutil.Process(process_id)
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:  # ended since the list was made: its parent counts it the next time
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


@contextmanager
def without_collections() -> Iterator[None]:
    """Keep the garbage collector of the generator out of the figures of the measured."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@asynccontextmanager
async def _together(seconds_max: float | None) -> AsyncIterator[asyncio.TaskGroup]:
    """Run tasks until all are done; the first that fails ends the others and tells why."""
    try:
        async with asyncio.timeout(seconds_max), asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as group:
        raise group.exceptions[0] from group
