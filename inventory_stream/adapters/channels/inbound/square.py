"""What Square sends: signed over the address that it called and the raw body. Orders are only named."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec
from msgspec import Raw, Struct

from inventory_stream.adapters.channels.inbound.reading import decoded, identifier, kind_of, ms_of
from inventory_stream.adapters.channels.inbound.signed import SignedListener
from inventory_stream.adapters.channels.inbound.signing import square_signature
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, ForeignError, Heard, MalformedError
from inventory_stream.ports.integrations import Integration
from models.channels import AccountTroubled, ChannelEvent, OrderNamed, StockSeen

SIGNED_BY: Final = "webhook_secret"
SIGNATURE_HEADER: Final = "x-square-hmacsha256-signature"

_ON_SALE: Final = "IN_STOCK"
"""The one state of a count that can be sold; SOLD, WASTE and others are no stock."""


class _Data(Struct):
    object: Raw = Raw(b"{}")


class _Event(Struct):
    merchant_id: str
    type: str
    event_id: str
    created_at: datetime
    data: _Data = msgspec.field(default_factory=_Data)


class _Count(Struct):
    catalog_object_id: str
    location_id: str
    state: str
    quantity: str
    calculated_at: datetime


class _Counts(Struct):
    inventory_counts: tuple[_Count, ...]


class _Order(Struct):
    order_id: str
    version: int = 0
    updated_at: datetime | None = None


class SquareListener(SignedListener):
    """A `Listener` of one merchant."""

    signed_by = SIGNED_BY
    header = SIGNATURE_HEADER

    @staticmethod
    def signature(secret: str, delivery: Delivery) -> str:
        """See the base class."""
        return square_signature(secret, delivery.url, delivery.raw)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port."""
        del now_ms
        event = decoded(delivery.raw, _Event)
        if event.merchant_id != self._account:
            raise ForeignError("merchant_id is another merchant", event.merchant_id)
        delivery_id = identifier(event.event_id, "event_id")
        read = _TYPES.get(event.type)
        if read is None:
            return Heard(delivery_id, (), (kind_of(event.type),))
        return Heard(delivery_id, read(event))


def new_listener(integration: Integration, secrets: Secrets) -> SquareListener:
    """Build the listener of an account."""
    return SquareListener(integration, secrets)


def _counted(event: _Event) -> tuple[ChannelEvent, ...]:
    return tuple(
        StockSeen(
            identifier(f"{count.catalog_object_id}/{count.location_id}", "catalog_object_id"),
            _whole(count.quantity),
            ms_of(count.calculated_at, "calculated_at"),
        )
        for count in decoded(bytes(event.data.object), _Counts).inventory_counts
        if count.state == _ON_SALE
    )


def _whole(quantity: str) -> int:
    """Read a quantity, which Square gives as text: "10", "10.00000". Parts of a unit are refused (R6)."""
    try:
        units = Decimal(quantity)
        if units == int(units) and abs(units) <= _UNITS_TEXT_MAX:
            return int(units)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise MalformedError("inventory_counts[].quantity is no whole number", "inventory_counts[].quantity")


_UNITS_TEXT_MAX: Final = 10**12


def _order(event: _Event) -> tuple[ChannelEvent, ...]:
    """Read which order it is: the object has one field, named as the kind of event."""
    found = list(decoded(bytes(event.data.object), dict[str, _Order]).values())
    if len(found) != 1:
        raise MalformedError("data.object does not name one order", "data.object")
    order = found[0]
    at = order.updated_at or event.created_at
    return (OrderNamed(identifier(order.order_id, "order_id"), ms_of(at, "updated_at"), order.version),)


def _revoked(event: _Event) -> tuple[ChannelEvent, ...]:
    return (AccountTroubled("revoked", ms_of(event.created_at, "created_at")),)


_TYPES: Final[Mapping[str, Callable[[_Event], tuple[ChannelEvent, ...]]]] = {
    "inventory.count.updated": _counted,
    "order.created": _order,
    "order.updated": _order,
    "order.fulfillment.updated": _order,
    "oauth.authorization.revoked": _revoked,
}
