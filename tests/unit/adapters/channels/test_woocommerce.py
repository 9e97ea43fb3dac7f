from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.inbound.woocommerce import Meta
from inventory_stream.adapters.channels.woocommerce import SPEC
from inventory_stream.adapters.channels.woocommerce_orders import OrderAsked, Refund, RefundLine, events_of
from inventory_stream.adapters.channels.woocommerce_words import body_of, check_listing, refusal_of
from inventory_stream.ports.channel import ChannelError, Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.fake import Happening
from inventory_stream.sandbox.woocommerce import BATCH_MAX
from inventory_stream.sandbox.woocommerce_orders import number_of
from models.channels import LinesCancelled, LinesReturned, OrderNamed, OrderTaken
from tests.unit.adapters.specs import entry
from tests.unit.sandbox.channels import Misfits, connected, push

AT_MS = 1_795_000_000_000
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"


def _push(listing: str, units: int) -> Push:
    return Push(listing, Version(1_700_000_000_000, 42), units, AT_MS)


def test_request_has_the_bytes_that_woocommerce_documents() -> None:
    """A batch turns stock management on for each item, as stock that is not managed would be ignored."""
    assert body_of([_push("794", 6), _push("795", 0)]) == (
        b'{"update":[{"id":794,"manage_stock":true,"stock_quantity":6},'
        b'{"id":795,"manage_stock":true,"stock_quantity":0}]}'
    )


@pytest.mark.parametrize(("listing", "is_one"), [("794", True), ("794/3", True), ("1/2/3", False)])
def test_listing_is_a_product_or_a_variation_of_one(listing: str, is_one: bool) -> None:  # noqa: FBT001
    """The form is `<product id>[/<variation id>]`."""
    assert (check_listing(listing) is None) is is_one


@pytest.mark.parametrize("part", ["", "0", "01", "+1", "-1", "1.0", "x", "\u0661", "9" * 20])
def test_part_of_a_listing_that_is_no_id_is_refused(part: str) -> None:
    """Whatever `int` would take besides an id of the shop leads nowhere."""
    assert check_listing(part) is not None
    assert check_listing(f"1/{part}") is not None


async def test_batches_go_to_products_and_to_variations_of_each_product(tmp_path: Path) -> None:
    """One push has one address, by Basic authentication, and its stock is read back from there."""
    listings = {"11": 1, "12": 1, "100/5": 1}
    drift = Misfits()
    async with connected("woocommerce", listings, tmp_path, drift) as (shop, fake):
        assert [shop.group_of(listing) for listing in listings] == ["", "", "100"]
        await shop.push([push("11", 6, at_ms=AT_MS), push("12", 0, at_ms=AT_MS)], KEY)
        await shop.push([push("100/5", 7, at_ms=AT_MS)], KEY)
        assert await shop.read_back([*listings, "13", "999/1"]) == {"11": 6, "12": 0, "100/5": 7}
        sent = [seen for seen in fake.account.requests if seen.method == "POST"]
        assert [seen.path for seen in sent] == [
            "/woocommerce/wp-json/wc/v3/products/batch",
            "/woocommerce/wp-json/wc/v3/products/100/variations/batch",
        ]
        assert {seen.headers["authorization"] for seen in sent} == {"Basic Y2tfc2FuZGJveDpjc19zYW5kYm94"}
    assert drift.heard == []


async def test_stock_that_the_shop_does_not_manage_is_not_known(tmp_path: Path) -> None:
    """A listing without managed stock shows no quantity, so that nothing is compared with it."""
    async with connected("woocommerce", {"11": 1}, tmp_path) as (shop, _):
        assert await shop.read_back(["12"]) == {}


