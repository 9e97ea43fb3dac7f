"""The gateway's notes on a real server."""

import socket
import time

import pytest
import redis

from inventory_stream.adapters.redis.notes import NOTE_SECONDS_MAX, RedisNotes
from inventory_stream.errors import UnreachableError
from inventory_stream.flows.orders.notes import KEY_SECONDS, ORDER_SECONDS, OrderNote, OrderNotes
from inventory_stream.settings import RedisSettings

NOTE = OrderNote("shop", (("0", "A.r1", "A"), ("1", "B/ü.r2", "B/ü")))


async def test_notes_are_kept_for_their_time_and_the_first_use_of_a_key_stands(redis_url: str) -> None:
    """A key belongs to its first request for 24 h; an order's newest lines stand for 7 days."""
    server = RedisNotes.connect(RedisSettings(url=redis_url))
    notes = OrderNotes(server)
    try:
        assert await notes.is_first_use("k", "one")
        assert await notes.is_first_use("k", "one")
        assert not await notes.is_first_use("k", "other")
        assert await notes.find("O1") is None
        await notes.remember("O1", NOTE, is_repeat=False)
        await notes.remember("O1", OrderNote("other", ()), is_repeat=True)
        assert await notes.find("O1") == NOTE
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
