"""What is measured, as real processes: broker, ledger worker, channel worker, sandbox."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.channels.shop import READY_FILE, SHOWN_FILE
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, KafkaSettings
from inventory_stream.devservers.ports import free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.flows.channels.account import STATUS_SECONDS
from inventory_stream.metric_names import CHANNEL_LISTINGS
from inventory_stream.settings import ENV_PREFIX, Settings
from inventory_stream.settings import KafkaSettings as KafkaAddress
from models.codec import PACK_COMMANDS_MAX, to_positional
from models.commands import Command, Sync
from models.rows import PositionRow, decode_row

LOCATION: Final = "DC1"
WAIT_SECONDS_MAX: Final = 600.0
LOOK_SECONDS: Final = 0.1
_LEDGER, _WORKER, _SHOP = "ledger worker", "channel worker", "sandbox"


class NotReadyError(Exception):
    """Something did not come in time."""


class Shown(NamedTuple):
    """What the sandbox saw. `changes`: listing, units, when (ns); `last`: what it shows at the end.

    `taken`: when requests came that its limit let through (ns); `refused`: how many it did not.
    """

    changes: list[tuple[str, int, int]]
    last: dict[str, int]
    overlaps: int
    taken: list[int]
    refused: int


class Row(NamedTuple):
    """A change in the ledger: `at_ms` is the broker's time of its record."""

    sku: str
    units: int
    at_ms: int


