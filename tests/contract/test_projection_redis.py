"""The Redis adapter on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.errors import ForeignViewError
from inventory_stream.ports.projection import Checkpoint, Extent
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

    async def test_fields_of_other_writers_stay(self, bench: RedisBench) -> None:
        """`ch:` and `sale:` fields are not the projection's: even a reset leaves them."""
        await bench.writer.write(0, [change("S", 1, {"A": 3}, Extent.WHOLE)])
        await bench.operator.hset("atp:{S}", mapping={"ch:shop": "2", "sale:x": "1"})
        await bench.writer.write(0, [change("S", 1, {"B": 4}, Extent.RESET)])
        fields = await bench.operator.hgetall("atp:{S}")
        assert (fields["ch:shop"], fields["sale:x"], fields["total"]) == ("2", "1", "4")
        assert "loc:A" not in fields

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
