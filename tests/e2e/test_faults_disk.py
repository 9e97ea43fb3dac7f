"""A broker whose disk is full: it dies, and when there is room again all goes on."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.kafka import KafkaSettings as BrokerSettings
from tests.conftest import start_or_skip
from tests.e2e.cluster import LEDGER_WORKERS, NO_BROKER_CODE, PROJECTION, Cluster
from tests.e2e.conftest import BROKER_PROPERTIES
from tests.e2e.load import HOT_SKUS, Producer, Rush
from tests.e2e.shelf import ShelfWatch, until_shown
from tests.e2e.verdict import judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

DISK_MIB = 192
"""Holds what the test writes three times over."""
ROOM_BYTES = 2 * 1024 * 1024
"""Left to the broker when the disk is filled: about two seconds of the rush, its rows included."""
PER_SECOND = 2_000
COMMANDS_MIN = 8_000
ENDS = {worker: [EXIT_CODE, NO_BROKER_CODE] for worker in (*LEDGER_WORKERS, PROJECTION)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk; skips where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603  # words of our own
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk can only be filled by who may mount one: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)  # noqa: S603, S607  # as above


@pytest.fixture
async def broker(small_disk: Path) -> AsyncIterator[KafkaServer]:
    """Give a broker on that disk."""
    server = KafkaServer(small_disk / "kafka", BrokerSettings(properties=BROKER_PROPERTIES))
    await asyncio.to_thread(start_or_skip, server)
    yield server
    await asyncio.to_thread(server.stop)


async def test_full_disk_of_the_broker_costs_no_decision(
    broker: KafkaServer, small_disk: Path, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Filled under load the broker ends; started with room again, everything else goes on by itself."""
    async with (
        Cluster(broker.bootstrap_servers, redis_url, topic_prefix, tmp_path) as cluster,
        Producer(cluster) as producer,
        ShelfWatch(redis_url, HOT_SKUS) as shelf,
    ):
        await producer.stock_up()
        async with Rush(producer, 14, PER_SECOND, COMMANDS_MIN) as rush:
            await rush.until_sent(PER_SECOND)
            ballast = fill(small_disk)

            async def is_down() -> bool:
                return not broker.is_running()

            await cluster.until(is_down, "the broker to end on its full disk")
            ballast.unlink()
            await asyncio.to_thread(broker.start)
            await cluster.until_shared_by(2)
            await rush.until_sent(PER_SECOND)
        await cluster.until_decided()
        await until_shown(cluster, producer, shelf)
        await judge(cluster, producer)
        await cluster.end_in_order(ENDS)


def fill(disk: Path) -> Path:
    """Write a file that leaves `ROOM_BYTES`."""
    free = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - ROOM_BYTES)
    return ballast
