"""The waiting rooms of one gateway, put together: what bootstrap builds and the app is given."""

import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from inventory_stream.flows.waiting_room.admitter import Admitter
from inventory_stream.flows.waiting_room.crowd import Crowd
from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.keeper import Keeper
from inventory_stream.flows.waiting_room.lobby import Lobby
from inventory_stream.flows.waiting_room.sale_stock import Stocks
from inventory_stream.gateway.admissions import Admissions
from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.routes.waiting_room import Hasher, Tickets, WaitingRoomRoutes
from inventory_stream.gateway.routes.waiting_room_events import WaitingRoomEvents
from inventory_stream.gateway.tokens import TokenSigner
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor
from inventory_stream.ports.waiting_room import WaitingRooms
from inventory_stream.settings import GatewaySettings


class WaitingRoomParts:
    """Everything about waiting rooms in one gateway.

    `customers` hides customers and counts what they ask. Without `gateway.token_key` no room can be
    opened here, and a sale whose room another gateway opened lets nobody through.
    """

    def __init__(
        self,
        rooms: WaitingRooms,
        stocks: Stocks,
        customers: Hasher,
        settings: GatewaySettings,
        now_ms: Callable[[], int],
        monitor: SaleMonitor = SILENT_SALE,
    ) -> None:
        self._rooms = rooms
        self._monitor = monitor
        keys = settings.token_keys()
        signer = TokenSigner(settings.token_key_id, keys) if keys else None
        self.directory = RoomDirectory(rooms, now_ms, monitor)
        tickets = Tickets(self.directory, signer, now_ms)
        self._lobby = Lobby(rooms, self.directory, tickets.seed_of)
        self.crowd = Crowd(self._lobby, stocks, now_ms)
        self.admitter = Admitter(rooms, self.directory, stocks, secrets.token_hex(8), now_ms)
        self.admissions = Admissions(rooms, self.directory, stocks, signer, now_ms)
        self._routes = WaitingRoomRoutes(tickets, self.directory, self._lobby, stocks, customers)
        self._events = WaitingRoomEvents(tickets, self.crowd, settings.waiting_room_connections_max)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return self._routes.endpoints()

    def routes(self) -> list[web.RouteDef]:
        """Give the streams."""
        return self._events.routes()

    async def close(self) -> None:
        """Let go of the connections; bounded to a few seconds."""
        await self._rooms.close()

    def running(self) -> AbstractAsyncContextManager[None]:
        """Let people in and tell them, inside the block."""
        keeper = Keeper(self.directory, self.admitter, self.crowd, self._lobby, self._monitor)
        return keeper.running()
