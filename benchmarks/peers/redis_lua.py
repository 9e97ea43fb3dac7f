"""Redis as the ledger: one Lua script decides, through redis-py.

The server runs scripts one at a time, so that a script is as alone as a row lock: what others would use where
a counter in Redis is all they need.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from benchmarks.bench import Bench
from benchmarks.load import Form, Workload, reservation_id
from benchmarks.peers import redis_lua_server
from benchmarks.peers.database_check import Stored
from benchmarks.peers.database_load import Plan, fastest, tree_cpu_seconds
from benchmarks.peers.database_result import closed_result, open_result
from benchmarks.peers.database_terms import MISSES, NO_COPIES
from benchmarks.peers.peer import Terms
from benchmarks.peers.redis_lua_server import RESERVE, AppendOnlyFile, outcome_key, stock_key
from benchmarks.result import SubjectResult
from inventory_stream.devservers import MissingToolError
from inventory_stream.devservers.valkey import find_binary

PLANS: Final = (Plan(1, 1_000), Plan(1, 4_000), Plan(2, 500), Plan(16, 50))
"""Tried for the best of them, since it depends on machine and durability."""
OPEN_PLAN: Final = Plan(4, 250)
"""For latency: what is due goes out on a free connection, so a call holds few."""
SWEEP_COMMANDS: Final = 20_000
"""Of one trial: half a second."""


class RedisLuaDatabase:
    """A server with the stock of a workload, and connections to it."""

    def __init__(
        self, clients: Sequence[Redis], digest: str, workload: Workload, plan: Plan, pid: int
    ) -> None:
        self._clients = clients
        self._digest = digest
        self._workload = workload
        self._pid = pid
        self.plan: Final = plan
        # Commands that come packed are decided by one call of the script: the least that a call costs.
        self._per_script = 1 if workload.form is Form.SINGLE else workload.pack

    async def decide(self, connection: int, numbers: range) -> Sequence[int]:
        """Send one pipeline of script calls."""
        pipeline = self._clients[connection].pipeline(transaction=False)
        for first in range(numbers.start, numbers.stop, self._per_script):
            pipeline.execute_command(*self._call(first, min(first + self._per_script, numbers.stop)))
        answers = await pipeline.execute()
        return [granted for answer in answers for granted in answer]

    async def read_back(self) -> Stored:
        """Give all that it holds."""
        return await redis_lua_server.read_back(self._clients[0], self._workload)

    def cpu_seconds(self) -> float:
        """Give the CPU time of the server."""
        return tree_cpu_seconds(self._pid)

    def _call(self, first: int, stop: int) -> list[Any]:
        skus, units = self._workload.asked
        keys: list[str] = []
        arguments: list[str | int] = []
        for number in range(first, stop):
            keys += (stock_key(skus[number]), outcome_key(number))
            arguments += (units[number], reservation_id(number))
        return ["EVALSHA", self._digest, len(keys), *keys, *arguments]


@dataclass
class RedisLua:
    """The script through redis-py (asyncio), pipelined."""

    file: AppendOnlyFile
    _best: dict[Form, Plan] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Row of the report."""
        return f"Redis Lua, {self.file.title}"

    @property
    def terms(self) -> Terms:
        """What is not equal."""
        return Terms(
            durability=self.file.durability,
            replication=NO_COPIES,
            client="Lua in C; asked by redis-py",
            misses=MISSES,
        )

    def why_absent(self) -> str | None:
        """Say what is missing."""
        try:
            find_binary()
        except MissingToolError as error:
            return str(error)
        return None

    async def closed_loop(self, bench: Bench, workload: Workload, prefix: str) -> SubjectResult:
        """Decide all commands in the way that a short sweep found best."""
        plan = self._best.get(workload.form)
        if plan is None:
            plan = self._best[workload.form] = await self._sweep(bench.folder, workload, prefix)
        async with self.opened(bench.folder, prefix, workload, plan) as database:
            return await closed_result(database, workload)

    async def open_loop(
        self, bench: Bench, workload: Workload, prefix: str, *, rate_per_s: int, warm_up_commands: int
    ) -> SubjectResult:
        """Decide commands when they are due."""
        async with self.opened(bench.folder, prefix, workload, OPEN_PLAN) as database:
            return await open_result(
                database, workload, rate_per_s=rate_per_s, warm_up_commands=warm_up_commands
            )

    @asynccontextmanager
    async def opened(
        self, folder: Path, prefix: str, workload: Workload, plan: Plan
    ) -> AsyncIterator[RedisLuaDatabase]:
        """Have a fresh server with the stock in it.

        Raises:
            SubjectEndedError: it failed in the block.
        """
        with redis_lua_server.running(folder, prefix, self.file) as server:
            async with redis_lua_server.connected(server, plan.connections) as clients:
                await redis_lua_server.state_stock(clients[0], workload)
                digest = await clients[0].script_load(RESERVE)
                yield RedisLuaDatabase(clients, digest, workload, plan, server.process_id)

    async def _sweep(self, folder: Path, workload: Workload, prefix: str) -> Plan:
        return await fastest(
            PLANS, lambda few, plan: self.opened(folder, prefix, few, plan), workload, SWEEP_COMMANDS
        )


REDIS_LUA: Final = tuple(RedisLua(file) for file in AppendOnlyFile)
