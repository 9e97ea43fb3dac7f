"""What Shopee pushes: signed over the address that it called, a bar and the raw body. Orders are only named.

Pushes about promotions (7) and reserved stock (8) name no quantity that the shop shows: they are counted, and
the next comparison sees what they did.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw, Struct

from inventory_stream.adapters.channels.inbound.reading import (
    decoded,
    id_of_body,
    identifier,
    ms_of_seconds,
)
from inventory_stream.adapters.channels.inbound.signed import SignedListener
from inventory_stream.adapters.channels.inbound.signing import shopee_push_signature
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, ForeignError, Heard
from inventory_stream.ports.integrations import Integration
from models.channels import AccountTroubled, ChannelEvent, OrderNamed

SIGNED_BY: Final = "partner_key"
"""Shopee signs what it pushes with the key by which we sign what we ask."""
SIGNATURE_HEADER: Final = "authorization"


class _Push(Struct):
    code: int
    timestamp: int = 0
    shop_id: int | None = None
    data: Raw = Raw(b"{}")


class _Order(Struct):
    ordersn: str
    update_time: int = 0


class _Expiring(Struct):
    shop_expire_soon: tuple[int, ...] = ()


class ShopeeListener(SignedListener):
    """A `Listener` of one shop."""

    signed_by = SIGNED_BY
    header = SIGNATURE_HEADER

    @staticmethod
    def signature(secret: str, delivery: Delivery) -> str:
        """See the base class."""
        return shopee_push_signature(secret, delivery.url, delivery.raw)

    def parse(self, delivery: Delivery, now_ms: int) -> Heard:
        """See the port. Shopee names no delivery: its bytes do."""
        del now_ms
        push = decoded(delivery.raw, _Push)
        if push.shop_id is not None and str(push.shop_id) != self._account:
            raise ForeignError("shop_id is another shop", str(push.shop_id))
        delivery_id = id_of_body(delivery.raw)
        read = _CODES.get(push.code)
        if read is None:
            return Heard(delivery_id, (), (f"code-{min(max(push.code, -1), 999)}",))
        return Heard(delivery_id, read(push, self._account))


def new_listener(integration: Integration, secrets: Secrets) -> ShopeeListener:
    """Build the listener of an account."""
    return ShopeeListener(integration, secrets)


def _order(push: _Push, _: str) -> tuple[ChannelEvent, ...]:
    order = decoded(bytes(push.data), _Order)
    at_ms = ms_of_seconds(order.update_time or push.timestamp, "update_time")
    return (OrderNamed(identifier(order.ordersn, "ordersn"), at_ms, order.update_time),)


def _revoked(push: _Push, _: str) -> tuple[ChannelEvent, ...]:
    return (AccountTroubled("revoked", ms_of_seconds(push.timestamp, "timestamp")),)


def _expiring(push: _Push, account: str) -> tuple[ChannelEvent, ...]:
    """Read which shops' grants end soon; the push is of the whole app."""
    soon = decoded(bytes(push.data), _Expiring).shop_expire_soon
    if account not in map(str, soon):
        return ()
    return (AccountTroubled("expiring", ms_of_seconds(push.timestamp, "timestamp")),)


def _tried(_: _Push, __: str) -> tuple[ChannelEvent, ...]:
    return ()


_CODES: Final[Mapping[int, Callable[[_Push, str], tuple[ChannelEvent, ...]]]] = {
    0: _tried,
    2: _revoked,
    3: _order,
    12: _expiring,
}
