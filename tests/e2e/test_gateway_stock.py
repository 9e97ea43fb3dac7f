"""Stock, sales and reads through two gateways side by side, on the real broker."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from inventory_stream.devservers.ports import free_ports
from inventory_stream.settings.names import ENV_PREFIX
from tests.e2e.cluster import Cluster
from tests.e2e.test_gateway_identity import create_key, moment, until_answered

pytestmark = pytest.mark.slow

AT = "2026-01-01T00:00:00Z"
STORES = {"berlin": (52.52, 13.405), "hamburg": (53.551, 9.994)}
SKUS = tuple(f"SKU-{number}" for number in range(8))
"""So many that every partition has some."""
SECRETS = {
    "CUSTOMER_KEY": "secret-of-customers-0123456789ab",
    "TOKEN_KEY": "secret-of-tickets-0123456789abcd",
}

Answer = tuple[int, Any, Any]
"""Status, body, headers."""


class Gateway:
    """One gateway and a caller with a key of all scopes."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession, key: str) -> None:
        self._cluster = cluster
        self._session = session
        self._headers = {"Authorization": f"Bearer {key}"}

    async def write(self, method: str, path: str, body: object = None, *, key: str) -> Answer:
        """Send a write until it is answered: a 503 asks for the same again, with the same key."""
        answers: list[Answer] = []

        async def is_answered() -> bool:
            answers[:] = [await self.ask(method, path, body, key=key)]
            return answers[0][0] != 503

        await self._cluster.until(is_answered, f"an answer to {method} {path}")
        return answers[0]

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str = "", **headers: str
    ) -> Answer:
        """Send a request; `key` is the Idempotency-Key."""
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if key:
            sent["Idempotency-Key"] = key
        async with self._session.request(method, path, json=body, headers=sent) as response:
            told = await response.json(content_type=None) if await response.read() else None
            return response.status, told, response.headers


async def start(cluster: Cluster, name: str, keys: Path, stack: AsyncExitStack, key: str) -> Gateway:
    """Start a gateway on the cluster."""
    (port,) = free_ports(1)
    settings = {"PORT": str(port), "API_KEYS_FILE": str(keys), **SECRETS}
    environment = {f"{ENV_PREFIX}GATEWAY__{word}": value for word, value in settings.items()}
    command = [sys.executable, "-m", "inventory_stream.cli", "gateway"]
    cluster.supervisor.start(name, command, {**cluster.environment, **environment})
    session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
    await until_answered(cluster, session)
    return Gateway(cluster, session, key)


async def test_what_one_gateway_writes_another_shows(cluster: Cluster, tmp_path: Path) -> None:
    """By the version of the write; once for each key; sales and places reach every partition."""
    keys = tmp_path / "keys.jsonl"
    key = create_key(keys)
    async with AsyncExitStack() as stack:
        one = await start(cluster, "gateway-1", keys, stack, key)
        two = await start(cluster, "gateway-2", keys, stack, key)
        first = {"sku": SKUS[0], "location": "berlin", "delta": 5, "effective_at": AT}

        status, told, _ = await one.write("POST", "/v1/stock/adjustments", first, key="first")
        assert status == 200, told
        lines = [{**first, "sku": sku} for sku in SKUS[1:]]
        for gateway in (one, two):  # the second hears the answers of the first
            status, told, _ = await gateway.write(
                "POST", "/v1/stock/adjustments:batch", {"lines": lines}, key="batch"
            )
            assert status == 200, told
            assert {line["outcome"] for line in told["lines"]} == {"APPLIED"}
        status, told, headers = await one.write(
            "POST", "/v1/stock/adjustments", {**first, "location": "hamburg", "delta": 2}, key="second"
        )
        assert status == 200, told
        version = headers["Inventory-Version"]
        status, told, _ = await two.ask("GET", f"/v1/availability/{SKUS[0]}", Inventory_Version=version)
        assert (status, told["locations"]) == (200, {"berlin": 5, "hamburg": 2})

        for store, (latitude, longitude) in STORES.items():
            place = {"latitude": latitude, "longitude": longitude}
            status, told, _ = await one.write("PUT", f"/v1/places/{store}", place, key=f"place-{store}")
            assert status == 200, told
        near = f"/v1/stores/nearest?lat=53.5&lon=10&sku={SKUS[0]}"

        async def are_near() -> bool:
            _, stores, _ = await two.ask("GET", near)
            return [store["location"] for store in stores["stores"]] == ["hamburg", "berlin"]

        await cluster.until(are_near, "the second gateway to know the stores")

        sale = {
            "sale_id": "drop",
            "starts_at": moment(hours=-1),
            "ends_at": moment(hours=1),
            "lines": [{"sku": sku, "location": "berlin", "units": 3} for sku in SKUS],
            "limit_per_customer": 1,
        }
        status, told, _ = await one.write("POST", "/v1/sales", sale, key="sale")
        assert (status, {line["outcome"] for line in told["lines"]}) == (201, {"APPLIED"}), told

        async def is_on_sale() -> bool:
            _, sales, _ = await two.ask("GET", "/v1/sales/drop")
            return len(sales.get("lines", ())) == len(SKUS)

        await cluster.until(is_on_sale, "the second gateway to know the sale")
        path = f"/v1/availability?skus={','.join(SKUS)}"
        status, told, headers = await two.ask("GET", path)
        assert [sku["sales"] for sku in told["skus"]] == [{"drop": 3}] * len(SKUS)
        assert (await two.ask("GET", path, If_None_Match=headers["ETag"]))[0] == 304
        status, told, _ = await two.write("POST", "/v1/sales/drop/close", key="close")
        assert (status, {line["units"] for line in told["lines"]}) == (200, {3}), told
        status, told, _ = await two.ask("GET", f"/v1/skus/{SKUS[0]}/events?since=0&limit=1000")
        kinds = [event["kind"] for event in told["events"]]
        expected = {"adjust": 2, "open_pool": 1, "close_pool": 1}
        assert {kind: kinds.count(kind) for kind in expected} == expected
