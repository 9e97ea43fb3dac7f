"""The waiting room over HTTP: rooms for who runs a sale, tickets for who wants in."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import quote

from msgspec import Struct

from inventory_stream.errors import RetryableError
from inventory_stream.flows.waiting_room.directory import HOLD_MS, OPEN_AHEAD_MS, RoomDirectory
from inventory_stream.flows.waiting_room.draw import commitment, owner_of, seed, shown_ticket_id, ticket_id
from inventory_stream.flows.waiting_room.lobby import Lobby
from inventory_stream.flows.waiting_room.sale_stock import Stocks
from inventory_stream.flows.waiting_room.told import State, Told, tell
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.idempotency import KEY_HEADER
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.public import customer_of
from inventory_stream.gateway.tokens import Purpose, Signed, TokenError, TokenSigner
from inventory_stream.gateway.words.waiting_room import Join, NewRoom, RoomShown, TicketShown
from inventory_stream.ports.waiting_room import Place, Room

_ROOMS: Final = "/v1/waiting-rooms"
_ROOM: Final = "/v1/waiting-rooms/{sale_id}"
_TICKETS: Final = "/v1/waiting-rooms/{sale_id}/tickets"
TICKET_PATH: Final = "/v1/waiting-rooms/{sale_id}/tickets/{ticket}"
_TAG: Final = "waiting rooms"
_UNKNOWN: Final = ("not-found", "not-ready")

ROOM_MS_MAX: Final = 30 * 86_400_000
"""Longest time from opening to end: a sale of a month. It bounds how long a room's data is kept."""

ROOMS_MAX: Final = 1_000
"""Rooms that are not over yet. Every gateway reads all of them each second, 200 bytes each."""

_KEY_CHARACTERS_MIN: Final = 16
"""Of an Idempotency-Key that nobody guesses; the SDK's have 36."""

_AHEAD_MS_MAX: Final = 366 * 86_400_000


class Hasher(Protocol):
    """Hides a customer, and may refuse one who asks too often."""

    def hash(self, customer: str) -> str:
        """Give the keyed hash."""


