"""The waiting rooms in memory: a server with a clock of its own, which tests move."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.waiting_room import (
    Binding,
    Entry,
    Kind,
    Look,
    Place,
    Room,
    RoomGoneError,
    RoomState,
    Standing,
)

LEASE_MS = 2_000
SETTLE_MS = 1_000


@dataclass
class FakeRoom:
    """One room as the server holds it."""

    hold_ms: int
    restored_ms: int
    last_us: int = 0
    admitted_total: int = 0
    holder: str = ""
    holder_until_ms: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    seen_ms: dict[str, int] = field(default_factory=dict)
    admitted: dict[tuple[str, int], int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    bound: dict[tuple[str, int], tuple[str, int | None]] = field(default_factory=dict)
    arrived_us: dict[str, int] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def ahead(self, ticket: str) -> int:
        """Count those before a ticket."""
        mine = (self.waiting[ticket], ticket)
        return sum((place, other) < mine for other, place in self.waiting.items())

    def present_ahead(self, ticket: str) -> int:
        """Count those before a ticket who are there."""
        mine = self.waiting[ticket]
        return sum(self.waiting[other] < mine for other in self.present)


@dataclass
class FakeRoomServer:
    """What a Redis server is to the rooms. `now_ms` is its clock."""

    now_ms: int = 1_700_000_000_000
    terms: dict[str, Room] = field(default_factory=dict)
    states: dict[str, FakeRoom] = field(default_factory=dict)
    is_gone: bool = False

    def flush(self) -> None:
        """Lose all data."""
        self.terms.clear()
        self.states.clear()


class FakeWaitingRooms:
    """See `inventory_stream.ports.waiting_room.WaitingRooms`."""

    def __init__(self, server: FakeRoomServer, present_seconds: float = 30.0) -> None:
        self._server = server
        self._present_ms = round(present_seconds * 1_000)

    def _reach(self) -> FakeRoomServer:
        if self._server.is_gone:
            raise UnreachableError("the fake server is gone")
        return self._server

    def _state(self, room: Room) -> FakeRoom:
        if found := self._reach().states.get(room.sale_id):
            return found
        raise RoomGoneError(room.sale_id)

    async def open_room(self, room: Room, hold_ms: int = 0) -> Room:
        """See the port."""
        server = self._reach()
        if room.sale_id not in server.states:
            restored_ms = server.now_ms if hold_ms else 0
            server.states[room.sale_id] = FakeRoom(server.now_ms + hold_ms, restored_ms)
        return server.terms.setdefault(room.sale_id, room)

    async def rooms(self) -> Sequence[Room]:
        """See the port."""
        return list(self._reach().terms.values())

    async def forget(self, sale_ids: Sequence[str]) -> None:
        """See the port."""
        for sale_id in sale_ids:
            self._reach().terms.pop(sale_id, None)

    async def enter(self, room: Room, entries: Sequence[Entry]) -> Sequence[Place | None]:
        """See the port."""
        state = self._state(room)
        return [self._enter_one(room, state, entry) for entry in entries]

    def _enter_one(self, room: Room, state: FakeRoom, entry: Entry) -> Place | None:
        ticket, draw, turn, arrived_us, owner = entry
        if owner is not None:
            other = state.owners.get(owner, ticket)
            is_there = other in state.waiting or (other, state.turns.get(other, 0)) in state.admitted
            if other != ticket and is_there:
                return None
            state.owners[owner] = ticket
        over = state.turns.get(ticket, 0)
        mine = over if turn is None else turn if arrived_us is not None else max(turn, over)
        if mine < over:
            assert arrived_us is not None
            return Place(ticket, mine, arrived_us)
        if mine > over:
            state.turns[ticket] = mine
        if ticket in state.waiting or (ticket, mine) in state.admitted:
            arrived_us = state.arrived_us[ticket]
        else:
            if arrived_us is None:
                arrived_us = state.last_us = max(self._server.now_ms * 1_000, state.last_us + 1)
            is_drawn = arrived_us < room.opens_ms * 1_000 and mine == 0
            state.arrived_us[ticket] = arrived_us
            state.waiting[ticket] = draw if is_drawn else arrived_us
        if ticket in state.waiting:
            self._see(state, ticket)
        return Place(ticket, mine, arrived_us)

    def _see(self, state: FakeRoom, ticket: str) -> None:
        state.present.add(ticket)
        state.seen_ms[ticket] = self._server.now_ms

    async def look(self, room: Room, tickets: Sequence[tuple[str, int]], *, is_here: bool) -> Look:
        """See the port."""
        state = self._state(room)
        size = RoomState(
            self._server.now_ms,
            len(state.waiting),
            len(state.present),
            len(state.admitted),
            state.admitted_total,
            state.restored_ms,
        )
        return Look(size, [self._stand(state, ticket, turn, is_here=is_here) for ticket, turn in tickets])

    def _stand(self, state: FakeRoom, ticket: str, turn: int, *, is_here: bool) -> Standing:
        mine = (ticket, turn)
        if turn < state.turns.get(ticket, 0):
            return Standing(Kind.USED if mine in state.bound else Kind.LAPSED)
        if ticket in state.waiting:
            if is_here:
                self._see(state, ticket)
            return Standing(Kind.WAITING, state.ahead(ticket) + 1, state.present_ahead(ticket))
        ends_ms = state.admitted.get(mine)
        if ends_ms is None:
            return Standing(Kind.ABSENT)
        if ends_ms <= self._server.now_ms:
            return Standing(Kind.LAPSED)
        return Standing(Kind.ADMITTED, until_ms=ends_ms)

    async def admit(self, room: Room, holder: str, capacity: int) -> Sequence[str] | None:
        """See the port."""
        state, now_ms = self._state(room), self._server.now_ms
        if state.holder not in {"", holder} and state.holder_until_ms > now_ms:
            return None
        state.holder, state.holder_until_ms = holder, now_ms + LEASE_MS
        for mine in [mine for mine, ends_ms in state.admitted.items() if ends_ms <= now_ms]:
            del state.admitted[mine]
            ticket, turn = mine
            if state.turns.get(ticket, 0) == turn:
                state.turns[ticket] = turn + 1
        for ticket in [one for one, at_ms in state.seen_ms.items() if at_ms <= now_ms - self._present_ms]:
            del state.seen_ms[ticket]
            state.present.discard(ticket)
        if now_ms < max(room.opens_ms, state.hold_ms) or now_ms >= room.closes_ms:
            return []
        free = max(0, capacity - len(state.admitted))
        taken = sorted(state.present, key=lambda ticket: (state.waiting[ticket], ticket))[:free]
        for ticket in taken:
            del state.waiting[ticket], state.seen_ms[ticket]
            state.present.discard(ticket)
            state.admitted[ticket, state.turns.get(ticket, 0)] = now_ms + room.admission_seconds * 1_000
        state.admitted_total += len(taken)
        return taken

    async def leave(self, room: Room, ticket_id: str, turn: int) -> None:
        """See the port."""
        if self._end(self._state(room), ticket_id, turn):
            self._state(room).admitted.pop((ticket_id, turn), None)

    async def spend(self, room: Room, ticket_id: str, turn: int) -> None:
        """See the port."""
        state, mine = self._state(room), (ticket_id, turn)
        if self._end(state, ticket_id, turn) and mine in state.admitted:
            state.admitted[mine] = min(state.admitted[mine], self._server.now_ms + SETTLE_MS)

    def _end(self, state: FakeRoom, ticket: str, turn: int) -> bool:
        if state.turns.get(ticket, 0) > turn:
            return False
        state.turns[ticket] = turn + 1
        state.waiting.pop(ticket, None)
        state.seen_ms.pop(ticket, None)
        state.present.discard(ticket)
        return True

    async def bind(
        self,
        room: Room,
        ticket_id: str,
        turn: int,
        reservation_id: str,
        undecided_ms: int | None = None,
        instead_of: str | None = None,
    ) -> Binding:
        """See the port."""
        state, mine, now_ms = self._state(room), (ticket_id, turn), self._server.now_ms
        is_new = mine not in state.bound
        there, until_ms = state.bound.get(mine, (reservation_id, None))
        is_over = until_ms is not None and until_ms < now_ms and state.turns.get(ticket_id, 0) <= turn
        if there != reservation_id and not (is_over and there == instead_of):
            return Binding(there, is_over)
        state.bound[mine] = reservation_id, None if undecided_ms is None else now_ms + undecided_ms
        return Binding(reservation_id, is_new=is_new or there != reservation_id)

    async def bound(self, room: Room, ticket_id: str, turn: int) -> str | None:
        """See the port."""
        return self._state(room).bound.get((ticket_id, turn), (None, None))[0]

    async def unbind(self, room: Room, ticket_id: str, turn: int, reservation_id: str) -> None:
        """See the port."""
        state, mine = self._state(room), (ticket_id, turn)
        if state.bound.get(mine, ("", None))[0] == reservation_id and state.turns.get(ticket_id, 0) <= turn:
            del state.bound[mine]

    async def close(self) -> None:
        """See the port."""
