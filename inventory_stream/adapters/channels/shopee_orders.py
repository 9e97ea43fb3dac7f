"""What a Shopee order says happened, so far: told again with every change of it, under the same names."""

from collections.abc import Mapping, Sequence
from typing import Final

from inventory_stream.adapters.channels.inbound.reading import (
    called_off,
    check_lines,
    identifier,
    ms_of_seconds,
    units_of,
)
from inventory_stream.adapters.channels.shopee_words import Order, OrderLine
from models.channels import ChangedLine, ChannelEvent, LinesShipped, OrderTaken, SoldLine
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

    Raises:
        MalformedError: an id, a time or a number is none.
    """
    if order.fulfillment_flag == _BY_SHOPEE or not order.item_list:
        return ()
    order_id = identifier(order.order_sn, "order_sn")
    placed_ms = ms_of_seconds(order.create_time, "create_time")
    at_ms = ms_of_seconds(order.update_time, "update_time")
    lines = tuple(_lines(order.item_list, is_by_location=is_by_location).values())
    if order.order_status == _CANCELLED:
        return called_off(order_id, "cancelled", at_ms, placed_ms, lines, as_of_ms=at_ms)
    taken = OrderTaken(order_id, placed_ms, lines, order.order_status != _UNPAID, at_ms)
    if order.order_status not in _SHIPPED:
        return (taken,)
    changed = tuple(ChangedLine(line.line_id, listing=line.listing) for line in lines)
    return (taken, LinesShipped(order_id, "shipped", at_ms, changed))


def _lines(sold: Sequence[OrderLine], *, is_by_location: bool) -> Mapping[str, SoldLine]:
    """Give one line for each listing: bundles tell a model several times, and nothing tells those apart."""
    check_lines(sold)
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
            units=before + units_of(line.model_quantity_purchased, "model_quantity_purchased"),
            listing=listing,
            sku=identifier(sku, "model_sku") if (sku := line.model_sku or line.item_sku) else None,
            location=identifier(place, "product_location_id") if place else None,
        )
    return lines
