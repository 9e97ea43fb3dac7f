"""Our reservation as an attribute of a Shopify order of one line, however the order is told."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from inventory_stream.adapters.channels.inbound.shopify import ShopifyListener
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.shopify_orders import ShopifyOrder, events_of_order
from inventory_stream.ports.channel import Delivery
from models.commands import Reserve
from tests.fakes.desk import START_MS
from tests.unit.adapters.channels.inbound import deliveries as sent
from tests.unit.flows.channels.inbound.inbound_world import World

PLACED, EDITED_AT = "2023-11-14T22:12:00Z", "2023-11-14T22:12:30Z"
HELD = "A." + "o" * 26
WORD = "inventory_stream_reservation"
LAST_PAGE = {"hasNextPage": False}

CREATED = sent.shopify(
    "orders/create",
    {
        "id": 7,
        "created_at": PLACED,
        "financial_status": "paid",
        "note_attributes": [{"name": WORD, "value": HELD}],
        "line_items": [{"id": 5, "sku": "A", "variant_id": 5, "quantity": 2}],
    },
    event="created",
)
EDITED = sent.shopify("orders/edited", {"order_edit": {"id": 1, "order_id": 7}}, event="edited")
REFUNDED = sent.shopify(
    "refunds/create",
    {
        "id": 9,
        "order_id": 7,
        "created_at": "2023-11-14T22:13:00Z",
        "refund_line_items": [
            {
                "id": 1,
                "line_item_id": 5,
                "quantity": 1,
                "restock_type": "cancel",
                "line_item": {"id": 5, "sku": "A"},
            }
        ],
    },
    event="refunded",
)


def sale(line: int, sku: str, units: int) -> dict[str, Any]:
    """Give what was sold of a line."""
    item = {"id": f"gid://shopify/LineItem/{line}", "sku": sku}
    return {"id": f"gid://shopify/ProductSale/{line}", "quantity": units, "lineItem": item}


def asked(*sales: tuple[str, str, Sequence[dict[str, Any]]]) -> ShopifyOrder:
    """Give the answer to a question about the order: reason, time and sales of each agreement."""
    agreements = [
        {"reason": reason, "happenedAt": at, "sales": {"pageInfo": LAST_PAGE, "nodes": list(sold)}}
        for reason, at, sold in sales
    ]
    order = {
        "createdAt": PLACED,
        "displayFinancialStatus": "PAID",
        "customAttributes": [{"key": WORD, "value": HELD}],
        "agreements": {"pageInfo": LAST_PAGE, "nodes": agreements},
    }
    return msgspec.convert(order, ShopifyOrder)


SHIPPING = {"id": "gid://shopify/ShippingLineSale/77", "quantity": 1}
PLACED_SALES = ("ORDER", PLACED, (sale(5, "A", 2), SHIPPING))
ANOTHER_LINE = asked(PLACED_SALES, ("ORDER_EDIT", EDITED_AT, (sale(6, "B", 1),)))
MORE_OF_IT = asked(PLACED_SALES, ("ORDER_EDIT", EDITED_AT, (sale(5, "A", 1),)))


async def ended(deliveries: Sequence[Delivery], order: ShopifyOrder) -> object:
    """Take deliveries over two held units of A; gives all positions at the end."""
    world = World()
    world.stock(A=9, B=9)
    hold = Reserve(
        id="hold",
        reservation_id=HELD,
        sku="A",
        units=2,
        ttl_seconds=600,
        location="DC1",
    )
    world.desk.decide(hold)
    world.account.answers["7"] = events_of_order("7", order)
    listener = ShopifyListener(sent.integration("shopify", "shop.example"), Secrets({}))
    for delivery in deliveries:
        await world.take(*listener.parse(delivery, START_MS).events)
    assert world.letters.kept == {}
    return world.all_units()


@pytest.mark.parametrize(
    ("told", "order", "end"),
    [
        ((CREATED,), ANOTHER_LINE, {("A", "DC1"): (9, 0, 2, 0), ("B", "DC1"): (9, 0, 0, 0)}),
        ((CREATED, REFUNDED), ANOTHER_LINE, {("A", "DC1"): (9, 0, 1, 0), ("B", "DC1"): (9, 0, 0, 0)}),
        ((EDITED,), ANOTHER_LINE, {("A", "DC1"): (9, 0, 2, 0), ("B", "DC1"): (9, 0, 1, 0)}),
        ((CREATED, EDITED), ANOTHER_LINE, {("A", "DC1"): (9, 0, 2, 0), ("B", "DC1"): (9, 0, 1, 0)}),
        ((CREATED, EDITED), MORE_OF_IT, {("A", "DC1"): (9, 0, 3, 0), ("B", "DC1"): (9, 0, 0, 0)}),
        ((CREATED, EDITED, REFUNDED), ANOTHER_LINE, {("A", "DC1"): (9, 0, 1, 0), ("B", "DC1"): (9, 0, 1, 0)}),
    ],
    ids=["created", "refunded", "only edited", "a line added", "units added", "added to and refunded"],
)
def test_each_unit_of_an_order_is_taken_once_and_nothing_stays_held(
    told: tuple[Delivery, ...], order: ShopifyOrder, end: object
) -> None:
    """In any order, each followed by a repeat of all: no way reads the attribute to another end."""
    for shuffled in itertools.permutations(told):
        assert asyncio.run(ended([*shuffled, *told], order)) == end, [
            one.headers["x-shopify-event-id"] for one in shuffled
        ]
