"""Who lets people in: as many as the sale can still grant, less those who are in already."""

from collections.abc import Callable

from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.sale_stock import Stocks
from inventory_stream.ports.waiting_room import Room, RoomGoneError, WaitingRooms


class Admitter:
    """One gateway's hand at every room's door; the server sees to it that only one lets people in.

    A gateway that does not know the stock leaves the door to another. `holder` is a random word of the
    process.
    """

    def __init__(
        self,
        rooms: WaitingRooms,
        directory: RoomDirectory,
        stocks: Stocks,
        holder: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._rooms = rooms
        self._directory = directory
        self._stocks = stocks
        self._holder = holder
        self._now_ms = now_ms

    async def step(self) -> int:
        """Let in who may go in now, in every room; give how many.

        Raises:
            UnreachableError: the server does not answer.
        """
        admitted = 0
        for room in self._directory.rooms():
            capacity = self._capacity(room)
            if capacity is None:
                continue
            try:
                admitted += len(await self._rooms.admit(room, self._holder, capacity) or ())
            except RoomGoneError:
                await self._directory.restore(room)
        return admitted

    def _capacity(self, room: Room) -> int | None:
        if self._now_ms() < room.opens_ms:
            # Nobody goes in, but who left is noticed: at the opening only those who are there count.
            return 0
        stock = self._stocks.stock(room.sale_id)
        if stock is None:
            return None
        return stock.unsold * room.over_admission_percent // 100
