"""ORDER_CHANGE as a fake Amazon puts it into the seller's queue, sent on by whoever reads that queue.

Amazon itself calls no address. The forwarder signs by Standard Webhooks, as ours understand it.
"""

import base64
import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from inventory_stream.adapters.channels.inbound.signing import standard_signature
from inventory_stream.sandbox.amazon_words import MARKETPLACE, SELLER
from inventory_stream.sandbox.fake import Happening, Webhook
from models.ids import decode_id

WEBHOOK_SECRET: Final = "whsec_" + base64.b64encode(b"sandbox-amazon-queue-forwarder").decode()
ORDERS_MAX: Final = 10_000
"""Orders whose time is remembered, as many as the sandbox remembers."""


class Notifications:
    """What comes out of the queue."""

    def __init__(self) -> None:
        self._count = 0
        self._placed: OrderedDict[str, str] = OrderedDict()

    def of(self, happening: Happening) -> list[Webhook]:
        """Tell of an order placed or cancelled; of what comes back Amazon tells in reports, not here."""
        if happening.kind == "refunded":
            return []
        self._count += 1
        at = _iso(happening.at_ms)
        placed = self._placed.setdefault(happening.order_id, at)
        if len(self._placed) > ORDERS_MAX:
            self._placed.popitem(last=False)
        name = f"sandbox-notification-{self._count}"
        body = json.dumps(_notification(happening, name, placed, at), separators=(",", ":")).encode()
        seconds = happening.at_ms // 1_000
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(seconds),
            "webhook-signature": standard_signature(WEBHOOK_SECRET, name, seconds, body),
        }
        return [Webhook(headers, body)]


def _notification(happening: Happening, name: str, placed: str, at: str) -> Mapping[str, object]:
    is_off = happening.kind == "cancelled"
    return {
        "NotificationVersion": "1.0",
        "NotificationType": "ORDER_CHANGE",
        "PayloadVersion": "1.0",
        "EventTime": at,
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel",
                "SellerId": SELLER,
                "AmazonOrderId": happening.order_id,
                "OrderChangeType": "BuyerRequestedChange" if is_off else "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": at, "ChangeReason": "Sandbox"},
                "Summary": {
                    "MarketplaceId": MARKETPLACE,
                    "OrderStatus": "Unshipped",
                    "PurchaseDate": placed,
                    "DestinationPostalCode": None,
                    "FulfillmentType": "MFN",
                    "OrderType": "StandardOrder",
                    "OrderItems": [
                        {
                            "OrderItemId": f"{happening.order_id}-{place}",
                            "SellerSKU": decode_id(listing.partition("/")[0]),
                            "SupplySourceId": None,
                            "OrderItemStatus": "Unshipped",
                            "Quantity": 0 if is_off else units,
                        }
                        for place, (listing, units) in enumerate(happening.lines, 1)
                    ],
                },
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "sandbox",
            "SubscriptionId": "sandbox",
            "PublishTime": at,
            "NotificationId": name,
        },
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
