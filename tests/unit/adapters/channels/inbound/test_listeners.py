"""Each listener reads its vendor's words: what they become, what is refused, what is only counted."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.adapters.channels.inbound import (
    amazon,
    shopee,
    shopify,
    square,
    webhook,
    woocommerce,
)
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import (
    Delivery,
    ForgedError,
    Heard,
    Listener,
    MalformedError,
)
from models.channels import (
    AccountTroubled,
    ChangedLine,
    ChannelEvent,
    Inbound,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderNamed,
    OrderTaken,
    SoldLine,
    StockSeen,
    TillSold,
    decode_inbound,
    encode_inbound,
)
from tests.unit.adapters.channels.inbound import deliveries as sent
from tests.unit.adapters.channels.inbound.deliveries import NOW_MS, sample

AT = "2023-11-14T22:00:00Z"
AT_MS = 1_699_999_200_000
SHOPIFY_ORDER = {
    "id": 7,
    "created_at": AT,
    "financial_status": "pending",
    "line_items": [
        {"id": 1, "sku": "TEE", "variant_id": 5, "quantity": 2, "properties": []},
        {
            "id": 2,
            "sku": "CAP",
            "quantity": 1,
            "properties": [{"name": "inventory_stream_reservation", "value": "r-1"}],
        },
        {"id": 3, "sku": None, "variant_id": None, "quantity": 1},
        {"id": 4, "sku": "", "variant_id": 9, "quantity": 1},
    ],
}
SHOPIFY_LINES = (
    SoldLine("1", 2, sku="TEE"),
    SoldLine("2", 1, sku="CAP", reservation_id="r-1"),
    SoldLine("4", 1, listing="variant-9"),
)
WOO_ORDER = {
    "id": 9,
    "status": "processing",
    "date_created_gmt": "2023-11-14T22:00:00",
    "date_modified_gmt": "2023-11-14T22:00:05",
    "line_items": [
        {"id": 1, "product_id": 93, "variation_id": 0, "quantity": 2, "sku": "TEE"},
        {"id": 2, "product_id": 22, "variation_id": 23, "quantity": 1, "sku": ""},
    ],
}
WOO_LINES = (SoldLine("1", 2, "93", "TEE"), SoldLine("2", 1, "22/23"))

LISTENERS: dict[str, tuple[Callable[..., Listener], str, str]] = {
    "shopify": (shopify.new_listener, "shop.example", sent.KEY),
    "woocommerce": (woocommerce.new_listener, "site", sent.KEY),
    "square": (square.new_listener, "M1", sent.KEY),
    "shopee": (shopee.new_listener, "77", sent.KEY),
    "amazon": (amazon.new_listener, "AXXXXXXXXXXXXX", sent.WHSEC),
    "webhook": (webhook.new_listener, "partner-1", sent.WHSEC),
}


def heard_by(
    name: str, delivery: Delivery, monkeypatch: pytest.MonkeyPatch, account: str | None = None
) -> Heard:
    """Verify and read a delivery; what is read can be written to the topic and read back."""
    new_listener, usual, secret = LISTENERS[name]
    listener = new_listener(sent.integration(name, account or usual), sent.secrets(monkeypatch, secret))
    listener.verify(delivery, NOW_MS)
    heard = listener.parse(delivery, NOW_MS)
    inbound = Inbound(name, usual, heard.delivery_id, NOW_MS, heard.events)
    assert decode_inbound(encode_inbound(inbound)) == inbound
    return heard


def test_a_shopify_order_is_its_goods_and_nothing_about_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    """SKUs, units and our reservation; no tip; what has no SKU is named by its variant."""
    heard = heard_by("shopify", sent.shopify("orders/create", SHOPIFY_ORDER), monkeypatch)
    assert heard == Heard("e1", (OrderTaken("7", AT_MS, SHOPIFY_LINES, is_paid=False, as_of_ms=AT_MS),))
    paid = {**SHOPIFY_ORDER, "financial_status": "paid"}
    heard = heard_by("shopify", sent.shopify("orders/paid", paid), monkeypatch)
    assert heard.events == (OrderTaken("7", AT_MS, SHOPIFY_LINES, is_paid=True, as_of_ms=AT_MS),)


def test_a_shopify_order_of_one_line_may_carry_our_reservation_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cart's attribute is of the order: it counts where it can mean one line only."""
    carried = {
        **SHOPIFY_ORDER,
        "line_items": SHOPIFY_ORDER["line_items"][:1],  # type: ignore[index]
        "note_attributes": [{"name": "inventory_stream_reservation", "value": "r-9"}],
    }
    heard = heard_by("shopify", sent.shopify("orders/create", carried), monkeypatch)
    assert heard.events[0].lines[0].reservation_id == "r-9"  # type: ignore[union-attr]


