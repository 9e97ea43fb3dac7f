"""What the fake Shopee takes and says: its own schema of a request, and the parts of its answers."""

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.specs import Validator, validator

MODELS_MAX: Final = 50

ORDER_STATUS: Final = {"sold": "READY_TO_SHIP", "cancelled": "CANCELLED", "refunded": "TO_RETURN"}


def _update_stock(prefix: str) -> Validator:
    stock = {
        "type": "object",
        "required": ["stock"],
        "additionalProperties": False,
        "properties": {
            "stock": {"type": "integer", "minimum": 0},
            "location_id": {"type": "string", "minLength": 1},
        },
    }
    model = {
        "type": "object",
        "required": ["seller_stock"],
        "additionalProperties": False,
        "properties": {
            f"{prefix}model_id": {"type": "integer", "minimum": 0},
            "seller_stock": {"type": "array", "minItems": 1, "items": stock},
        },
    }
    return validator(
        {
            "type": "object",
            "required": [f"{prefix}item_id", "stock_list"],
            "additionalProperties": False,
            "properties": {
                f"{prefix}item_id": {"type": "integer", "minimum": 1},
                "stock_list": {"type": "array", "minItems": 1, "maxItems": MODELS_MAX, "items": model},
            },
        }
    )


UPDATE_STOCK: Final = {"": _update_stock(""), "global_": _update_stock("global_")}
"""By what global products put before the names of their ids."""


def answer(
    said: Mapping[str, object] | None = None,
    *,
    error: str = "",
    message: str = "",
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer as all of Shopee does: with a request's id, and `error` empty where all went well."""
    body = {"error": error, "message": message, "request_id": secrets.token_hex(16), **(said or {})}
    return web.json_response(body, status=int(status), headers=headers)


def succeeded(one: Set, prefix: str) -> Mapping[str, object]:
    """Name a model, at a place, that was set."""
    _, model, location = _parts(one.listing)
    return {f"{prefix}model_id": model, "location_id": location or "", "stock": one.units}


def failed(one: Set, end: Done, prefix: str, *, is_held: bool) -> Mapping[str, object]:
    """Name a model that was not set, and why."""
    _, model, _ = _parts(one.listing)
    reason = "Stock cannot be lower than the reserved stock." if is_held else "Invalid stock."
    if end is Done.UNKNOWN:
        reason = "Model not found."
    return {f"{prefix}model_id": model, "failed_reason": reason}


def models_of(account: FakeAccount, item: str) -> Mapping[int, Sequence[Mapping[str, object]]]:
    """Give the stock at each place of each model of an item; 0: the item itself."""
    models: dict[int, list[Mapping[str, object]]] = {}
    for listing in account.shown:
        number, model, location = _parts(listing)
        if number == item:
            at = {} if location is None else {"location_id": location}
            models.setdefault(model, []).append({**at, "stock": account.read(listing)})
    return models


def order_line(listing: str, units: int) -> Mapping[str, object]:
    """Write a line of an order."""
    item, model, location = _parts(listing)
    return {
        "item_id": int(item),
        "model_id": model,
        "item_sku": "",
        "model_sku": "",
        "model_quantity_purchased": units,
        "product_location_id": [] if location is None else [location],
    }


def _parts(listing: str) -> tuple[str, int, str | None]:
    item, model, *location = listing.split("/")
    return item, int(model), location[0] if location else None
