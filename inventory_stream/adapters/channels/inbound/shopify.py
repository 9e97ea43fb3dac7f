"""What Shopify sends: bodies as of its REST interface, one topic each, signed over the raw body.

`orders/edited` names changed lines without their SKU, so that the order is asked for.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from inventory_stream.adapters.channels.inbound.reading import (
    RESERVATION,
    called_off,
    carried,
    check_lines,
    decoded,
    identifier,
    kind_of,
    ms_of,
    named,
    units_of,
)
from inventory_stream.adapters.channels.inbound.signed import SignedListener
from inventory_stream.adapters.channels.inbound.signing import base64_hmac
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, ForeignError, Heard
from inventory_stream.ports.integrations import Integration
from models.channels import (
    AccountTroubled,
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderNamed,
    OrderTaken,
    SoldLine,
    StockSeen,
)

SIGNED_BY: Final = "webhook_secret"
SIGNATURE_HEADER: Final = "x-shopify-hmac-sha256"
TOPIC_HEADER: Final = "x-shopify-topic"
SHOP_HEADER: Final = "x-shopify-shop-domain"
EVENT_HEADER: Final = "x-shopify-event-id"
WHEN_HEADER: Final = "x-shopify-triggered-at"

_PAID: Final = frozenset({"authorized", "paid", "partially_paid", "partially_refunded", "refunded"})
"""`financial_status` of orders whose money is there or promised by the payer's bank."""
_TILL: Final = "pos"
"""`source_name` of what was sold and carried out of a store."""
_HANDED_OVER: Final = "handed-over"


class _Property(Struct):
    name: str
    value: Any = None


class _Line(Struct):
    id: int
    quantity: int = 0
    sku: str | None = None
    variant_id: int | None = None
    properties: tuple[_Property, ...] = ()


class _Order(Struct):
    id: int
    created_at: datetime
    line_items: tuple[_Line, ...]
    financial_status: str | None = None
    cancelled_at: datetime | None = None
    location_id: int | None = None
    source_name: str | None = None
    note_attributes: tuple[_Property, ...] = ()


class _RefundLine(Struct):
    id: int
    line_item_id: int
    quantity: int
    restock_type: str
    line_item: _Line
    location_id: int | None = None


class _Refund(Struct):
    id: int
    order_id: int
    created_at: datetime
    refund_line_items: tuple[_RefundLine, ...] = ()


class _Edit(Struct):
    order_id: int


class _Edited(Struct):
    order_edit: _Edit


class _Level(Struct):
    inventory_item_id: int
    location_id: int
    updated_at: datetime
    available: int | None = None


class _Told(Struct):
    """What one body says."""

    events: tuple[ChannelEvent, ...]
    unknown: tuple[str, ...] = ()


class ShopifyListener(SignedListener):
    """A `Listener` of one shop."""

    signed_by = SIGNED_BY
    header = SIGNATURE_HEADER

    @staticmethod
    def signature(secret: str, delivery: Delivery) -> str:
        """See the base class."""
        return base64_hmac(secret, delivery.raw)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port."""
        del now_ms
        shop = named(delivery.headers, SHOP_HEADER)
        if shop != self._account and shop.partition(".")[0] != self._account:
            raise ForeignError(f"{SHOP_HEADER} is another shop", shop)
        delivery_id = named(delivery.headers, EVENT_HEADER)
        topic = delivery.headers.get(TOPIC_HEADER, "")
        read = _TOPICS.get(topic)
        if read is None:
            return Heard(delivery_id, (), (kind_of(topic),))
        told = read(delivery.raw, delivery.headers)
        return Heard(delivery_id, told.events, told.unknown)


def new_listener(integration: Integration, secrets: Secrets) -> ShopifyListener:
    """Build the listener of an account."""
    return ShopifyListener(integration, secrets)


def _taken(raw: bytes, _: Mapping[str, str]) -> _Told:
    order = decoded(raw, _Order)
    lines, order_id = _lines_of(order), identifier(order.id, "id")
    if not lines:
        return _Told(())
    placed_ms = ms_of(order.created_at, "created_at")
    # As of when it was placed, whenever it is told: units are only ever added, and what is taken away comes
    # as a refund, so that of two tellings the one of more units is the newer.
    taken = OrderTaken(order_id, placed_ms, lines, order.financial_status in _PAID, placed_ms)
    return _Told((taken, *_handed_over(order, order_id, placed_ms, lines)))


def _handed_over(
    order: _Order, order_id: str, at_ms: int, lines: tuple[SoldLine, ...]
) -> tuple[LinesShipped, ...]:
    """Say that a till's goods have left: the order stays, so that what comes back finds it."""
    if order.source_name != _TILL:
        return ()
    gone = tuple(
        ChangedLine(line.line_id, line.units, line.listing, line.sku, line.location, line.reservation_id)
        for line in lines
    )
    return (LinesShipped(order_id, _HANDED_OVER, at_ms, gone),)


