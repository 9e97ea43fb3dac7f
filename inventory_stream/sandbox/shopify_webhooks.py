"""Webhooks of a fake Shopify shop: signed as Shopify signs, with as much of each body as is read here."""

import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from inventory_stream.adapters.channels.inbound.signing import base64_hmac
from inventory_stream.sandbox.fake import Happening, Webhook

TOPICS: Final = {"sold": "orders/create", "cancelled": "orders/cancelled", "refunded": "refunds/create"}


ORDERS_MAX: Final = 10_000
"""Orders whose time is remembered, as many as the sandbox remembers."""


class ShopifyWebhooks:
    """The deliveries of one shop."""

    def __init__(self, shop: str, secret: str) -> None:
        self._shop = shop
        self._secret = secret
        self._deliveries = 0
        self._placed: OrderedDict[str, str] = OrderedDict()

    def of(self, happening: Happening, shown: Mapping[str, int], skus: Mapping[str, str]) -> list[Webhook]:
        """Tell of an order and of what is left, each by its own delivery."""
        at = _iso(happening.at_ms)
        placed = self._placed.setdefault(happening.order_id, at)
        if len(self._placed) > ORDERS_MAX:
            self._placed.popitem(last=False)
        content = (
            _refund(happening, at, skus)
            if happening.kind == "refunded"
            else _order(happening, placed, at, skus)
        )
        levels = [_level(listing, shown.get(listing, 0), at) for listing, _ in happening.lines]
        return [
            self._delivery(TOPICS[happening.kind], content, at),
            *(self._delivery("inventory_levels/update", level, at) for level in levels),
        ]

    def _delivery(self, topic: str, content: Mapping[str, object], at: str) -> Webhook:
        self._deliveries += 1
        body = json.dumps(content, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": self._shop,
            "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": f"sandbox-webhook-{self._deliveries}",
            "X-Shopify-Event-Id": f"sandbox-event-{self._deliveries}",
            "X-Shopify-Triggered-At": at,
            "X-Shopify-Hmac-Sha256": base64_hmac(self._secret, body),
        }
        return Webhook(headers, body)


def _order(happening: Happening, placed: str, at: str, skus: Mapping[str, str]) -> dict[str, Any]:
    number = _number(happening)
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Order/{number}",
        "name": f"#{happening.order_id}",
        "created_at": placed,
        "updated_at": at,
        "cancelled_at": at if happening.kind == "cancelled" else None,
        "financial_status": "paid",
        "location_id": None,
        "note_attributes": [],
        "line_items": [
            _line(number, place, listing, units, skus)
            for place, (listing, units) in enumerate(happening.lines)
        ],
    }


def _refund(happening: Happening, at: str, skus: Mapping[str, str]) -> dict[str, Any]:
    number = _number(happening)
    return {
        "id": number + 1,
        "order_id": number,
        "created_at": at,
        "refund_line_items": [
            {
                "id": number * 10 + place + 1,
                "line_item_id": number * 10 + place,
                "quantity": units,
                "location_id": int(listing.partition("/")[2]),
                "restock_type": "return",
                "line_item": _line(number, place, listing, units, skus),
            }
            for place, (listing, units) in enumerate(happening.lines)
        ],
    }


def _line(number: int, place: int, listing: str, units: int, skus: Mapping[str, str]) -> dict[str, Any]:
    item = listing.partition("/")[0]
    return {
        "id": number * 10 + place,
        "variant_id": int(item) + 1,
        # Without its SKU a line cannot be mapped: Shopify's orders do not name inventory items.
        "sku": skus.get(listing, f"sku-{item}"),
        "quantity": units,
        "properties": [],
    }


def _level(listing: str, available: int, at: str) -> dict[str, Any]:
    item, location = listing.split("/")
    return {
        "inventory_item_id": int(item),
        "location_id": int(location),
        "available": available,
        "updated_at": at,
        "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
    }


def _number(happening: Happening) -> int:
    return zlib.crc32(happening.order_id.encode())


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
