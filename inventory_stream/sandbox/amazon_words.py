"""What a fake Amazon is called, allows and refuses."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from inventory_stream.sandbox.specs import validator
from models.ids import encode_id

SELLER: Final = "A1SANDBOX"
MARKETPLACE: Final = "ATVPDKIKX0DER"
PRODUCT_TYPE: Final = "LUGGAGE"
CLIENT_ID: Final = "amzn1.application-oa2-client.sandbox"
CLIENT_SECRET: Final = "sandbox-lwa-password"  # noqa: S105  # of the sandbox, known to everybody
REFRESH_TOKEN: Final = "Atzr|sandbox"  # noqa: S105
TOKEN_SECONDS: Final = 3_600

ITEMS_FILE: Final = "amazon/listingsItems_2021-08-01.json"
FEEDS_FILE: Final = "amazon/feeds_2021-06-30.json"
FEED_SCHEMA: Final = "amazon/listings-feed-schema-v2.json"

RATES: Final[Mapping[str, tuple[float, float]]] = {
    "patch": (5.0, 5.0),
    "get": (5.0, 10.0),
    "search": (5.0, 5.0),
    "feed-create": (0.0083, 15.0),
    "feed-document": (0.5, 15.0),
    "feed-get": (2.0, 15.0),
    "feed-report": (0.0222, 10.0),
}
"""Requests per second and burst, as the vendor's files state them for each operation."""

PATCHES: Final[Mapping[str, object]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": 1,
    "items": {
        "type": "object",
        "required": ["op", "path", "value"],
        "properties": {
            "op": {"const": "replace"},
            "path": {"const": "/attributes/fulfillment_availability"},
            "value": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "required": ["fulfillment_channel_code", "quantity"],
                    "additionalProperties": False,
                    "properties": {
                        "fulfillment_channel_code": {"const": "DEFAULT"},
                        "quantity": {"type": "integer", "minimum": 0},
                    },
                },
            },
        },
    },
}
"""A change of quantity and nothing else; the vendor's schemas would take -1 as well."""

PATCH_BODY: Final = validator(
    {
        "type": "object",
        "required": ["productType", "patches"],
        "additionalProperties": False,
        "properties": {"productType": {"type": "string", "minLength": 1}, "patches": PATCHES},
    }
)


def listing_id(sku: str, product_type: str) -> str:
    """Give a listing in the mapping's form."""
    return f"{encode_id(sku)}/{encode_id(product_type)}"


def refused(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer as the Selling Partner API refuses."""
    return web.json_response(
        {"errors": [{"code": code, "message": "Refused.", "details": ""}]}, status=status, headers=headers
    )
