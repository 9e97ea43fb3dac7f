"""What a Shopee order says happened, so far: told again with every change of it, under the same names."""

from collections.abc import Mapping, Sequence
from typing import Final

from inventory_stream.adapters.channels.shopee_words import Order, OrderLine
from models.channels import ChangedLine, ChannelEvent, LinesCancelled, LinesShipped, OrderTaken, SoldLine
from models.ids import encode_id

_UNPAID: Final = "UNPAID"
_CANCELLED: Final = "CANCELLED"
_SHIPPED: Final = frozenset({"SHIPPED", "TO_CONFIRM_RECEIVE", "COMPLETED", "TO_RETURN"})
_BY_SHOPEE: Final = "fulfilled_by_shopee"


def events_of(order: Order, *, is_by_location: bool) -> Sequence[ChannelEvent]:
    """Say what happened to an order.

    An order that Shopee ships from its own warehouses takes nothing from our stock: nothing happened. Goods
    that come back are told by Shopee's returns, which name no models that could be trusted (?), so they are
    for whoever counts them in.
    """
    if order.fulfillment_flag == _BY_SHOPEE or not order.item_list:
        return ()
    lines = _lines(order.item_list, is_by_location=is_by_location)
    at_ms = order.update_time * 1_000
    events: list[ChannelEvent] = [
        OrderTaken(
            order_id=order.order_sn,
            at_ms=order.create_time * 1_000,
            lines=tuple(lines.values()),
            is_paid=order.order_status != _UNPAID,
        )
    ]
    changed = tuple(ChangedLine(line_id=line.line_id, listing=line.listing) for line in lines.values())
    if order.order_status == _CANCELLED:
        events.append(LinesCancelled(order.order_sn, "cancelled", at_ms, changed))
    elif order.order_status in _SHIPPED:
        events.append(LinesShipped(order.order_sn, "shipped", at_ms, changed))
    return events


def _lines(sold: Sequence[OrderLine], *, is_by_location: bool) -> Mapping[str, SoldLine]:
    """Give one line for each listing: bundles tell a model several times, and nothing tells those apart."""
    lines: dict[str, SoldLine] = {}
    for line in sold:
        places = line.product_location_id or []
        place = places[0] if len(places) == 1 else None
        listing = f"{line.item_id}/{line.model_id}"
        if is_by_location and place is not None:
            listing += f"/{encode_id(place)}"
        before = lines[listing].units if listing in lines else 0
        lines[listing] = SoldLine(
            line_id=listing,
            units=before + line.model_quantity_purchased,
            listing=listing,
            sku=line.model_sku or line.item_sku or None,
            location=place,
        )
    return lines
