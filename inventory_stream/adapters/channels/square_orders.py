"""An order of Square, asked for after a webhook named it, as events.

Square's orders are of two kinds: with a fulfilment, something is still to be handed over, and it is an order;
without one, it was sold at a till and carried out. The vendor's file has no orders, so this is by its pages.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from inventory_stream.adapters.channels.inbound.reading import RESERVATION, carried
from models.channels import (
    INBOUND_LINES_MAX,
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
    TillSold,
)
from models.commands import UNITS_MAX
from models.ids import encode_id


class _Line(Struct):
    uid: str = ""
    catalog_object_id: str | None = None
    quantity: str = "0"
    metadata: dict[str, str] = {}


class _ReturnedLine(Struct):
    uid: str = ""
    source_line_item_uid: str | None = None
    catalog_object_id: str | None = None
    quantity: str = "0"


class _Return(Struct):
    uid: str = ""
    source_order_id: str | None = None
    return_line_items: list[_ReturnedLine] = []


class _Fulfilment(Struct):
    uid: str = ""
    state: str = ""


class _Money(Struct):
    amount: int = 0


class SquareOrder(Struct):
    """The fields that count."""

    id: str
    location_id: str
    created_at: str = ""
    updated_at: str = ""
    state: str = "OPEN"
    line_items: list[_Line] = []
    returns: list[_Return] = []
    fulfillments: list[_Fulfilment] = []
    net_amount_due_money: _Money | None = None


def events_of_order(order: SquareOrder) -> Sequence[ChannelEvent]:
    """Say all that an order has been through; what was said before changes nothing a second time."""
    events: list[ChannelEvent] = []
    at_ms = _ms(order.created_at)
    changed_ms = _ms(order.updated_at or order.created_at)
    lines = tuple(_sold(order))
    changed = tuple(ChangedLine(line.line_id, None, line.listing) for line in lines)
    if lines and order.fulfillments:
        due = order.net_amount_due_money
        is_paid = order.state == "COMPLETED" or (due is not None and due.amount <= 0)
        events.append(OrderTaken(order.id, at_ms, lines, is_paid, changed_ms))
        if order.state == "CANCELED":
            events.append(LinesCancelled(order.id, "cancelled", changed_ms, changed))
        elif all(fulfilment.state == "COMPLETED" for fulfilment in order.fulfillments):
            events.append(LinesShipped(order.id, "fulfilled", changed_ms, changed))
    elif lines and order.state == "COMPLETED":
        # By the time it was opened: that of its last change is another one at the next question.
        events.append(TillSold(order.id, at_ms, lines))
    events += _returned(order, changed_ms)
    return events


def _sold(order: SquareOrder) -> Iterator[SoldLine]:
    for line in order.line_items[:INBOUND_LINES_MAX]:
        units = _units(line.quantity)
        # A line without a catalog object was typed in at the till: no stock of anything.
        if line.catalog_object_id and line.uid and units:
            listing = f"{encode_id(line.catalog_object_id)}/{encode_id(order.location_id)}"
            yield SoldLine(
                line.uid,
                units,
                listing,
                location=order.location_id,
                reservation_id=carried(line.metadata.get(RESERVATION)),
            )


def _returned(order: SquareOrder, at_ms: int) -> Iterator[LinesReturned]:
    for back in order.returns:
        lines = tuple(
            ChangedLine(
                line.source_line_item_uid,
                _units(line.quantity),
                f"{encode_id(line.catalog_object_id)}/{encode_id(order.location_id)}",
            )
            for line in back.return_line_items[:INBOUND_LINES_MAX]
            if line.source_line_item_uid and line.catalog_object_id and _units(line.quantity)
        )
        if lines and back.source_order_id:
            yield LinesReturned(back.source_order_id, f"{order.id}-{back.uid}"[:128], at_ms, lines)


def _units(quantity: str) -> int:
    try:
        # Too much stays too much, so that its order is refused; "1e999999999" is never written out.
        return int(min(max(Decimal(quantity), Decimal()), Decimal(UNITS_MAX + 1)))
    except (InvalidOperation, ValueError):
        return 0


def _ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except ValueError:
        return 0