class Tickets:
    """Reads and writes the tickets of this gateway's rooms.

    `signer` None: the gateway has no key, and no rooms.
    """

    def __init__(
        self, directory: RoomDirectory, signer: TokenSigner | None, now_ms: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._signer = signer
        self.now_ms = now_ms

    @property
    def signer(self) -> TokenSigner:
        """What signs.

        Raises:
            Problem: not-ready.
        """
        if self._signer is None:
            raise Problem("not-ready", "waiting rooms need gateway.token_key, which is not set here")
        return self._signer

    def seed_of(self, room: Room) -> bytes:
        """Give the seed of a room's draw.

        Raises:
            Problem: not-ready, the key that it comes from is not known here.
        """
        secret = self.signer.secret(room.key_id)
        if secret is None:
            raise Problem(
                "not-ready",
                f"the room was opened with the token key {room.key_id!r}: set it as gateway.token_key_before",
            )
        return seed(secret, room)

    def room(self, sale_id: str) -> Room:
        """Give a sale's room.

        Raises:
            Problem: not-found, or not-ready while it cannot be known.
        """
        if room := self._directory.find(sale_id):
            return room
        if not self._directory.is_reachable:
            raise Problem(
                "not-ready", "Redis does not answer, so the room cannot be found now", headers=_RETRY
            )
        raise Problem("not-found", f"the sale {sale_id!r} has no waiting room")

    def write(self, room: Room, place: Place) -> str:
        """Give the text of a ticket."""
        return self.signer.sign(Purpose.TICKET, room.sale_id, Signed(*place))

    def read(self, sale_id: str, ticket: str) -> tuple[Room, Place]:
        """Read a ticket.

        Raises:
            Problem: not-found, it is none of this sale; not-ready.
        """
        try:
            place = Place(*self.signer.read(Purpose.TICKET, sale_id, ticket))
        except TokenError as error:
            raise Problem("not-found", f"the ticket does not hold: {error}") from None
        room = self._directory.find(sale_id)
        if room is None:
            # Signed by us: there is a room, which another gateway opened just now or Redis lost.
            self._directory.hint(sale_id)
            raise Problem("not-ready", "this gateway does not know the ticket's room yet", headers=_RETRY)
        return room, place

    def shown(self, room: Room, place: Place, told: Told) -> TicketShown:
        """Put what is told into the words of the API."""
        admission = None
        if told.state is State.ADMITTED and told.until_ms is not None:
            signed = Signed(place.ticket_id, place.turn, told.until_ms)
            admission = self.signer.sign(Purpose.ADMISSION, room.sale_id, signed)
        return TicketShown(
            ticket=self.write(room, place),
            sale_id=room.sale_id,
            state=told.state.value,
            opens_at_ms=room.opens_ms,
            position=told.position,
            of=told.of,
            estimate_seconds=told.estimate_seconds,
            admission=admission,
            valid_until_ms=told.until_ms,
            all_held=told.is_all_held,
            is_current=told.is_current,
        )


_RETRY: Final = {"Retry-After": "2"}
_NO_STORE: Final = {"Cache-Control": "no-store"}


class WaitingRoomRoutes:
    """The endpoints. A ticket is its own proof: who has it needs no key."""

    def __init__(
        self,
        tickets: Tickets,
        directory: RoomDirectory,
        lobby: Lobby,
        stocks: Stocks,
        customers: Hasher,
    ) -> None:
        self._tickets = tickets
        self._directory = directory
        self._lobby = lobby
        self._stocks = stocks
        self._customers = customers

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "POST",
                _ROOMS,
                self._open,
                "Open the waiting room of a sale; the same again gives the same",
                _TAG,
                {201: RoomShown},
                scope=Scope.ADMIN,
                body=NewRoom,
                problems=("conflict", "invalid", "not-ready"),
            ),
            Endpoint(
                "GET",
                _ROOM,
                self._show_room,
                "Tell a room's terms, how full it is, and what proves its draw",
                _TAG,
                {200: RoomShown},
                scope=None,
                problems=_UNKNOWN,
            ),
            Endpoint(
                "POST",
                _TICKETS,
                self._join,
                "Take a ticket; the same customer has the same place",
                _TAG,
                {201: TicketShown},
                body=Join,
                problems=("sale-closed", "invalid", "conflict", *_UNKNOWN),
            ),
            Endpoint(
                "GET",
                TICKET_PATH,
                self._show_ticket,
                "Tell how a ticket stands; asking keeps its holder there",
                _TAG,
                {200: TicketShown},
                scope=None,
                problems=_UNKNOWN,
            ),
            Endpoint(
                "DELETE",
                TICKET_PATH,
                self._leave,
                "Give up a place or an admission",
                _TAG,
                {204: None},
                scope=None,
                problems=_UNKNOWN,
            ),
        )

    async def _open(self, call: Call) -> Reply:
        asked: NewRoom = call.body
        now_ms, sale_id = self._tickets.now_ms(), asked.sale_id
        opens_ms = _ms(asked.opens_at, self._stocks.starts_ms(sale_id), "opens_at")
        closes_ms = _ms(asked.closes_at, self._stocks.ends_ms(sale_id), "closes_at")
        if not opens_ms < closes_ms <= opens_ms + ROOM_MS_MAX or opens_ms > now_ms + _AHEAD_MS_MAX:
            raise Problem(
                "invalid", "a room closes after it opened, within 30 days, and opens within a year from now"
            )
        wanted = Room(
            sale_id,
            opens_ms,
            closes_ms,
            asked.admission_seconds,
            asked.over_admission_percent,
            self._tickets.signer.key_id,
        )
        there = self._directory.find(sale_id)
        if there is None:
            starts_ms = min(opens_ms, self._stocks.starts_ms(sale_id) or opens_ms)
            is_late = now_ms > starts_ms - OPEN_AHEAD_MS
            if is_late and not asked.reopen:
                raise Problem(
                    "conflict",
                    "a room opens 10 s before its sale at the latest: every gateway must know it by then; "
                    "one that was lost with all data opens again with `reopen`: true and its old terms",
                )
            if len(self._directory.rooms()) >= ROOMS_MAX:
                raise Problem("conflict", f"there are {ROOMS_MAX:,} rooms that are not over yet")
            there = await self._directory.open_room(wanted, HOLD_MS if is_late else 0)
        if _terms(there) != _terms(wanted):
            raise Problem("conflict", "the sale has a room with other terms, and tickets rest on them")
        return Reply(
            201, self._shown(there), {"Location": f"{_ROOMS}/{quote(sale_id, safe='')}", **_NO_STORE}
        )

    async def _show_room(self, call: Call) -> Reply:
        room = self._tickets.room(call.path["sale_id"])
        shown = self._shown(room)
        try:
            state = await self._lobby.state(room)
        except RetryableError:
            return Reply(200, shown, _NO_STORE)  # the terms hold without the numbers
        shown.waiting, shown.present = state.waiting, state.present
        shown.in_flight, shown.admitted_total = state.in_flight, state.admitted_total
        shown.restored_at_ms = state.restored_ms or None
        return Reply(200, shown, _NO_STORE)

    async def _join(self, call: Call) -> Reply:
        asked: Join = call.body
        room = self._tickets.room(call.path["sale_id"])
        if self._tickets.now_ms() >= room.closes_ms:
            raise Problem("sale-closed", "the waiting room is closed")
        customer = self._customers.hash(customer_of(call.caller, asked.customer) or asked.customer)
        held = None
        if asked.ticket is not None:
            _, held = self._tickets.read(room.sale_id, asked.ticket)
            if not held.ticket_id.startswith(owner_of(room.sale_id, customer)):
                raise Problem("invalid", "the ticket is another customer's")
        place = await self._place(call, room, customer, held)
        if place is None:
            raise Problem(
                "conflict",
                "the customer has a ticket: send it as `ticket`; if it is lost, `ticket_lost`: true gives a "
                "new one at the end of the line",
            )
        return Reply(201, await self._standing(room, place), _NO_STORE)

    async def _place(self, call: Call, room: Room, customer: str, held: Place | None) -> Place | None:
        """Give a customer's place; None: a public caller must show the ticket."""
        sale_id = room.sale_id
        if not call.caller.is_public or call.caller.customer is not None:
            ticket = ticket_id(sale_id, customer) if held is None else held.ticket_id
            return await self._lobby.join(room, ticket, held)
        if held is not None:
            return await self._lobby.join(room, held.ticket_id, held, owner_of(sale_id, customer))
        # With the key of the first try a retry gets its ticket; whoever does not know it gets another.
        key = call.headers.get(KEY_HEADER, "")
        word = key if len(key) >= _KEY_CHARACTERS_MIN else secrets.token_urlsafe()
        if call.body.ticket_lost:
            return await self._lobby.join_last(room, shown_ticket_id(sale_id, customer, f"lost {word}"))
        ticket = shown_ticket_id(sale_id, customer, word)
        return await self._lobby.join(room, ticket, owner=owner_of(sale_id, customer))

    async def _show_ticket(self, call: Call) -> Reply:
        room, place = self._tickets.read(call.path["sale_id"], call.path["ticket"])
        return Reply(200, await self._standing(room, place), _NO_STORE)

    async def _leave(self, call: Call) -> Reply:
        room, place = self._tickets.read(call.path["sale_id"], call.path["ticket"])
        await self._lobby.leave(room, place)
        return Reply(204)

    async def _standing(self, room: Room, place: Place) -> Struct:
        view = await self._lobby.stand_one(room, place)
        told = tell(room, view, self._stocks.stock(room.sale_id), self._tickets.now_ms())
        return self._tickets.shown(room, place, told)

    def _shown(self, room: Room) -> RoomShown:
        seed_bytes = self._tickets.seed_of(room)
        return RoomShown(
            sale_id=room.sale_id,
            opens_at_ms=room.opens_ms,
            closes_at_ms=room.closes_ms,
            admission_seconds=room.admission_seconds,
            over_admission_percent=room.over_admission_percent,
            seed_sha256=commitment(seed_bytes),
            seed=seed_bytes.hex() if self._tickets.now_ms() >= room.opens_ms else None,
        )


def _terms(room: Room) -> tuple[int, ...]:
    return (room.opens_ms, room.closes_ms, room.admission_seconds, room.over_admission_percent)


def _ms(asked: int | datetime | None, of_sale: int | None, field: str) -> int:
    if isinstance(asked, datetime):
        return round(asked.timestamp() * 1_000)
    if asked is not None:
        return asked
    if of_sale is None:
        raise Problem("invalid", f"the sale has no pools yet to take {field} from: name it")
    return of_sale
