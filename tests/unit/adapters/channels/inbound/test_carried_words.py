"""What a shopper may write where an order carries our reservation id: a word or nothing, never a refusal."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from inventory_stream.adapters.channels.inbound import shopify, woocommerce
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.shopify_orders import ShopifyOrder, events_of_order
from inventory_stream.adapters.channels.square_orders import SquareOrder
from inventory_stream.adapters.channels.square_orders import events_of_order as events_of_square
from models.channels import ChannelEvent, OrderTaken
from tests.unit.adapters.channels.inbound import deliveries as sent

WORD = "inventory_stream_reservation"
PLACED = "2023-11-14T22:00:00Z"


def _shopify(value: object) -> tuple[ChannelEvent, ...]:
    line = {"id": 1, "sku": "TEE", "quantity": 1, "properties": [{"name": WORD, "value": value}]}
    delivery = sent.shopify("orders/create", {"id": 7, "created_at": PLACED, "line_items": [line]})
    listener = shopify.new_listener(sent.integration("shopify", "shop.example"), Secrets({}))
    return listener.parse(delivery, sent.NOW_MS).events


def _woocommerce(value: object) -> tuple[ChannelEvent, ...]:
    line = {"id": 1, "product_id": 7, "quantity": 1, "meta_data": [{"key": WORD, "value": value}]}
    order = {"id": 7, "status": "processing", "date_created_gmt": PLACED[:-1], "line_items": [line]}
    listener = woocommerce.new_listener(sent.integration("woocommerce", "site"), Secrets({}))
    return listener.parse(sent.woocommerce("order.created", order), sent.NOW_MS).events


def _edited(value: object) -> tuple[ChannelEvent, ...]:
    item = {
        "id": "gid://shopify/LineItem/1",
        "sku": "TEE",
        "customAttributes": [{"key": WORD, "value": value}],
    }
    sale = {"id": "gid://shopify/Sale/1", "quantity": 1, "lineItem": item}
    sales = {"pageInfo": {"hasNextPage": False}, "nodes": [sale]}
    agreement = {"reason": "ORDER", "happenedAt": PLACED, "sales": sales}
    agreements = {"pageInfo": {"hasNextPage": False}, "nodes": [agreement]}
    order = msgspec.convert({"createdAt": PLACED, "agreements": agreements}, ShopifyOrder)
    return tuple(events_of_order("7", order))


def _square(value: object) -> tuple[ChannelEvent, ...]:
    line = {"uid": "1", "catalog_object_id": "c", "quantity": "1", "metadata": {WORD: value}}
    order: dict[str, Any] = {"id": "7", "location_id": "L", "created_at": PLACED, "line_items": [line]}
    order["fulfillments"] = [{"uid": "f", "state": "PROPOSED"}]
    return tuple(events_of_square(msgspec.convert(order, SquareOrder)))


CHANNELS = {"shopify": _shopify, "woocommerce": _woocommerce, "edited": _edited, "square": _square}
TEXTS = {"cart-9": "cart-9", "x" * 129: None, "a\x00b": None, "": None}
OTHERS: tuple[object, ...] = (["zzz"] * 200, {"a": 1}, 5, None)


@pytest.mark.parametrize("read", CHANNELS.values(), ids=CHANNELS)
@pytest.mark.parametrize(("value", "word"), TEXTS.items(), ids=["id", "long", "control", "empty"])
def test_text_that_is_no_id_is_ignored(
    read: Callable[[object], tuple[ChannelEvent, ...]], value: str, word: str | None
) -> None:
    """The line is an ordinary one: a refusal would lose the order, and in the end the subscription."""
    (taken,) = (event for event in read(value) if isinstance(event, OrderTaken))
    assert [line.reservation_id for line in taken.lines] == [word]


@pytest.mark.parametrize("read", [_shopify, _woocommerce], ids=["shopify", "woocommerce"])
@pytest.mark.parametrize("value", OTHERS, ids=["list", "object", "number", "nothing"])
def test_what_is_no_text_is_ignored(
    read: Callable[[object], tuple[ChannelEvent, ...]], value: object
) -> None:
    """Plugins write what they like."""
    (taken,) = (event for event in read(value) if isinstance(event, OrderTaken))
    assert [line.reservation_id for line in taken.lines] == [None]
