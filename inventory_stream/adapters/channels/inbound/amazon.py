"""What Amazon notifies, by its queue (sqs.py) or sent on to an address with a Standard Webhooks signature.

Amazon signs nothing: whose queue it is, is the queue's policy, and the seller's id is compared. Only what the
seller ships itself (MFN) is stock of ours.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Raw, Struct

from inventory_stream.adapters.channels.inbound.reading import (
    check_lines,
    decoded,
    identifier,
    kind_of,
    ms_of,
    units_of,
)
from inventory_stream.adapters.channels.inbound.signing import check_standard
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, ForeignError, Heard
from inventory_stream.ports.integrations import Integration
from models.channels import ChangedLine, ChannelEvent, LinesCancelled, OrderTaken, SoldLine, StockSeen
from models.ids import encode_id

SIGNED_BY: Final = "webhook_secret"

_SHIPPED_BY_SELLER: Final = "MFN"
_OFF: Final = "Canceled"


class _Metadata(Struct, rename="pascal"):
    notification_id: str


class _Notification(Struct, rename="pascal"):
    notification_type: str
    event_time: datetime
    payload: Raw
    notification_metadata: _Metadata


class _Item(Struct, rename="pascal"):
    order_item_id: str
    quantity: int
    seller_sku: str = msgspec.field(name="SellerSKU")
    order_item_status: str | None = None


class _Summary(Struct, rename="pascal"):
    order_status: str
    purchase_date: datetime
    fulfillment_type: str
    order_items: tuple[_Item, ...] = ()


class _OrderChange(Struct, rename="pascal"):
    seller_id: str
    amazon_order_id: str
    summary: _Summary


class _OrderChanged(Struct):
    change: _OrderChange = msgspec.field(name="OrderChangeNotification")


class _Quantity(Struct, rename="pascal"):
    seller_id: str
    sku: str
    quantity: int


class AmazonListener:
    """A `Listener` of one seller."""

    def __init__(self, integration: Integration, secrets: Secrets) -> None:
        self._account = integration.account
        self._secrets = secrets

    def verify(self, delivery: Delivery, now_ms: int) -> None:
        """See the port. For what a forwarder of the queue sends; what we read from the queue needs none."""
        check_standard(delivery.headers, delivery.raw, self._secrets.live(SIGNED_BY), now_ms)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port."""
        del now_ms
        told = decoded(delivery.raw, _Notification)
        delivery_id = identifier(told.notification_metadata.notification_id, "NotificationId")
        read = _TYPES.get(told.notification_type)
        if read is None:
            return Heard(delivery_id, (), (kind_of(told.notification_type),))
        seller, events = read(bytes(told.payload), ms_of(told.event_time, "EventTime"))
        if seller != self._account:
            raise ForeignError("SellerId is another seller", seller)
        return Heard(delivery_id, events)


def new_listener(integration: Integration, secrets: Secrets) -> AmazonListener:
    """Build the listener of an account."""
    return AmazonListener(integration, secrets)


_Told = tuple[str, tuple[ChannelEvent, ...]]


def _order(raw: bytes, at_ms: int) -> _Told:
    """Read an order as it is now: which of its lines are taken, which are off."""
    change = decoded(raw, _OrderChanged).change
    summary = change.summary
    if summary.fulfillment_type != _SHIPPED_BY_SELLER:
        return change.seller_id, ()
    check_lines(summary.order_items)
    order_id = identifier(change.amazon_order_id, "AmazonOrderId")
    placed_ms = ms_of(summary.purchase_date, "PurchaseDate")
    taken: list[SoldLine] = []
    off: list[ChangedLine] = []
    for item in summary.order_items:
        line_id = identifier(item.order_item_id, "OrderItemId")
        sku, listing = identifier(item.seller_sku, "SellerSKU"), _listing_of(item.seller_sku)
        # A cancelled item is told with what is left of it, which may be 0: the cancel takes all there is.
        if item.quantity < 1 or _OFF in (summary.order_status, item.order_item_status):
            off.append(ChangedLine(line_id, listing=listing, sku=sku))
        else:
            taken.append(SoldLine(line_id, units_of(item.quantity, "Quantity"), listing, sku))
    events: list[ChannelEvent] = []
    if taken:
        events.append(OrderTaken(order_id, placed_ms, tuple(taken), as_of_ms=at_ms))
    if off:
        events.append(LinesCancelled(order_id, f"off-{at_ms}", at_ms, tuple(off), ordered_ms=placed_ms))
    return change.seller_id, tuple(events)


def _stock(raw: bytes, at_ms: int) -> _Told:
    seen = decoded(raw, _Quantity)
    return seen.seller_id, (StockSeen(_listing_of(seen.sku), seen.quantity, at_ms),)


def _listing_of(sku: str) -> str:
    """Give the beginning of the listing: its product type is not told."""
    return identifier(encode_id(sku), "Sku")


_TYPES: Final[Mapping[str, Callable[[bytes, int], _Told]]] = {
    "ORDER_CHANGE": _order,
    "LISTINGS_ITEM_MFN_QUANTITY_CHANGE": _stock,
}
