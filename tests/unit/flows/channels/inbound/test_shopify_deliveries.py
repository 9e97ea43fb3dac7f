"""Shopify's own bodies in any order with repeats, from signature to ledger, end in the same ledger."""

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

PLACED = "2023-11-14T22:12:00Z"
HELD = "C." + "o" * 26
OURS = [{"name": "inventory_stream_reservation", "value": HELD}]


def order(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Give an order: 2 of A that the shop sold by itself, 1 of C that it had reserved here."""
    return {
        "id": 7,
        "created_at": PLACED,
        "financial_status": "paid",
        "line_items": [
            {"id": 1, "sku": "A", "variant_id": 5, "quantity": 2},
            {"id": 2, "sku": "C", "variant_id": 6, "quantity": 1, "properties": OURS},
        ],
        **changes,
    }


def refund(number: int, kind: str) -> Delivery:
    """Give the refund of one unit of A."""
    line = {
        "id": number,
        "line_item_id": 1,
        "quantity": 1,
        "restock_type": kind,
        "location_id": None,
        "line_item": {"id": 1, "sku": "A"},
    }
    body = {"id": number, "order_id": 7, "created_at": PLACED, "refund_line_items": [line]}
    return sent.shopify("refunds/create", body, event=f"refund-{number}")


CREATED = sent.shopify("orders/create", order(financial_status="pending"), event="created")
PAID = sent.shopify("orders/paid", order(), event="paid")
PARTLY_OFF = refund(90, "cancel")
OFF = sent.shopify(
    "orders/cancelled",
    order(financial_status="refunded", cancelled_at="2023-11-14T22:13:00Z"),
    event="cancelled",
)
EDITED = sent.shopify("orders/edited", {"order_edit": {"id": 1, "order_id": 7}}, event="edited")


def agreement(reason: str, at: str, *units: tuple[str, int]) -> dict[str, Any]:
    """Give what was sold of lines at a time, as the order tells it when it is asked for."""
    sold = [
        {
            "id": f"gid://shopify/ProductSale/{at}{line}",
            "quantity": count,
            "lineItem": {
                "id": f"gid://shopify/LineItem/{line}",
                "sku": "A" if line == "1" else "C",
                "customAttributes": [{"key": one["name"], "value": one["value"]} for one in OURS]
                if line == "2"
                else [],
            },
        }
        for line, count in units
    ]
    page = {"hasNextPage": False}
    return {"reason": reason, "happenedAt": at, "sales": {"pageInfo": page, "nodes": sold}}


ASKED: dict[str, Any] = {
    "createdAt": PLACED,
    "displayFinancialStatus": "PAID",
    "agreements": {
        "pageInfo": {"hasNextPage": False},
        "nodes": [
            agreement("ORDER", PLACED, ("1", 2), ("2", 1)),
            agreement("ORDER_EDIT", "2023-11-14T22:12:30Z", ("1", 3), ("2", 1)),
        ],
    },
}


async def ended(deliveries: Sequence[Delivery], secrets: Secrets) -> object:
    """Verify, read and take deliveries; gives all positions at the end."""
    world = World()
    world.stock(A=10, C=10)
    hold = Reserve(
        id="hold",
        reservation_id=HELD,
        sku="C",
        units=1,
        ttl_seconds=600,
        location="DC1",
    )
    world.desk.decide(hold)
    world.account.answers["7"] = events_of_order("7", msgspec.convert(ASKED, ShopifyOrder))
    listener = ShopifyListener(sent.integration("shopify", "shop.example"), secrets)
    for delivery in deliveries:
        listener.verify(delivery, START_MS)
        await world.take(*listener.parse(delivery, START_MS).events)
    assert world.letters.kept == {}
    return world.all_units()


@pytest.mark.parametrize(
    ("history", "end"),
    [
        ((CREATED, PAID, PARTLY_OFF), {("A", "DC1"): (10, 0, 1, 0), ("C", "DC1"): (10, 0, 1, 0)}),
        ((CREATED, PAID, PARTLY_OFF, OFF), {("A", "DC1"): (10, 0, 0, 0), ("C", "DC1"): (10, 0, 0, 0)}),
        ((CREATED, EDITED, PARTLY_OFF), {("A", "DC1"): (10, 0, 4, 0), ("C", "DC1"): (10, 0, 2, 0)}),
        ((CREATED, EDITED, PARTLY_OFF, OFF), {("A", "DC1"): (10, 0, 0, 0), ("C", "DC1"): (10, 0, 0, 0)}),
    ],
    ids=["kept", "called off", "added to", "added to and called off"],
)
def test_any_order_of_shopifys_deliveries_ends_alike(
    history: tuple[Delivery, ...], end: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All orders of the deliveries, each followed by a repeat of all of them."""
    secrets = sent.secrets(monkeypatch)
    for shuffled in itertools.permutations(history):
        assert asyncio.run(ended([*shuffled, *history], secrets)) == end, [
            one.headers["x-shopify-event-id"] for one in shuffled
        ]
