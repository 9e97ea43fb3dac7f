"""Every registered channel behind one real worker: no adapter can be left out of it."""

from pathlib import Path

import pytest

from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.devservers import KafkaServer
from inventory_stream.sandbox.faults import Fault
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.channel_world import channel_world

pytestmark = pytest.mark.slow

# The slowest channels take 2 requests a second, one listing each.
SKUS = 3
LEVELS = (5, 9, 0, 7)


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Give an environment of its own; Redis is not asked."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=2
        ),
        redis=RedisSettings(url="redis://127.0.0.1:1"),
    )


async def test_every_registered_channel_follows_the_ledger(settings: Settings, tmp_path: Path) -> None:
    """Up, down, to zero and up again, with a fault at each step: all end at the ledger's value."""
    async with channel_world(settings, tmp_path, sorted(ADAPTERS), SKUS) as world:
        async with world.worker("ledger") as ledger, world.worker() as worker:
            await ledger.until_ready()
            await worker.until_ready()
            faults = (Fault.SERVER_ERROR, Fault.THROTTLED_SECONDS, Fault.RESET_AFTER, Fault.HALF_APPLIED)
            for level, fault in zip(LEVELS, faults, strict=True):
                for name in world.listings:
                    world.fake(name).account.faults.next(fault, scope="writes")
                for number in range(SKUS):
                    sku = f"SKU-{number}"
                    await world.adjust(sku, level - world.stock.get(sku, 0))
                await world.durable()
                await world.until_right()
        assert {name: world.fake(name).account.overlaps for name in world.listings} == dict.fromkeys(
            world.listings, 0
        )
