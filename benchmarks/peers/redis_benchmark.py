"""Redis as the ledger, without a Python client: the server's own benchmark tool calls the same script.

The tool can draw a number for each command and nothing else, so SKU and units follow from the number
(redis_lua_draw.lua): other commands than the workload's, of the same kind and as many. It draws some number
twice; the second is a repeat, and takes nothing.
"""

import asyncio
import csv
import io
import math
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from benchmarks.bench import Bench
from benchmarks.load import UNITS_EACH_MAX, Workload
from benchmarks.peers import redis_lua_server
from benchmarks.peers.database_check import Decided, faults_in_any_order
from benchmarks.peers.database_load import DECIDE_SECONDS_MAX, tree_cpu_seconds
from benchmarks.peers.database_terms import MISSES, NO_COPIES
from benchmarks.peers.peer import Terms
from benchmarks.peers.redis_lua_server import DRAW, READ_KEYS, AppendOnlyFile, stock_key
from benchmarks.result import SubjectResult
from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import MissingToolError
from inventory_stream.devservers.valkey import find_binary

TOOLS: Final = ("valkey-benchmark", "redis-benchmark")
CONNECTIONS: Final = 50
"""The tool's own default."""
UNPIPELINED_MAX: Final = 100_000
"""Commands of a run without pipelines: at 6,000 to 60,000 a second they tell the rate."""
NUMBERS: Final = 2**31 - 1
"""What it can draw from, at most: 600,000 commands draw 84 numbers twice."""
REPEATS_DEVIATIONS: Final = 6
"""More repeats than this many standard deviations above the expected are outcomes that were lost."""


class Held(NamedTuple):
    """What the server holds after a run."""

    decided: list[Decided]
    left: list[int]
    strangers: int


@dataclass(frozen=True)
class RedisBenchmark:
    """The script through the server's benchmark tool; `pipeline` calls are under way on each connection.

    It has no open loop, so it says nothing about latency: a call that is late holds up those behind it.
    """

    file: AppendOnlyFile
    pipeline: int

    @property
    def name(self) -> str:
        """Row of the report."""
        return f"redis-benchmark -P {self.pipeline}, {self.file.title}"

    @property
    def terms(self) -> Terms:
        """What is not equal."""
        return Terms(
            durability=self.file.durability,
            replication=NO_COPIES,
            client="Lua in C; asked by redis-benchmark, C",
            misses=f"{MISSES}; own commands",
        )

    def why_absent(self) -> str | None:
        """Say what is missing."""
        try:
            find_binary()
        except MissingToolError as error:
            return str(error)
        if find_tool() is None:
            return f"neither {' nor '.join(TOOLS)} is on PATH (Debian: `apt install redis-tools`)"
        return None

    async def closed_loop(self, bench: Bench, workload: Workload, prefix: str) -> SubjectResult:
        """Decide as many commands as the workload has, or suffice, with its SKUs and its share of stock.

        Figures: `commands_per_s` as the tool says, `cpu_us_per_command` of the server, `repeats` drawn.

        Raises:
            SubjectEndedError: server or tool failed.
            TimeoutError: not in time.
        """
        commands = workload.commands
        if self.pipeline == 1:
            commands = min(commands, UNPIPELINED_MAX)
        commands -= commands % self.pipeline  # the tool sends whole pipelines
        mean_units = (1 + UNITS_EACH_MAX) / 2
        stock = int(commands / workload.skus * mean_units * workload.stock_percent / 100)
        with redis_lua_server.running(bench.folder, prefix, self.file) as server:
            async with redis_lua_server.connected(server, 1) as (client,):
                await client.mset({stock_key(sku): stock for sku in range(workload.skus)})
                digest = await client.script_load(DRAW)
                cpu_before = tree_cpu_seconds(server.process_id)
                said = await _said_by(_command(server.port, commands, self.pipeline, digest, workload.skus))
                cpu_seconds = tree_cpu_seconds(server.process_id) - cpu_before
                held = await read_back(client, workload.skus)
        figures = {
            "commands_per_s": rate_of(said),
            "cpu_us_per_command": cpu_seconds / commands * 1e6,
            "commands": float(commands),
            "connections": float(CONNECTIONS),
            "repeats": float(commands - len(held.decided)),
        }
        oversold = sum(max(0, -units) for units in held.left)
        return SubjectResult(figures, faults_of(held, commands, stock), "", oversold)


