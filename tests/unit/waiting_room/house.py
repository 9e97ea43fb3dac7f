"""A room, gateways and shoppers without servers, in a time that tests move."""

from dataclasses import dataclass, field

from inventory_stream.flows.waiting_room.admitter import Admitter
from inventory_stream.flows.waiting_room.crowd import Crowd
from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.draw import seed, ticket_id
from inventory_stream.flows.waiting_room.lobby import Lobby
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.ports.waiting_room import Place, Room
from tests.fakes.sale_stocks import FakeStocks
from tests.fakes.waiting_room import FakeRoomServer, FakeWaitingRooms

HOUR_MS = 3_600_000
KEY = b"k" * 32


@dataclass
class Gateway:
    """What one gateway has, with a memory of its own."""

    server: FakeRoomServer
    stocks: FakeStocks
    key: bytes = KEY
    name: str = "g1"

    def __post_init__(self) -> None:
        """Put it together."""
        self.rooms = FakeWaitingRooms(self.server)
        self.directory = RoomDirectory(self.rooms, self.now_ms)
        self.lobby = Lobby(self.rooms, self.directory, lambda room: seed(self.key, room))
        self.admitter = Admitter(self.rooms, self.directory, self.stocks, self.name, self.now_ms)
        self.crowd = Crowd(self.lobby, self.stocks, self.now_ms)

    def now_ms(self) -> int:
        """Give the time."""
        return self.server.now_ms


@dataclass
class House:
    """One server, two gateways, one room that opens after 100 s."""

    units: int = 10
    key: bytes = KEY
    admission_seconds: int = 60
    server: FakeRoomServer = field(default_factory=FakeRoomServer)

    def __post_init__(self) -> None:
        """Put it together."""
        self.stocks = FakeStocks(SaleStock(self.units))
        self.one, self.two = (Gateway(self.server, self.stocks, self.key, name) for name in ("g1", "g2"))
        opens_ms = self.server.now_ms + 100_000
        self.room = Room("drop", opens_ms, opens_ms + HOUR_MS, self.admission_seconds, 100, "1")

    async def open(self) -> "House":
        """Open the room, known to both gateways."""
        await self.one.directory.open_room(self.room)
        await self.refresh()
        return self

    async def refresh(self) -> None:
        """Let both gateways read the list of rooms."""
        await self.one.directory.refresh()
        await self.two.directory.refresh()

    async def join(self, customer: str, gateway: Gateway | None = None) -> Place:
        """Let a customer come."""
        place = await (gateway or self.one).lobby.join(self.room, ticket_id(self.room.sale_id, customer))
        assert place is not None
        return place

    def to_opening(self) -> None:
        """Let time pass to the opening."""
        self.server.now_ms = self.room.opens_ms

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        self.server.now_ms += milliseconds
