"""Which sales have a waiting room, as one gateway knows it, also while Redis is gone or was flushed."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor
from inventory_stream.ports.waiting_room import Room, WaitingRooms

log = structlog.get_logger(__name__)

OPEN_AHEAD_MS: Final = 10_000
"""A room is opened at least so long before its sale's start. So a list of rooms that was read later than
that is the last word on whether the sale has one, and Redis need not be asked at each reservation."""

# Half of it is left for clocks that differ and for a request on its way to Redis.
_SURE_MS: Final = OPEN_AHEAD_MS // 2

HOLD_MS: Final = 10_000
"""After a room was lost nobody is let in for so long: twenty looks of every gateway, so that all who are
connected stand at their places again before the first goes in."""

# The list keeps a room a day after its end, as the server keeps its data.
_KEPT_MS: Final = 86_400_000


class RoomsUnknownError(RetryableError):
    """Whether a sale has a waiting room cannot be known now, so nobody gets past it."""


class RoomDirectory:
    """The rooms that this gateway has read of; a room that it knew is never taken for none.

    A list that lacks a known room means that the server lost it: it is opened again with the same terms.
    """

    def __init__(
        self, rooms: WaitingRooms, now_ms: Callable[[], int], monitor: SaleMonitor = SILENT_SALE
    ) -> None:
        self._rooms = rooms
        self._now_ms = now_ms
        self._monitor = monitor
        self._known: dict[str, Room] = {}
        self._hinted: set[str] = set()
        self._read_ms = 0
        self.is_reachable = False
        """Whether the last reading succeeded: saves a wait for a server that is gone."""
        self.is_wanted = asyncio.Event()
        """Set when the list should be read at once."""

    async def refresh(self) -> None:
        """Read the list, put back what is missing, drop what is long over.

        Raises:
            UnreachableError: the server does not answer; what was known stays.
        """
        began_ms = self._now_ms()
        try:
            listed = {room.sale_id: room for room in await self._rooms.rooms()}
        except RetryableError:
            self.is_reachable = False
            raise
        old = [one for one, room in listed.items() if room.closes_ms + _KEPT_MS < began_ms]
        await self._rooms.forget(old)
        for room in [room for one, room in self._known.items() if one not in listed]:
            if room.closes_ms > began_ms:
                await self.restore(room)
            else:
                del self._known[room.sale_id]
        self._known.update(listed)
        for sale_id in old:
            del self._known[sale_id]
        self._hinted -= self._known.keys()
        self._read_ms, self.is_reachable = began_ms, True

    async def restore(self, room: Room) -> None:
        """Open a room again whose data was lost; tickets bring their places back."""
        log.warning("waiting_room_lost", sale=room.sale_id, held_seconds=HOLD_MS // 1_000)
        await self._rooms.open_room(room, HOLD_MS)
        self._monitor.room_restored()

    async def open_room(self, room: Room, hold_ms: int = 0) -> Room:
        """Open a room and know it; gives the terms that hold. `hold_ms`: see `WaitingRooms.open_room`."""
        there = await self._rooms.open_room(room, hold_ms)
        self._known[there.sale_id] = there
        return there

    def find(self, sale_id: str) -> Room | None:
        """Give a sale's room."""
        return self._known.get(sale_id)

    def rooms(self) -> Collection[Room]:
        """Give all rooms that are not over."""
        now_ms = self._now_ms()
        return [room for room in self._known.values() if now_ms < room.closes_ms]

    def hint(self, sale_id: str) -> None:
        """Hear that something signed speaks of a sale's room: it is new here, or was lost."""
        if sale_id not in self._known:
            self._hinted.add(sale_id)
            self.is_wanted.set()

    def needs_admission(self, sale_id: str, starts_ms: int | None) -> bool:
        """Say whether a reservation of a sale needs an admission; `starts_ms` None: start not known.

        Raises:
            RoomsUnknownError: it started, or may have, and the list was last read before a room would
                have had to be opened.
        """
        now_ms = self._now_ms()
        if room := self._known.get(sale_id):
            return now_ms < room.closes_ms
        if sale_id in self._hinted:
            return True
        # A sale that did not start is refused by the ledger itself, with or without an admission.
        decisive_ms = (now_ms if starts_ms is None else starts_ms) - _SURE_MS
        if self._read_ms >= decisive_ms or now_ms < decisive_ms:
            return False
        raise RoomsUnknownError(
            f"whether the sale {sale_id!r} has a waiting room is not known while Redis does not answer"
        )