class Stack:
    """Fakes, each with a listing for each of so many SKUs, in a fresh environment; ended on exit."""

    def __init__(self, folder: Path, fakes: Sequence[str], rate: float, listings: int) -> None:
        """Start nothing yet; `rate` is what a fake's limit lets through a second, 0: its channel's own."""
        self._folder = folder
        self._fakes = fakes
        self._rate = rate
        self.listings = listings
        self._stack = ExitStack()
        self._started: list[str] = []
        self._kafka = KafkaServer(folder / "kafka", KafkaSettings(jvm_options=JVM_FOR_LOAD))
        self._supervisor = Supervisor(folder / "logs")
        self._shop_port, self._monitoring_port = free_ports(2)

    async def __aenter__(self) -> Self:
        for server in (self._kafka, self._supervisor):
            self._stack.enter_context(server)
        self.settings = Settings(
            kafka=KafkaAddress(bootstrap_servers=self._kafka.bootstrap_servers, partitions=4)
        )
        await create_topics(self.settings)
        config = self._folder / "config"
        self._environment = {
            f"{ENV_PREFIX}{name}": value
            for name, value in {
                "KAFKA__BOOTSTRAP_SERVERS": self._kafka.bootstrap_servers,
                "KAFKA__PARTITIONS": "4",
                "WORKER__DATA_DIR": str(self._folder / "worker"),
                "CHANNELS__REGISTRY_FILE": str(config / "registry.toml"),
                "CHANNELS__MAPPING_FILE": str(config / "mapping.csv"),
                "CHANNELS__ALLOW_LOOPBACK": "true",
            }.items()
        }
        words = [
            str(config),
            str(self._shop_port),
            ",".join(self._fakes),
            str(self._rate),
            str(self.listings),
        ]
        self._start(_SHOP, "benchmarks.channels.shop", *words)
        self._start(_LEDGER, "inventory_stream.cli", "worker", "ledger")
        await self._until(lambda: _is((config / READY_FILE).exists()), "the sandbox")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stack.close()

    def start_worker(self) -> None:
        """Start the channel worker."""
        self._environment[f"{ENV_PREFIX}MONITORING__PORT"] = str(self._monitoring_port)
        self._start(_WORKER, "inventory_stream.cli", "worker", "channels")

    def _start(self, name: str, *module: str) -> None:
        self._supervisor.start(name, [sys.executable, "-m", *module], self._environment)
        self._started.append(name)

    async def state(self, units: int) -> None:
        """Count so many units of every SKU."""
        now_ms = time.time_ns() // 1_000_000
        await self.send(
            Sync(f"count-{number}", f"SKU-{number}", LOCATION, units, now_ms)
            for number in range(self.listings)
        )

    async def send(self, commands: Iterable[Command]) -> None:
        """Send commands that have a SKU as fast as the broker takes them."""
        async with open_command_sink(self.settings, pack_commands=PACK_COMMANDS_MAX) as sink:
            for command in commands:
                await sink.send(to_positional(command), str(command.sku))  # type: ignore[attr-defined]
            await sink.flush()

    async def until_in_step(self) -> None:
        """Wait until the worker says, from now on, that every listing shows what the ledger says."""
        await asyncio.sleep(STATUS_SECONDS + 1.0)  # what it said before is of before

        async def is_in_step() -> bool:
            told = await self._told()
            return told["in_step"] == told["mapped"] == self.listings * len(self._fakes)

        await self._until(is_in_step, "the channel")

    async def until_begun(self) -> None:
        """Wait until the worker has sent something."""

        async def has_begun() -> bool:
            told = await self._told()
            return bool(told["in_step"])

        await self._until(has_begun, "the channel worker")

    def worker_cpu_seconds(self) -> float:
        """Give the CPU that the channel worker has used."""
        return float(sum(psutil.Process(self._supervisor.pid(_WORKER)).cpu_times()[:2]))

    async def until_decided(self, units: int) -> None:
        """Wait until the newest row of the ledger has so many units."""

        async def is_decided() -> bool:
            return (await self.rows())[-1].units == units

        await self._until(is_decided, "the last decision")

    async def end(self) -> dict[str, Shown]:
        """End worker and sandbox; give what the sandbox saw, by fake."""
        self._supervisor.stop(_WORKER)
        self._supervisor.stop(_SHOP)
        all_told = json.loads((self._folder / "config" / SHOWN_FILE).read_text())
        return {
            name: Shown(
                [(listing, units, at_ns) for listing, units, at_ns in told["shown"]],
                told["last"],
                told["overlaps"],
                told["taken"],
                told["refused"],
            )
            for name, told in all_told.items()
        }

    async def rows(self) -> list[Row]:
        """Read every position row of the ledger."""
        found: list[Row] = []
        for partition in range(self.settings.kafka.partitions):
            async with RecordReader(
                connection=KafkaConnection.of(self.settings.kafka),
                topic=self.settings.topic("ledger"),
                partition=partition,
            ) as reader:
                begin, end = await reader.range()
                async for records in reader.records(begin, end - 1):
                    for record in records:
                        if record.key and record.key.startswith(b"p/") and record.value:
                            row = decode_row(record.key, record.value)
                            if isinstance(row, PositionRow):
                                units = max(0, row.available_to_promise)
                                found.append(Row(record.key.decode().split("/")[1], units, record.timestamp))
        return found

    async def _told(self) -> Counter[str]:
        """Give how many listings are in each state, over all accounts."""
        listings: Counter[str] = Counter()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self._monitoring_port}/metrics") as answer,
            ):
                text = await answer.text()
        except aiohttp.ClientError:
            return listings
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == CHANNEL_LISTINGS.name:
                    listings[sample.labels["state"]] += int(sample.value)
        return listings

    async def _until(self, is_so: Callable[[], Awaitable[Any]], what: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not await is_so():
            for name in self._started:
                if self._supervisor.exit_statuses(name):
                    raise NotReadyError(
                        f"{name} ended: {self._supervisor.log_path(name).read_text()[-2_000:]}"
                    )
            if time.monotonic() > deadline:
                raise NotReadyError(f"{what} is not there after {WAIT_SECONDS_MAX:g} s")
            await asyncio.sleep(LOOK_SECONDS)


async def _is(what: bool) -> bool:  # noqa: FBT001  # a condition as the others are asked
    return what
