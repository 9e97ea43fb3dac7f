"""The Redis adapter on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.errors import ForeignViewError
from inventory_stream.ports.projection import Checkpoint, Extent, Paths
from inventory_stream.settings import RedisSettings
from tests.contract.projection_suite import WAIT_SECONDS_MAX, Bench, ProjectionSuite, change, taken
from tests.fakes.projection import OURS, THEIRS


@dataclass
class RedisBench(Bench):
    """A bench on a real server."""

    operator: "Redis"

    async def flush(self) -> None:
        """See the suite."""
        await self.operator.flushall()

    async def forget_scripts(self) -> None:
        """See the suite."""
        await self.operator.script_flush()


class TestRedisProjection(ProjectionSuite):
    """The suite on Valkey, and what only a real server has."""

    @pytest.fixture
    async def bench(self, redis_url: str) -> AsyncIterator[RedisBench]:
        """Give an empty server."""
        settings = RedisSettings(url=redis_url, timeout_seconds=WAIT_SECONDS_MAX)
        writer, rival, other = (RedisProjection.connect(settings, owner) for owner in (OURS, OURS, THEIRS))
        view = RedisAvailabilityView.connect(settings)
        async with Redis.from_url(redis_url, decode_responses=True) as operator:
            yield RedisBench(writer, rival, view, other, operator)
        for one in (writer, rival, other, view):
            await one.close()

    async def test_hash_is_the_documented_one(self, bench: RedisBench) -> None:
        """The bytes in Redis are the contract with other languages: names and plain integers."""
        await bench.writer.write(2, [change("a/{b}", 5, {"A": 3, "L/1": (0, 2)}, Extent.WHOLE)])
        assert await bench.operator.hgetall("atp:{a%2F%7Bb%7D}") == {
            "total": "3",
            "short": "2",
            "loc:A": "3",
            "loc:L/1": "0",
            "short:L/1": "2",
            "v": "1700000000000:5",
            "at": "1700000000005",
            "partition": "2",
        }

    async def test_sums_that_moved_by_differences_are_those_of_the_whole(self, bench: RedisBench) -> None:
        """However a SKU came to its locations, its hash is the one that writing all of them makes."""
        steps: list[dict[str, int | tuple[int, int] | None]] = [
            {"A": 3, "B": 1},
            {"A": 1},
            {"A": (0, 4)},
            {"A": (0, 1), "C": 7},
            {"B": None},
            {"A": 2, "C": (0, 3)},
            {"C": None, "B": 5},
            {"D": None},
        ]
        now: dict[str, int | tuple[int, int] | None] = {}
        for offset, step in enumerate(steps):
            extent = Extent.CHANGE if offset else Extent.WHOLE
            now = {location: units for location, units in (now | step).items() if units is not None}
            written = await bench.writer.write(0, [change("S", offset, step, extent)])
            await bench.operator.delete("atp:{T}")
            whole = await bench.writer.write(0, [change("T", offset, now, Extent.WHOLE)])
            assert written.results == whole.results
            assert await bench.operator.hgetall("atp:{S}") == await bench.operator.hgetall("atp:{T}")

    async def test_a_hash_without_its_sums_is_added_up_anew(self, bench: RedisBench) -> None:
        """What somebody took out of a hash by hand comes back with the next change, not a wrong sum."""
        await bench.writer.write(0, [change("S", 1, {"A": 3, "B": 4}, Extent.WHOLE)])
        await bench.operator.hdel("atp:{S}", "total")
        assert (await bench.writer.write(0, [change("S", 2, {"A": 1})])).results == [5]

    async def test_more_skus_than_one_call_takes_are_answered_in_their_order(self, bench: RedisBench) -> None:
        """Each change has its own answer, also where the script is called several times."""
        many = [change(f"S{n}", n, {"A": n}, Extent.WHOLE) for n in range(250)]
        assert (await bench.writer.write(0, many)).results == list(range(250))

    async def test_skus_in_many_stores_are_written_in_calls_of_few(self, bench: RedisBench) -> None:
        """A call of the script, for which readers wait, takes 1,000 locations, or one SKU of more."""
        sizes = (400, 400, 400, 1_200, 1, 999, 1, 0)
        many = [
            change(f"S{n}", n, {f"L{store}": 1 for store in range(size)}, Extent.WHOLE)
            for n, size in enumerate(sizes)
        ]
        await bench.writer.write(0, many[-1:])  # scripts are loaded, and nothing is told to run twice
        await bench.operator.config_resetstat()
        assert (await bench.writer.write(1, many)).results == list(sizes)
        commands = await bench.operator.info("commandstats")
        # 400 + 400, 400, 1,200, 1 + 999, 1 + 0.
        assert commands["cmdstat_evalsha"]["calls"] == 5

    async def test_partitions_that_begin_one_after_another_find_their_scripts(
        self, bench: RedisBench
    ) -> None:
        """A call that comes while the first one still loads scripts never meets half of them."""
        place = Checkpoint("marker", 1, 2, 3, 4, "writer")
        first = asyncio.create_task(bench.writer.swap(0, place, place))
        others = []
        while not first.done():
            others.append(asyncio.create_task(bench.writer.swap(1, place, place)))
            await asyncio.sleep(0)
        await asyncio.gather(first, *others)

    async def test_paths_are_plain_fields_that_go_when_they_are_not_named(self, bench: RedisBench) -> None:
        """`ch:`, `sale:`, `backorder` and `beside` are those of the newest write, and nothing of before."""
        paths = Paths({"web/eu": 7, "shop": 0}, {"drop": 2}, 3, 5, 9)
        await bench.writer.write(0, [change("S", 1, {"A": 3}, Extent.WHOLE, paths=paths)])
        plain = {"total": "3", "short": "0", "loc:A": "3", "partition": "0"}
        plain |= {"v": "1700000000000:1", "at": "1700000000001"}
        fields = {"ch:web/eu": "7", "ch:shop": "0", "sale:drop": "2", "backorder": "3", "beside": "5"}
        assert await bench.operator.hgetall("atp:{S}") == plain | fields | {"paths": "9"}
        left = Paths({"shop": 1}, {}, 0, 0, 10)
        await bench.writer.write(0, [change("S", 1, {}, paths=left)])
        assert await bench.operator.hgetall("atp:{S}") == plain | {"ch:shop": "1", "paths": "10"}

    async def test_checkpoint_of_a_version_without_paths_is_none(self, bench: RedisBench) -> None:
        """A view written before there were sales has no fields of theirs: it is rebuilt, not gone on with."""
        await bench.operator.set("projection:checkpoint:0", "marker 1 2 3 4 writer")
        assert await bench.writer.checkpoint(0) is None

    async def test_heartbeat_expires_by_itself(self, bench: RedisBench) -> None:
        """A worker that dies stops being believed: the key carries its expiry."""
        assert await bench.writer.beat(4, await taken(bench.writer, 4), 2_000)
        assert 0 < await bench.operator.pttl("projection:heartbeat:4") <= 2_000

    async def test_refusal_names_both_owners_and_the_way_out(self, bench: RedisBench, redis_url: str) -> None:
        """Who runs into another environment's database reads which setting, whose it is, and what to do."""
        await bench.writer.ensure_marker()
        with pytest.raises(ForeignViewError) as refused:
            await bench.other.ensure_marker()
        for words in (f"redis.url={redis_url}", str(OURS), str(THEIRS), "--rebuild --take-over"):
            assert words in str(refused.value)

    async def test_marker_without_an_owner_becomes_ours(self, bench: RedisBench) -> None:
        """A view that an older version wrote is taken up by the first who asks, and is then its own."""
        await bench.operator.set("projection:marker", "00ff")
        marker = await bench.writer.ensure_marker()
        assert marker == f"00ff@{OURS}"
        assert await bench.rival.ensure_marker() == marker
        with pytest.raises(ForeignViewError):
            await bench.other.ensure_marker()
