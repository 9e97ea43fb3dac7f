"""Channel workers as processes: what the ledger writes is what channels show, whatever ends a worker."""

from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.channel_world import channel_world

PARTITIONS = 2
SKUS = 40


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Give an environment of its own; Redis is not asked."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers,
            topic_prefix=topic_prefix,
            partitions=PARTITIONS,
            session_timeout_seconds=6.0,
        ),
        redis=RedisSettings(url="redis://127.0.0.1:1"),
    )


async def test_channels_end_at_the_ledgers_value_when_a_worker_is_killed(
    settings: Settings, tmp_path: Path
) -> None:
    """Every listing shows what the ledger has: after the start, after changes, after kill -9 in the midst."""
    async with (
        channel_world(settings, tmp_path, ["template", "webhook"], SKUS) as world,
        world.worker("ledger") as ledger,
    ):
        await ledger.until_ready()
        for number in range(SKUS):
            await world.adjust(f"SKU-{number}", 10 + number)
        await world.durable()
        async with world.worker() as first:
            await first.until_ready()
            await world.until_right()
            for number in range(0, SKUS, 2):
                await world.adjust(f"SKU-{number}", -10)
            await world.durable()
            await world.until_right()
            for number in range(SKUS):
                await world.adjust(f"SKU-{number}", 3)
            await world.durable()
            first.process.kill()
        async with world.worker() as second:
            await second.until_ready()
            await world.until_right()
        for name in world.listings:
            assert world.fake(name).account.overlaps == 0
