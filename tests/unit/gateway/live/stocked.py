"""A shelf whose stock a test states row by row, and a server that tells of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.limits import LiveLimits
from inventory_stream.gateway.live.socket import LiveSocket
from inventory_stream.gateway.live.sse import LiveEvents
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import PositionRow, encode_row, position_key

GENERATION_MS = 1_700_000_000_000


@dataclass
class Stocked:
    """A shelf over `partitions` partitions; a SKU belongs to the one that its last digit names."""

    partitions: int = 2
    is_fresh: bool = True
    offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shelf = MemoryShelf(self.partitions, self.partition_of, lambda _: self.is_fresh, lambda _: True)

    def partition_of(self, sku: str) -> int:
        """Give the partition of a SKU."""
        return int(sku[-1]) % self.partitions

    def put(self, sku: str, units: int) -> str:
        """State the units at the one location, and give the token of the row."""
        partition = self.partition_of(sku)
        offset = self.offsets[partition] = self.offsets.get(partition, 0) + 1
        row = PositionRow(1, sku, "L1", units, 0, 0, 0, 0, 0, 0, offset, units, 0, 0, 0, 0)
        record = LedgerRecord(offset, GENERATION_MS + offset, position_key(sku, "L1"), encode_row(row))
        self.shelf.take(partition, GENERATION_MS, [record])
        return f"{partition}-{GENERATION_MS}-{offset}"


async def everybody(_request: web.Request) -> None:
    """Let every reader in."""


@asynccontextmanager
async def served(
    stocked: Stocked, limits: LiveLimits | None = None
) -> AsyncIterator[tuple[LiveHub, TestClient[web.Request, web.Application]]]:
    """Serve live updates of a shelf on a free port."""
    hub = LiveHub(stocked.shelf, stocked.partition_of, limits)
    app = new_app((), [*LiveEvents(hub, everybody).routes(), *LiveSocket(hub, everybody).routes()])
    async with hub.running(), TestClient(TestServer(app)) as client:
        yield hub, client


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition; five seconds at most."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.005)
