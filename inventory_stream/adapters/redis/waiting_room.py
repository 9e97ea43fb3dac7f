"""The waiting rooms in Redis: one script for each step, so that no gateway sees half of one.

Keys are in waiting_room_keys.py. Sound on one server (a primary with replicas), as the projection is.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004  # the library's name; only used in this module

from inventory_stream.adapters.redis import waiting_room_keys as keys
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.adapters.redis.scripts import Call, Scripts
from inventory_stream.ports.waiting_room import (
    ADMIT_TICKETS_MAX,
    LOOK_TICKETS_MAX,
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
from inventory_stream.settings import RedisSettings

T = TypeVar("T")

_OPEN: Final = "waiting_room_open.lua"
_ENTER: Final = "waiting_room_enter.lua"
_LOOK: Final = "waiting_room_look.lua"
_ADMIT: Final = "waiting_room_admit.lua"
_END: Final = "waiting_room_end.lua"
_BIND: Final = "waiting_room_bind.lua"

# A room's data stays this long after its end, for who asks how it went.
_KEPT_MS: Final = 86_400_000

# Who lets people in does so every 250 ms; after this without a word another gateway takes over.
_LEASE_MS: Final = 2_000

# A used admission counts as in flight this much longer, until every gateway's shelf shows what was
# reserved with it (a shelf that is older than a second admits nobody).
_SETTLE_MS: Final = 1_000

# Steps of one `admit` at most: 200,000 absent people are passed over in one call.
_TIDY_STEPS_MAX: Final = 400

_STATE_NUMBERS: Final = len(RoomState._fields)
_STANDING_NUMBERS: Final = len(Standing._fields)

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Room).decode


class RedisWaitingRooms:
    """See `inventory_stream.ports.waiting_room.WaitingRooms`.

    `present_seconds`: how long after it was last seen a ticket's holder counts as there.
    """

    def __init__(self, client: Redis, address: str, present_seconds: float) -> None:
        self._client = client
        self._address = address
        self._present_ms = round(present_seconds * 1_000)
        self._scripts = Scripts(client, (_OPEN, _ENTER, _LOOK, _ADMIT, _END, _BIND))

    @classmethod
    def connect(cls, settings: RedisSettings, present_seconds: float) -> "RedisWaitingRooms":
        """Describe a connection; the first call opens it."""
        return cls(connect(settings), address_of(settings.url), present_seconds)

    async def open_room(self, room: Room, hold_ms: int = 0) -> Room:
        """See the port."""
        arguments = (
            room.sale_id,
            _encode(room).decode(),
            str(room.opens_ms * 1_000),
            str(room.closes_ms),
            str(hold_ms),
            _expiry(room),
        )
        every_key = keys.room_keys(room.sale_id)
        call = Call(_OPEN, every_key[0], arguments, (*every_key[1:], keys.ROOMS))
        return _decode(str(await self._answer(call)))

    async def rooms(self) -> Sequence[Room]:
        """See the port."""
        with reaching(self._address):
            found = await self._again(lambda: self._client.hvals(keys.ROOMS))
        return [_decode(terms) for terms in found]

    async def forget(self, sale_ids: Sequence[str]) -> None:
        """See the port."""
        if sale_ids:
            with reaching(self._address):
                await self._again(lambda: self._client.hdel(keys.ROOMS, *sale_ids))

    async def enter(self, room: Room, entries: Sequence[Entry]) -> Sequence[Place | None]:
        """See the port."""
        arguments = [_expiry(room)]
        for ticket_id, draw, turn, arrived_us, owner in _bounded(entries):
            arguments += (ticket_id, str(draw), _text(turn), _text(arrived_us), owner or "")
        flat = await self._run(_ENTER, room, arguments)
        return [
            Place(entry.ticket_id, int(flat[2 * at]), int(flat[2 * at + 1]))
            if int(flat[2 * at]) >= 0
            else None
            for at, entry in enumerate(entries)
        ]

    async def look(self, room: Room, tickets: Sequence[tuple[str, int]], *, is_here: bool) -> Look:
        """See the port."""
        arguments = ["1" if is_here else "0"]
        for ticket_id, turn in _bounded(tickets):
            arguments += (ticket_id, str(turn))
        flat: list[int] = await self._run(_LOOK, room, arguments)
        standings = [
            Standing(Kind(flat[at]), *flat[at + 1 : at + _STANDING_NUMBERS])
            for at in range(_STATE_NUMBERS, len(flat), _STANDING_NUMBERS)
        ]
        return Look(RoomState(*flat[:_STATE_NUMBERS]), standings)

    async def admit(self, room: Room, holder: str, capacity: int) -> Sequence[str] | None:
        """See the port."""
        arguments = (
            holder,
            str(_LEASE_MS),
            str(capacity),
            str(room.admission_seconds * 1_000),
            str(self._present_ms),
            str(ADMIT_TICKETS_MAX),
            _expiry(room),
        )
        for _ in range(_TIDY_STEPS_MAX):
            answer = await self._run(_ADMIT, room, arguments)
            if answer[0] == 0:
                return None
            if answer[0] == 1:
                return [str(ticket_id) for ticket_id in answer[1:]]
        return []

    async def leave(self, room: Room, ticket_id: str, turn: int) -> None:
        """See the port."""
        await self._run(_END, room, (ticket_id, str(turn), "0", _expiry(room)))

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
        more = (_expiry(room), _text(undecided_ms), instead_of or "")
        answer = await self._run(_BIND, room, (ticket_id, str(turn), reservation_id, "1", *more))
        bound, is_over, is_new = answer
        return Binding(str(bound), bool(is_over), bool(is_new))

    async def bound(self, room: Room, ticket_id: str, turn: int) -> str | None:
        """See the port."""
        answer = await self._run(_BIND, room, (ticket_id, str(turn), "", "", _expiry(room), "", ""))
        return str(answer[0]) or None

    async def unbind(self, room: Room, ticket_id: str, turn: int, reservation_id: str) -> None:
        """See the port."""
        await self._run(_BIND, room, (ticket_id, str(turn), reservation_id, "0", _expiry(room), "", ""))

    async def spend(self, room: Room, ticket_id: str, turn: int) -> None:
        """See the port."""
        await self._run(_END, room, (ticket_id, str(turn), str(_SETTLE_MS), _expiry(room)))

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()

    async def _run(self, script: str, room: Room, arguments: Sequence[str]) -> Any:  # noqa: ANN401  # each its own
        first, *others = keys.room_keys(room.sale_id)
        answer = await self._answer(Call(script, first, arguments, others))
        if answer is None:
            raise RoomGoneError(f"redis {self._address} has no waiting room of sale {room.sale_id}")
        return answer

    async def _answer(self, call: Call) -> Any:  # noqa: ANN401  # each its own
        with reaching(self._address):
            (answer,), _ = await self._again(lambda: self._scripts.run([call]))
        return answer

    async def _again(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do it once more on a new connection: those of the pool may be to a server that was replaced.

        Every step has the same effect when the server did it already.
        """
        try:
            return await step()
        except ConnectionError:
            await self._client.connection_pool.disconnect(inuse_connections=False)
            return await step()


def _bounded(many: Sequence[T]) -> Sequence[T]:
    if len(many) > LOOK_TICKETS_MAX:
        raise ValueError(f"{len(many)} tickets at once; {LOOK_TICKETS_MAX} at most")
    return many


def _expiry(room: Room) -> str:
    return str(room.closes_ms + _KEPT_MS)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
