"""The waiting rooms on a real Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from inventory_stream.adapters.redis.waiting_room import RedisWaitingRooms
from inventory_stream.adapters.redis.waiting_room_keys import room_keys
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.waiting_room import LOOK_TICKETS_MAX, Binding, Entry
from inventory_stream.settings import RedisSettings
from tests.contract.waiting_room_suite import (
    PRESENT_SECONDS,
    WAIT_SECONDS_MAX,
    Bench,
    WaitingRoomSuite,
    came,
)


@dataclass
class RedisBench(Bench):
    """A bench on a real server, whose clock is this machine's."""

    operator: "Redis"

    def now_ms(self) -> int:
        """See the suite."""
        return time.time_ns() // 1_000_000

    async def pass_ms(self, milliseconds: int) -> None:
        """See the suite: the server's clock cannot be moved, and what is waited for is that it moves."""
        await asyncio.sleep(milliseconds / 1_000)

    async def flush(self) -> None:
        """See the suite."""
        await self.operator.flushall()


class TestRedisWaitingRooms(WaitingRoomSuite):
    """The suite on Valkey, and what only a real server has."""

    @pytest.fixture
    async def bench(self, redis_url: str) -> AsyncIterator[RedisBench]:
        """Give an empty server."""
        settings = RedisSettings(url=redis_url, timeout_seconds=WAIT_SECONDS_MAX)
        first, other = (RedisWaitingRooms.connect(settings, PRESENT_SECONDS) for _ in range(2))
        async with Redis.from_url(redis_url, decode_responses=True) as operator:
            yield RedisBench(first, other, operator)
        for one in (first, other):
            await one.close()

    async def test_every_key_of_a_room_goes_by_itself(self, bench: RedisBench) -> None:
        """A room leaves nothing behind: each of its keys expires a day after its end."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, *"abc")
        await bench.rooms.admit(room, "g1", 2)
        await bench.rooms.enter(room, [Entry("own", -1, owner="o")])
        await bench.rooms.bind(room, "a", 0, "R1")
        await bench.rooms.spend(room, "a", 0)
        there = [key for key in room_keys(room.sale_id) if await bench.operator.exists(key)]
        assert len(there) == len(room_keys(room.sale_id))
        for key in there:
            assert await bench.operator.pexpiretime(key) == room.closes_ms + 86_400_000

    async def test_many_absent_people_are_passed_over_in_one_call(self, bench: RedisBench) -> None:
        """More of them than one step takes do not keep those who are there from going in."""
        room = await bench.rooms.open_room(bench.room())
        for first in range(0, 3 * LOOK_TICKETS_MAX, LOOK_TICKETS_MAX):
            await bench.rooms.enter(
                room, [Entry(f"t{number}", -1) for number in range(first, first + LOOK_TICKETS_MAX)]
            )
        await bench.pass_ms(round(PRESENT_SECONDS * 1_000) + 50)
        await came(bench, room, "here")
        assert await bench.rooms.admit(room, "g1", 5) == ["here"]

    async def test_server_that_is_gone_is_said_to_be(self) -> None:
        """A gateway hears of it as of every server that does not answer."""
        rooms = RedisWaitingRooms.connect(
            RedisSettings(url="redis://127.0.0.1:1/0", timeout_seconds=0.5), 1.0
        )
        with pytest.raises(UnreachableError):
            await rooms.rooms()
        await rooms.close()

    async def test_rights_of_the_security_page_are_enough(self, bench: RedisBench, redis_url: str) -> None:
        """A gateway's user with the rights of docs/security.md can do every step of a room."""
        await bench.operator.acl_setuser(
            "gateway",
            enabled=True,
            passwords=["+word"],
            keys=["note:*", "waiting-room*"],
            categories=["+@all", "-@admin", "-@dangerous"],
        )
        settings = RedisSettings(url=redis_url, username="gateway", password=SecretStr("word"))
        rooms = RedisWaitingRooms.connect(settings, PRESENT_SECONDS)
        room = await rooms.open_room(bench.room())
        assert list(await rooms.rooms()) == [room]
        await rooms.enter(room, [Entry("a", -1)])
        assert await rooms.admit(room, "g1", 1) == ["a"]
        assert await rooms.bind(room, "a", 0, "R1") == Binding("R1", is_new=True)
        await rooms.spend(room, "a", 0)
        await rooms.look(room, [("a", 0)], is_here=True)
        await rooms.forget([room.sale_id])
        await rooms.close()
        await bench.operator.acl_deluser("gateway")
