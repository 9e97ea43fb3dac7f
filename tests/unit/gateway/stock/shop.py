"""A gateway for tests: stock, sales and reads over HTTP on the real ledger in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDictProxy

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.routes.availability import AvailabilityRoutes
from inventory_stream.gateway.routes.incoming import IncomingRoutes
from inventory_stream.gateway.routes.policies import PolicyRoutes
from inventory_stream.gateway.routes.sales import SaleRoutes
from inventory_stream.gateway.routes.sku_events import SkuEventRoutes
from inventory_stream.gateway.routes.sku_stock import SkuStockRoutes
from inventory_stream.gateway.routes.stock import StockRoutes
from inventory_stream.gateway.routes.stores import StoreRoutes
from inventory_stream.gateway.routes.transfers import TransferRoutes
from tests.fakes.desk import START_MS, FakeDesk
from tests.fakes.ledger_reader import FakeLedger

EVERYTHING = Caller("tester", frozenset(Scope))


@dataclass
class Heard:
    """One answer."""

    status: int
    body: Any
    headers: CIMultiDictProxy[str]


@dataclass
class Shop:
    """A running gateway, its desk and its shelf; `history` is what the ledger topic holds."""

    desk: FakeDesk = field(default_factory=FakeDesk)
    history: FakeLedger = field(default_factory=FakeLedger)
    is_fresh: bool = True
    is_caught_up: bool = True
    caller: Caller = EVERYTHING
    wait_seconds: float = 0.05

    def __post_init__(self) -> None:
        """Make the shelf hear what the desk decides."""
        self.shelf = MemoryShelf(1, lambda _: 0, lambda _: self.is_fresh, lambda _: self.is_caught_up)
        self.desk.hears = self.shelf.take
        self._keys = count()
        self._client: TestClient[web.Request, web.Application]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Shop"]:
        """Listen until the end of the block."""
        asking = Asking(self.desk, 1.0)
        reads = AvailabilityRoutes(
            self.shelf, self.now_ms, wait_seconds=self.wait_seconds, cache_seconds=1, stale_seconds=5
        )
        endpoints = [
            *StockRoutes(asking).endpoints(),
            *TransferRoutes(asking).endpoints(),
            *IncomingRoutes(asking).endpoints(),
            *SaleRoutes(asking, self.shelf, self.now_ms).endpoints(),
            *PolicyRoutes(asking).endpoints(),
            *reads.endpoints(),
            *StoreRoutes(self.shelf).endpoints(),
            *SkuStockRoutes(self.shelf).endpoints(),
            *SkuEventRoutes(self.history, LiveRows, lambda _: 0, self.now_ms).endpoints(),
        ]

        async def authenticate(_: web.Request) -> Caller:
            return self.caller

        app = new_app(endpoints, authenticate=authenticate)
        async with TestClient(TestServer(app)) as self._client:
            yield self

    def now_ms(self) -> int:
        """Give the ledger's time."""
        return self.desk.now_ms

    async def ask(
        self, method: str, address: str, body: object = None, *, key: str | None = None, **headers: str
    ) -> Heard:
        """Send a request; writes get a new key unless one is given."""
        if method != "GET":
            headers["Idempotency-Key"] = key or f"key-{next(self._keys)}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._client.request(method, address, json=body, headers=sent) as response:
            told = await response.json(content_type=None) if await response.read() else None
            return Heard(response.status, told, response.headers)

    async def stock(self, sku: str, location: str, units: int) -> None:
        """Put units there."""
        adjustment = {"sku": sku, "location": location, "delta": units, "effective_at": START_MS}
        assert (await self.ask("POST", "/v1/stock/adjustments", adjustment)).status == 200
