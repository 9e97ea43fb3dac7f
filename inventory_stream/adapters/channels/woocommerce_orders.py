"""What a WooCommerce order with refunds says happened.

It is asked for: the body of its webhook says that there are refunds, and not of what.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from inventory_stream.adapters.channels.inbound.reading import called_off, identifier, ms_of
from inventory_stream.adapters.channels.inbound.woocommerce import OFF, Meta, Order, lines_of
from models.channels import ChangedLine, ChannelEvent, LinesCancelled, LinesReturned, OrderTaken

REFUNDED_LINE = "_refunded_item_id"
"""Under this name a refund's line says which line of the order it is."""


class OrderAsked(Order):
    """An order with what only an answer is asked for. `date_completed_gmt`: when it had been shipped."""

    date_completed_gmt: datetime | None = None


class RefundLine(Struct):
    """Some units of a line; `quantity` is negative, and 0 where only money went back."""

    quantity: int
    meta_data: tuple[Meta, ...] = ()


class Refund(Struct):
    """One refund. Without lines it was about money only."""

    id: int
    date_created_gmt: datetime
    line_items: tuple[RefundLine, ...] = ()


def events_of(order: OrderAsked, refunds: Sequence[Refund]) -> Sequence[ChannelEvent]:
    """Say what happened: the order, and each refund that names units.

    Before the order was completed, refunded units will not be shipped; after that they are back. Whether they
    can be sold again WooCommerce does not tell (?): they count as sellable, as the shop's own form proposes.

    Raises:
        MalformedError: an id, a time or a number is none.
    """
    lines = lines_of(order)
    if not lines:
        return ()
    order_id = identifier(order.id, "id")
    placed_ms = ms_of(order.date_created_gmt, "date_created_gmt")
    as_of_ms = ms_of(order.date_modified_gmt or order.date_created_gmt, "date_modified_gmt")
    if order.status in OFF:
        change_id = f"off-{as_of_ms}"
        return called_off(order_id, change_id, as_of_ms, placed_ms, lines, as_of_ms=as_of_ms, may_return=True)
    events: list[ChannelEvent] = [OrderTaken(order_id, placed_ms, lines, as_of_ms=as_of_ms)]
    completed = order.date_completed_gmt
    sold = {line.line_id: line for line in lines}
    for refund in refunds:
        changed = tuple(
            ChangedLine(line_id, -one.quantity, sold[line_id].listing, sold[line_id].sku)
            for one in refund.line_items
            if (line_id := _line_of(one.meta_data)) in sold and one.quantity < 0
        )
        if not changed:
            continue
        change_id, at_ms = f"refund-{refund.id}", ms_of(refund.date_created_gmt, "date_created_gmt")
        is_shipped = completed is not None and ms_of(completed, "date_completed_gmt") <= at_ms
        change = LinesReturned if is_shipped else LinesCancelled
        events.append(change(order_id, change_id, at_ms, changed))
    return events


def _line_of(entries: Sequence[Meta]) -> str:
    value: Any = next((entry.value for entry in entries if entry.key == REFUNDED_LINE), "")
    return str(value)
