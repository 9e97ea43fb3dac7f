"""Orders of the fake WooCommerce shop, as its webhooks and its answers write them."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from inventory_stream.sandbox.fake import Happening


def number_of(happening: Happening) -> int:
    """WooCommerce's ids are numbers: give one for each order of the sandbox."""
    return zlib.crc32(happening.order_id.encode())


def order_body(first: Happening, last: Happening) -> Mapping[str, object]:
    """Write an order by what happened to it first and last."""
    number = number_of(first)
    return {
        "id": number,
        "number": str(number),
        "status": {"sold": "processing", "cancelled": "cancelled", "refunded": "refunded"}[last.kind],
        "date_created_gmt": _iso(first.at_ms),
        "date_modified_gmt": _iso(last.at_ms),
        "line_items": [_line(place, listing, units) for place, (listing, units) in enumerate(last.lines, 1)],
        # What a refund was for, an order does not say.
        "refunds": [{"id": number + 1, "reason": "", "total": "-1.00"}] if last.kind == "refunded" else [],
    }


def refunds_body(last: Happening) -> Sequence[Mapping[str, object]]:
    """Write what was refunded: all of it, or nothing."""
    if last.kind != "refunded":
        return []
    lines = [
        {
            "id": 100 + place,
            "quantity": -units,
            "meta_data": [{"key": "_refunded_item_id", "value": str(place)}],
        }
        for place, (_, units) in enumerate(last.lines, 1)
    ]
    return [{"id": number_of(last) + 1, "date_created_gmt": _iso(last.at_ms), "line_items": lines}]


def _line(place: int, listing: str, units: int) -> Mapping[str, object]:
    product, _, variation = listing.partition("/")
    return {
        "id": place,
        "product_id": int(product),
        "variation_id": int(variation or 0),
        "quantity": units,
        "sku": "",
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
