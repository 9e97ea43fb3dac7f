"""All who are connected to this gateway: asked for in bulk, told the newest and never more."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from inventory_stream.errors import RetryableError
from inventory_stream.flows.waiting_room.lobby import Lobby
from inventory_stream.flows.waiting_room.sale_stock import SaleStock, Stocks
from inventory_stream.flows.waiting_room.told import Told, View, tell
from inventory_stream.ports.waiting_room import LOOK_TICKETS_MAX, Kind, Place, Room

TICKET_WATCHES_MAX: Final = 3
"""Streams of one ticket: a shopper's tabs. One more ends the oldest, so that a reload is never refused."""

_POSITION_MS: Final = 1_000
"""Least time between two positions told to one shopper. What else changes is told at once."""


class Watch:
    """One stream: the newest that is to be told, and whether it was told. It keeps nothing older."""

    def __init__(self, room: Room, place: Place) -> None:
        self.room = room
        self.place = place
        self.changed = asyncio.Event()
        self.is_ended = False
        self._told: Told | None = None
        self._told_ms = 0
        self._newest: Told | None = None

    def offer(self, newest: Told, now_ms: int) -> None:
        """Take what is to be told now, in place of what was not told yet."""
        self._newest = newest
        is_due = newest != self._told and now_ms - self._told_ms >= _POSITION_MS
        if is_due or newest.is_urgent_after(self._told):
            self.changed.set()

    def take(self, now_ms: int) -> Told | None:
        """Give what is to be told; None before the first look."""
        self.changed.clear()
        self._told, self._told_ms = self._newest, now_ms
        return self._newest

    def end(self) -> None:
        """End the stream."""
        self.is_ended = True
        self.changed.set()


class _Group:
    """All streams of one room, and what was last known of it."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.watches: dict[Place, list[Watch]] = {}
        self.views: dict[Place, View] = {}
        self.stock: SaleStock | None = None
        self.is_current = True


class Crowd:
    """Who is connected here, by room. `look` and `look_at_stock` are called again and again."""

    def __init__(self, lobby: Lobby, stocks: Stocks, now_ms: Callable[[], int]) -> None:
        self._lobby = lobby
        self._stocks = stocks
        self._now_ms = now_ms
        self._groups: dict[str, _Group] = {}
        self.streams = 0
        """Streams that are open."""

    @contextmanager
    def watching(self, room: Room, place: Place) -> Iterator[Watch]:
        """Follow a ticket inside the block; the first news come with the next look."""
        group = self._groups.setdefault(room.sale_id, _Group(room))
        watches = group.watches.setdefault(place, [])
        if len(watches) >= TICKET_WATCHES_MAX:
            watches[0].end()
        watch = Watch(room, place)
        watches.append(watch)
        self.streams += 1
        try:
            yield watch
        finally:
            self.streams -= 1
            watches.remove(watch)
            if not watches:
                group.watches.pop(place, None)
                group.views.pop(place, None)
            if not group.watches:
                self._groups.pop(room.sale_id, None)

    def stop(self) -> None:
        """End every stream: they come back to another gateway with their tickets."""
        for group in self._groups.values():
            for watches in group.watches.values():
                for watch in watches:
                    watch.end()

    def look_at_stock(self) -> None:
        """Tell everybody at once when a sale is sold out, has units again or is over."""
        for group in list(self._groups.values()):
            stock = self._stocks.stock(group.room.sale_id)
            before, group.stock = group.stock, stock or group.stock
            if stock is not None and (before is None or before[1:] != stock[1:]):
                self._offer(group, list(group.views))

    async def look(self) -> None:
        """Look at every ticket that is followed here, and tell what changed."""
        for group in list(self._groups.values()):
            places = list(group.watches)
            for first in range(0, len(places), LOOK_TICKETS_MAX):
                part = places[first : first + LOOK_TICKETS_MAX]
                try:
                    await self._look_at(group, part)
                    group.is_current = True
                except RetryableError:
                    group.is_current = False
                self._offer(group, part)

    async def _look_at(self, group: _Group, places: list[Place]) -> None:
        now_ms = self._now_ms()
        # Who is in needs no place in a room that was lost meanwhile: the admission holds by itself.
        inside = {place for place in places if _is_in(group.views.get(place), now_ms)}
        views = await self._lobby.stand(group.room, places, inside)
        for place, view in zip(places, views, strict=True):
            is_lost = view.standing.kind is Kind.ABSENT and place in inside
            if place in group.watches and not is_lost:
                group.views[place] = view

    def _offer(self, group: _Group, places: list[Place]) -> None:
        now_ms = self._now_ms()
        for place in places:
            view = group.views.get(place)
            if view is None:
                continue
            told = tell(group.room, view, group.stock, now_ms, is_current=group.is_current)
            for watch in group.watches.get(place, ()):
                watch.offer(told, now_ms)


def _is_in(view: View | None, now_ms: int) -> bool:
    return view is not None and view.standing.kind is Kind.ADMITTED and now_ms < view.standing.until_ms
