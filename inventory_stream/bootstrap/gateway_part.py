"""What every part of a gateway is built from, and what it adds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_tail import LedgerTail
from inventory_stream.adapters.redis.notes import RedisNotes
from inventory_stream.flows.desk import LedgerDesk
from inventory_stream.flows.shelf import MemoryShelf
from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.security.guard import Guard, LimitedCustomers
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.ports.sale_monitor import SaleMonitor
from inventory_stream.ports.webhooks import WebhookMonitor
from inventory_stream.settings import Settings


async def _nothing() -> None:
    """Close nothing."""


def _end_nothing() -> None:
    """End nothing."""


@dataclass(frozen=True, slots=True)
class Core:
    """What all parts share: one tail, one desk, one shelf, one guard."""

    settings: Settings
    connection: KafkaConnection
    tail: LedgerTail
    desk: LedgerDesk
    shelf: MemoryShelf
    guard: Guard
    customers: LimitedCustomers
    reserving: Reserving
    waiting_room: WaitingRoomParts
    notes: RedisNotes
    partition_of_sku: Callable[[str], int]
    now_ms: Callable[[], int]
    """The clock by which the ledger decides, as well as it is known here."""
    monitor: SaleMonitor
    webhooks: WebhookMonitor


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the API adds to the gateway."""

    endpoints: tuple[Endpoint, ...] = ()
    routes: tuple[web.RouteDef, ...] = ()
    background: tuple[Callable[[], Awaitable[None]], ...] = ()
    """Run until the end; one that ends or raises ends the process."""
    streams: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """How many streams of a kind are open now."""
    stop: Callable[[], None] = _end_nothing
    """Ends streams; called when the gateway takes no more requests and lets those under way end."""
    close: Callable[[], Awaitable[None]] = _nothing
    """Lets go of connections; called at the end."""
