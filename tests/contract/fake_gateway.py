"""The whole HTTP surface of a gateway over the real, pure ledger in memory: no Kafka, no Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, product

from aiohttp import web
from pydantic import SecretStr

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.flows.shelf import MemoryShelf
from inventory_stream.flows.waiting_room.sale_stock import ShelfStocks
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.customers import CustomerHasher
from inventory_stream.gateway.endpoint import Caller, Endpoint, Scope
from inventory_stream.gateway.graphql.asked import Sources
from inventory_stream.gateway.graphql.endpoint import GraphqlRoutes
from inventory_stream.gateway.key_notes import KeyNotes
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.routes.availability import AvailabilityRoutes
from inventory_stream.gateway.routes.incoming import IncomingRoutes
from inventory_stream.gateway.routes.orders import OrderRoutes
from inventory_stream.gateway.routes.pages import PageRoutes
from inventory_stream.gateway.routes.payments import PaymentRoutes
from inventory_stream.gateway.routes.policies import PolicyRoutes
from inventory_stream.gateway.routes.reservations import ReservationRoutes
from inventory_stream.gateway.routes.sales import SaleRoutes
from inventory_stream.gateway.routes.sku_events import SkuEventRoutes
from inventory_stream.gateway.routes.sku_stock import SkuStockRoutes
from inventory_stream.gateway.routes.stock import StockRoutes
from inventory_stream.gateway.routes.stores import StoreRoutes
from inventory_stream.gateway.routes.transfers import TransferRoutes
from inventory_stream.gateway.routes.webhooks import WebhookRoutes
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.settings import GatewaySettings
from models.commands import SetLocationGroup, Sync
from models.reservation_ids import sku_of
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.desk import FakeDesk
from tests.fakes.ledger_reader import FakeLedger
from tests.fakes.notes import FakeNotes
from tests.fakes.payments import FakePaymentOutcomes
from tests.fakes.waiting_room import FakeRoomServer, FakeWaitingRooms

CREDENTIALS = "Bearer everything"
"""What the gateway lets in, with all scopes."""
ANSWER_SECONDS = 1.0


async def authenticate(request: web.Request) -> Caller:
    """Let in who has the credentials."""
    if request.headers.get("Authorization") != CREDENTIALS:
        raise Problem("not-authenticated", "this test knows one key")
    return Caller("tester", frozenset(Scope))


@dataclass
class FakeGateway:
    """A gateway of one partition; `desk` may be made silent or closed by a test."""

    desk: FakeDesk = field(default_factory=FakeDesk)

    def __post_init__(self) -> None:
        desk, ledger, looks = self.desk, FakeLedger(), count()
        ledger.claim(0)
        self.shelf = shelf = MemoryShelf(1, lambda _: 0, lambda _: True, lambda _: True)
        desk.hears = shelf.take

        def now_ms() -> int:
            return desk.now_ms

        customers = CustomerHasher("1", SecretStr("c" * 32))
        settings = GatewaySettings(token_key=SecretStr("t" * 64))
        stocks = ShelfStocks(shelf)
        self.rooms = rooms = WaitingRoomParts(
            FakeWaitingRooms(FakeRoomServer()), stocks, customers, settings, now_ms
        )
        reserving = Reserving(desk, now_ms, customers=customers, shelf=shelf, door=rooms.admissions)
        kept = FakeNotes()
        notes = OrderNotes(kept)
        settling = SettlePayment(desk, notes, FakePaymentOutcomes(), "authorised", sku_of)
        asking = Asking(desk, ANSWER_SECONDS)
        sales, stores = SaleRoutes(asking, shelf, now_ms), StoreRoutes(shelf)
        sources = Sources(shelf, nearest=stores.nearest, sales=sales.page, sale=sales.one)
        reservations = ReservationRoutes(
            desk,
            reserving,
            answer_seconds=ANSWER_SECONDS,
            wait_seconds_max=ANSWER_SECONDS,
            new_id=lambda: f"look:{next(looks)}",
        )
        availability = AvailabilityRoutes(shelf, now_ms, wait_seconds=0.01, cache_seconds=1, stale_seconds=1)
        self.endpoints: tuple[Endpoint, ...] = (
            *reservations.endpoints(),
            *OrderRoutes(desk, notes, customers, rooms.admissions, ANSWER_SECONDS).endpoints(),
            *PaymentRoutes(settling, {"shop": [b"s" * 32]}, ANSWER_SECONDS).endpoints(),
            *WebhookRoutes({}, FakeDeliveries(), now_ms).endpoints(),
            *StockRoutes(asking).endpoints(),
            *TransferRoutes(asking).endpoints(),
            *IncomingRoutes(asking).endpoints(),
            *sales.endpoints(),
            *PolicyRoutes(asking).endpoints(),
            *availability.endpoints(),
            *stores.endpoints(),
            *SkuStockRoutes(shelf).endpoints(),
            *SkuEventRoutes(ledger, LiveRows, lambda _: 0, now_ms).endpoints(),
            *GraphqlRoutes(sources, is_introspection_on=False).endpoints(),
            *rooms.endpoints(),
        )
        self.app = new_app(
            self.endpoints,
            PageRoutes(self.endpoints).routes(),
            authenticate=authenticate,
            key_notes=KeyNotes(kept),
        )

    def stock_examples(self) -> None:
        """State the stock that the examples of the document ask for, so that they are granted."""
        at_ms = self.desk.now_ms
        north = ("STORE-7", "DC-1")
        self.desk.decide(SetLocationGroup(id="seed-north", group="north", locations=north))
        for number, (sku, location) in enumerate(product(("SKU-1", "SKU-2"), north)):
            counted = Sync(id=f"seed-{number}", sku=sku, location=location, on_hand=1_000, effective_at=at_ms)
            self.desk.decide(counted)


@asynccontextmanager
async def serving(gateway: FakeGateway) -> AsyncIterator[str]:
    """Serve a gateway on a free port; gives its address."""
    runner = web.AppRunner(gateway.app, access_log=None)
    await runner.setup()
    try:
        gateway.stock_examples()
        await gateway.rooms.directory.refresh()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
