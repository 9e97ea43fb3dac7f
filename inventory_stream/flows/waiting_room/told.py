"""What a shopper is told: how the ticket stands, put together with how the sale stands."""

from enum import StrEnum
from typing import Final, NamedTuple

from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.ports.waiting_room import Kind, Room, Standing


class State(StrEnum):
    """How a ticket stands, in the words of the API."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    SOLD_OUT = "sold_out"
    """Nothing is left and nothing is held. The place is kept: a cancelled order may bring units back."""
    USED = "used"
    LAPSED = "lapsed"
    CLOSED = "closed"


ENDED: Final = frozenset({State.USED, State.LAPSED, State.CLOSED})
"""Nothing comes after these."""


class Told(NamedTuple):
    """What is told of one ticket. `position`: while waiting, after the draw. `until_ms`: while admitted.

    `is_all_held`: every unit is held by somebody now. `is_current`: False while the room cannot be asked;
    the rest is then what it was.
    """

    state: State
    position: int | None = None
    of: int | None = None
    estimate_seconds: int | None = None
    until_ms: int | None = None
    is_all_held: bool = False
    is_current: bool = True

    def is_urgent_after(self, before: "Told | None") -> bool:
        """Say whether this must be told at once, and is more than another position."""
        if before is None or (self.position is None) != (before.position is None):
            return True
        return (self.state, self.until_ms, self.is_all_held, self.is_current) != (
            before.state,
            before.until_ms,
            before.is_all_held,
            before.is_current,
        )


class View(NamedTuple):
    """A ticket as the room showed it. `waiting`: people who wait in all."""

    standing: Standing
    waiting: int
    estimate_seconds: int | None


def tell(room: Room, view: View, stock: SaleStock | None, now_ms: int, *, is_current: bool = True) -> Told:
    """Put together what a shopper is told; `stock` None: not known now."""
    kind, position, _, until_ms = view.standing
    if ended := _ended(room, view.standing, stock, now_ms):
        return Told(ended)
    if stock is not None and stock.is_sold_out:
        return Told(State.SOLD_OUT, is_current=is_current)
    is_all_held = stock is not None and stock.is_all_held
    if kind is Kind.ADMITTED:
        return Told(State.ADMITTED, until_ms=until_ms, is_all_held=is_all_held, is_current=is_current)
    if kind is Kind.ABSENT or now_ms < room.opens_ms:
        # On its way back after a loss, or before the draw: there is no position to tell.
        is_known = is_current and kind is not Kind.ABSENT
        return Told(State.WAITING, of=view.waiting, is_all_held=is_all_held, is_current=is_known)
    return Told(State.WAITING, position, view.waiting, view.estimate_seconds, None, is_all_held, is_current)


def _ended(room: Room, standing: Standing, stock: SaleStock | None, now_ms: int) -> State | None:
    if standing.kind is Kind.USED:
        return State.USED
    if now_ms >= room.closes_ms or (stock is not None and stock.is_over):
        return State.CLOSED
    is_out = standing.kind is Kind.ADMITTED and standing.until_ms <= now_ms
    return State.LAPSED if is_out or standing.kind is Kind.LAPSED else None
