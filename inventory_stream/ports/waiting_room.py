"""The waiting room of a sale, as gateways share it: who waits, in which order, and who may go in.

All gateways see one room. Whatever is here can be lost without a unit being lost: the ledger decides
every reservation. What a loss does to the order is told, and mended from the tickets that people hold.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from inventory_stream.errors import RetryableError

LOOK_TICKETS_MAX: Final = 250
"""Tickets of one `look` or `enter`: each costs the server 9 to 14 us (docs/http/waiting-room.md), so that
others wait 4 ms at most."""

ADMIT_TICKETS_MAX: Final = 500
"""Tickets that one `admit` lets in, or lets lapse, for the same reason."""


class RoomGoneError(RetryableError):
    """The server has no such room any more: it lost its data. Open it again, then enter again."""


class Room(Struct, frozen=True):
    """The terms of one sale's room; they never change once it is open, because tickets rest on them.

    Who joined before `opens_ms` is drawn, who joined later comes by arrival. Nobody joins or is let in at
    or after `closes_ms`. `admission_seconds`: how long one may use an admission. `over_admission_percent`:
    people let in for each 100 units that the sale can still grant. `key_id`: of the key that the seed of
    the draw comes from.
    """

    sale_id: str
    opens_ms: int
    closes_ms: int
    admission_seconds: int
    over_admission_percent: int
    key_id: str


class Entry(NamedTuple):
    """One who comes in. `draw`: the number that decides among those who came before the opening.

    `turn` and `arrived_us` are those of a ticket that is presented again, None without one. A turn without
    an arrival: a new place, at the end also before the opening. `owner`: a word for the customer, who may
    have one such ticket at a time; None: the ticket id says who it is.
    """

    ticket_id: str
    draw: int
    turn: int | None = None
    arrived_us: int | None = None
    owner: str | None = None


class Place(NamedTuple):
    """What a ticket stands for. `turn` counts the admissions that its holder used, left or let lapse.

    `arrived_us`: us since the Unix epoch by the server's clock; no two of a room are equal, and who came
    later has the larger one.
    """

    ticket_id: str
    turn: int
    arrived_us: int


class Kind(IntEnum):
    """How a ticket stands. The numbers are those of the scripts."""

    ABSENT = 0
    """The room has never heard of it, or lost it: enter it again."""
    WAITING = 1
    ADMITTED = 2
    USED = 3
    """A reservation was made with its admission."""
    LAPSED = 4
    """Its admission ran out unused, or its holder left. A new ticket begins at the end."""


class Standing(NamedTuple):
    """How one ticket stands.

    `position`: 1 for the next one, counting all who wait; it never grows. `present_ahead`: those of
    them that are there, whom an admission could go to. Both are 0 unless WAITING. `until_ms`: end of the
    admission, 0 unless ADMITTED.
    """

    kind: Kind
    position: int = 0
    present_ahead: int = 0
    until_ms: int = 0


class RoomState(NamedTuple):
    """A room as a whole. `restored_ms`: when it was opened anew after its data was lost, 0 for never."""

    now_ms: int
    waiting: int
    present: int
    in_flight: int
    admitted_total: int
    restored_ms: int


class Look(NamedTuple):
    """What a look showed: the room, and each ticket in the order asked."""

    state: RoomState
    standings: Sequence[Standing]


class Binding(NamedTuple):
    """What an admission is bound to.

    `is_over`: that reservation can be granted no more, and no grant of it was noted. `is_new`: it was bound
    just now.
    """

    reservation_id: str
    is_over: bool = False
    is_new: bool = False


class WaitingRooms(Protocol):
    """The rooms. Time is the server's own: several gateways must not differ about who came first.

    Every method raises UnreachableError when the server does not answer, and those that take a room
    RoomGoneError when it is not there.
    """

    async def open_room(self, room: Room, hold_ms: int = 0) -> Room:
        """Open a room if there is none of this sale; give the one that is there.

        `hold_ms`: it was there before and was lost. Nobody is let in for so long, so that those with
        tickets are back before the first is taken.
        """

    async def rooms(self) -> Sequence[Room]:
        """Give all rooms."""

    async def forget(self, sale_ids: Sequence[str]) -> None:
        """Take rooms off the list; what is left of them goes by itself a day after their end."""

    async def enter(self, room: Room, entries: Sequence[Entry]) -> Sequence[Place | None]:
        """Let people in to wait, `LOOK_TICKETS_MAX` at most; who is there already keeps the place.

        None for an owner of whom another ticket waits or is let in: nothing was done.

        Without a turn: the newest ticket of its holder, or a new place at the end. With one: the place
        that it stands for, unless it is over; it is given back as it is, and `look` tells.
        """

    async def look(self, room: Room, tickets: Sequence[tuple[str, int]], *, is_here: bool) -> Look:
        """Say how tickets (id, turn) stand, `LOOK_TICKETS_MAX` at most; `is_here`: and note who is there."""

    async def admit(self, room: Room, holder: str, capacity: int) -> Sequence[str] | None:
        """Let in who is next, as many as `capacity` leaves after those in flight; give their ticket ids.

        Only one `holder` lets people in at a time: None for all others. Who is not there is passed over
        and keeps the place. Admissions that ran out lapse here.
        """

    async def leave(self, room: Room, ticket_id: str, turn: int) -> None:
        """Give up a place or an admission. May be repeated."""

    async def bind(
        self,
        room: Room,
        ticket_id: str,
        turn: int,
        reservation_id: str,
        undecided_ms: int | None = None,
        instead_of: str | None = None,
    ) -> Binding:
        """Bind an admission to a reservation, the first one wins; give the one that it is bound to.

        `undecided_ms`: for so long the ledger may grant it, from now; None: nobody knows. `instead_of`:
        take the place of this one, of which nothing came, if that time is over.
        """

    async def bound(self, room: Room, ticket_id: str, turn: int) -> str | None:
        """Give the reservation that an admission is bound to."""

    async def unbind(self, room: Room, ticket_id: str, turn: int, reservation_id: str) -> None:
        """Free an admission of a reservation that was refused."""

    async def spend(self, room: Room, ticket_id: str, turn: int) -> None:
        """Note that the reservation of an admission was granted. May be repeated."""

    async def close(self) -> None:
        """Let go of the connections; bounded to a few seconds."""
