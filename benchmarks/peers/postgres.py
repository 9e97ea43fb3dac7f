"""PostgreSQL as the ledger: a row lock for each command, or one writer that decides many in a transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

import asyncpg

from benchmarks.bench import Bench
from benchmarks.load import Workload, command_number, reservation_id, sku_name
from benchmarks.peers import postgres_server
from benchmarks.peers.database_check import Stored
from benchmarks.peers.database_load import Plan, fastest, tree_cpu_seconds
from benchmarks.peers.database_result import closed_result, open_result
from benchmarks.peers.database_terms import DURABLE, MISSES, NO_COPIES
from benchmarks.peers.peer import Terms
from benchmarks.result import SubjectResult
from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import MissingToolError

ANSWER_SECONDS_MAX: Final = 60.0
"""For one call, waits for locks included: 48 connections on one row wait for 47 commits, 20 ms."""

SWEEP_COMMANDS: Final = 1_000
"""Of one trial: half a second."""

SCHEMA: Final = Path(__file__).with_name("postgres.sql").read_text()


@unique
class Way(Enum):
    """How commands are decided: name, plans to take the best of, how many commands suffice for a rate."""

    ROW_LOCK = ("row lock", (Plan(8, 1), Plan(16, 1), Plan(48, 1)), 20_000)
    """Few connections are best where all wait for one row, many where commits share a flush. Some thousand
    commands a second: 20,000 of them tell the rate, and all of a workload would take minutes."""
    ONE_WRITER = ("one writer, batches", (Plan(1, 5_000),), None)
    """A transaction is flushed once: calls of 1,000 took 15 to 20 % more CPU than calls of 3,000 or 10,000,
    between which noise decided."""

    def __init__(self, title: str, plans: tuple[Plan, ...], commands_max: int | None) -> None:
        self.title: Final = title
        self.plans: Final = plans
        self.commands_max: Final = commands_max


class PostgresDatabase:
    """A server with the stock of a workload, and connections to it."""

    def __init__(
        self, connections: Sequence[Any], workload: Workload, way: Way, plan: Plan, process_id: int
    ) -> None:
        self._connections = connections
        self._workload = workload
        self._way = way
        self._process_id = process_id
        self.plan: Final = plan

    async def decide(self, connection: int, numbers: range) -> Sequence[int]:
        """Decide commands in one transaction, which is committed by the end of the call."""
        skus, units = self._workload.asked
        calls = self._connections[connection]
        if self._way is Way.ROW_LOCK:
            (number,) = numbers
            names = (_command_id(number), reservation_id(number), sku_name(skus[number]))
            return [await calls.fetchval("SELECT decide($1, $2, $3, $4)", *names, units[number])]
        wanted = skus[numbers.start : numbers.stop]
        places = {sku: place for place, sku in enumerate(dict.fromkeys(wanted), 1)}  # arrays count from 1
        granted: Sequence[int] = await calls.fetchval(
            "SELECT decide_all($1, $2, $3, $4, $5)",
            [_command_id(number) for number in numbers],
            [reservation_id(number) for number in numbers],
            [sku_name(sku) for sku in places],
            [places[sku] for sku in wanted],
            units[numbers.start : numbers.stop],
        )
        return granted

    async def read_back(self) -> Stored:
        """Give all that it holds; an outcome under a wrong reservation or SKU is a stranger."""
        stored = Stored.empty(self._workload)
        calls = self._connections[0]
        skus = self._workload.asked[0]
        by_name = {sku_name(sku): sku for sku in range(self._workload.skus)}
        for name, free in await calls.fetch("SELECT sku, free FROM stock"):
            stored.left[by_name[name]] = free
        for command, reservation, sku, granted in await calls.fetch("SELECT * FROM outcomes"):
            number = command_number(command)
            if number < len(skus) and (reservation, sku) == (reservation_id(number), sku_name(skus[number])):
                stored.note_outcome(number, granted)
            else:
                stored.strangers += 1
        return stored

    def cpu_seconds(self) -> float:
        """Give the CPU time of the server: a process for each connection, and those that write."""
        return tree_cpu_seconds(self._process_id)


@dataclass
class Postgres:
    """PostgreSQL with its own durability, through asyncpg."""

    way: Way
    _best: dict[int, Plan] = field(default_factory=dict)
    """Number of SKUs -> the plan that a short sweep found best."""

    @property
    def name(self) -> str:
        """Row of the report."""
        return f"PostgreSQL, {self.way.title}"

    @property
    def terms(self) -> Terms:
        """What is not equal."""
        commands = self.way.plans[0].commands_per_call
        calls = "one command a transaction" if commands == 1 else f"up to {commands:,} a transaction"
        return Terms(
            durability=DURABLE,
            replication=NO_COPIES,
            client=f"plpgsql, run in C; asked by asyncpg, {calls}",
            misses=MISSES,
        )

    def why_absent(self) -> str | None:
        """Say what is missing."""
        try:
            postgres_server.find_programs()
        except MissingToolError as error:
            return str(error)
        return None

    async def closed_loop(
        self,
        bench: Bench,  # noqa: ARG002  # of the contract; the server's folder cannot be the bench's
        workload: Workload,
        prefix: str,
    ) -> SubjectResult:
        """Decide all commands, or the first of them that suffice for a rate (`Way`)."""
        enough = min(workload.commands, self.way.commands_max or workload.commands)
        some = replace(workload, commands=enough)
        async with self.opened(prefix, some, await self._plan(prefix, some)) as database:
            result = await closed_result(database, some)
        result.figures["commands"] = float(some.commands)
        return result

    async def open_loop(
        self,
        bench: Bench,  # noqa: ARG002  # as above
        workload: Workload,
        prefix: str,
        *,
        rate_per_s: int,
        warm_up_commands: int,
    ) -> SubjectResult:
        """Decide commands when they are due."""
        async with self.opened(prefix, workload, await self._plan(prefix, workload)) as database:
            return await open_result(
                database, workload, rate_per_s=rate_per_s, warm_up_commands=warm_up_commands
            )

    @asynccontextmanager
    async def opened(self, prefix: str, workload: Workload, plan: Plan) -> AsyncIterator[PostgresDatabase]:
        """Have a fresh server with the stock in it.

        Raises:
            SubjectEndedError: it failed in the block.
        """
        with postgres_server.running(prefix) as server:
            connections: list[Any] = []
            try:
                while len(connections) < plan.connections:
                    connections.append(await asyncpg.connect(server.url, command_timeout=ANSWER_SECONDS_MAX))
                await connections[0].execute(SCHEMA)
                stock = [(sku_name(sku), units) for sku, units in enumerate(workload.stock)]
                await connections[0].copy_records_to_table("stock", records=stock)
                await connections[0].execute("VACUUM ANALYZE")  # it plans by what it knows of its tables
                yield PostgresDatabase(connections, workload, self.way, plan, server.process_id)
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise SubjectEndedError(
                    f"PostgreSQL: {type(error).__name__}: {error}; its log: {server.log_path}"
                ) from error
            finally:
                for connection in connections:
                    await connection.close()

    async def _plan(self, prefix: str, workload: Workload) -> Plan:
        if workload.skus not in self._best:
            self._best[workload.skus] = await fastest(
                self.way.plans, lambda few, plan: self.opened(prefix, few, plan), workload, SWEEP_COMMANDS
            )
        return self._best[workload.skus]


def _command_id(number: int) -> str:
    return f"cmd-{number:09d}"


POSTGRES: Final = tuple(Postgres(way) for way in Way)
