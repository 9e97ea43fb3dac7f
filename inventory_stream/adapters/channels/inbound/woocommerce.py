"""What WooCommerce sends: the order or product as it is now, signed over the raw body.

Its first request to an address is an unsigned form, `webhook_id=N`, which must be answered 200. A refund says
in the order's body only that there is one, so that the order is asked for.
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
    id_of_body,
    identifier,
    kind_of,
    ms_of,
    units_of,
)
from inventory_stream.adapters.channels.inbound.signed import SignedListener
from inventory_stream.adapters.channels.inbound.signing import woocommerce_signature
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, Heard
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed, OrderTaken, SoldLine, StockSeen

SIGNED_BY: Final = "webhook_secret"
SIGNATURE_HEADER: Final = "x-wc-webhook-signature"
TOPIC_HEADER: Final = "x-wc-webhook-topic"
DELIVERY_HEADER: Final = "x-wc-webhook-delivery-id"

PING_BYTES_MAX: Final = 40
"""Longest first request: `webhook_id=` and a number."""
_PING: Final = b"webhook_id="

_PAID: Final = frozenset({"processing", "completed"})
_PLACED: Final = frozenset({"on-hold"})
"""Awaits a bank transfer; the shop has taken its stock off."""
OFF: Final = frozenset({"cancelled", "failed", "trash"})
"""Nothing of the order is wanted any more."""
_NOT_YET: Final = frozenset({"pending", "checkout-draft", "auto-draft"})
"""At the checkout: the shop has sold nothing."""


class Meta(Struct):
    """A name and a value that plugins hang onto lines."""

    key: str
    value: Any = None


class _Line(Struct):
    id: int
    product_id: int
    quantity: int
    variation_id: int = 0
    sku: str | None = None
    meta_data: tuple[Meta, ...] = ()


class _Refund(Struct):
    id: int


class Order(Struct):
    """What is read of an order; nothing of its buyer."""

    id: int
    status: str
    date_created_gmt: datetime
    date_modified_gmt: datetime | None = None
    line_items: tuple[_Line, ...] = ()
    refunds: tuple[_Refund, ...] = ()


class _Deleted(Struct):
    id: int


class _Product(Struct):
    id: int
    parent_id: int = 0
    manage_stock: bool | str = False
    stock_quantity: int | None = None
    date_modified_gmt: datetime | None = None


class WooCommerceListener(SignedListener):
    """A `Listener` of one site."""

    signed_by = SIGNED_BY
    header = SIGNATURE_HEADER

    @staticmethod
    def signature(secret: str, delivery: Delivery) -> str:
        """See the base class."""
        return woocommerce_signature(secret, delivery.raw)

    def verify(self, delivery: Delivery, now_ms: int) -> None:
        """See the port. The first request is let through: it can say nothing."""
        if not is_ping(delivery.raw):
            super().verify(delivery, now_ms)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port."""
        if is_ping(delivery.raw):
            return Heard("ping", (), ("ping",))
        delivery_id = identifier(
            delivery.headers.get(DELIVERY_HEADER) or id_of_body(delivery.raw), DELIVERY_HEADER
        )
        topic = delivery.headers.get(TOPIC_HEADER, "")
        read = _TOPICS.get(topic)
        if read is None:
            return Heard(delivery_id, (), (kind_of(topic),))
        events, unknown = read(delivery.raw, now_ms)
        return Heard(delivery_id, events, unknown)


def new_listener(integration: Integration, secrets: Secrets) -> WooCommerceListener:
    """Build the listener of an account."""
    return WooCommerceListener(integration, secrets)


def is_ping(raw: bytes) -> bool:
    """Say whether this is the form by which a site tries an address."""
    number = raw.removeprefix(_PING)
    return len(number) < len(raw) <= PING_BYTES_MAX and number.isdigit()


_Told = tuple[tuple[ChannelEvent, ...], tuple[str, ...]]


def _order(raw: bytes, now_ms: int) -> _Told:
    """Read an order as it is now; what it was before has been told, or will be."""
    order = decoded(raw, Order)
    order_id, lines = identifier(order.id, "id"), lines_of(order)
    placed_ms = ms_of(order.date_created_gmt, "date_created_gmt")
    modified = order.date_modified_gmt
    as_of_ms = 0 if modified is None else ms_of(modified, "date_modified_gmt")
    at_ms = as_of_ms or now_ms
    if order.refunds or order.status == "refunded":
        return (OrderNamed(order_id, at_ms),), ()
    if order.status in OFF:
        # The body does not say when it was called off: each telling is an act of its own, and frees what is
        # still there.
        change_id = f"off-{at_ms}"
        # A payment that failed is tried again, and what was cancelled may be opened again.
        off = called_off(order_id, change_id, at_ms, placed_ms, lines, as_of_ms=as_of_ms, may_return=True)
        return off, ()
    if order.status in _PAID | _PLACED:
        if not lines:
            return (), ()
        return (OrderTaken(order_id, placed_ms, lines, order.status in _PAID, as_of_ms),), ()
    return (), (() if order.status in _NOT_YET else (kind_of(f"order:{order.status}"),))


def _deleted(raw: bytes, now_ms: int) -> _Told:
    """Read that an order is gone: nothing but its id is left, so that somebody has to look."""
    return (OrderNamed(identifier(decoded(raw, _Deleted).id, "id"), now_ms),), ()


def _product(raw: bytes, now_ms: int) -> _Told:
    product = decoded(raw, _Product)
    # A variation may say "parent": then the product counts for all.
    if product.manage_stock is not True or product.stock_quantity is None:
        return (), ()
    modified = product.date_modified_gmt
    at_ms = now_ms if modified is None else ms_of(modified, "date_modified_gmt")
    listing = f"{product.parent_id}/{product.id}" if product.parent_id else str(product.id)
    return (StockSeen(listing, product.stock_quantity, at_ms),), ()


_TOPICS: Final[Mapping[str, Callable[[bytes, int], _Told]]] = {
    "order.created": _order,
    "order.updated": _order,
    "order.deleted": _deleted,
    "product.updated": _product,
}


def lines_of(order: Order) -> tuple[SoldLine, ...]:
    """Give the lines of an order that have units.

    Raises:
        MalformedError: one cannot be read.
    """
    check_lines(order.line_items)
    return tuple(
        SoldLine(
            identifier(line.id, "line_items[].id"),
            units_of(line.quantity, "line_items[].quantity"),
            f"{line.product_id}/{line.variation_id}" if line.variation_id else str(line.product_id),
            identifier(line.sku, "line_items[].sku") if line.sku else None,
            reservation_id=_reservation_in(line.meta_data),
        )
        for line in order.line_items
        if line.quantity > 0
    )


def _reservation_in(entries: tuple[Meta, ...]) -> str | None:
    return next((carried(one.value) for one in entries if one.key == RESERVATION), None)
