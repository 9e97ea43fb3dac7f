"""Shopee's words: listing ids, shapes of answers, and what its error codes mean.

From the vendor's documents; no file of the vendor's verifies them. The codes carry a module's name before a
dot in some answers (`product.error_auth`) and not in others (?).
"""

import re
from typing import Final, NamedTuple

from msgspec import Struct

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.ports.channel import ChannelError, Result
from models.ids import decode_id

NAME: Final = "shopee"

_ID: Final = re.compile(r"[1-9][0-9]{0,18}")  # int64

_AUTH: Final = frozenset(
    {
        "error_auth",
        "error_permission",
        "error_sign",
        "invalid_access_token",
        "invalid_acceess_token",  # so spelt in some answers
        "105002",
    }
)
_THROTTLED: Final = ("rate_limit", "too_many", "too_frequent")
_OURS_TO_REPEAT: Final = ("busy", "inner", "internal", "server", "system")

RESERVED: Final = "reserved-by-promotion"
"""Our code of a cut that Shopee refuses, as a promotion has reserved more than it would leave."""


class Place(NamedTuple):
    """A listing taken apart. `model` 0: the item has no variants. `location` None: the shop has no places."""

    item: int
    model: int
    location: str | None


def place_of(listing: str) -> Place:
    """Take a listing id apart that was checked."""
    item, model, *location = listing.split("/")
    return Place(int(item), int(model), decode_id(location[0]) if location else None)


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be Shopee's."""
    parts = listing.split("/")
    if len(parts) in {2, 3} and _ID.fullmatch(parts[0]) and (parts[1] == "0" or _ID.fullmatch(parts[1])):
        return None if all(parts) else "the location's id is empty"
    return "must be <item id>/<model id>[/<location id>]; model id 0 for an item without variants"


class Failed(Struct):
    """A model that was refused. Global products have an id of their own name."""

    model_id: int = 0
    global_model_id: int = 0
    failed_reason: str = ""

    @property
    def model(self) -> int:
        """Its id, 0 for an item without variants."""
        return self.global_model_id or self.model_id


class Succeeded(Struct):
    """A model, at a place, that shows `stock` now."""

    model_id: int = 0
    global_model_id: int = 0
    location_id: str | None = None
    stock: int | None = None

    @property
    def model(self) -> int:
        """Its id, 0 for an item without variants."""
        return self.global_model_id or self.model_id


class Updated(Struct):
    """What became of each model."""

    failure_list: list[Failed] | None = None
    success_list: list[Succeeded] | None = None


class SellerStock(Struct):
    """Stock at one of the seller's places."""

    stock: int
    location_id: str | None = None


class StockInfo(Struct):
    """What the seller has; what Shopee keeps in its own warehouses is not ours to set."""

    seller_stock: list[SellerStock] | None = None


class Model(Struct):
    """An item, or a variant of one, with its stock."""

    item_id: int = 0
    global_item_id: int = 0
    model_id: int = 0
    global_model_id: int = 0
    stock_info_v2: StockInfo | None = None


class Shown(Struct):
    """Whichever list the request asked for."""

    item_list: list[Model] | None = None
    global_item_list: list[Model] | None = None
    model: list[Model] | None = None
    global_model: list[Model] | None = None

    @property
    def items(self) -> list[Model]:
        """Items without variants."""
        return self.item_list or self.global_item_list or []

    @property
    def models(self) -> list[Model]:
        """Variants of one item."""
        return self.model or self.global_model or []


class OrderLine(Struct):
    """One line of an order."""

    item_id: int
    model_quantity_purchased: int
    model_id: int = 0
    item_sku: str = ""
    model_sku: str = ""
    product_location_id: list[str] | None = None


class Order(Struct):
    """What is asked of an order; nothing of its buyer."""

    order_sn: str
    order_status: str
    create_time: int
    update_time: int
    item_list: list[OrderLine]
    fulfillment_flag: str = ""


class Orders(Struct):
    """Answer to `get_order_detail`."""

    order_list: list[Order]


class Head(Struct):
    """What every answer begins with. `error` is empty where all went well."""

    error: str = ""
    message: str = ""

    @property
    def names_items(self) -> bool:
        """Say whether it tells of items one by one, so that `error` is not about all of them."""
        return False


class UpdateAnswer(Head):
    """Answer to `update_stock`: with `error` set, too, it may name models."""

    response: Updated | None = None

    @property
    def names_items(self) -> bool:
        """See `Head`."""
        updated = self.response
        return updated is not None and bool(updated.failure_list or updated.success_list)


class ShownAnswer(Head):
    """Answer to the lists of items and models."""

    response: Shown | None = None


class OrderAnswer(Head):
    """Answer to `get_order_detail`."""

    response: Orders | None = None


class TokenAnswer(Head):
    """Answer to the renewal of a token."""

    access_token: str = ""
    refresh_token: str = ""
    expire_in: int = 0


def error_of(answer: Head) -> ChannelError:
    """Classify an answer whose `error` is set."""
    code = answer.error.rpartition(".")[2].lower()
    if "timestamp" in answer.message.lower():  # our clock or theirs: nothing of the request is wrong
        return ChannelError(Result.RETRYABLE, "clock")
    if code in _AUTH:
        result = Result.AUTH
    elif any(word in code for word in _THROTTLED):
        result = Result.THROTTLED
    elif any(word in code for word in _OURS_TO_REPEAT):
        result = Result.RETRYABLE
    else:
        result = Result.PERMANENT
    return ChannelError(result, code_of(answer.error))


def reason_of(failed: Failed) -> str:
    """Make a code of the sentence that says why a model was refused."""
    reason = failed.failed_reason.lower()
    return RESERVED if "reserv" in reason or "promotion" in reason else code_of(failed.failed_reason)
