"""`worker ledger --processes 2` on the real broker: both decide, one comes back, none is left."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil

from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.devservers.ports import LOOPBACK, free_ports
from inventory_stream.metric_names import OWNED
from inventory_stream.settings import KafkaSettings, Settings
from tests.e2e.figures import scrape
from tests.integration.processes import Deaths
from tests.integration.watched_workers import WatchedWorker

PROCESSES: Final = 2
DEADLINE_SECONDS: Final = 120.0
"""Of a wait that takes a session timeout (6 s) and two starts of Python (30 s on a machine that is busy)."""
LOOK_SECONDS: Final = 0.1
"""Between two scrapes of both."""


def _ports_in_a_row(count: int) -> int:
    """Give the first of some ports that nobody has."""
    for _ in range(100):
        (first,) = free_ports(1)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.create_server((LOOPBACK, port)))
            except (OSError, OverflowError):
                continue
            return first
    raise AssertionError("no ports in a row are free")


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await is_so():  # noqa: ASYNC110  # other processes can only be asked
            await asyncio.sleep(LOOK_SECONDS)


async def test_processes_share_partitions_come_back_and_end_together(
    kafka_server: KafkaServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Each owns one of two partitions; one that is killed comes back to its share; SIGTERM leaves nobody."""
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=PROCESSES
        )
    )
    await create_topics(settings)
    base = _ports_in_a_row(1 + PROCESSES)

    async def each_owns_one() -> bool:
        told = await asyncio.gather(*(scrape(base + number) for number in range(1, PROCESSES + 1)))
        return all(one is not None and one.sum(OWNED) == 1 for one in told)

    async with WatchedWorker(
        "ledger",
        settings,
        tmp_path,
        arguments=("--processes", str(PROCESSES)),
        INVENTORY_STREAM_MONITORING__PORT=str(base),
    ) as parent:

        async def is_ready() -> bool:
            return (await parent.get("/ready")).status == 200

        await _until(is_ready)
        await _until(each_owns_one)
        first, second = (child.pid for child in psutil.Process(parent.process.pid).children())
        with Deaths([first]) as deaths:
            os.kill(first, signal.SIGKILL)
            assert deaths.still_alive() == []
        await parent.until_logged("process_ended")
        await _until(each_owns_one)
        await _until(is_ready)
        pids = [child.pid for child in psutil.Process(parent.process.pid).children()]
        assert second in pids
        assert first not in pids
        assert len(pids) == PROCESSES
        with Deaths(pids) as deaths:
            status, _, _ = await parent.stop()
            assert (status, deaths.still_alive()) == (0, [])
        assert not [line for line in parent.lines if "process_killed" in line]
