"""Redis gone under a gateway: stock and reservations need none, waiting rooms say so, and all comes back."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.devservers import KafkaServer, ValkeyServer
from tests.conftest import start_or_skip
from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Answer, Gateway, new_key, now
from tests.e2e.journal import LOCATION, Journal, judge, shopping

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

UNITS: Final = 2_000
SHOPPERS: Final = 20
ANSWERED_MIN: Final = 200
ROOM_AHEAD_SECONDS: Final = 600.0
"""The sale with a room starts long after the test: what is asked of it is only whether it can be found."""
TICKETS: Final = "/v1/waiting-rooms/drop/tickets"


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[ValkeyServer]:
    """Give a server of this test's own."""
    server = ValkeyServer(tmp_path / "valkey")
    start_or_skip(server)
    yield server
    server.stop()


async def test_reservations_and_reads_go_on_without_redis(
    kafka_server: KafkaServer, mortal_redis: ValkeyServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Killed with its data: no read and no reservation fails, joining a room is 503 until Redis is back."""
    journal = Journal()
    async with (
        Cluster(kafka_server.bootstrap_servers, mortal_redis.url, topic_prefix, tmp_path) as cluster,
        Gateway(cluster, tmp_path, new_key(tmp_path), ANSWER_SECONDS="5") as gateway,
    ):
        await gateway.stock("A", UNITS)
        await gateway.stock("DROP", UNITS)
        sale = {
            "sale_id": "drop",
            "starts_at": now(seconds=ROOM_AHEAD_SECONDS),
            "ends_at": now(seconds=2 * ROOM_AHEAD_SECONDS),
            "lines": [{"sku": "DROP", "location": LOCATION, "units": 1}],
        }
        assert (await gateway.post("/v1/sales", sale)).status == 201
        assert (await gateway.post("/v1/waiting-rooms", {"sale_id": "drop"})).status == 201
        first = await join(gateway)
        assert first.status == 201, first

        async def has_sold(units: int) -> bool:
            return journal.statuses()[201] >= units

        async with shopping(journal, [gateway], ["A"], SHOPPERS, patient=False):
            await cluster.until(lambda: has_sold(ANSWERED_MIN), "a sale that runs")
            await asyncio.to_thread(mortal_redis.kill)
            shutil.rmtree(mortal_redis.data_dir)
            sold = journal.statuses()[201]
            await cluster.until(lambda: has_sold(sold + ANSWERED_MIN), "the sale to go on without Redis")
            read = await gateway.get("/v1/availability/A")
            assert read.status == 200
            refused = await join(gateway)
            assert (refused.status, refused.body["type"]) == (503, "/problems/not-ready"), refused
            assert int(refused.headers["Retry-After"]) >= 1
            await asyncio.to_thread(mortal_redis.start)

            async def is_back() -> bool:
                return (await join(gateway, first.body["ticket"])).status == 201

            await cluster.until(is_back, "the waiting room to be there again")
        # An empty Redis was given the room again, and whoever shows a ticket stands where it says.
        again = await join(gateway)
        assert again.body["ticket"] == first.body["ticket"]
        assert journal.refusals() == []
        await judge(cluster, journal, {"A": UNITS})


async def join(gateway: Gateway, ticket: str | None = None) -> Answer:
    """Take the ticket of one shopper, who may have one already."""
    return await gateway.post(TICKETS, {"customer": "ann", "ticket": ticket})
