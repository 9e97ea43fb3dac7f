"""Channel workers as processes: what the ledger writes is what channels show, whatever ends a worker."""

import asyncio
import signal
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.flows.channels.intake import WAITING_MAX
from inventory_stream.sandbox.faults import Fault
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from tests.integration.channel_world import channel_world, until

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


async def test_a_worker_that_was_asleep_sends_nothing_beside_its_successor(
    settings: Settings, tmp_path: Path
) -> None:
    """Stopped for longer than its session, then woken: what it still wanted to say is not said any more."""
    async with (
        channel_world(settings, tmp_path, ["template"], SKUS) as world,
        world.worker("ledger") as ledger,
    ):
        await ledger.until_ready()
        for number in range(SKUS):
            await world.adjust(f"SKU-{number}", 100)
        await world.durable()
        async with world.worker() as sleeper:
            await sleeper.until_ready()
            await world.until_right()
            sleeper.process.send_signal(signal.SIGSTOP)
            for number in range(SKUS):
                await world.adjust(f"SKU-{number}", -100 + number)
            await world.durable()
            async with world.worker() as successor:
                await world.until_right()
                sleeper.process.send_signal(signal.SIGCONT)
                await sleeper.until_logged("rebalanced")
                for number in range(SKUS):
                    await world.adjust(f"SKU-{number}", 1)
                await world.durable()
                await world.until_right()
                assert successor.process.poll() is None
                account = world.fake("template").account
                for listing in world.listings["template"]:
                    shown = [change.units for change in account.history if change.listing == listing]
                    assert 100 not in shown[1:], f"{listing} went back to what it was: {shown}"


async def test_one_channel_is_killed_to_zero_while_the_other_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    """A kill acts within a second and shows zero everywhere; a resume brings the ledger's units back."""
    async with (
        channel_world(settings, tmp_path, ["template", "webhook"], SKUS) as world,
        world.worker("ledger") as ledger,
        world.worker() as worker,
    ):
        await ledger.until_ready()
        for number in range(SKUS):
            await world.adjust(f"SKU-{number}", 10 + number)
        await world.durable()
        await worker.until_ready()
        await world.until_right()
        shown = world.fake("template").account.shown
        await world.act("template", "kill", zeros_first=True)
        await until(lambda: not any(shown.values()), lambda: str(shown))
        for number in range(SKUS):
            await world.adjust(f"SKU-{number}", -5)
        await world.durable()
        await world.until_right("webhook")
        assert not any(shown.values())
        status = await world.status("template")
        assert status is not None
        assert status.mode == "off"
        await world.act("template", "resume")
        await world.until_right()
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, 10) == 0
        # Both acts are passed over: who comes next does not read them again.
        assert await world.next_inbound("template") == 2


async def test_orders_that_wait_for_a_channel_that_is_down_hold_no_act_up(
    settings: Settings, tmp_path: Path
) -> None:
    """More named orders than are held, and both accounts are killed; none of the orders is passed over."""
    async with (
        channel_world(settings, tmp_path, ["square", "template"], 1) as world,
        world.worker("ledger") as ledger,
        world.worker() as worker,
    ):
        await ledger.until_ready()
        await worker.until_ready()
        world.fake("square").account.faults.during(Fault.RESET_BEFORE, 3_600.0)
        first = await world.name_orders("square", WAITING_MAX + 500)
        for name in ("square", "template"):
            await world.act(name, "kill")
            await world.until_mode(name, "off")
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, 10) == 0
        assert await world.next_inbound("square") == first