def _cancelled(raw: bytes, headers: Mapping[str, str]) -> _Told:
    order = decoded(raw, _Order)
    placed_ms = ms_of(order.created_at, "created_at")
    at_ms = _when(headers, placed_ms) if order.cancelled_at is None else ms_of(order.cancelled_at, "at")
    events = called_off(
        identifier(order.id, "id"),
        "cancelled",
        at_ms,
        placed_ms,
        _lines_of(order),
        as_of_ms=placed_ms,
    )
    return _Told(events)


def _refunded(raw: bytes, _: Mapping[str, str]) -> _Told:
    """Read a refund: each line has its own act, as one line may come back at two places."""
    refund = decoded(raw, _Refund)
    check_lines(refund.refund_line_items)
    order_id, at_ms = identifier(refund.order_id, "order_id"), ms_of(refund.created_at, "created_at")
    events: list[ChannelEvent] = []
    unknown = []
    for line in refund.refund_line_items:
        changed = ChangedLine(
            identifier(line.line_item_id, "line_item_id"),
            units_of(line.quantity, "refund_line_items[].quantity"),
            sku=line.line_item.sku or None,
            reservation_id=_reservation_in(line.line_item.properties),
        )
        change_id = f"{refund.id}.{line.id}"
        if changed.sku is None:
            continue
        if line.restock_type == "cancel":
            events.append(LinesCancelled(order_id, change_id, at_ms, (changed,)))
        elif line.restock_type == "return":
            place = None if line.location_id is None else identifier(line.location_id, "location_id")
            back = ChangedLine(
                changed.line_id, changed.units, None, changed.sku, place, changed.reservation_id
            )
            events.append(LinesReturned(order_id, change_id, at_ms, (back,)))
        elif line.restock_type != "no_restock":
            unknown.append(kind_of(f"refunds/create:{line.restock_type}"))
    return _Told(tuple(events), tuple(dict.fromkeys(unknown)))


def _edited(raw: bytes, headers: Mapping[str, str]) -> _Told:
    edit = decoded(raw, _Edited).order_edit
    return _Told((OrderNamed(identifier(edit.order_id, "order_id"), _when(headers, 0)),))


def _stock(raw: bytes, _: Mapping[str, str]) -> _Told:
    level = decoded(raw, _Level)
    if level.available is None:  # the shop does not count this one
        return _Told(())
    listing = identifier(f"{level.inventory_item_id}/{level.location_id}", "inventory_item_id")
    return _Told((StockSeen(listing, level.available, ms_of(level.updated_at, "updated_at")),))


def _uninstalled(_: bytes, headers: Mapping[str, str]) -> _Told:
    return _Told((AccountTroubled("revoked", _when(headers, 0), "the app was uninstalled"),))


_TOPICS: Final[Mapping[str, Callable[[bytes, Mapping[str, str]], _Told]]] = {
    "orders/create": _taken,
    # The same words once more, and of an order whose first delivery was lost the only ones.
    "orders/paid": _taken,
    "orders/cancelled": _cancelled,
    "orders/edited": _edited,
    "refunds/create": _refunded,
    "inventory_levels/update": _stock,
    "app/uninstalled": _uninstalled,
}


def _lines_of(order: _Order) -> tuple[SoldLine, ...]:
    check_lines(order.line_items)
    place = None if order.location_id is None else identifier(order.location_id, "location_id")
    of_order = _reservation_in(order.note_attributes) if len(order.line_items) == 1 else None
    lines = []
    for line in order.line_items:
        # What has neither is no goods of ours: a tip, an engraving.
        if line.quantity < 1 or not (line.sku or line.variant_id):
            continue
        lines.append(
            SoldLine(
                identifier(line.id, "line_items[].id"),
                units_of(line.quantity, "line_items[].quantity"),
                # No mapping has the variant: it names in the letter what has no SKU.
                listing=None if line.sku else f"variant-{line.variant_id}",
                sku=identifier(line.sku, "line_items[].sku") if line.sku else None,
                location=place,
                reservation_id=_reservation_in(line.properties) or of_order,
            )
        )
    return tuple(lines)


def _reservation_in(properties: tuple[_Property, ...]) -> str | None:
    return next((carried(one.value) for one in properties if one.name == RESERVATION), None)


def _when(headers: Mapping[str, str], otherwise_ms: int) -> int:
    """Give the time at which the event happened, by the header that all attempts have alike."""
    try:
        return ms_of(datetime.fromisoformat(headers.get(WHEN_HEADER, "")), WHEN_HEADER)
    except ValueError:
        return otherwise_ms
