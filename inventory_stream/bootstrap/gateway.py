"""What a gateway is made of: one tail of the ledger, a desk and a shelf fed by it, and the parts on top."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.audit_topic import KafkaAuditTrail
from inventory_stream.adapters.kafka.command_pipe import CommandPipe
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.adapters.kafka.ledger_tail import LedgerTail
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.monitoring.gateways import PrometheusGateway
from inventory_stream.adapters.redis.notes import RedisNotes
from inventory_stream.adapters.redis.waiting_room import RedisWaitingRooms
from inventory_stream.bootstrap.gateway_part import Core, Part
from inventory_stream.bootstrap.gateway_parts import PARTS
from inventory_stream.flows.desk import LedgerDesk
from inventory_stream.flows.recent_reservations import RecentReservations
from inventory_stream.flows.shelf import MemoryShelf
from inventory_stream.flows.waiting_room.sale_stock import ShelfStocks
from inventory_stream.gateway.app import Limits, new_app
from inventory_stream.gateway.key_notes import KeyNotes
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.routes.pages import PageRoutes
from inventory_stream.gateway.routes.reservations import ReservationRoutes
from inventory_stream.gateway.security.audit import Auditor
from inventory_stream.gateway.security.guard import Guard, LimitedCustomers, customer_hasher, id_secret
from inventory_stream.gateway.security.public import PublicBounds
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.ports.access import SILENT_ACCESS
from inventory_stream.ports.audit import AUDIT
from inventory_stream.ports.sale_monitor import SILENT_SALE
from inventory_stream.ports.webhooks import SILENT_WEBHOOKS
from inventory_stream.settings import Settings
from models.ids import partition_of


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """A gateway, but for its process."""

    app: web.Application
    background: tuple[Callable[[], Awaitable[None]], ...]
    why_not_ready: Callable[[], Sequence[str]]
    parts: tuple[Part, ...]

    async def close(self) -> None:
        """Let go of the connections of all parts."""
        await asyncio.gather(*(part.close() for part in self.parts))


def gateway_parts(settings: Settings, monitor: PrometheusGateway | None = None) -> GatewayParts:
    """Build a gateway on the running event loop; nothing is connected yet.

    Raises:
        SettingsError: a secret is missing, or a file that a setting names cannot be used.
    """
    kafka, gateway = settings.kafka, settings.gateway
    connection = KafkaConnection.of(kafka)
    products = load_catalog(settings.catalog.file)
    clock = HeldClock(settings.ledger.clock_skew_ms)
    guard = Guard.of(gateway)
    sale_monitor = SILENT_SALE if monitor is None else monitor
    customers = LimitedCustomers(customer_hasher(gateway), guard)

    def partition_of_sku(sku: str) -> int:
        return partition_of(products.get(sku, sku), kafka.partitions)

    tail = LedgerTail(
        connection=connection,
        topic=settings.topic(LEDGER),
        partitions=kafka.partitions,
        clock=clock,
        on_dropped=_nobody_hears if monitor is None else monitor.dropped,
    )
    pipe = CommandPipe.to_kafka(settings)
    shelf = MemoryShelf(kafka.partitions, partition_of_sku, tail.is_fresh, tail.is_caught_up)
    desk = LedgerDesk(
        pipe,
        partitions=kafka.partitions,
        now_ms=clock.now_ms,
        is_caught_up=tail.is_all_caught_up,
        waiting_max=gateway.waiting_max,
        version_of=shelf.version,
    )
    recent = RecentReservations()
    # Whoever is answered finds the shelf as new as the answer.
    tail.listen(shelf, recent, desk)
    waiting_room = WaitingRoomParts(
        RedisWaitingRooms.connect(settings.redis, gateway.waiting_room_present_seconds),
        ShelfStocks(shelf),
        customers,
        gateway,
        clock.now_ms,
        sale_monitor,
    )
    reserving = Reserving(
        desk,
        clock.now_ms,
        customers=customers,
        shelf=shelf,
        recent=recent,
        door=waiting_room.admissions,
        monitor=sale_monitor,
        public=PublicBounds(gateway.public_units_max, gateway.public_ttl_seconds_max),
    )
    notes = RedisNotes.connect(settings.redis)
    core = Core(
        settings=settings,
        connection=connection,
        tail=tail,
        desk=desk,
        shelf=shelf,
        guard=guard,
        customers=customers,
        reserving=reserving,
        waiting_room=waiting_room,
        notes=notes,
        partition_of_sku=partition_of_sku,
        now_ms=clock.now_ms,
        monitor=sale_monitor,
        webhooks=SILENT_WEBHOOKS if monitor is None else monitor,
    )
    trail = KafkaAuditTrail(connection, settings.topic(AUDIT))
    parts = (
        *(new_part(core) for new_part in (_reservations, *PARTS)),
        Part(close=trail.close),
        Part(close=notes.close),
    )
    endpoints = [endpoint for part in parts for endpoint in part.endpoints]
    app = new_app(
        endpoints,
        [*PageRoutes(endpoints).routes(), *(route for part in parts for route in part.routes)],
        authenticate=guard.authenticate,
        limits=Limits(gateway.request_bytes_max, gateway.request_seconds_max, gateway.wait_seconds_max),
        monitor=SILENT_ACCESS if monitor is None else monitor,
        middlewares=[guard.middleware],
        auditor=Auditor(trail, monitor=sale_monitor),
        id_secret=id_secret(gateway),
        key_notes=KeyNotes(notes),
    )
    guard.attach(app)

    async def end_streams(_: web.Application) -> None:
        for part in parts:
            part.stop()

    app.on_shutdown.append(end_streams)
    if monitor is not None:
        monitor.watch(
            lambda: desk.waiting,
            lambda: sum(map(tail.is_fresh, range(kafka.partitions))),
            {kind: count for part in parts for kind, count in part.streams.items()},
        )
    background = (tail.run, pipe.run, *(task for part in parts for task in part.background))
    return GatewayParts(app, background, tail.why_not_ready, parts)


def _reservations(core: Core) -> Part:
    gateway = core.settings.gateway
    routes = ReservationRoutes(
        core.desk,
        core.reserving,
        answer_seconds=gateway.answer_seconds,
        wait_seconds_max=gateway.wait_seconds_max,
        new_id=lambda: f"look:{secrets.token_hex(12)}",
    )
    return Part(routes.endpoints())


def _nobody_hears(partition: int, rows: int) -> None:
    """Count nothing."""
