import asyncio
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from inventory_stream.gateway.live.limits import READER_SKUS_MAX, LiveLimits
from tests.unit.gateway.live.stocked import Stocked, served, until


async def said(line: ClientWebSocketResponse) -> dict[str, Any]:
    """Give the next message; five seconds at most."""
    async with asyncio.timeout(5):
        message: dict[str, Any] = await line.receive_json()
        return message


async def test_what_is_followed_can_be_changed_on_the_way() -> None:
    """A reader hears of what it subscribed, from then on and no longer than it wants; `since` resumes."""
    stocked = Stocked()
    stocked.put("A0", 5)
    token = stocked.put("B0", 6)
    async with served(stocked) as (_, client), client.ws_connect("/v1/live/ws") as line:
        await line.send_json({"type": "subscribe", "skus": ["A0"]})
        first = await said(line)
        assert (first["type"], first["data"]["available"]) == ("availability", 5)
        stocked.put("C0", 7)
        await line.send_json({"type": "subscribe", "skus": ["B0", "C0"], "since": token})
        assert (await said(line))["data"]["sku"] == "C0"
        await line.send_json({"type": "unsubscribe", "skus": ["A0"]})
        await line.send_json({"type": "subscribe", "skus": ["D0"]})
        assert (await said(line))["data"]["is_known"] is False
        stocked.put("A0", 1)
        stocked.put("B0", 2)
        assert (await said(line))["data"] | {"as_of_ms": 0} == {
            "sku": "B0",
            "available": 2,
            "is_sold_out": False,
            "is_fresh": True,
            "version": "1700000000000:5",
            "as_of_ms": 0,
        }


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        '{"type": "shout"}',
        '{"type": "subscribe", "skus": []}',
        '{"type": "subscribe", "skus": ["A0"], "more": 1}',
        '{"type": "subscribe", "skus": ["\\ud800"]}',
        '{"type": "subscribe", "skus": [' + ",".join(f'"S{n}"' for n in range(READER_SKUS_MAX + 1)) + "]}",
        "[" * 30_000,
    ],
)
async def test_a_message_that_cannot_be_closes_the_line(message: str) -> None:
    """A reader that says what cannot be is let go with the reason, and the hub forgets it."""
    async with served(Stocked()) as (hub, client), client.ws_connect("/v1/live/ws") as line:
        await line.send_str(message)
        async with asyncio.timeout(5):
            closed = await line.receive()
            assert closed.type is WSMsgType.CLOSE
            assert closed.data == 1008
            assert closed.extra
        await until(lambda: not hub.readers)


async def test_a_reader_cannot_collect_more_than_it_may() -> None:
    """The bound on SKUs is one of the connection, not of one message."""
    async with served(Stocked()) as (_, client), client.ws_connect("/v1/live/ws") as line:
        await line.send_json({"type": "subscribe", "skus": [f"S{n}0" for n in range(READER_SKUS_MAX)]})
        for _ in range(READER_SKUS_MAX):
            await said(line)
        await line.send_json({"type": "subscribe", "skus": ["X0"]})
        async with asyncio.timeout(5):
            assert (await line.receive()).data == 1008


async def test_a_message_too_large_closes_the_line() -> None:
    """A message above the bound is not read to its end."""
    async with served(Stocked()) as (_, client), client.ws_connect("/v1/live/ws") as line:
        await line.send_str("x" * 100_000)
        async with asyncio.timeout(5):
            assert (await line.receive()).data == 1009


async def test_the_end_of_the_gateway_is_said() -> None:
    """Readers are told that the gateway goes (1001), so that they come back elsewhere."""
    async with served(Stocked()) as (hub, client), client.ws_connect("/v1/live/ws") as line:
        await line.send_json({"type": "subscribe", "skus": ["A0"]})
        await said(line)
        hub.stop()
        async with asyncio.timeout(5):
            assert (await line.receive()).data == 1001


async def test_a_silent_reader_is_pinged() -> None:
    """A reader hears a ping within the heartbeat's time, and its library answers."""
    limits = LiveLimits(heartbeat_seconds=1)
    async with (
        served(Stocked(), limits) as (_, client),
        client.ws_connect("/v1/live/ws", autoping=False) as line,
    ):
        async with asyncio.timeout(5):
            assert (await line.receive()).type is WSMsgType.PING


async def test_what_is_no_websocket_is_refused() -> None:
    """A plain GET is answered 400 with the reason."""
    async with served(Stocked()) as (_, client), client.get("/v1/live/ws") as response:
        assert response.status == 400
