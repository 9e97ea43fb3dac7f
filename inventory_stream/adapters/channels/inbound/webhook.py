"""What any partner may send: a CloudEvent in its structured form, with a Standard Webhooks signature.

The envelope is six fields, read as a struct: a library would bring a second JSON parser for them.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Raw, Struct

from inventory_stream.adapters.channels.inbound.reading import decoded, identifier, kind_of
from inventory_stream.adapters.channels.inbound.signing import check_standard
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, ForeignError, Heard, MalformedError
from inventory_stream.ports.integrations import Integration
from models.channels import (
    ChangedLine,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
    StockSeen,
    TillSold,
)
from models.commands import EPOCH_MS_MAX, UNITS_MAX

SIGNED_BY: Final = "webhook_secret"
TYPE_PREFIX: Final = "inventory_stream.channel."
"""Begins the `type` of our events; the rest is the tag of the event in models.channels, and a version."""
TYPE_SUFFIX: Final = ".v1"

_Told = OrderTaken | LinesCancelled | LinesReturned | LinesShipped | TillSold | StockSeen
_EVENTS: Final[Mapping[str, type[_Told]]] = {
    f"{TYPE_PREFIX}{kind.__struct_config__.tag}{TYPE_SUFFIX}": kind
    for kind in (OrderTaken, LinesCancelled, LinesReturned, LinesShipped, TillSold, StockSeen)
}
"""What partners tell. Orders that are only named, and trouble with an account, have nobody to be asked."""


class _Envelope(Struct):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    data: Raw = Raw(b"null")


class WebhookListener:
    """A `Listener` of one partner. `source` must be the account."""

    def __init__(self, integration: Integration, secrets: Secrets) -> None:
        self._account = integration.account
        self._secrets = secrets

    def verify(self, delivery: Delivery, now_ms: int) -> None:
        """See the port."""
        check_standard(delivery.headers, delivery.raw, self._secrets.live(SIGNED_BY), now_ms)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port. The delivery's id is that of Standard Webhooks: it is signed, and a repeat has it."""
        del now_ms
        envelope = decoded(delivery.raw, _Envelope)
        if envelope.source != self._account:
            raise ForeignError("source is another account", envelope.source)
        delivery_id = identifier(delivery.headers.get("webhook-id", ""), "webhook-id")
        kind = _EVENTS.get(envelope.type)
        if kind is None:
            return Heard(delivery_id, (), (kind_of(envelope.type),))
        return Heard(delivery_id, (_checked(decoded(bytes(envelope.data), kind)),))


def new_listener(integration: Integration, secrets: Secrets) -> WebhookListener:
    """Build the listener of an account."""
    return WebhookListener(integration, secrets)


def _checked(event: _Told) -> _Told:
    """See what the types cannot say."""
    if not 0 <= event.at_ms <= EPOCH_MS_MAX:
        raise MalformedError("at_ms is no time in ms", "at_ms")
    if isinstance(event, StockSeen):
        if abs(event.units) > UNITS_MAX:
            raise MalformedError("units is no number of units", "units")
        identifier(event.listing, "listing")
        return event
    if isinstance(event, OrderTaken | LinesCancelled) and not 0 <= event.as_of_ms <= EPOCH_MS_MAX:
        raise MalformedError("as_of_ms is no time in ms", "as_of_ms")
    if not 0 <= getattr(event, "ordered_ms", 0) <= EPOCH_MS_MAX:
        raise MalformedError("ordered_ms is no time in ms", "ordered_ms")
    for name in ("order_id", "change_id", "sale_id"):
        if (value := getattr(event, name, None)) is not None:
            identifier(value, name)
    for line in event.lines:
        _check_line(line)
        if isinstance(event, LinesReturned) and line.units is None:
            raise MalformedError("lines[].units is needed of what came back", "lines[].units")
    return event


def _check_line(line: SoldLine | ChangedLine) -> None:
    for name in ("line_id", "listing", "sku", "location", "reservation_id"):
        if (value := getattr(line, name)) is not None:
            identifier(value, f"lines[].{name}")
    if line.listing is None and line.sku is None:
        raise MalformedError("lines[] needs listing or sku", "lines[]")
