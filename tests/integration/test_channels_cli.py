"""`inventory-stream channels` as operators run it, beside a real worker and a real broker."""

import asyncio
import json
import time
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from inventory_stream.adapters.kafka.channel_desk import KafkaChannelDesk
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.cli import channels
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import InventoryStreamError
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings
from models.channels import (
    CHANNEL_INBOUND,
    CHANNEL_OUTCOMES,
    ChangedLine,
    ChannelEvent,
    Inbound,
    LinesCancelled,
    OrderTaken,
    SoldLine,
    account_key,
)
from models.ids import partition_of
from tests.integration.channel_world import ChannelWorld, channel_world, until
from tests.integration.watched_workers import DEADLINE_SECONDS

PARTITIONS = 2
SKUS = 25
FAKE = "template"


@pytest.fixture
def settings(
    kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Point commands and workers at topics of their own."""
    for name, value in {
        "KAFKA__BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
        "KAFKA__TOPIC_PREFIX": topic_prefix,
        "KAFKA__PARTITIONS": str(PARTITIONS),
        "CHANNELS__REGISTRY_FILE": str(tmp_path / "registry.toml"),
        "CHANNELS__MAPPING_FILE": str(tmp_path / "mapping.csv"),
    }.items():
        monkeypatch.setenv(f"INVENTORY_STREAM_{name}", value)
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers,
            topic_prefix=topic_prefix,
            partitions=PARTITIONS,
            session_timeout_seconds=6.0,
        ),
        redis=RedisSettings(url="redis://127.0.0.1:1"),
    )


async def run(*arguments: str) -> Result:
    """Run one command in a thread, as it has a loop of its own."""
    result = await asyncio.to_thread(CliRunner().invoke, channels.app, arguments)
    assert result.exception is None or isinstance(result.exception, (SystemExit, InventoryStreamError)), (
        result.exception
    )
    return result


async def said(what: str, *arguments: str) -> Result:
    """Run a command until it says something."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while what not in (result := await run(*arguments)).stdout:
        assert time.monotonic() < deadline, result.stdout
    return result


async def stocked(world: ChannelWorld) -> None:
    """Give every SKU its stock."""
    for number in range(SKUS):
        await world.adjust(f"SKU-{number}", 10 + number)
    await world.durable()


async def until_zero(world: ChannelWorld) -> None:
    """Wait until nothing can be bought there."""
    shown = world.fake(FAKE).account.shown
    await until(lambda: not any(shown.values()), lambda: f"still shown: {shown}")


async def told(settings: Settings, world: ChannelWorld, *events: ChannelEvent) -> None:
    """Have the channel tell of orders, as its webhook does."""
    account, now_ms = world.fake(FAKE).entry().account, int(time.time() * 1_000)
    desk = KafkaChannelDesk(
        KafkaConnection.of(settings.kafka),
        settings.topic(CHANNEL_INBOUND),
        settings.topic(CHANNEL_OUTCOMES),
    )
    await desk.ask(
        Inbound(FAKE, account, str(uuid4()), now_ms, events),
        partition_of(account_key(FAKE, account), PARTITIONS),
    )
    await desk.close()


async def test_an_evening_of_an_operator(settings: Settings, tmp_path: Path) -> None:
    """Nobody owns it, it sends, it is paused, drifts, is compared, mended, checked, and taken off sale."""
    async with (
        channel_world(settings, tmp_path, [FAKE], SKUS) as world,
        world.worker("ledger") as ledger,
    ):
        alone = await run("status")
        assert alone.exit_code == 1
        assert "start `inventory-stream worker channels`" in alone.stdout
        await ledger.until_ready()
        await stocked(world)
        async with world.worker() as worker:
            await worker.until_ready()
            await world.until_right()
            shown = world.fake(FAKE).account.shown

            paused = await run("pause", FAKE, "--reason", "prices", "--by", "ann")
            assert (paused.exit_code, paused.stdout.strip()) == (0, f"{FAKE}: paused (mode off)")
            await world.adjust("SKU-0", 5)
            await world.durable()
            story = json.loads((await run("status", FAKE, "--json")).stdout)
            assert (story["mode"], story["account_row"]["by"], story["account_row"]["reason"]) == (
                "off",
                "ann",
                "prices",
            )
            assert (await run("resume", "--all")).exit_code == 0
            await world.until_right()

            # What was told last has to settle, and is looked at by the owner itself after it took over.
            await said(f"{SKUS} agree", "diff", FAKE)
            listing = next(iter(world.listings[FAKE]))
            shown[listing] = 99
            differs = await run("diff", FAKE, "--listing", listing, "--json")
            report = json.loads(differs.stdout)
            assert (differs.exit_code, report["differing"][0]["observed"]) == (1, 99)
            assert shown[listing] == 99, "diff changes nothing"
            mended = await run("reconcile", FAKE)
            assert mended.exit_code == 1
            assert "1 differ; 1 sent again" in mended.stdout
            await world.until_right()
            assert (await run("diff", FAKE, "--last")).exit_code == 1

            # While it sends, a listing is checked when nothing of it is under way.
            checked = await said("smoke check passed", "smoke", FAKE, "--listing", listing)
            assert checked.exit_code == 0

            await said(f"{SKUS} agree", "diff", FAKE)
            for other in tuple(world.listings[FAKE])[:20]:
                shown[other] = 77
            drifted = await run("reconcile", FAKE)
            assert (drifted.exit_code, "mass drift" in drifted.stdout) == (1, True)
            assert "PARKED mass_drift" in (await run("status", FAKE)).stdout
            assert world.wrong(FAKE), "nobody is told anything before somebody has looked"
            assert (await run("approve", FAKE)).exit_code == 0
            await world.until_right()

            killed = await run("kill", "--channel", FAKE, "--zeros-first", "--yes")
            assert killed.exit_code == 0
            await until_zero(world)
            assert (await run("resume", FAKE)).exit_code == 0
            await world.until_right()


async def test_an_order_that_was_not_mapped_comes_back(
    settings: Settings, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line waits as a dead letter, is named, and is recorded once the mapping knows the listing.

    It stays of the SKU that the listing showed then, whatever follows: its repeat and its cancel find it.
    """
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", redis_url)
    async with (
        channel_world(settings, tmp_path, [FAKE], SKUS) as world,
        world.worker("ledger") as ledger,
    ):
        await ledger.until_ready()
        await stocked(world)
        async with world.worker() as worker:
            await worker.until_ready()
            await world.until_right()
            shown = world.fake(FAKE).account.shown
            shown["new-listing"] = 0
            placed_ms = int(time.time() * 1_000)
            order = OrderTaken("o-1", placed_ms, (SoldLine("1", 3, listing="new-listing"),))
            await told(settings, world, order)
            waiting = await said("deliveries wait", "unmapped", FAKE, "--limit", "0")
            assert waiting.exit_code == 1
            stands = await run("status", FAKE)
            assert (stands.exit_code, "1 deliveries wait unread" in stands.stdout) == (1, True)
            assert f"`channels replay {FAKE}`" in (await run("resume", FAKE)).stdout
            mapping = tmp_path / "mapping.csv"
            (tmp_path / "new.csv").write_text(f"{mapping.read_text()}{FAKE},new-listing,SKU-3,DC1\n")
            (tmp_path / "new.csv").replace(mapping)
            await said(f"of {SKUS + 1:,} listings", "status", FAKE)
            assert (await run("replay", FAKE, "--yes")).exit_code == 0
            world.stock["SKU-3"] -= 3
            await world.until_right()
            assert "deliveries wait" not in (await run("status", FAKE)).stdout

            # What follows the order is its SKU's, whatever its listing shows by then.
            moved = mapping.read_text().replace("new-listing,SKU-3", "new-listing,SKU-4")
            (tmp_path / "new.csv").write_text(moved)
            (tmp_path / "new.csv").replace(mapping)
            await until(lambda: shown.get("new-listing") == world.stock["SKU-4"], lambda: str(shown))
            await told(settings, world, order)
            await told(settings, world, OrderTaken("o-2", int(time.time() * 1_000), order.lines))
            world.stock["SKU-4"] -= 3
            await world.until_right()
            off = ChangedLine("1", listing="new-listing")
            now_ms = int(time.time() * 1_000)
            await told(settings, world, LinesCancelled("o-1", "off", now_ms, (off,)))
            world.stock["SKU-3"] += 3
            await world.until_right()
