"""Notes of the gateway about orders: which reservations an order has, and which request it stands for."""

from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.ports.notes import Notes

ORDER_SECONDS: Final = 7 * 86_400
"""How long an order's lines are known: 7 days, as card networks let an authorisation live. Later events name
their reservations. About 100 bytes a line."""
CLAIM_SECONDS: Final = 60
"""How long an order id is kept for a request that is under way: the longest time a request may wait."""


class OrderNote(Struct, array_like=True, frozen=True):
    """Who placed an order, its lines (line id, reservation id, SKU), and the one request that it stands for.

    No lines: the request is under way.
    """

    caller: str
    lines: tuple[tuple[str, str, str], ...]
    claim: str = ""

    @property
    def held(self) -> list[HeldLine]:
        """The lines as what can be settled."""
        return [HeldLine(*line) for line in self.lines]


_DECODER: Final = msgspec.json.Decoder(OrderNote)


class OrderTakenError(Exception):
    """The order id stands for another request, of this caller or of another."""


class OrderNotes:
    """What the gateway remembers of orders. Every method raises UnreachableError.

    A note is written once: an order id that payments find by its name stays with the request that had it
    first, whoever comes with it later.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def find(self, order_id: str) -> OrderNote | None:
        """Give the note of an order; None: there is none, or not any more, or it is not placed yet."""
        text = await self._notes.get(_key(order_id))
        note = None if text is None else _DECODER.decode(text)
        return None if note is None or not note.lines else note

    async def claim(self, order_id: str, caller: str, claim: str) -> OrderNote:
        """Take an order id for a request before anything is reserved; gives the note that stands now.

        Raises:
            OrderTakenError: see there.
        """
        mine = OrderNote(caller, (), claim)
        [stood] = await self._notes.first([(_key(order_id), _text(mine))], CLAIM_SECONDS)
        if stood is None:
            return mine
        note = _DECODER.decode(stood)
        if (note.caller, note.claim) != (caller, claim):
            raise OrderTakenError
        return note

    async def unclaim(self, order_id: str, claimed: OrderNote) -> None:
        """Give an order id free of which nothing was placed."""
        if not claimed.lines:
            await self._notes.drop([(_key(order_id), _text(claimed))])

    async def remember(self, order_id: str, claimed: OrderNote, lines: tuple[HeldLine, ...]) -> bool:
        """Keep the lines of an order that was claimed; says whether they are."""
        note = replace(claimed, lines=lines)
        return await self._notes.replace(_key(order_id), _text(claimed), _text(note), ORDER_SECONDS)


def _key(order_id: str) -> str:
    return f"order:{order_id}"


def _text(note: OrderNote) -> str:
    return msgspec.json.encode(note).decode()
