"""Redis loses everything while decisions go on: the view comes back by itself, and never in parts."""

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.shelf import ShelfWatch, available

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 10_000
FLUSHES = 5
LOOKS_MIN = 500
"""Fewer would be no watch: on a quiet machine there are 1,000 a second."""


async def test_flushed_redis_is_rebuilt_whole_while_decisions_go_on(cluster: Cluster) -> None:
    """No look at a SKU of three locations ever shows one or two, and at rest Redis is the ledger."""
    async with Producer(cluster) as producer, ShelfWatch(cluster.settings.redis.url, HOT_SKUS) as shelf:
        await producer.stock_up()
        await cluster.until(shelf.is_full, "the opening stock in Redis")
        shelf.torn.clear()  # each location's opening count is a command of its own
        async with Rush(producer, 4, PER_SECOND, COMMANDS_MIN) as rush:
            for _ in range(FLUSHES):
                await rush.until_sent(PER_SECOND // 2)
                await shelf.flush()
                await cluster.until(shelf.is_full, "the shelves to be full again")
        await cluster.until_decided()
        found = cluster.audit.assert_sound(producer.sent)
        report = await cluster.verify()
        assert report["skus_compared"] + report["skus_moved_on"] == len({sku for sku, _ in found.positions})

        async def is_the_ledger() -> bool:
            await cluster.follow()  # short reservations may still expire
            return await shelf.shown() == available(cluster.audit.judge(producer.sent.moves))

        await cluster.until(is_the_ledger, "Redis to show what the ledger says")
    assert shelf.torn == []
    assert shelf.looks >= LOOKS_MIN
    await cluster.end_in_order({})
