"""Live updates, GraphQL and the pages of real gateways over a real broker and ledger."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key

pytestmark = pytest.mark.slow

EVENT_SECONDS_MAX = 20
"""Longest wait for an event on a busy machine; it takes some 20 ms."""


async def until(stream: aiohttp.ClientResponse, units: int) -> dict[str, Any]:
    """Read on to the event that shows so many units."""
    told = {}
    async with asyncio.timeout(EVENT_SECONDS_MAX):
        async for raw in stream.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            told[name] = value
            if not name and "data" in told:
                event = {"id": told["id"], **json.loads(told.pop("data"))}
                if event["available"] == units:
                    return event
    raise AssertionError("the stream ended")


async def test_a_reader_moves_to_another_gateway_and_misses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """A reader hears each change, is let go when its gateway stops, and goes on elsewhere with its token."""
    key = new_key(tmp_path)
    first, second = (Gateway(cluster, tmp_path, key, name) for name in ("first", "second"))
    headers = {"Authorization": f"Bearer {key}"}
    async with first, second, aiohttp.ClientSession(headers=headers) as session:
        await first.stock("A", 5)
        async with session.get(f"{first.url}/v1/live?skus=A") as stream:
            assert stream.status == 200
            heard = await until(stream, 5)
            held = await second.post("/v1/reservations", {"sku": "A", "location": "DC", "units": 2})
            assert held.status == 201
            heard = await until(stream, 3)
            assert heard["version"] == held.headers["Inventory-Version"]
            assert await cluster.stop("first") == 0
            async with asyncio.timeout(EVENT_SECONDS_MAX):
                await stream.content.read()
        assert (
            await second.post("/v1/reservations", {"sku": "A", "location": "DC", "units": 1})
        ).status == 201
        last = {"Last-Event-ID": heard["id"]}
        async with session.get(f"{second.url}/v1/live?skus=A", headers=last) as stream:
            assert (await until(stream, 2))["sku"] == "A"

        async with session.post(
            f"{second.url}/graphql", json={"query": '{ sku(id: "A") { total isFresh } }'}
        ) as answer:
            assert (await answer.json())["data"]["sku"]["total"] == 2
        async with aiohttp.ClientSession() as nobody:
            for path, status in (("/v1/live?skus=A", 401), ("/openapi.json", 200), ("/docs", 200)):
                async with nobody.get(second.url + path) as answer:
                    assert answer.status == status
        assert await cluster.stop("second") == 0
