"""WooCommerce's words: listing ids, the body of a batch, and what its answers say.

From the vendor's documents; no file of the vendor's verifies them.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result

NAME: Final = "woocommerce"
NO_PRODUCT: Final = "woocommerce_rest_product_invalid_id"

_NO_ROUTE: Final = "rest_no_route"
"""WooCommerce is off or being updated, or the address is wrong: no item is at fault."""
_ID_DIGITS_MAX: Final = 19  # a bigint of the shop's database


class ItemError(Struct):
    """Why an item was refused; `data.status` is the status that it would have had alone."""

    code: str
    data: dict[str, object] | None = None


class Item(Struct):
    """A product or variation, or its refusal."""

    id: int
    stock_quantity: float | None = None
    manage_stock: bool | str = False  # "parent" on variations whose product holds the stock
    error: ItemError | None = None


class Updated(Struct):
    """Answer to a batch."""

    update: list[Item]


class _Refusal(Struct):
    code: str


def body_of(batch: Sequence[Push]) -> bytes:
    """Write a batch. Stock that is not managed would be ignored, so each item turns that on."""
    return msgspec.json.encode(
        {
            "update": [
                {"id": id_of(push.listing), "manage_stock": True, "stock_quantity": push.units}
                for push in batch
            ]
        }
    )


def end_of(push: Push, item: Item) -> Ended:
    """Say how an item ended that the answer names."""
    if item.error is not None:
        status = (item.error.data or {}).get("status")
        return Ended(
            push.listing, _result_of(status if isinstance(status, int) else 400), code_of(item.error.code)
        )
    if item.stock_quantity != push.units:
        return Ended(push.listing, Result.AMBIGUOUS, "shows-other")
    return Ended(push.listing, Result.APPLIED)


def refusal_of(answer: Answer) -> ChannelError:
    """Classify a 4xx of the whole request; one that is no JSON is of something before the shop."""
    try:
        code = code_of(msgspec.convert(answer.json(), _Refusal).code)
    except (ChannelError, msgspec.ValidationError):
        code = ""
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ChannelError(Result.PERMANENT, code or "too-large")
    if not code:
        return ChannelError(Result.RETRYABLE, f"http-{answer.status}")
    if code == _NO_ROUTE:
        return ChannelError(Result.RETRYABLE, code)
    return ChannelError(_result_of(answer.status), code)


def _result_of(status: int) -> Result:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Result.AUTH  # a key pair that may only read is refused with 403
    return Result.RETRYABLE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Result.PERMANENT


def id_of(listing: str) -> int:
    """Give the id of the product, or of its variation."""
    return int(listing.rpartition("/")[2])


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be WooCommerce's."""
    parts = listing.split("/")
    if len(parts) in {1, 2} and all(is_id(part) for part in parts):
        return None
    return "must be <product id> or <product id>/<variation id>, whole numbers"


def is_id(part: str) -> bool:
    """Say whether a text is an id of the shop's database."""
    # int() would take "+1" and other scripts' digits as well.
    return part.isascii() and part.isdecimal() and len(part) <= _ID_DIGITS_MAX and part[0] != "0"
