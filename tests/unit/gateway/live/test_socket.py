import asyncio
import base64
import os
import socket
import struct
from typing import Any

import msgspec
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from inventory_stream.gateway.live.limits import ASKED_AT_ONCE, BEHIND_BYTES, READER_SKUS_MAX, LiveLimits
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


async def test_who_asks_too_much_is_let_go() -> None:
    """A reader may ask for so many SKUs at once; the next message closes the line with the reason."""
    async with served(Stocked()) as (hub, client), client.ws_connect("/v1/live/ws") as line:
        message = {"type": "subscribe", "skus": [f"S{n}0" for n in range(READER_SKUS_MAX)]}
        for _ in range(ASKED_AT_ONCE // READER_SKUS_MAX + 1):
            await line.send_json(message)
        told = 0
        async with asyncio.timeout(5):
            while (heard := await line.receive()).type is WSMsgType.TEXT:
                told += 1
        assert heard.data == 1008
        assert "SKUs a second" in str(heard.extra)
        assert told <= READER_SKUS_MAX
        await until(lambda: not hub.readers)


async def test_pings_are_answered_and_counted() -> None:
    """A ping is answered; a flood of them is let go as any other."""
    async with (
        served(Stocked()) as (_, client),
        client.ws_connect("/v1/live/ws", autoping=False) as line,
    ):
        for number in range(ASKED_AT_ONCE + 100):
            await line.ping(b"%d" % number)
        async with asyncio.timeout(5):
            assert (await line.receive()).type is WSMsgType.PONG
            while (heard := await line.receive()).type is WSMsgType.PONG:
                pass
        assert heard.data == 1008


async def test_who_asks_and_never_reads_has_little_kept_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks anew all the time and takes nothing costs one write, however much it may ask."""
    monkeypatch.setattr("inventory_stream.gateway.live.socket.ASKED_AT_ONCE", 1_000_000)
    limits = LiveLimits(interval_seconds=0.001, behind_seconds_max=2.0)
    skus = [f"{'S' * 20}{number}0" for number in range(READER_SKUS_MAX)]
    asks = b"".join(
        _masked(msgspec.json.encode({"type": kind, "skus": skus})) for kind in ("subscribe", "unsubscribe")
    )
    stocked = Stocked()
    async with served(stocked, limits) as (hub, client):
        loop = asyncio.get_running_loop()
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setblocking(False)  # noqa: FBT003  # the name of the argument is its meaning
        server = client.server
        await loop.sock_connect(line, (server.host, server.port))
        nonce = base64.b64encode(os.urandom(16))
        await loop.sock_sendall(
            line,
            b"GET /v1/live/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + nonce + b"\r\n\r\n",
        )
        await until(lambda: hub.readers == 1)
        (reader,) = hub._readers
        most_bytes = 0
        async with asyncio.timeout(20):
            while not reader.ended.done():
                try:
                    await loop.sock_sendall(line, asks)
                except ConnectionError:
                    break
                await asyncio.sleep(0.005)  # the rate of the attack
                most_bytes = max(most_bytes, reader._pipe.get_write_buffer_size())
        await until(lambda: hub.readers == 0)
        line.close()
    assert BEHIND_BYTES < most_bytes < BEHIND_BYTES + 300 * READER_SKUS_MAX


def _masked(payload: bytes) -> bytes:
    """Put a text into a WebSocket frame from a client (RFC 6455, 5.2), masked with zeros."""
    return b"\x81" + bytes((0x80 | 126,)) + struct.pack(">H", len(payload)) + bytes(4) + payload
