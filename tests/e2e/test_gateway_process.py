"""Gateways as real processes over a real broker and a real ledger worker: what a kill cannot take away."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Answer, Gateway, new_key

pytestmark = pytest.mark.slow

UNITS = 20
SHOPPERS = 30


async def reserve(gateway: Gateway, key: str, units: int = 1) -> Answer:
    """Ask for units until it is answered, as a caller does who was told 503."""
    answer = await gateway.post(
        "/v1/reservations", {"sku": "A", "location": "DC", "units": units, "customer": key}, key=key
    )
    return answer if answer.status != 503 else await reserve(gateway, key, units)


async def test_an_answer_outlives_its_gateway(cluster: Cluster, tmp_path: Path) -> None:
    """Every key hears its one answer, at the gateway that was killed and at the other; none is doubled."""
    key = new_key(tmp_path)
    first, second = (Gateway(cluster, tmp_path, key, name) for name in ("first", "second"))
    async with first, second:
        await first.stock("A", UNITS)
        names = [f"shopper-{number}" for number in range(SHOPPERS)]
        answers = await asyncio.gather(
            *(reserve((first, second)[n % 2], name) for n, name in enumerate(names))
        )
        granted = [answer for answer in answers if answer.status == 201]
        assert len(granted) == UNITS
        assert {answer.status for answer in answers} == {201, 409}

        first.kill()
        await first.until_ready()
        for gateway in (first, second):
            again = await asyncio.gather(*(reserve(gateway, name) for name in names))
            for before, after in zip(answers, again, strict=True):
                assert after.status == before.status
                if before.status == 201:
                    assert after.headers["Idempotent-Replay"] == "true"
                    assert after.body["reservation_id"] == before.body["reservation_id"]
        one = granted[0].body["reservation_id"]
        held = await second.get(f"/v1/reservations/{one}")
        assert (held.status, held.body["state"]) == (200, "held")
        assert (await second.post(f"/v1/reservations/{one}/confirm", {"order_id": "O1"})).status == 200
        # Read your own write, at a gateway that may not have heard of it yet.
        freed = await second.post(f"/v1/reservations/{granted[1].body['reservation_id']}/release", {})
        version = freed.headers["Inventory-Version"]
        seen = await first.get(f"/v1/availability/A?min_version={version}")
        assert seen.body["available"] == 1
        assert (await reserve(first, "one-more")).status == 201
        for name in ("first", "second"):
            assert await cluster.stop(name) == 0