async def test_batch_that_is_too_large_is_sent_in_halves(tmp_path: Path) -> None:
    """413 is the request's fault and no item's."""
    listings = [str(number) for number in range(1, BATCH_MAX + 2)]
    async with connected("woocommerce", dict.fromkeys(listings, 1), tmp_path) as (shop, fake):
        ends = await shop.push([push(listing, 2, at_ms=AT_MS) for listing in listings], KEY)
        assert {end.result for end in ends} == {Result.APPLIED}
        assert [seen.status for seen in fake.account.requests] == [413, 200, 200]


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, b'{"code":"rest_invalid_param"}', Result.PERMANENT),
        (404, b'{"code":"woocommerce_rest_product_invalid_id"}', Result.PERMANENT),
        (404, b'{"code":"rest_no_route"}', Result.RETRYABLE),
        (403, b'{"code":"woocommerce_rest_cannot_batch"}', Result.AUTH),
        (403, b"<html>blocked</html>", Result.RETRYABLE),
        (413, b"<html>too large</html>", Result.PERMANENT),
    ],
)
def test_refusal_is_the_items_fault_only_where_it_says_so(status: int, body: bytes, result: Result) -> None:
    """A shop that is being updated, and whatever stands before it, kills no push."""
    assert refusal_of(Answer(status, {}, body)).result is result


async def test_order_with_a_refund_is_asked_for(tmp_path: Path) -> None:
    """The webhook says that there is a refund; of what, the shop is asked."""
    async with connected("woocommerce", {"11": 5}, tmp_path) as (shop, fake):
        sold = Happening("sold", "order-1", (("11", 2),), AT_MS)
        fake.happened(sold, "")
        fake.happened(sold._replace(kind="refunded", at_ms=AT_MS + 5_000), "")
        order_id = str(number_of(sold))
        taken, off = await shop.events_of(OrderNamed(order_id, AT_MS))
        assert isinstance(taken, OrderTaken)
        assert (taken.order_id, taken.at_ms) == (order_id, AT_MS)
        assert [(line.listing, line.units) for line in taken.lines] == [("11", 2)]
        assert isinstance(off, LinesCancelled)
        assert [(line.line_id, line.units) for line in off.lines] == [(taken.lines[0].line_id, 2)]
        with pytest.raises(ChannelError, match="permanent"):
            await shop.events_of(OrderNamed("123", AT_MS))
        with pytest.raises(ChannelError, match="order-unknown"):
            await shop.events_of(OrderNamed("../settings", AT_MS))


NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def _order(status: str, **fields: object) -> OrderAsked:
    base = {"id": 1, "date_created_gmt": NOON, "line_items": [{"id": 7, "product_id": 11, "quantity": 3}]}
    return msgspec.convert({**base, "status": status, **fields}, OrderAsked)


def _refund(quantity: int, at: datetime = NOON) -> Refund:
    return Refund(50, at, (RefundLine(quantity, (Meta("_refunded_item_id", "7"),)),))


def test_units_refunded_before_the_order_was_completed_will_not_be_shipped() -> None:
    """They are cancelled, so that they can be sold again at once."""
    _, off = events_of(_order("processing"), [_refund(-2)])
    assert isinstance(off, LinesCancelled)
    assert [(line.line_id, line.units) for line in off.lines] == [("7", 2)]


def test_units_refunded_after_the_order_was_completed_are_back() -> None:
    """What had left the building is returned, not cancelled."""
    _, back = events_of(_order("completed", date_completed_gmt=NOON), [_refund(-2)])
    assert isinstance(back, LinesReturned)


@pytest.mark.parametrize("refund", [_refund(0), Refund(50, NOON), Refund(50, NOON, (RefundLine(-1),))])
def test_refund_of_money_moves_no_units(refund: Refund) -> None:
    """A refund that names no units of a line says nothing about goods."""
    assert [type(event) for event in events_of(_order("refunded"), [refund])] == [OrderTaken]


def test_order_that_is_off_is_off_whatever_was_refunded() -> None:
    """All that is left of it is cancelled once, and no refund frees units a second time."""
    off, taken = events_of(_order("cancelled"), [_refund(-2)])
    assert isinstance(off, LinesCancelled)
    assert [line.units for line in off.lines] == [None]
    assert isinstance(taken, OrderTaken)


@pytest.mark.parametrize(
    "options", [{"requests_per_second": 0}, {"in_flight": 9}, {"batch_max": 101}, {"burst": 2}]
)
def test_option_out_of_bounds_or_unknown_is_refused(options: dict[str, object]) -> None:
    """It is said when the registry is read, not when the shop is down."""
    shop = replace(entry("shop"), url="https://shop.example")
    assert SPEC.check_integration(shop) is None
    assert SPEC.check_integration(replace(shop, options=options)) is not None
    assert SPEC.check_integration(replace(shop, url=None)) is not None
