"""The peers with a database decide a tiny workload on their real servers; no figure of it means anything.

Commands on schedule are tried in test_bench_small.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from benchmarks.bench import Bench
from benchmarks.load import Form, Workload
from benchmarks.peers import postgres_server
from benchmarks.peers.database_load import Database, Plan
from benchmarks.peers.peer import ClosedPeer
from benchmarks.peers.postgres import POSTGRES, SCHEMA, Postgres, Way
from benchmarks.peers.redis_benchmark import REDIS_BENCHMARK
from benchmarks.peers.redis_lua import REDIS_LUA, RedisLua
from benchmarks.peers.redis_lua_server import AppendOnlyFile

pytestmark = pytest.mark.redis  # among those of `make test-integration`

SINGLE = Workload(commands=600, skus=1, form=Form.SINGLE)
WIDE = Workload(commands=600, skus=50, form=Form.POSITIONAL)


def bench_in(folder: Path) -> Bench:
    """Make a bench of which only the folder is used."""
    nothing: Any = None
    return Bench(bootstrap_servers="", launcher=nothing, folder=folder, say=print)


def skip_when_absent(peer: ClosedPeer) -> None:
    """Skip with the peer's own line."""
    if absent := peer.why_absent():
        pytest.skip(absent)


def named(part: ClosedPeer | Workload) -> str:
    """Tell cases apart."""
    return f"{part.skus} SKUs" if isinstance(part, Workload) else part.name


@pytest.mark.parametrize(
    ("peer", "workload"),
    [(peer, SINGLE) for peer in (*REDIS_LUA, *REDIS_BENCHMARK, *POSTGRES)]
    + [(peer, WIDE) for peer in (REDIS_LUA[0], REDIS_BENCHMARK[0], POSTGRES[1])],
    ids=named,
)
async def test_peer_decides_rightly_as_fast_as_it_can(
    peer: ClosedPeer, workload: Workload, tmp_path: Path
) -> None:
    """Every command must be decided once, on one hot SKU or, in packs, on many, and the stock be kept."""
    skip_when_absent(peer)
    result = await peer.closed_loop(bench_in(tmp_path), workload, "t-")
    assert result.faults == []
    assert result.oversold_units == 0
    assert result.figures["commands_per_s"] > 0
    assert "cpu_us_per_command" in result.figures
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240  # it gave the disk back


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Database]:
    """Have a server with the stock of `SINGLE` in it."""
    if kind == "redis":
        async with RedisLua(AppendOnlyFile.NONE).opened(folder, "t-", SINGLE, Plan(1, 100)) as redis:
            yield redis
    else:
        peer = Postgres(Way[kind])
        skip_when_absent(peer)
        async with peer.opened("t-", SINGLE, peer.way.plans[0]) as postgres:
            yield postgres


@pytest.mark.parametrize("kind", ["redis", *(way.name for way in Way)])
async def test_repeat_is_told_its_outcome_and_takes_nothing(kind: str, tmp_path: Path) -> None:
    """The same command id must have the same answer as before, and the stock stay as it is."""
    async with opened(kind, tmp_path) as database:
        calls = [range(number, number + 1) for number in range(20)]
        if database.plan.commands_per_call > 1:
            calls = [range(20)]
        first = [list(await database.decide(0, numbers)) for numbers in calls]
        left = (await database.read_back()).left
        assert left[0] == SINGLE.stock[0] - sum(map(sum, first))
        assert [list(await database.decide(0, numbers)) for numbers in calls] == first
        assert (await database.read_back()).left == left


async def test_command_twice_in_one_batch_of_postgres_sells_nothing() -> None:
    """Such a batch must fail whole, for its key forbids to take twice; and no process of it may be left."""
    skip_when_absent(POSTGRES[1])
    with postgres_server.running("t-") as server:
        process = psutil.Process(server.process_id)
        assert process.username() != "root"  # which PostgreSQL refuses
        family = [process, *process.children(recursive=True)]
        connection = await asyncpg.connect(server.url)
        try:
            await connection.execute(SCHEMA)
            await connection.execute("INSERT INTO stock VALUES ('A', 5)")
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.fetchval(
                    "SELECT decide_all($1, $2, $3, $4, $5)", ["c", "c"], ["r", "r"], ["A"], [1, 1], [2, 2]
                )
            assert await connection.fetchval("SELECT free FROM stock") == 5
            assert await connection.fetchval("SELECT count(*) FROM outcomes") == 0
        finally:
            await connection.close()
    assert not any(member.is_running() for member in family)
    assert not server.data_dir.exists()
