"""Orders of many lines while their gateway is killed, and their payments by both ways in."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from inventory_stream.devservers.ports import free_ports
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, sign
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES
from inventory_stream.settings.names import ENV_PREFIX
from tests.e2e.cluster import Cluster
from tests.e2e.test_gateway_identity import create_key
from tests.integration.event_topics import events_in

pytestmark = pytest.mark.slow

PROVIDER: Final = "a-word-of-the-provider-that-signs-0123456789"
SKUS: Final = ("ORDER-A", "ORDER-B", "ORDER-C")
ORDERS: Final = 30
AT_ONCE: Final = 4
"""Orders under way together."""
KILLED_AFTER: Final = 5
"""Orders answered before the kill: others are under way then, the rest finds nobody."""
ANSWER_SECONDS_MAX: Final = 15.0
AT: Final = "2026-01-01T00:00:00Z"


class Gateways:
    """Two gateways of one cluster, and a shop that asks them."""

    def __init__(self, cluster: Cluster, session: aiohttp.ClientSession, keys: Path) -> None:
        self._cluster = cluster
        self._session = session
        self._key = create_key(keys)
        self._ports = free_ports(2)
        for number, port in enumerate(self._ports, 1):
            settings = {
                "PORT": str(port),
                "API_KEYS_FILE": str(keys),
                "CUSTOMER_KEY": "k" * 32,
                "PAYMENT_SECRETS": f"stripe={PROVIDER}",
                "ANSWER_SECONDS": str(ANSWER_SECONDS_MAX),
            }
            environment = {f"{ENV_PREFIX}GATEWAY__{name}": value for name, value in settings.items()}
            command = [sys.executable, "-m", "inventory_stream.cli", "gateway"]
            cluster.supervisor.start(f"gateway-{number}", command, {**cluster.environment, **environment})

    async def ask(self, number: int, method: str, path: str, body: object = None, key: str = "") -> Any:  # noqa: ANN401  # JSON
        """Give status and document; (0, None) when the gateway is gone."""
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key or path}
        try:
            async with self._session.request(
                method, f"http://127.0.0.1:{self._ports[number - 1]}{path}", json=body, headers=headers
            ) as answer:
                return answer.status, await answer.json(content_type=None)
        except aiohttp.ClientError:
            return 0, None

    async def place(self, number: int, order: int) -> Any:  # noqa: ANN401  # JSON
        """Place an order of one unit of each SKU."""
        lines = [{"sku": sku, "units": 1, "location": "DC1"} for sku in SKUS]
        body = {"order_id": f"o{order}", "ttl_seconds": 600, "lines": lines}
        return await self.ask(number, "POST", "/v1/orders", body, key=f"order-{order}")

    async def pay(self, order: int) -> tuple[int, Any]:
        """Tell gateway 2 by webhook that an order is paid."""
        raw = captured(order)
        headers = {
            SIGNATURE_HEADER: sign(raw, PROVIDER.encode(), int(time.time())),
            "Content-Type": "application/json",
        }
        url = f"http://127.0.0.1:{self._ports[1]}/v1/payments/events"
        async with self._session.post(url, data=raw, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def stock(self) -> None:
        """Put just enough of each SKU there, by either gateway: both answer then."""
        for sku in SKUS:
            body = {"sku": sku, "location": "DC1", "delta": ORDERS, "effective_at": AT}
            for number in (1, 2):

                async def is_stocked(number: int = number, body: object = body, sku: str = sku) -> bool:
                    asked = self.ask(number, "POST", "/v1/stock/adjustments", body, f"stock-{sku}")
                    return (await asked)[0] in {200, 201}

                await self._cluster.until(is_stocked, "the ledger to answer through the gateways")

    async def place_until_killed(self) -> dict[int, Any]:
        """Place all orders at the first gateway, and kill it amid them; gives those that it answered."""
        first: dict[int, Any] = {}
        at_once = asyncio.Semaphore(AT_ONCE)

        async def place(order: int) -> None:
            async with at_once:
                status, placed = await self.place(1, order)
            if status == 201:
                first[order] = placed
                if len(first) == KILLED_AFTER:
                    self._cluster.supervisor.kill("gateway-1")

        await asyncio.gather(*map(place, range(ORDERS)))
        assert KILLED_AFTER <= len(first) < ORDERS, "the kill came too late to mean anything"
        return first

    async def place_again(self) -> dict[int, Any]:
        """Place all orders at the second gateway, under their keys."""
        for order in range(ORDERS):

            async def is_placed(order: int = order) -> bool:
                return bool((await self.place(2, order))[0] == 201)

            await self._cluster.until(is_placed, f"order {order} to be placed by the other gateway")
        return {order: (await self.place(2, order))[1] for order in range(ORDERS)}

    async def pay_all(self) -> None:
        """Pay half of the orders by webhook and half by topic."""
        settings = self._cluster.settings
        for order in range(0, ORDERS, 2):
            status, outcome = await self.pay(order)
            assert (status, outcome["status"]) == (200, "confirmed")
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
        await producer.start()
        try:
            for order in range(1, ORDERS, 2):
                topic = settings.topic(PAYMENT_EVENTS)
                await producer.send_and_wait(topic, captured(order), key=b"o%d" % order)
        finally:
            await producer.stop()
        await self._cluster.until(self._are_told, "every payment to be told of")

    async def _are_told(self) -> bool:
        settings = self._cluster.settings
        told = set()
        for partition in range(settings.kafka.partitions):
            topic = settings.topic(PAYMENT_OUTCOMES)
            for record in await events_in(settings.kafka.bootstrap_servers, topic, partition):
                outcome = msgspec.json.decode(record.value)
                assert outcome["status"] == "confirmed"
                told.add(outcome["event_id"])
        return len(told) == ORDERS


def captured(order: int) -> bytes:
    """Encode the event that an order is paid."""
    return msgspec.json.encode(
        {
            "provider": "stripe",
            "id": f"evt-{order}",
            "payment_id": f"p{order}",
            "kind": "captured",
            "order_id": f"o{order}",
        }
    )


def reservations(placed: Any) -> list[str]:  # noqa: ANN401  # JSON
    """Give the reservations of an order's answer."""
    return [line["reservation_id"] for line in placed["lines"]]


async def test_orders_of_a_killed_gateway_are_completed_once_by_another_and_paid(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Every order ends whole, once, with the reservations told before; no unit is held beside them."""
    timeout = aiohttp.ClientTimeout(total=2 * ANSWER_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        shop = Gateways(cluster, session, tmp_path / "keys.jsonl")
        await shop.stock()
        first = await shop.place_until_killed()
        second = await shop.place_again()
        assert all(reservations(second[order]) == reservations(first[order]) for order in first)
        assert len({one for placed in second.values() for one in reservations(placed)}) == ORDERS * len(SKUS)
        await shop.pay_all()
        # Stock was just enough: had a line been held twice, some order could not have been whole.
        for order in range(ORDERS):
            status, shown = await shop.ask(2, "GET", f"/v1/orders/o{order}")
            assert status == 200
            assert [(line["allocated"], line["reserved"]) for line in shown["lines"]] == [(1, 0)] * len(SKUS)
        await cluster.until_decided()
        await cluster.verify()
