"""The door between a waiting room and the reservations of its sale."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.waiting_room.directory import RoomDirectory, RoomsUnknownError
from inventory_stream.flows.waiting_room.draw import owner_of
from inventory_stream.flows.waiting_room.sale_stock import Stocks
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.tokens import Purpose, Signed, TokenError, TokenSigner
from inventory_stream.ports.waiting_room import Binding, Room, WaitingRooms

log = structlog.get_logger(__name__)

T = TypeVar("T")

ADMISSION_HEADER: Final = "Waiting-Room-Admission"

_GRACE_MS: Final = 5_000
"""An admission is taken this long after its end: requests on their way, retries with their key, and clocks
of gateways that differ from Redis's."""

_NOTE_SECONDS_MAX: Final = 0.25
"""Longest wait for Redis at a reservation. The signature has decided by then; only the note that the
admission is used can be missing."""


async def _unknown(_reservation_id: str) -> bool:
    return False


class Retry(NamedTuple):
    """What the door should know of reservations.

    `is_known`: the ledger wrote of this one. `undecided_ms`: for so long it may be granted, None: not known.
    `came_to_nothing` says of the one that the admission was used for before whether it holds nothing.
    """

    is_known: bool = False
    undecided_ms: int | None = None
    came_to_nothing: Callable[[str], Awaitable[bool]] = _unknown


FINAL: Final = Retry()
"""Nothing is known: the first reservation keeps the admission until it is refused."""


class Held(NamedTuple):
    """An admission that a reservation goes through the door with."""

    room: Room
    ticket_id: str
    turn: int
    reservation_id: str
    is_first: bool = False
    """Whether nothing was sent for this reservation before, as far as the room knows."""


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
        self,
        sale_id: str,
        customer: str | None,
        token: str | None,
        reservation_id: str,
        retry: Retry = FINAL,
    ) -> Held | None:
        """See whether a reservation may go to the ledger; None: the sale has no waiting room.

        Args:
            sale_id: Of the path that the reservation takes.
            customer: The customer's keyed hash, for whom the admission must be.
            token: What came in the header `Waiting-Room-Admission`.
            reservation_id: An admission is for the first one that comes with it. A retry is the same, and
                passes also after the admission's end: the ledger has its answer.
            retry: What else is known of this reservation, and of the one before it.

        Raises:
            Problem: waiting-room.
            RoomsUnknownError: whether the sale has one is not known.
            NotAnsweredError, DeskClosedError: of `retry`.
        """
        signed = self._read(sale_id, token)
        if isinstance(signed, Signed):
            self._directory.hint(sale_id)
        if not self._needs_admission(sale_id):
            return None
        if isinstance(signed, Problem):
            raise signed
        self._see_owner(sale_id, customer, signed)
        room = self._directory.find(sale_id)
        if self._now_ms() > signed.number + _GRACE_MS and not retry.is_known:
            await self._see_bound(room, signed, reservation_id)
        return None if room is None else await self._bind(room, signed, reservation_id, retry)

    def _see_owner(self, sale_id: str, customer: str | None, signed: Signed) -> None:
        if customer is None:
            raise Problem("waiting-room", "name the customer for whom the admission is")
        if not signed.ticket_id.startswith(owner_of(sale_id, customer)):
            raise Problem("waiting-room", "the admission is another customer's")

    async def _see_bound(self, room: Room | None, signed: Signed, reservation_id: str) -> None:
        bound = None
        if room is not None:
            bound = await self._note(lambda: self._rooms.bound(room, signed.ticket_id, signed.turn))
        if bound != reservation_id:
            raise Problem("waiting-room", "the admission ran out: take a new ticket")

    async def _bind(self, room: Room, signed: Signed, reservation_id: str, retry: Retry) -> Held:
        ticket, turn, _ = signed

        async def bind(instead_of: str | None = None) -> Binding | None:
            return await self._note(
                lambda: self._rooms.bind(room, ticket, turn, reservation_id, retry.undecided_ms, instead_of)
            )

        binding = await bind()
        if binding is not None and binding.is_over and await retry.came_to_nothing(binding.reservation_id):
            binding = await bind(binding.reservation_id)
        if binding is not None and binding.reservation_id != reservation_id:
            raise Problem("waiting-room", "the admission was used for another reservation")
        return Held(room, ticket, turn, reservation_id, binding is not None and binding.is_new)

    async def withdraw(self, held: Held) -> None:
        """Hear that nothing was sent to the ledger this time. Never raises."""
        if held.is_first:
            await self.settle(held, is_granted=False)

    async def settle(self, held: Held, *, is_granted: bool) -> None:
        """Note what came of it: a grant uses the admission up, a refusal gives it back. Never raises."""
        room, ticket, turn, reservation_id, _ = held
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
