"""Orders of channels by webhook, through real gateways, workers, a broker and a ledger."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from inventory_stream.devservers.ports import free_ports
from inventory_stream.sandbox.config import FAKES, lines_at, write_config
from inventory_stream.sandbox.server import HOST, Sandbox, running
from inventory_stream.sandbox.specs import Specs
from inventory_stream.settings import ENV_PREFIX
from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key

pytestmark = pytest.mark.slow

SKU, LOCATION = "SKU-1", "DC"
# One that tells orders whole, one that signs its address and only names them, one with a secret of entities.
CHANNELS = ("shopify", "square", "woocommerce")
WORKER = "channels"


class Shops:
    """The sandbox as its shoppers see it: one listing of the SKU on each channel."""

    def __init__(self, sandbox: Sandbox, listings: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.listings = listings
        self._session = session

    def shown(self) -> dict[str, int | None]:
        """Give what each channel shows."""
        return {
            name: self.sandbox.fakes[name].account.shown.get(listing)
            for name, listing in self.listings.items()
        }

    async def sell(self, name: str, order_id: str, units: int, repeats: int = 1) -> list[int]:
        """Have a channel sell; gives the statuses of its webhooks."""
        line = {"listing": self.listings[name], "units": units}
        body = {"order_id": order_id, "lines": [line], "repeats": repeats}
        return await self._ask(name, "sell", body)

    async def cancel(self, name: str, order_id: str) -> list[int]:
        """Have an order called off there, told twice."""
        return await self._ask(name, "cancel", {"order_id": order_id, "repeats": 2})

    async def _ask(self, name: str, act: str, body: Mapping[str, Any]) -> list[int]:
        url = f"{self.sandbox.control_url}/{name}/{act}"
        async with self._session.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            statuses: list[int] = (await answer.json())["webhooks"]
            return statuses


async def test_what_one_channel_sells_is_sold_on_all(cluster: Cluster, tmp_path: Path) -> None:
    """An order counts once however often it is told, also while no worker runs; a cancel brings it back."""
    gateway_port, sandbox_port = free_ports(2)
    fakes = []
    listings = {}
    for name in CHANNELS:
        listings[name] = FAKES[name].listing_of(1, SKU, None)
        fakes.append(FAKES[name]({listings[name]: 0}, Specs(None)))
    lines = [line for fake in fakes for line in lines_at(fake, [SKU], LOCATION)]
    registry, mapping = write_config(
        tmp_path / "sandbox", fakes, lambda name: f"http://{HOST}:{sandbox_port}/{name}", lines
    )
    channels = {
        f"{ENV_PREFIX}CHANNELS__REGISTRY_FILE": str(registry),
        f"{ENV_PREFIX}CHANNELS__MAPPING_FILE": str(mapping),
        f"{ENV_PREFIX}CHANNELS__ALLOW_LOOPBACK": "true",
        f"{ENV_PREFIX}CHANNELS__WEBHOOKS_URL": f"http://{HOST}:{gateway_port}",
        f"{ENV_PREFIX}MONITORING__PORT": str(free_ports(1)[0]),
    }
    gateway = Gateway(
        cluster, tmp_path, new_key(tmp_path), environment={**channels}, port=gateway_port, HOST=HOST
    )
    command = [sys.executable, "-m", "inventory_stream.cli", "worker", "channels"]
    worker_port = {f"{ENV_PREFIX}MONITORING__PORT": str(free_ports(1)[0])}
    cluster.supervisor.start(WORKER, command, {**cluster.environment, **channels, **worker_port})
    async with (
        gateway,
        running(fakes, gateway_url=gateway.url, port=sandbox_port) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        shops = Shops(sandbox, listings, session)

        async def until_all_show(units: int) -> None:
            async def is_so() -> bool:
                return set(shops.shown().values()) == {units}

            log_path = cluster.supervisor.log_path(WORKER)
            try:
                await cluster.until(is_so, f"all channels to show {units}")
            except AssertionError as error:
                tail = "\n".join(log_path.read_text(errors="replace").splitlines()[-12:])
                raise AssertionError(f"{shops.shown()}\n{error}\n--- {WORKER}\n{tail}") from None

        await gateway.stock(SKU, 20, LOCATION)
        await until_all_show(20)
        for name in CHANNELS:
            assert set(await shops.sell(name, f"{name}-1", 2, repeats=3)) == {200}
        await until_all_show(14)

        cluster.supervisor.kill(WORKER)
        assert set(await shops.sell("woocommerce", "woocommerce-2", 4)) == {200}
        await until_all_show(10)
        for name in CHANNELS:
            assert set(await shops.cancel(name, f"{name}-1")) == {200}
        await until_all_show(16)

        forged = await session.post(f"{gateway.url}/v1/webhooks/shopify", data=b"{}")
        assert forged.status == 401
        assert (await gateway.get(f"/v1/availability/{SKU}")).body["available"] == 16
    await cluster.verify()
    assert await cluster.stop(WORKER) == 0
