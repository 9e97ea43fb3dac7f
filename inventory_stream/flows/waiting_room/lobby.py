"""Tickets: taking one, how it stands, giving it up. A room that was lost is opened again on the way."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.draw import draw
from inventory_stream.flows.waiting_room.gathered import Gathered
from inventory_stream.flows.waiting_room.pace import Pace
from inventory_stream.flows.waiting_room.reach import Reach
from inventory_stream.flows.waiting_room.told import View
from inventory_stream.ports.waiting_room import (
    LOOK_TICKETS_MAX,
    Entry,
    Kind,
    Place,
    Room,
    RoomGoneError,
    RoomState,
    WaitingRooms,
)

T = TypeVar("T")


class Lobby:
    """One gateway's way to the rooms. Every method raises UnreachableError when the server is gone or hangs.

    `seed_of` gives the seed of a room's draw, the same at every gateway.
    """

    def __init__(
        self, rooms: WaitingRooms, directory: RoomDirectory, seed_of: Callable[[Room], bytes]
    ) -> None:
        self._rooms = rooms
        self._directory = directory
        self._seed_of = seed_of
        self._reach = Reach()
        self._paces: dict[str, Pace] = {}
        self._entering: dict[str, Gathered[Entry, Place | None]] = {}
        self._standing: dict[str, Gathered[Place, View]] = {}

    async def join(
        self, room: Room, ticket_id: str, held: Place | None = None, owner: str | None = None
    ) -> Place | None:
        """Give a customer's place: a new one at the end, or the one that is there or was `held`.

        None: another ticket of the `owner` (see `Entry`) stands.
        """
        entry = Entry(ticket_id, draw(self._seed_of(room), ticket_id), owner=owner)
        if held is not None:
            shown = entry._replace(turn=held.turn, arrived_us=held.arrived_us, owner=None)
            place = await self._enter_one(room, shown)
            if place is not None:
                view = await self.stand_one(room, place)
                if view.standing.kind in {Kind.WAITING, Kind.ADMITTED}:
                    return place
        return await self._enter_one(room, entry)

    async def join_last(self, room: Room, ticket_id: str) -> Place | None:
        """Give a place at the end of the line, also before the opening: it is not drawn."""
        return await self._enter_one(room, Entry(ticket_id, draw(self._seed_of(room), ticket_id), turn=1))

    @property
    def rooms_kept(self) -> int:
        """Rooms of which something is remembered here."""
        return len(self._kept())

    def _kept(self) -> set[str]:
        return self._paces.keys() | self._entering.keys() | self._standing.keys()

    def tidy(self) -> None:
        """Forget what is known of rooms that are over."""
        open_now = {room.sale_id for room in self._directory.rooms()}
        for sale_id in self._kept() - open_now:
            self._paces.pop(sale_id, None)
            self._entering.pop(sale_id, None)
            self._standing.pop(sale_id, None)

    async def stand_one(self, room: Room, place: Place) -> View:
        """Say how one ticket stands whose holder is there; see `stand`."""
        standing = self._standing.get(room.sale_id)
        if standing is None:
            standing = self._standing[room.sale_id] = Gathered(
                lambda places: self.stand(room, places), LOOK_TICKETS_MAX
            )
        return await standing.ask(place)

    async def stand(
        self, room: Room, places: Sequence[Place], inside: Collection[Place] = ()
    ) -> Sequence[View]:
        """Say how tickets stand whose holders are there, `LOOK_TICKETS_MAX` at most.

        Who the room does not know takes the place that the ticket stands for; but those `inside`, who
        hold an admission, do not.
        """
        views = await self._look(room, places)
        lost = [
            place
            for place, view in zip(places, views, strict=True)
            if view.standing.kind is Kind.ABSENT and place not in inside
        ]
        if not lost:
            return views
        seed = self._seed_of(room)
        await self._enter(
            room,
            [
                Entry(place.ticket_id, draw(seed, place.ticket_id), place.turn, place.arrived_us)
                for place in lost
            ],
        )
        return await self._look(room, places)

    async def state(self, room: Room) -> RoomState:
        """Tell how full a room is."""
        return (await self._again(room, lambda: self._rooms.look(room, (), is_here=False))).state

    async def leave(self, room: Room, place: Place) -> None:
        """Give up a place or an admission."""
        await self._again(room, lambda: self._rooms.leave(room, place.ticket_id, place.turn))

    async def _enter_one(self, room: Room, entry: Entry) -> Place | None:
        entering = self._entering.get(room.sale_id)
        if entering is None:
            entering = self._entering[room.sale_id] = Gathered(
                lambda entries: self._enter(room, entries), LOOK_TICKETS_MAX
            )
        return await entering.ask(entry)

    async def _enter(self, room: Room, entries: Sequence[Entry]) -> Sequence[Place | None]:
        return await self._again(room, lambda: self._rooms.enter(room, entries))

    async def _look(self, room: Room, places: Sequence[Place]) -> Sequence[View]:
        tickets = [(place.ticket_id, place.turn) for place in places]
        state, standings = await self._again(room, lambda: self._rooms.look(room, tickets, is_here=True))
        pace = self._paces.setdefault(room.sale_id, Pace())
        pace.note(state.now_ms, state.admitted_total)
        return [View(standing, state.waiting, pace.seconds(standing.present_ahead)) for standing in standings]

    async def _again(self, room: Room, step: Callable[[], Awaitable[T]]) -> T:
        async def restoring() -> T:
            try:
                return await step()
            except RoomGoneError:
                await self._directory.restore(room)
                return await step()

        return await self._reach.ask(restoring)
