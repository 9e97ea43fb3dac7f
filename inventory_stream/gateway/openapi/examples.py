"""Requests that work, one for each body: shown on the page, and held against the types by a test."""

from typing import Any, Final

from msgspec import Struct

from inventory_stream.gateway.graphql.words import GraphqlBody
from inventory_stream.gateway.words import orders, reservations, sales, stock, waiting_room
from models.payments import PaymentEvent

_AT: Final = "2026-11-27T09:00:00Z"
_PLACE: Final = {"sku": "SKU-1", "location": "STORE-7"}
_HOLD: Final = {**_PLACE, "units": 1, "ttl_seconds": 600, "customer": "customer-8841"}
_COUNT: Final = {**_PLACE, "on_hand": 12, "effective_at": _AT, "source": "wms"}
_CHANGE: Final = {**_PLACE, "delta": -2, "effective_at": _AT, "reason": "damaged"}

EXAMPLES: Final[dict[type[Struct], dict[str, Any]]] = {
    reservations.ReserveBody: _HOLD,
    reservations.ReserveBatchBody: {"reservations": [_HOLD, {"sku": "SKU-2", "group": "north", "units": 2}]},
    reservations.ExtendBody: {"ttl_seconds": 300},
    reservations.ConfirmBody: {"order_id": "ORDER-1"},
    reservations.ReleaseBody: {"units": 1},
    reservations.CancelBody: {"units": 1},
    reservations.FulfilBody: {"effective_at": _AT},
    reservations.ReturnBody: {"units": 1, "sellable": False},
    orders.OrderAsked: {
        "lines": [
            {**_PLACE, "units": 1},
            {"sku": "SKU-2", "group": "north", "strategy": "split", "units": 3},
        ],
        "ttl_seconds": 900,
        "mode": "all",
        "customer": "customer-8841",
    },
    orders.OrderLines: {},
    PaymentEvent: {
        "provider": "shop",
        "id": "event-1",
        "payment_id": "payment-1",
        "kind": "authorised",
        "order_id": "ORDER-1",
    },
    stock.Adjustment: _CHANGE,
    stock.Adjustments: {"lines": [_CHANGE]},
    stock.CountedStock: _COUNT,
    stock.CountedStocks: {"lines": [_COUNT]},
    stock.SoldAtTill: {**_PLACE, "units": 1, "effective_at": _AT},
    stock.Unavailable: {**_PLACE, "unavailable": 1, "effective_at": _AT},
    stock.SafetyStock: {**_PLACE, "safety_stock": 2, "effective_at": _AT},
    stock.PlannedTransfer: {
        "transfer_id": "T-1",
        "sku": "SKU-1",
        "from_location": "DC-1",
        "to_location": "STORE-7",
        "units": 5,
        "expected_at": _AT,
    },
    stock.ShippedTransfer: {"sku": "SKU-1", "units": 5, "effective_at": _AT},
    stock.Received: {"sku": "SKU-1", "units": 5, "effective_at": _AT, "final": True},
    stock.OfSku: {"sku": "SKU-1"},
    stock.ExpectedGoods: {**_PLACE, "incoming_id": "PO-1", "units": 50, "expected_at": _AT},
    sales.NewSale: {
        "sale_id": "black-friday",
        "starts_at": _AT,
        "ends_at": "2026-11-27T11:00:00Z",
        "lines": [{**_PLACE, "units": 100}],
        "limit_per_customer": 2,
    },
    sales.ChannelPolicy: {"percent": 80, "buffer": 2},
    sales.ChannelFence: {**_PLACE, "units": 10, "spill_over": True},
    sales.PurchaseLimit: {"sku": "SKU-1", "units": 2, "ends_at": _AT},
    sales.Backorder: {**_PLACE, "units": 20},
    sales.Place: {"latitude": 52.52, "longitude": 13.405, "name": "Berlin"},
    sales.LocationGroup: {"locations": ["STORE-7", "DC-1"]},
    sales.CountAuthority: {"source": "wms"},
    sales.TimeZone: {"time_zone": "Europe/Berlin"},
    waiting_room.NewRoom: {"sale_id": "black-friday", "opens_at": _AT},
    waiting_room.Join: {"customer": "customer-8841"},
    GraphqlBody: {"query": '{ sku(id: "SKU-1") { total isSoldOut locations { name units } } }'},
}
"""By the type of the body."""
