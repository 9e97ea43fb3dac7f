"""Orders of the fake Square: kept, asked for by their id, told of by webhooks that name only that."""

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec

from inventory_stream.adapters.channels.inbound.signing import square_signature
from inventory_stream.sandbox.fake import Happening, Webhook
from models.ids import decode_id

SIGNATURE_KEY: Final = "sandbox-square-signature-key"
MERCHANT: Final = "SANDBOXMERCHANT"
ORDERS_MAX: Final = 10_000
"""Kept, the newest."""


class SquareOrders:
    """Orders by their ids."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def get(self, order_id: str) -> dict[str, Any] | None:
        """Give an order as Square shows it."""
        return self._orders.get(order_id)

    def told(self, happening: Happening, url: str) -> Webhook:
        """Keep what happened, and give the delivery: only the id, who wants more asks for it."""
        order = self._remember(happening)
        now = rfc_3339(happening.at_ms)
        kind = "order.created" if happening.kind == "sold" else "order.updated"
        word = kind.replace(".", "_")
        body = msgspec.json.encode(
            {
                "merchant_id": MERCHANT,
                "type": kind,
                "event_id": str(uuid4()),
                "created_at": now,
                "data": {
                    "type": word,
                    "id": order["id"],
                    "object": {
                        word: {
                            "created_at": order["created_at"],
                            "updated_at": now,
                            "location_id": order["location_id"],
                            "order_id": order["id"],
                            "state": order["state"],
                            "version": order["version"],
                        }
                    },
                },
            }
        )
        signature = square_signature(SIGNATURE_KEY, url, body)
        headers = {"Content-Type": "application/json", "x-square-hmacsha256-signature": signature}
        return Webhook(headers, body)

    def _remember(self, happening: Happening) -> dict[str, Any]:
        now = rfc_3339(happening.at_ms)
        known = self._orders.get(happening.order_id)
        lines = [
            {
                "uid": f"line-{number}",
                "catalog_object_id": decode_id(listing.partition("/")[0]),
                "quantity": str(units),
            }
            for number, (listing, units) in enumerate(happening.lines, 1)
        ]
        order = known or {
            "id": happening.order_id,
            "location_id": decode_id(happening.lines[0][0].partition("/")[2]),
            "created_at": now,
            "state": "OPEN",
            "version": 0,
            "line_items": lines,
            "fulfillments": [{"uid": "f-1", "type": "SHIPMENT", "state": "PROPOSED"}],
            "net_amount_due_money": {"amount": 0, "currency": "EUR"},
        }
        order["version"] += 1
        order["updated_at"] = now
        if happening.kind == "cancelled":
            order["state"] = "CANCELED"
        if happening.kind == "refunded":
            order["returns"] = [
                {
                    "uid": "return-1",
                    "source_order_id": happening.order_id,
                    "return_line_items": [
                        {**line, "uid": f"back-{line['uid']}", "source_line_item_uid": line["uid"]}
                        for line in lines
                    ],
                }
            ]
        self._orders[happening.order_id] = order
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
        return order


def rfc_3339(at_ms: int) -> str:
    """Write a time as Square does."""
    return (
        datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
