"""Notes of the gateway about orders: which reservations an order has, and what a key was first used for."""

from typing import Final

import msgspec
from msgspec import Struct

from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.ports.notes import Notes

KEY_SECONDS: Final = 86_400
"""How long a key is known across SKUs: 24 h. The ledger knows its commands for 48 h and longer (R29)."""
ORDER_SECONDS: Final = 7 * 86_400
"""How long an order's lines are known: 7 days, as card networks let an authorisation live. Later events name
their reservations. About 100 bytes a line."""


class OrderNote(Struct, array_like=True, frozen=True):
    """Who placed an order, and its lines: (line id, reservation id, SKU)."""

    caller: str
    lines: tuple[tuple[str, str, str], ...]

    @property
    def held(self) -> list[HeldLine]:
        """The lines as what can be settled."""
        return [HeldLine(*line) for line in self.lines]


_DECODER: Final = msgspec.json.Decoder(OrderNote)


class OrderNotes:
    """What the gateway remembers of orders. Every method raises UnreachableError."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def find(self, order_id: str) -> OrderNote | None:
        """Give the note of an order; None: there is none, or not any more."""
        text = await self._notes.get(f"order:{order_id}")
        return None if text is None else _DECODER.decode(text)

    async def remember(self, order_id: str, note: OrderNote, *, is_repeat: bool) -> None:
        """Keep an order's lines. A repeat does not take the place of what was placed since."""
        key, text = f"order:{order_id}", msgspec.json.encode(note).decode()
        if is_repeat:
            await self._notes.first(key, text, ORDER_SECONDS)
        else:
            await self._notes.put(key, text, ORDER_SECONDS)

    async def is_first_use(self, key_hash: str, request_hash: str) -> bool:
        """Say whether a key is new, or was used for this same request."""
        return await self._notes.first(f"key:{key_hash}", request_hash, KEY_SECONDS) == request_hash