def test_what_a_shopify_till_sells_has_left_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken and shipped at the till's place, so that what comes back finds its order."""
    till = {**SHOPIFY_ORDER, "source_name": "pos", "location_id": 655, "financial_status": "paid"}
    heard = heard_by("shopify", sent.shopify("orders/create", till), monkeypatch)
    taken, shipped = heard.events
    assert isinstance(taken, OrderTaken)
    assert isinstance(shipped, LinesShipped)
    assert {line.location for line in taken.lines} == {"655"}
    assert {line.location for line in shipped.lines} == {"655"}


def test_a_cancelled_shopify_order_ends_alike_before_and_after_its_taking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lines are cancelled, then taken, whatever they carry: nothing waits for an order never told."""
    cancelled = {**SHOPIFY_ORDER, "financial_status": "refunded", "cancelled_at": "2023-11-14T22:01:00Z"}
    heard = heard_by("shopify", sent.shopify("orders/cancelled", cancelled), monkeypatch)
    off, taken = heard.events
    assert isinstance(off, LinesCancelled)
    assert (off.change_id, off.at_ms, len(off.lines)) == ("cancelled", AT_MS + 60_000, 3)
    assert taken == OrderTaken("7", AT_MS, SHOPIFY_LINES, as_of_ms=AT_MS)


@pytest.mark.parametrize("kind", ["cancel", "return", "no_restock", "legacy_restock"])
def test_a_shopify_refund_gives_back_what_it_restocks(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`cancel` was not shipped, `return` came back at a place; `no_restock` is money alone."""
    body = {
        "id": 50,
        "order_id": 7,
        "created_at": AT,
        "refund_line_items": [
            {
                "id": 60,
                "line_item_id": 1,
                "quantity": 1,
                "restock_type": kind,
                "location_id": 655,
                "line_item": {"id": 1, "sku": "TEE"},
            }
        ],
    }
    heard = heard_by("shopify", sent.shopify("refunds/create", body), monkeypatch)
    line = ChangedLine("1", 1, sku="TEE")
    back = ChangedLine("1", 1, sku="TEE", location="655")
    assert heard.events == {
        "cancel": (LinesCancelled("7", "50.60", AT_MS, (line,)),),
        "return": (LinesReturned("7", "50.60", AT_MS, (back,)),),
    }.get(kind, ())
    assert heard.unknown == (("refunds/create:legacy_restock",) if kind == "legacy_restock" else ())


