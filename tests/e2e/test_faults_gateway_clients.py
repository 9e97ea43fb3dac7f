"""Clients that never read and clients that never end: they cost little, and others are served as ever."""

import time
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key
from tests.e2e.hostile_clients import hostile
from tests.e2e.journal import Journal, judge, shopping
from tests.e2e.memory import MemoryWatch

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

SKUS: Final = tuple(f"SKU-{number}" for number in range(8))
NOBODYS: Final = [f"no-such-sku-{number:03}" for number in range(200)]
"""As many as one reader may follow; each is answered by an event that nobody has it."""
PLENTY: Final = 100_000
SHOPPERS: Final = 10
EACH: Final = 40
"""Hostile clients of each kind."""
UNDER_ATTACK_SECONDS: Final = 10.0
GROWTH_MIB_MAX: Final = 96.0
"""200 connections at the 150 KB that one reader may cost, an answer of 300 KB under way for those that
pipeline, and what the collector has not returned yet: 50 were measured, and 170 where a WebSocket reader was
answered however much it had left unread."""


async def test_clients_that_never_read_or_never_end_cost_the_others_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Streams, sockets and pipelined answers left lying, heads and bodies that drip: memory has an end."""
    journal = Journal()
    key = new_key(tmp_path)
    async with Gateway(cluster, tmp_path, key, REQUEST_SECONDS_MAX="2", ANSWER_SECONDS="5") as gateway:
        for sku in SKUS:
            await gateway.stock(sku, PLENTY)
        pid = cluster.supervisor.pid(gateway.name)
        assert pid is not None
        async with (
            MemoryWatch(cluster, (gateway.name,), 0.2) as memory,
            shopping(journal, [gateway], SKUS, SHOPPERS, patient=False),
        ):

            async def is_running() -> bool:
                return journal.statuses()[201] >= 10 * SHOPPERS and bool(memory.samples_mib)

            await cluster.until(is_running, "a sale that runs")
            before_mib = max(memory.samples_mib[gateway.name])
            async with hostile(gateway.port, key) as clients:
                for _ in range(EACH):
                    await clients.reads_no_events("/v1/live?skus=" + ",".join((*SKUS, *NOBODYS[:190])))
                    await clients.subscribes_and_reads_nothing("/v1/live/ws", NOBODYS)
                    await clients.reads_no_answers("/openapi.json")
                    await clients.never_ends_its_head()
                    await clients.never_ends_its_body("/v1/orders")
                served = journal.statuses()[201]
                ends_at = time.monotonic() + UNDER_ATTACK_SECONDS

                async def is_long_enough() -> bool:
                    return time.monotonic() >= ends_at

                await cluster.until(is_long_enough, "the attack to last")
            assert journal.statuses()[201] - served >= 10 * SHOPPERS
            grown_mib = max(memory.samples_mib[gateway.name]) - before_mib
        assert grown_mib <= GROWTH_MIB_MAX
        assert journal.statuses().keys() == {201}
        assert cluster.supervisor.pid(gateway.name) == pid
        await judge(cluster, journal, dict.fromkeys(SKUS, PLENTY))
