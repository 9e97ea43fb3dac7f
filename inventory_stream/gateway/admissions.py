"""The door between a waiting room and the reservations of its sale."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.waiting_room.directory import RoomDirectory, RoomsUnknownError
from inventory_stream.flows.waiting_room.draw import ticket_id
from inventory_stream.flows.waiting_room.sale_stock import Stocks
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.tokens import Purpose, Signed, TokenError, TokenSigner
from inventory_stream.ports.waiting_room import Room, WaitingRooms

log = structlog.get_logger(__name__)

T = TypeVar("T")

ADMISSION_HEADER: Final = "Waiting-Room-Admission"

_GRACE_MS: Final = 5_000
"""An admission is taken this long after its end: requests on their way, retries with their key, and clocks
of gateways that differ from Redis's."""

_NOTE_SECONDS_MAX: Final = 0.25
"""Longest wait for Redis at a reservation. The signature has decided by then; only the note that the
admission is used can be missing."""


class Held(NamedTuple):
    """An admission that a reservation goes through the door with."""

    room: Room
    ticket_id: str
    turn: int
    reservation_id: str


class Admissions:
    """Lets a reservation of a sale with a waiting room pass with an admission, and with nothing else.

    `signer` None: this gateway has no key. It lets nobody through where it knows of a room, and takes it that
    there is none while it cannot know.
    """

    def __init__(
        self,
        rooms: WaitingRooms,
        directory: RoomDirectory,
        stocks: Stocks,
        signer: TokenSigner | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._rooms = rooms
        self._directory = directory
        self._stocks = stocks
        self._signer = signer
        self._now_ms = now_ms

    async def check(
        self, sale_id: str, customer: str | None, token: str | None, reservation_id: str
    ) -> Held | None:
        """See whether a reservation may go to the ledger; None: the sale has no waiting room.

        Args:
            sale_id: Of the path that the reservation takes.
            customer: The customer's keyed hash, for whom the admission must be.
            token: What came in the header `Waiting-Room-Admission`.
            reservation_id: An admission is for the first one that comes with it. A retry is the same.

        Raises:
            Problem: waiting-room.
            RoomsUnknownError: whether the sale has one is not known.
        """
        signed = self._read(sale_id, token)
        if isinstance(signed, Signed):
            self._directory.hint(sale_id)
        if not self._needs_admission(sale_id):
            return None
        if isinstance(signed, Problem):
            raise signed
        if customer is None:
            raise Problem("waiting-room", "name the customer for whom the admission is")
        if signed.ticket_id != ticket_id(sale_id, customer):
            raise Problem("waiting-room", "the admission is another customer's")
        if self._now_ms() > signed.number + _GRACE_MS:
            raise Problem("waiting-room", "the admission ran out: take a new ticket")
        room = self._directory.find(sale_id)
        if room is None:
            return None
        held = Held(room, signed.ticket_id, signed.turn, reservation_id)
        bound_to = await self._note(
            lambda: self._rooms.bind(room, signed.ticket_id, signed.turn, reservation_id)
        )
        if bound_to is not None and bound_to != reservation_id:
            raise Problem("waiting-room", "the admission was used for another reservation")
        return held

    async def settle(self, held: Held, *, is_granted: bool) -> None:
        """Note what came of it: a grant uses the admission up, a refusal gives it back. Never raises."""
        room, ticket, turn, reservation_id = held
        if is_granted:
            await self._note(lambda: self._rooms.spend(room, ticket, turn))
        else:
            await self._note(lambda: self._rooms.unbind(room, ticket, turn, reservation_id))

    def _needs_admission(self, sale_id: str) -> bool:
        try:
            return self._directory.needs_admission(sale_id, self._stocks.starts_ms(sale_id))
        except RoomsUnknownError:
            if self._signer is None:
                return False  # no key: a shop without waiting rooms, which needs no Redis to sell
            raise

    def _read(self, sale_id: str, token: str | None) -> Signed | Problem:
        if self._signer is None:
            return Problem("not-ready", "this gateway has no gateway.token_key, which the waiting room needs")
        if token is None:
            return Problem(
                "waiting-room", f"send the admission of the customer's ticket in {ADMISSION_HEADER}"
            )
        try:
            return self._signer.read(Purpose.ADMISSION, sale_id, token)
        except TokenError as error:
            return Problem("waiting-room", f"{ADMISSION_HEADER}: {error}")

    async def _note(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """Tell Redis, or go on without it: the signature holds, and the ledger decides about units."""
        if not self._directory.is_reachable:
            return None
        try:
            async with asyncio.timeout(_NOTE_SECONDS_MAX):
                return await step()
        except (RetryableError, TimeoutError) as error:
            log.warning("admission_not_noted", reason=str(error) or type(error).__name__)
            return None
