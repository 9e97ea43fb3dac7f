"""The gateway's notes on a real server."""

import socket
import time

import pytest
import redis

from inventory_stream.adapters.redis.notes import NOTE_SECONDS_MAX, RedisNotes
from inventory_stream.errors import UnreachableError
from inventory_stream.flows.orders.notes import ORDER_SECONDS, OrderNote, OrderNotes, OrderTakenError
from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.gateway.key_notes import KEY_SECONDS
from inventory_stream.settings import RedisSettings

LINES = (HeldLine("0", "A.r1", "A"), HeldLine("1", "B/ü.r2", "B/ü"))


async def test_notes_are_kept_for_their_time_and_the_first_use_of_a_key_stands(redis_url: str) -> None:
    """A key belongs to its first request for 24 h, an order id for 7 days, whoever comes with it later."""
    server = RedisNotes.connect(RedisSettings(url=redis_url))
    notes = OrderNotes(server)
    try:
        assert await server.first([("key:k", "one"), ("key:l", "one")], KEY_SECONDS) == [None, None]
        assert await server.first([("key:m", "one"), ("key:k", "other")], KEY_SECONDS) == [None, "one"]
        await server.drop([("key:l", "one"), ("key:m", "other")])
        assert [await server.get(f"key:{key}") for key in "klm"] == ["one", None, "one"]
        claimed = await notes.claim("O1", "shop", "c")
        assert claimed == await notes.claim("O1", "shop", "c")
        assert await notes.find("O1") is None
        assert await notes.remember("O1", claimed, LINES)
        placed = await notes.claim("O1", "shop", "c")
        assert placed == await notes.find("O1") == OrderNote("shop", LINES, "c")
        for caller, claim in (("other", "c"), ("shop", "d")):
            with pytest.raises(OrderTakenError):
                await notes.claim("O1", caller, claim)
        assert not await notes.remember("O1", OrderNote("other", (), "c"), LINES)
        for note in (claimed, placed):
            await notes.unclaim("O1", note)
        assert await notes.find("O1") == placed
        await notes.unclaim("O2", await notes.claim("O2", "shop", "c"))
        assert await server.get("order:O2") is None
    finally:
        await server.close()
    with redis.Redis.from_url(redis_url) as client:
        assert KEY_SECONDS - 60 < client.ttl("note:key:k") <= KEY_SECONDS
        assert ORDER_SECONDS - 60 < client.ttl("note:order:O1") <= ORDER_SECONDS


async def test_server_that_does_not_answer_costs_an_order_a_quarter_of_a_second() -> None:
    """A server that takes the connection and says nothing is given up within the bound of a note."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # nobody accepts
        port = silent.getsockname()[1]
        server = RedisNotes.connect(RedisSettings(url=f"redis://127.0.0.1:{port}/0"))
        began = time.monotonic()
        with pytest.raises(UnreachableError, match="no answer"):
            await server.get("order:O1")
        assert time.monotonic() - began < NOTE_SECONDS_MAX + 1.0
        await server.close()