def test_other_topics_of_shopify(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit names the order, a level is a hint, an app that is gone is trouble, the rest is counted."""
    when_ms = int(datetime.fromisoformat("2025-07-02T16:30:00.123Z").timestamp() * 1_000)
    told: dict[str, tuple[Mapping[str, object], tuple[ChannelEvent, ...]]] = {
        "orders/edited": ({"order_edit": {"order_id": 7}}, (OrderNamed("7", when_ms),)),
        "inventory_levels/update": (
            {"inventory_item_id": 10, "location_id": 1, "available": 6, "updated_at": AT},
            (StockSeen("10/1", 6, AT_MS),),
        ),
        "app/uninstalled": (
            {"id": 1},
            (AccountTroubled("revoked", when_ms, "the app was uninstalled"),),
        ),
        "orders/Risk! changed": ({"id": 1}, ()),
    }
    for topic, (body, events) in told.items():
        heard = heard_by("shopify", sent.shopify(topic, body), monkeypatch)
        assert heard.events == events
        assert heard.unknown == (() if events else ("orders/risk-changed",))


@pytest.mark.parametrize("status", ["pending", "on-hold", "processing", "cancelled", "refunded", "shipped"])
def test_a_woocommerce_order_is_read_by_its_status(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sold at the checkout; a transfer is awaited; paid; off; refunds are asked for."""
    body = {**WOO_ORDER, "status": status}
    heard = heard_by("woocommerce", sent.woocommerce("order.updated", body), monkeypatch)
    if status == "cancelled":
        off, taken = heard.events
        assert isinstance(off, LinesCancelled)
        assert off.change_id == f"off-{AT_MS + 5_000}"
        assert taken == OrderTaken("9", AT_MS, WOO_LINES, as_of_ms=AT_MS + 5_000)
        return
    assert heard.events == {
        "on-hold": (OrderTaken("9", AT_MS, WOO_LINES, is_paid=False, as_of_ms=AT_MS + 5_000),),
        "processing": (OrderTaken("9", AT_MS, WOO_LINES, as_of_ms=AT_MS + 5_000),),
        "refunded": (OrderNamed("9", AT_MS + 5_000),),
    }.get(status, ())
    assert heard.unknown == (("order:shipped",) if status == "shipped" else ())


def test_other_topics_of_woocommerce(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that the site counts are hints; what is deleted has to be looked at."""
    body = {"id": 23, "parent_id": 22, "manage_stock": True, "stock_quantity": 4, "date_modified_gmt": AT}
    heard = heard_by("woocommerce", sent.woocommerce("product.updated", body), monkeypatch)
    assert heard.events == (StockSeen("22/23", 4, AT_MS),)
    uncounted = {**body, "manage_stock": "parent"}
    assert heard_by("woocommerce", sent.woocommerce("product.updated", uncounted), monkeypatch).events == ()
    deleted = sent.woocommerce("order.deleted", {"id": 9})
    assert heard_by("woocommerce", deleted, monkeypatch).events == (OrderNamed("9", NOW_MS),)


def test_square_names_orders_and_tells_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's samples: an order is only named; what is in stock is a hint."""
    body = sample("square/order.updated.json")
    heard = heard_by("square", sent.square(body), monkeypatch, body["merchant_id"])
    [named] = heard.events
    assert isinstance(named, OrderNamed)
    assert (heard.delivery_id, named.order_id, named.version) == (
        body["event_id"],
        "eA3vssLHKJrv9H0IdJCM3gNqfdcZY",
        2,
    )
    body = sample("square/inventory.count.updated.json")
    heard = heard_by("square", sent.square(body), monkeypatch, body["merchant_id"])
    [seen] = heard.events
    assert isinstance(seen, StockSeen)
    assert (seen.listing, seen.units) == ("FGQ5JJWT2PYTHF35CKZ2DSKP/YYQR03DGCTXA4", 10)
    for other in ("order.created", "order.fulfillment.updated"):
        body = sample(f"square/{other}.json")
        heard = heard_by("square", sent.square(body), monkeypatch, body["merchant_id"])
        assert isinstance(heard.events[0], OrderNamed)
    body = sample("square/payment.created.json")
    heard = heard_by("square", sent.square(body), monkeypatch, body["merchant_id"])
    assert (heard.events, heard.unknown) == ((), ("payment.created",))


def test_the_samples_of_shopify_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that the vendor publishes, bare as deliveries are, become orders, refunds and levels."""
    orders = [one for number in ("000", "005", "010") for one in sample_list("order", number)]
    taken = [heard_by("shopify", sent.shopify("orders/create", one), monkeypatch) for one in orders]
    assert sum(len(heard.events) for heard in taken) >= 1
    shown = b"".join(encode_inbound(Inbound("c", "a", "d", 0, heard.events)) for heard in taken)
    assert b"@" not in shown
    for one in sample_list("refund", "000"):
        heard = heard_by("shopify", sent.shopify("refunds/create", one), monkeypatch)
        assert (heard.events, heard.unknown) == ((), ("refunds/create:legacy_restock",))
    for one in sample_list("inventory_level", "000"):
        heard = heard_by("shopify", sent.shopify("inventory_levels/update", one), monkeypatch)
        assert isinstance(heard.events[0], StockSeen)


def sample_list(kind: str, number: str) -> list[dict[str, object]]:
    """Give the bare bodies of a sample of Shopify's REST interface, wrapped one by one or in a list."""
    body = sample(f"shopify/{kind}_{number}.json")
    found = body.get(f"{kind}s") or [body[kind]]
    return list(found)


def test_shopee_names_orders_and_tells_of_grants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes 3, 2 and 12 mean something; 7 and 8 name no quantity and are counted."""
    named = {"code": 3, "shop_id": 77, "timestamp": 1_700_000_000}
    told = {
        3: ({"ordersn": "A1", "update_time": 1_700_000_001}, OrderNamed("A1", NOW_MS + 1_000, 1_700_000_001)),
        2: ({"shop_id": 77}, AccountTroubled("revoked", NOW_MS)),
        12: ({"shop_expire_soon": [1, 77]}, AccountTroubled("expiring", NOW_MS)),
    }
    for code, (data, event) in told.items():
        heard = heard_by("shopee", sent.shopee({**named, "code": code, "data": data}), monkeypatch)
        assert heard.events == (event,)
    others = {**named, "code": 12, "shop_id": None, "data": {"shop_expire_soon": [1]}}
    assert heard_by("shopee", sent.shopee(others), monkeypatch).events == ()
    for code in (7, 8):
        heard = heard_by("shopee", sent.shopee({**named, "code": code, "data": {}}), monkeypatch)
        assert (heard.events, heard.unknown) == ((), (f"code-{code}",))


def test_amazon_tells_orders_and_quantities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's samples: what the seller ships is an order of ours, a quantity is a hint."""
    body = sample("amazon/OrderChangeNotification.ex0.json")
    seller = "A3TH9S8BH6GOGM"
    heard = heard_by("amazon", sent.standard(body), monkeypatch, seller)
    [taken] = heard.events
    assert isinstance(taken, OrderTaken)
    assert taken.order_id == "903-8868176-2219830"
    assert taken.lines == (SoldLine("OIID34853450", 10, "SellerSKUID1", "SellerSKUID1"),)
    summary = body["Payload"]["OrderChangeNotification"]["Summary"]
    summary["OrderItems"][0]["Quantity"] = 0
    [off] = heard_by("amazon", sent.standard(body), monkeypatch, seller).events
    assert isinstance(off, LinesCancelled)
    assert off.lines[0].units is None
    summary["FulfillmentType"] = "AFN"
    assert heard_by("amazon", sent.standard(body), monkeypatch, seller).events == ()
    body = sample("amazon/ListingsItemMfnQuantityChange.ex0.json")
    [seen] = heard_by("amazon", sent.standard(body), monkeypatch).events
    assert seen == StockSeen("NLS-SHOES-03", 99, 1_612_378_770_194)


def test_a_partner_tells_by_cloud_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of our types is read as it stands in models.channels; others are counted."""
    till = {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1, "sku": "A"}]}
    heard = heard_by("webhook", sent.standard(sent.cloud_event("till_sold", till)), monkeypatch)
    assert heard == Heard("msg_1", (TillSold("S", AT_MS, (SoldLine("1", 1, sku="A"),)),))
    for kind in ("order_named", "account_troubled", "act", "else"):
        heard = heard_by("webhook", sent.standard(sent.cloud_event(kind, till)), monkeypatch)
        assert (heard.events, heard.unknown) == ((), (f"inventory_stream.channel.{kind}.v1"[:40],))


@pytest.mark.parametrize(
    "data",
    [
        {"sale_id": "S", "at_ms": AT_MS, "lines": []},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 0, "sku": "A"}]},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1}]},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1, "sku": "A\u0000"}]},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1, "sku": "A" * 129}]},
        {"sale_id": "S", "at_ms": -1, "lines": [{"line_id": "1", "units": 1, "sku": "A"}]},
        {"sale_id": "S", "at_ms": 1.5, "lines": [{"line_id": "1", "units": 1, "sku": "A"}]},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1, "sku": "A", "lot": "1"}]},
        {"sale_id": "S", "at_ms": AT_MS, "lines": [{"line_id": "1", "units": 1, "sku": "A"}] * 501},
    ],
    ids=["none", "no units", "no goods", "control", "long", "before", "half", "lot", "too many"],
)
def test_what_a_partner_may_not_tell(data: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger could not keep is refused whole, before anything is written."""
    with pytest.raises(MalformedError):
        heard_by("webhook", sent.standard(sent.cloud_event("till_sold", data)), monkeypatch)


@pytest.mark.parametrize(
    ("name", "delivery"),
    [
        ("shopify", sent.shopify("orders/create", SHOPIFY_ORDER, shop="other.example")),
        ("square", sent.square({"merchant_id": "M2", "type": "a", "event_id": "e", "created_at": AT})),
        ("shopee", sent.shopee({"code": 3, "shop_id": 78, "data": {"ordersn": "A1"}})),
        ("webhook", sent.standard(sent.cloud_event("stock_seen", {}, source="partner-2"))),
    ],
)
def test_a_delivery_of_another_account_is_forged(
    name: str, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signature is right and the account is not: an app's secret is the same for all its shops."""
    with pytest.raises(ForgedError):
        heard_by(name, delivery, monkeypatch)


def test_an_old_partner_delivery_is_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed time of 6 minutes ago is not now."""
    old = sent.standard(sent.cloud_event("stock_seen", {}), at_ms=NOW_MS - 360_000)
    with pytest.raises(ForgedError):
        heard_by("webhook", old, monkeypatch)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "created_at",
                    "line_items",
                    "quantity",
                    "code",
                    "data",
                    "type",
                    "object",
                    "Payload",
                    "order_id",
                    "status",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | _JSON.map(lambda one: json.dumps(one).encode()))
@pytest.mark.parametrize("name", sorted(LISTENERS))
def test_no_body_makes_a_listener_fail(name: str, body: bytes) -> None:
    """Whatever a genuine sender sends, it is read, MalformedError or ForgedError, and nothing else."""
    new_listener, account, _ = LISTENERS[name]
    listener = new_listener(sent.integration(name, account), Secrets({}))
    topics = ["orders/create", "orders/cancelled", "refunds/create", "order.updated", "product.updated"]
    for topic in topics:
        headers = {**sent.shopify(topic, {}).headers, "x-wc-webhook-topic": topic, "webhook-id": "m"}
        try:
            heard = listener.parse(Delivery(headers, body, "https://h.example/"), NOW_MS)
        except (MalformedError, ForgedError):
            continue
        msgspec.json.encode(heard.events)