def find_tool() -> str | None:
    """Give the tool on PATH; the wheel that brings the server has none."""
    return next(filter(None, map(shutil.which, TOOLS)), None)


def rate_of(said: str) -> float:
    """Read calls per second from the tool's CSV: a line of names, a line of figures.

    Raises:
        SubjectEndedError: it said something else.
    """
    try:
        (figures,) = csv.DictReader(io.StringIO(said))
        return float(figures["rps"])
    except (ValueError, KeyError, TypeError) as error:
        raise SubjectEndedError(f"the benchmark tool said no rate: {said!r}") from error


def repeats_max(commands: int) -> float:
    """Say how many of so many drawn numbers may be repeats: beyond, outcomes were lost."""
    expected = commands**2 / (2 * NUMBERS)
    return expected + REPEATS_DEVIATIONS * (1 + math.sqrt(expected))


def faults_of(held: Held, commands: int, stock: int) -> list[str]:
    """Say what is wrong; empty: it is right, as far as can be told without knowing the commands sent.

    Every outcome names its command, and the command its SKU and units: so no oversale, no part, no wrong sum
    goes unseen, nor more than some dozens of lost outcomes. A lost outcome among the repeats does.
    """
    found = [f"{held.strangers} keys that nobody asked for"] if held.strangers else []
    repeats = commands - len(held.decided)
    if not 0 <= repeats <= repeats_max(commands):
        found.append(f"{len(held.decided)} outcomes of {commands} commands: too many are missing for repeats")
    return found + faults_in_any_order(held.decided, [stock] * len(held.left), held.left)


async def read_back(client: Redis, skus: int) -> Held:
    """Read every outcome and what is left of every SKU."""
    left: list[Any] = await client.mget([stock_key(sku) for sku in range(skus)])
    decided = []
    strangers = -skus  # the stock is no stranger
    async for keys in _pages(client):
        strangers += len(keys)
        outcomes = [key for key in keys if key.startswith(b"outcome:")]
        values: list[Any] = await client.mget(outcomes) if outcomes else []
        for key, outcome in zip(outcomes, values, strict=True):
            reservation, _, granted = outcome.partition(b":")
            if reservation[-12:] != key[-12:]:
                continue  # a stranger
            strangers -= 1
            number = int(key[-12:])
            decided.append(
                Decided(number // UNITS_EACH_MAX % skus, 1 + number % UNITS_EACH_MAX, int(granted))
            )
    return Held(decided, [int(units) for units in left], strangers)


async def _pages(client: Redis) -> AsyncIterator[list[bytes]]:
    """Give all keys, each once: SCAN may name one again."""
    seen: set[bytes] = set()
    scan: Any = client.scan  # typed for text, too
    cursor = 0
    while True:
        cursor, keys = await scan(cursor, count=READ_KEYS)
        new = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(new)
        yield new
        if not cursor:
            return


def _command(port: int, commands: int, pipeline: int, digest: str, skus: int) -> list[str]:
    tool = find_tool()
    assert tool is not None  # noqa: S101  # it was asked whether it is absent
    how = ["-p", str(port), "-c", str(CONNECTIONS), "-n", str(commands), "-P", str(pipeline)]
    call = ["EVALSHA", digest, "1", "outcome:cmd-__rand_int__", str(skus), str(UNITS_EACH_MAX)]
    return [tool, *how, "-r", str(NUMBERS), "--csv", *call]


async def _said_by(command: list[str]) -> str:
    """Run the tool; give what it said.

    Raises:
        SubjectEndedError: it failed.
        TimeoutError: it took too long, and was ended.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(DECIDE_SECONDS_MAX):
            said, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise SubjectEndedError(f"{command[0]} failed: {complaints.decode(errors='replace')}")
    return said.decode()


REDIS_BENCHMARK: Final = tuple(
    RedisBenchmark(file, pipeline)
    for file in (AppendOnlyFile.NONE, AppendOnlyFile.ALWAYS)
    for pipeline in (1, 16)
)
"""Unpipelined: a call waits for its answer, as a shop's does. 16: what one that batches gets."""
