"""A ledger, fakes of channels, and workers that tell them: for tests with real processes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.channel_desk import KafkaChannelDesk
from inventory_stream.adapters.kafka.channel_inbound import KafkaInboundLog
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.sandbox.config import FAKES, Line, write_config
from inventory_stream.sandbox.fake import Fake
from inventory_stream.sandbox.server import Sandbox, running
from inventory_stream.sandbox.specs import Specs
from inventory_stream.settings import Settings
from models.channels import (
    CHANNEL_INBOUND,
    CHANNEL_OUTCOMES,
    CHANNELS_GROUP,
    STATUS,
    Act,
    Inbound,
    OrderNamed,
    StatusRow,
    account_key,
    encode_inbound,
    outcome_key,
)
from models.codec import encode_command
from models.commands import Adjust
from models.ids import partition_of
from tests.integration.watched_workers import DEADLINE_SECONDS, WatchedWorker

LOOK_SECONDS: Final = 0.02


class ChannelWorld:
    """One environment: `skus` SKUs at one location, each with one listing on each fake."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        sandbox: Sandbox,
        producer: AIOKafkaProducer,
        listings: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.sandbox = sandbox
        self.listings = listings
        """By fake: listing -> SKU."""
        self.stock: dict[str, int] = {}
        self._producer = producer
        self._commands = 0
        self._acts = 0

    def worker(self, kind: str = "channels", **more: str) -> WatchedWorker:
        """Give a worker process, not started yet."""
        files = {
            "INVENTORY_STREAM_CHANNELS__REGISTRY_FILE": str(self.folder / "registry.toml"),
            "INVENTORY_STREAM_CHANNELS__MAPPING_FILE": str(self.folder / "mapping.csv"),
            "INVENTORY_STREAM_CHANNELS__ALLOW_LOOPBACK": "true",
        }
        return WatchedWorker(kind, self.settings, self.folder, **files, **more)

    async def adjust(self, sku: str, units: int) -> None:
        """Change the stock of a SKU."""
        self._commands += 1
        self.stock[sku] = self.stock.get(sku, 0) + units
        command = Adjust(f"c{self._commands}", sku, "DC1", units, int(time.time() * 1_000))
        partition = partition_of(sku, self.settings.kafka.partitions)
        await self._producer.send(
            self.settings.topic("stock-events"),
            encode_command(command),
            key=sku.encode(),
            partition=partition,
        )

    async def durable(self) -> None:
        """Wait until the ledger's input has all changes."""
        await self._producer.flush()

    def fake(self, name: str) -> Fake:
        """Give a fake."""
        return self.sandbox.fakes[name]

    def wrong(self, name: str) -> dict[str, tuple[int | None, int]]:
        """Name the listings of a fake that do not show what the ledger has: shown, due."""
        shown = self.fake(name).account.shown
        return {
            listing: (shown.get(listing), self.stock.get(sku, 0))
            for listing, sku in self.listings[name].items()
            if sku in self.stock and shown.get(listing) != self.stock[sku]
        }

    async def until_right(self, *names: str) -> None:
        """Wait until fakes show what the ledger has, all of them without a name."""
        for name in names or tuple(self.listings):
            await self._until_right(name)

    async def _until_right(self, name: str) -> None:
        await until(lambda: not self.wrong(name), lambda: f"{name}: {self.wrong(name)}")

    async def act(self, name: str, kind: str, **fields: object) -> None:
        """Have an operator ask something of a fake's account."""
        account = self.fake(name).entry().account
        self._acts += 1
        now_ms = int(time.time() * 1_000)
        act = Act(f"act-{self._acts}", kind, "tester", now_ms, **fields)  # type: ignore[arg-type]
        desk = self._desk()
        try:
            await desk.ask(Inbound(name, account, act.act_id, now_ms, (act,)), self._partition(name, account))
        finally:
            await desk.close()

    async def status(self, name: str) -> StatusRow | None:
        """Read how an account stands."""
        account = self.fake(name).entry().account
        key = outcome_key(name, account, STATUS)
        desk = self._desk()
        try:
            rows = await desk.rows(self._partition(name, account), lambda found: found == key)
        finally:
            await desk.close()
        row = rows.get(key)
        assert row is None or isinstance(row, StatusRow)
        return row

    async def until_mode(self, name: str, mode: str) -> None:
        """Wait until an account stands so."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (row := await self.status(name)) is None or row.mode != mode:
            assert time.monotonic() < deadline, f"{name} stands so: {row}"
            await asyncio.sleep(LOOK_SECONDS)

    async def name_orders(self, name: str, count: int) -> int:
        """Deliver orders that are only named; gives the offset of the first one."""
        account = self.fake(name).entry().account
        partition = self._partition(name, account)
        sent = []
        for number in range(count):
            order = f"order-{number}"
            value = encode_inbound(Inbound(name, account, order, 1, (OrderNamed(order, 1),)))
            topic = self.settings.topic(CHANNEL_INBOUND)
            sent.append(await self._producer.send(topic, value, partition=partition))
        offset: int = (await sent[0]).offset
        await self._producer.flush()
        return offset

    async def next_inbound(self, name: str) -> int:
        """Give the offset from which the next worker reads deliveries and acts of an account."""
        settings = self.settings
        partition = self._partition(name, self.fake(name).entry().account)
        offsets = KafkaInboundLog(
            KafkaConnection.of(settings.kafka),
            settings.topic(CHANNEL_INBOUND),
            settings.topic(CHANNELS_GROUP),
        )
        return (await offsets.start_of(frozenset({partition})))[partition]

    def _partition(self, name: str, account: str) -> int:
        return partition_of(account_key(name, account), self.settings.kafka.partitions)

    def _desk(self) -> KafkaChannelDesk:
        settings = self.settings
        return KafkaChannelDesk(
            KafkaConnection.of(settings.kafka),
            settings.topic(CHANNEL_INBOUND),
            settings.topic(CHANNEL_OUTCOMES),
        )


async def until(is_so: Callable[[], bool], what: Callable[[], str]) -> None:
    """Wait for a condition of another process."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain: {what()}"
        await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def channel_world(
    settings: Settings, folder: Path, names: Sequence[str], skus: int
) -> AsyncIterator[ChannelWorld]:
    """Make the topics, the fakes and the two files."""
    await create_topics(settings)
    listings: dict[str, dict[str, str]] = {}
    fakes = []
    for name in names:
        kind = FAKES[name]
        listings[name] = {
            kind.listing_of(number, f"SKU-{number}", None): f"SKU-{number}" for number in range(skus)
        }
        fakes.append(kind(dict.fromkeys(listings[name], 0), Specs(None)))
    async with (
        running(fakes) as sandbox,
        AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as producer,
    ):
        lines = [Line(name, listing, sku) for name in names for listing, sku in listings[name].items()]
        write_config(folder, fakes, sandbox.url_of, lines)
        yield ChannelWorld(settings, folder, sandbox, producer, listings)
