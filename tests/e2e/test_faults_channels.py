"""Channels that err, and workers that die: each listing ends at the ledger's value."""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.sandbox.faults import Fault
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from models.channels import StatusRow
from tests.integration.channel_world import LOOK_SECONDS, ChannelWorld, channel_world, until
from tests.integration.watched_workers import DEADLINE_SECONDS, WatchedWorker

pytestmark = pytest.mark.slow

SKUS = 30
FIRST_UNITS = 100

# What a channel does to pushes. Those after which nothing is answered take a request's whole time bound, so
# there are few of them.
PUSHES_GO_WRONG = (
    *(Fault.LATE, Fault.TWICE, Fault.HALF_APPLIED, Fault.ITEM_ABSENT, Fault.RESET_AFTER, Fault.MALFORMED),
    *(Fault.THROTTLED_DATE, Fault.SERVER_ERROR, Fault.TWICE, Fault.RESET_BEFORE),
)


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Give an environment of its own; Redis is not asked."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers,
            topic_prefix=topic_prefix,
            partitions=2,
            session_timeout_seconds=3.0,
        ),
        redis=RedisSettings(url="redis://127.0.0.1:1"),
    )


async def adjust_all(world: ChannelWorld, units: Callable[[int], int], numbers: Iterable[int]) -> None:
    """Change the stock of some SKUs."""
    for number in numbers:
        await world.adjust(f"SKU-{number}", units(number))
    await world.durable()


async def first_sync(world: ChannelWorld, ledger: WatchedWorker, worker: WatchedWorker) -> None:
    """Have every channel show the first stock."""
    await ledger.until_ready()
    await adjust_all(world, lambda _: FIRST_UNITS, range(SKUS))
    await worker.until_ready()
    await world.until_right()


async def until_status(world: ChannelWorld, name: str, is_so: Callable[[StatusRow], bool]) -> StatusRow:
    """Wait until an account stands so."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        row = await world.status(name)
        if row is not None and is_so(row):
            return row
        assert time.monotonic() < deadline, f"waited in vain: {row}"
        await asyncio.sleep(10 * LOOK_SECONDS)


async def test_a_worker_is_killed_amid_pushes_that_go_wrong(settings: Settings, tmp_path: Path) -> None:
    """Late, twice, by halves, without an answer: its successor brings every listing to the ledger's value.

    Half of the SKUs are sold out at the end: no older value stands where a zero was told.
    """
    channels = ["woocommerce", "shopify", "shopee"]
    async with (
        channel_world(settings, tmp_path, channels, SKUS) as world,
        world.worker("ledger") as ledger,
    ):
        async with world.worker() as first:
            await first_sync(world, ledger, first)
            for name in channels:
                for fault in PUSHES_GO_WRONG:
                    world.fake(name).account.faults.next(fault, scope="writes")
            await adjust_all(world, lambda number: -number, range(SKUS))
            await adjust_all(world, lambda number: 2 * number, range(0, SKUS, 3))
            history = world.fake("woocommerce").account.history
            before = len(history)
            await until(lambda: len(history) > before, lambda: "no push after the changes")
            first.process.kill()
        async with world.worker() as second:
            await adjust_all(world, lambda number: -world.stock[f"SKU-{number}"], range(0, SKUS, 2))
            await second.until_ready()
            await world.until_right()
            for name in channels:
                await until_status(world, name, lambda row: row.in_step == SKUS and not row.exposure_units)
                assert world.fake(name).account.overlaps == 0
                assert world.fake(name).account.is_settled
            assert not {name: wrong for name in channels if (wrong := world.wrong(name))}
            assert second.process.poll() is None


async def test_one_channel_is_down_while_another_stays_fresh(settings: Settings, tmp_path: Path) -> None:
    """The other hears of every change within seconds; the one that was down gets only the newest, when up.

    Ten minutes in the issue, some seconds here: the breaker's pauses grow to half a minute and no further.
    """
    async with (
        channel_world(settings, tmp_path, ["woocommerce", "webhook"], SKUS) as world,
        world.worker("ledger") as ledger,
        world.worker() as worker,
    ):
        await first_sync(world, ledger, worker)
        down = world.fake("woocommerce").account
        down.faults.during(Fault.RESET_BEFORE, 3_600.0)
        told_before = len(down.history)
        for _ in range(3):
            await adjust_all(world, lambda number: -1 - number % 3, range(SKUS))
            began = time.monotonic()
            await world.until_right("webhook")
            assert time.monotonic() - began < 5.0
        row = await until_status(world, "woocommerce", lambda row: row.breaker != "closed")
        assert row.dead == 0
        assert row.exposure_units > 0
        assert len(down.history) == told_before
        await adjust_all(world, lambda number: -world.stock[f"SKU-{number}"], range(5))
        down.faults.clear()
        await world.until_right()
        told = [change for change in list(down.history)[told_before:] if change.cause == "push"]
        assert len(told) == SKUS, "only the newest of each listing"
        assert [change.units for change in told[:5]] == [0] * 5, "zeros first"


async def test_a_token_that_is_revoked(settings: Settings, tmp_path: Path) -> None:
    """Where a new one can be had it goes on by itself; where not, an operator has it go on."""
    async with (
        channel_world(settings, tmp_path, ["shopee", "woocommerce"], SKUS) as world,
        world.worker("ledger") as ledger,
        world.worker() as worker,
    ):
        await first_sync(world, ledger, worker)
        world.fake("shopee").account.expire_tokens()
        refused = world.fake("woocommerce").account
        (key_pair,) = refused._valid_tokens
        refused.expire_tokens()
        told_before = len(refused.history)
        await adjust_all(world, lambda number: -number, range(SKUS))
        await world.until_right("shopee")
        await until_status(world, "woocommerce", lambda row: "auth" in row.parked)
        assert len(refused.history) == told_before
        refused.allow_token(key_pair)
        await world.act("woocommerce", "resume")
        await world.until_right()
