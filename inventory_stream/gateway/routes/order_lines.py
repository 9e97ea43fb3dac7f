"""From an order's request to what is asked of the ledger, and from decisions to its answers."""

from collections.abc import Sequence
from typing import Final

from inventory_stream.flows.orders.place import AskedLine, PlacedLine
from inventory_stream.flows.orders.settle import HeldLine, Settlement
from inventory_stream.gateway.outcomes import ANSWERS, numbers_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reserving import path_of
from inventory_stream.gateway.words.orders import (
    OrderLineAsked,
    OrderLinePlaced,
    OrderLineShown,
    OrderSettled,
)
from models.outcomes import Outcome
from models.payments import settled_as
from models.rows import ReservationRow

_SUMMED: Final[tuple[str, ...]] = (
    "reserved",
    "allocated",
    "fulfilled",
    "released",
    "expired",
    "cancelled",
    "revoked",
    "returned",
    "backordered",
)


def asked_line(number: str, line: OrderLineAsked, own_channel: str | None) -> AskedLine:
    """Give a line as it is asked for; `own_channel`: the only one whose units the caller's key may take.

    Raises:
        Problem: `invalid`, `not-allowed`.
    """
    # What cannot be decided would be a dead letter, and nobody would ever be answered.
    if (line.location is None) == (line.group is None):
        raise Problem("invalid", f"line {line.line_id or number}: name a location, or a group, not both")
    path, _ = path_of(line.sale_id, line.path)
    if own_channel is not None and path.startswith("channel:") and path != f"channel:{own_channel}":
        raise Problem("not-allowed", f"the key is of the channel {own_channel!r}")
    return AskedLine(
        line.line_id or number,
        line.sku,
        line.units,
        line.location,
        line.group,
        line.strategy,
        path,
        line.allow_partial,
        line.allow_backorder,
    )


def placed_line(line: PlacedLine, *, is_placed: bool) -> OrderLinePlaced:
    """Tell what became of a line, and of a refused one the numbers behind it (R2).

    Of an order that is not placed, what had been granted is released.
    """
    told = OrderLinePlaced(line.asked.line_id, line.asked.sku, line.outcome.name)
    if line.held is not None and is_placed:
        told.units = line.units
        told.reservation_id = line.held.reservation_id
        told.deadline_ms = line.deadline_ms
        return told
    if line.is_granted:
        told.outcome = Outcome.RELEASED.name
        return told
    numbers = numbers_of(line.breakdown)
    told.problem = ANSWERS[line.outcome].slug
    told.breakdown = numbers.get("breakdown")
    told.earliest_deadline_ms = numbers.get("earliest_deadline_ms")
    return told


def settled_body(order_id: str, done: Sequence[Settlement]) -> OrderSettled:
    """Tell what became of all lines."""
    lines = [one.line for one in done]
    return OrderSettled(order_id, settled_as(tuple(lines)), lines)


def shown(line: HeldLine, row: ReservationRow) -> OrderLineShown:
    """Tell of a line what the ledger has, summed over its locations."""
    sums = {name: sum(getattr(part, name) for part in row.lines) for name in _SUMMED}
    return OrderLineShown(line.line_id, line.reservation_id, line.sku, deadline_ms=row.deadline_ms, **sums)
