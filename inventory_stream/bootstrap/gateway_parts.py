"""The parts of a gateway beside reservations, each built from what all share."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.bootstrap.gateway_orders import orders_part
from inventory_stream.bootstrap.gateway_part import Core, Part
from inventory_stream.bootstrap.gateway_webhooks import webhooks_part
from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.graphql.asked import Sources
from inventory_stream.gateway.graphql.endpoint import GraphqlRoutes
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.limits import LiveLimits
from inventory_stream.gateway.live.socket import LiveSocket
from inventory_stream.gateway.live.sse import LiveEvents
from inventory_stream.gateway.routes.availability import AvailabilityRoutes
from inventory_stream.gateway.routes.incoming import IncomingRoutes
from inventory_stream.gateway.routes.policies import PolicyRoutes
from inventory_stream.gateway.routes.sales import SaleRoutes
from inventory_stream.gateway.routes.sku_events import SkuEventRoutes
from inventory_stream.gateway.routes.sku_stock import SkuStockRoutes
from inventory_stream.gateway.routes.stock import StockRoutes
from inventory_stream.gateway.routes.storefront import StorefrontRoutes
from inventory_stream.gateway.routes.stores import StoreRoutes
from inventory_stream.gateway.routes.transfers import TransferRoutes
from inventory_stream.gateway.security.authenticator import require_scope


def _stock(core: Core) -> Part:
    """Build what is stated about stock and sales: one command for each statement."""
    asking = Asking(core.desk, core.settings.gateway.answer_seconds)
    return Part(
        (
            *StockRoutes(asking).endpoints(),
            *TransferRoutes(asking).endpoints(),
            *IncomingRoutes(asking).endpoints(),
            *SaleRoutes(asking, core.shelf, core.now_ms).endpoints(),
            *PolicyRoutes(asking).endpoints(),
        )
    )


def _graphql(core: Core) -> Part:
    """Build the reads as GraphQL, over the handlers of the REST reads."""
    asking = Asking(core.desk, core.settings.gateway.answer_seconds)
    sales = SaleRoutes(asking, core.shelf, core.now_ms)
    sources = Sources(core.shelf, nearest=StoreRoutes(core.shelf).nearest, sales=sales.page, sale=sales.one)
    return Part(
        GraphqlRoutes(sources, is_introspection_on=core.settings.gateway.graphql_introspection).endpoints()
    )


def _reads(core: Core) -> Part:
    """Build what is answered from the shelf, and what is read from the ledger itself."""
    gateway, kafka = core.settings.gateway, core.settings.kafka
    reader = KafkaLedgerReader(
        connection=core.connection,
        topic=core.settings.topic(LEDGER),
        request_timeout_seconds=kafka.request_timeout_seconds,
    )
    availability = AvailabilityRoutes(
        core.shelf,
        core.now_ms,
        wait_seconds=gateway.answer_seconds,
        cache_seconds=gateway.cache_seconds,
        stale_seconds=gateway.stale_seconds,
    )
    events = SkuEventRoutes(reader, LiveRows, core.partition_of_sku, core.now_ms)
    return Part(
        (
            *availability.endpoints(),
            *StoreRoutes(core.shelf).endpoints(),
            *SkuStockRoutes(core.shelf).endpoints(),
            *events.endpoints(),
        ),
        close=reader.close,
    )


def _live(core: Core) -> Part:
    """Build the streams of changes."""
    limits = LiveLimits(readers_max=core.settings.gateway.live_readers_max)
    hub = LiveHub(core.shelf, core.partition_of_sku, limits)

    async def admit(request: web.Request) -> None:
        require_scope(await core.guard.authenticate(request), Scope.STOREFRONT)

    async def run() -> None:
        async with hub.running():
            await asyncio.Event().wait()  # until cancelled

    return Part(
        routes=core.guard.counting((*LiveEvents(hub, admit).routes(), *LiveSocket(hub, admit).routes())),
        background=(run,),
        streams={"live": lambda: hub.readers},
        stop=hub.stop,
    )


def _waiting_room(core: Core) -> Part:
    """Build the crowd before a sale, and its door."""
    waiting_room = core.waiting_room

    async def run() -> None:
        async with waiting_room.running():
            await asyncio.Event().wait()  # until cancelled

    return Part(
        waiting_room.endpoints(),
        core.guard.counting(waiting_room.routes()),
        background=(run,),
        streams={"waiting-room": lambda: waiting_room.crowd.streams},
        stop=waiting_room.crowd.stop,
        close=waiting_room.close,
    )


def _storefront(core: Core) -> Part:
    """Build the sample page with its backend, and the browser module."""
    gateway = core.settings.gateway
    storefront = StorefrontRoutes(gateway.storefront_file, core.desk, gateway.answer_seconds)
    return Part(routes=tuple(storefront.routes()))


PARTS: Final[tuple[Callable[[Core], Part], ...]] = (
    orders_part,
    webhooks_part,
    _stock,
    _reads,
    _graphql,
    _live,
    _waiting_room,
    _storefront,
)
"""In the order in which the OpenAPI document tells them."""
