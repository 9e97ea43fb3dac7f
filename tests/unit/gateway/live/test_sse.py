import asyncio
import json
import socket
from typing import Any

import pytest
from aiohttp import ClientResponse

from inventory_stream.gateway.live.limits import READER_SKUS_MAX, LiveLimits
from tests.unit.gateway.live.stocked import Stocked, served, until


async def next_event(response: ClientResponse) -> dict[str, Any]:
    """Read on to the next event; five seconds at most."""
    lines: dict[str, str] = {}
    async with asyncio.timeout(5):
        async for raw in response.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name in {"id", "event", "data"}:
                lines[name] = value
            elif not name and "data" in lines:
                return {"id": lines["id"], "event": lines["event"], **json.loads(lines["data"])}
    raise AssertionError("the stream ended")


async def test_a_browser_hears_and_resumes() -> None:
    """A stream tells what is, then changes; with its last id a new one tells only what is newer."""
    stocked = Stocked()
    stocked.put("A0", 5)
    stocked.put("B0", 5)
    async with served(stocked) as (_, client):
        async with client.get("/v1/live", params={"skus": "A0,B0"}) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            assert [(await next_event(response))["sku"] for _ in range(2)] == ["A0", "B0"]
            stocked.put("A0", 4)
            last = await next_event(response)
            assert (last["sku"], last["available"]) == ("A0", 4)
        stocked.put("B0", 3)
        headers = {"Last-Event-ID": last["id"]}
        async with client.get("/v1/live", params={"skus": "A0,B0"}, headers=headers) as response:
            resumed = await next_event(response)
            assert (resumed["sku"], resumed["available"]) == ("B0", 3)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "skus"),
        ({"skus": ""}, "length"),
        ({"skus": ",".join(f"S{n}" for n in range(READER_SKUS_MAX + 1))}, "200"),
        ({"skus": "A0,"}, "characters"),
        ({"skus": "x" * 129}, "characters"),
        ({"skus": "A0", "channel": "a\x07b"}, "control"),
        ({"skus": "A0", "chanel": "web"}, "chanel"),
    ],
)
async def test_what_cannot_be_followed_is_refused(params: dict[str, str], says: str) -> None:
    """A wrong question is answered 400 with what is wrong, before any stream begins."""
    async with served(Stocked()) as (_, client), client.get("/v1/live", params=params) as response:
        assert response.status == 400
        assert says in (await response.json(content_type="application/problem+json"))["detail"]


async def test_one_reader_too_many_is_told_to_come_later() -> None:
    """Beyond the most readers the answer is 503 with Retry-After, and a place that is left is given."""
    limits, params = LiveLimits(readers_max=1), {"skus": "A0"}
    async with served(Stocked(), limits) as (hub, client), client.get("/v1/live", params=params) as first:
        await next_event(first)
        async with client.get("/v1/live", params=params) as second:
            assert second.status == 503
            assert second.headers["Retry-After"] == "5"
        hub.stop()
        assert await first.content.read() == b""


async def test_a_client_that_never_reads_costs_little_and_is_cut_off() -> None:
    """A client that takes nothing from its line is cut off after the bound; others hear all the while."""
    stocked = Stocked()
    skus = [f"{'S' * 20}{number}0" for number in range(200)]
    for sku in skus:
        stocked.put(sku, 1)
    limits = LiveLimits(interval_seconds=0.01, behind_seconds_max=0.5)
    async with served(stocked, limits) as (hub, client):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.setblocking(False)  # noqa: FBT003  # the name of the argument is its meaning
        loop = asyncio.get_running_loop()
        server = client.server
        await loop.sock_connect(line, (server.host, server.port))
        await loop.sock_sendall(
            line, f"GET /v1/live?skus={','.join(skus)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        await until(lambda: hub.readers == 1)
        (reader,) = hub._readers
        async with asyncio.timeout(20):
            units = 1
            while not reader.ended.done():
                units += 1
                for sku in skus:
                    stocked.put(sku, units)
                await asyncio.sleep(0.02)
                assert len(reader.untold) <= len(skus)
                assert reader._pipe.get_write_buffer_size() < 200_000
        await until(lambda: hub.readers == 0)
        line.close()
        async with client.get("/v1/live", params={"skus": skus[0]}) as response:
            assert (await next_event(response))["available"] == units
