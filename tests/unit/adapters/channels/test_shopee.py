import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from inventory_stream.adapters.channels.exchange import Exchanges
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.shopee import SPEC, body_of, ends_of
from inventory_stream.adapters.channels.shopee_orders import events_of
from inventory_stream.adapters.channels.shopee_signing import request_sign
from inventory_stream.adapters.channels.shopee_words import (
    RESERVED,
    Failed,
    Head,
    Order,
    Succeeded,
    UpdateAnswer,
    Updated,
    check_listing,
    error_of,
)
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.ports.channel import Channel, ChannelError, MalformedError, Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.config import integration_of
from inventory_stream.sandbox.fake import Happening
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.shopee import SHOP_ID, ShopeeFake
from inventory_stream.sandbox.specs import Specs
from models.channels import LinesCancelled, LinesShipped, OrderNamed, OrderTaken
from tests.unit.adapters.specs import entry
from tests.unit.sandbox.channels import FreePace, Misfits, connected, push

AT_MS = 1_795_000_000_000
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"


def _push(listing: str, units: int) -> Push:
    return Push(listing, Version(1_700_000_000_000, 42), units, AT_MS)


def test_request_is_signed_as_the_vector_says() -> None:
    """The signature is that of channels.md, section 4."""
    sign = request_sign(
        "test-secret-1", 2_001_887, "/api/v2/product/update_stock", 1_655_714_431, "tok1", "14701711"
    )
    assert sign == "b5cdcdc6c6107259f911dd381e3464532389a04dbe144c4f06f9b6078f09bafe"


@pytest.mark.parametrize(
    ("batch", "body"),
    [
        (
            [_push("2000/3456", 100), _push("2000/1234", 0)],
            (
                b'{"item_id":2000,"stock_list":[{"model_id":1234,"seller_stock":[{"stock":0}]},'
                b'{"model_id":3456,"seller_stock":[{"stock":100}]}]}'
            ),
        ),
        ([_push("1000/0", 100)], b'{"item_id":1000,"stock_list":[{"seller_stock":[{"stock":100}]}]}'),
        (
            [_push("2000/1/SG2", 5), _push("2000/1/SG1", 4)],
            (
                b'{"item_id":2000,"stock_list":[{"model_id":1,"seller_stock":'
                b'[{"location_id":"SG1","stock":4},{"location_id":"SG2","stock":5}]}]}'
            ),
        ),
    ],
    ids=["models", "item without variants", "places of one model"],
)
def test_request_has_the_bytes_that_shopee_documents(batch: list[Push], body: bytes) -> None:
    """One item with its models; the order in which they were taken does not count."""
    assert body_of(batch) == body
    assert body_of(batch[::-1]) == body


def test_global_product_has_ids_of_its_own_names() -> None:
    """Merchants of CNSC and KRSC set the stock of global products."""
    assert body_of([_push("7/8", 1)], is_global=True) == (
        b'{"global_item_id":7,"stock_list":[{"global_model_id":8,"seller_stock":[{"stock":1}]}]}'
    )


@pytest.mark.parametrize("listing", ["1", "1/x", "0/1", "1/2/", "1/2/3/4", "01/2", "1/02", "", "1/-2"])
def test_listing_of_another_form_is_refused(listing: str) -> None:
    """The form is `<item id>/<model id>[/<location id>]`."""
    assert check_listing(listing) is not None


@pytest.mark.parametrize("listing", ["1/0", "123/456", "123/456/SG%2F1"])
def test_listing_of_the_form_is_taken(listing: str) -> None:
    """A model of 0 is an item without variants."""
    assert check_listing(listing) is None


@pytest.mark.parametrize(
    ("error", "message", "result"),
    [
        ("error_auth", "", Result.AUTH),
        ("product.error_auth", "", Result.AUTH),
        ("105002", "", Result.AUTH),
        ("error_rate_limit", "", Result.THROTTLED),
        ("product.error_system_busy", "", Result.RETRYABLE),
        ("error_server", "", Result.RETRYABLE),
        ("error_param", "Invalid timestamp.", Result.RETRYABLE),
        ("product.error_param", "", Result.PERMANENT),
    ],
)
def test_error_is_classified_with_and_without_its_module(error: str, message: str, result: Result) -> None:
    """A code means the same whether Shopee puts a module before it or not."""
    assert error_of(Head(error, message)).result is result


@pytest.mark.parametrize(
    ("updated", "names_items"),
    [
        (None, False),
        (Updated([], []), False),
        (Updated([Failed(1)]), True),
        (Updated([], [Succeeded(1)]), True),
    ],
)
def test_answer_with_an_error_may_still_name_models(updated: Updated | None, names_items: bool) -> None:  # noqa: FBT001
    """Then each model ends by its own name, and one that is not named is ambiguous."""
    assert UpdateAnswer("error_rate_limit", "", updated).names_items is names_items
    if updated is not None and names_items:
        ends = ends_of([_push("9/1", 5), _push("9/2", 5)], updated)
        assert ends[0].result is not Result.AMBIGUOUS
        assert ends[1].result is Result.AMBIGUOUS


def test_model_that_is_named_twice_has_failed() -> None:
    """Where an answer says both, the worse counts."""
    updated = Updated([Failed(1, failed_reason="x")], [Succeeded(1, stock=5)])
    assert ends_of([_push("9/1", 5)], updated)[0].result is Result.PERMANENT


def test_model_that_shows_another_stock_is_ambiguous() -> None:
    """A success with other stock than was sent is read back."""
    updated = Updated(None, [Succeeded(1, stock=4)])
    assert ends_of([_push("9/1", 5)], updated)[0].result is Result.AMBIGUOUS


async def test_place_is_named_for_all_entries_or_for_none(tmp_path: Path) -> None:
    """Listings with a location and those without never share a request; nor do two items."""
    async with connected("shopee", {}, tmp_path) as (shop, _):
        groups = [shop.group_of(listing) for listing in ("1/1", "1/2", "1/2/SG", "2/1")]
    assert groups[0] == groups[1]
    assert len({*groups}) == 3


async def test_stock_is_applied_and_read_back_at_each_place(tmp_path: Path) -> None:
    """Items without variants and models are asked for in their own ways, and all are known again."""
    listings = {"11/1": 1, "11/2": 1, "12/0": 1, "14/5/SG1": 1, "14/5/SG2": 1}
    drift = Misfits()
    async with connected("shopee", listings, tmp_path, drift) as (shop, _):
        for number, some in enumerate((["11/1", "11/2"], ["12/0"], ["14/5/SG1", "14/5/SG2"])):
            ends = await shop.push([push(one, number, at_ms=AT_MS) for one in some], KEY)
            assert {end.result for end in ends} == {Result.APPLIED}
        shown = await shop.read_back([*listings, "11/3", "12/1", "99/0", "99/1", "14/5/SG3", "14/5"])
        assert shown == {"11/1": 0, "11/2": 0, "12/0": 1, "14/5/SG1": 2, "14/5/SG2": 2, "14/5": 4}
    assert drift.heard == []


async def test_stock_that_a_promotion_has_reserved_is_refused_by_name(tmp_path: Path) -> None:
    """A cut below what a promotion holds is dead, and says why; the other model is cut."""
    async with connected("shopee", {"11/1": 9, "11/2": 9}, tmp_path) as (shop, fake):
        assert isinstance(fake, ShopeeFake)
        fake.reserved["11/1"] = 4
        ends = await shop.push([push("11/1", 3, at_ms=AT_MS), push("11/2", 3, at_ms=AT_MS)], KEY)
        assert {(end.listing, end.result, end.code) for end in ends} == {
            ("11/1", Result.PERMANENT, RESERVED),
            ("11/2", Result.APPLIED, ""),
        }


async def test_refresh_token_is_stored_before_its_successor_is_used(tmp_path: Path) -> None:
    """Each refresh token is good for one use: the file holds the next one as soon as there is one."""
    async with connected("shopee", {"11/1": 1}, tmp_path) as (shop, fake):
        assert isinstance(fake, ShopeeFake)
        file = tmp_path / "secrets" / "shopee-refresh_token"
        was = file.read_text()
        for units in (2, 3):
            fake.account.expire_tokens()
            ends = await asyncio.gather(*[shop.push([push("11/1", units, at_ms=AT_MS)], KEY) for _ in "ab"])
            assert {end.result for (end,) in ends} == {Result.APPLIED}
        assert fake.refreshes == 2
        assert file.read_text().strip() == fake.entry().secrets["refresh_token"] != was


@asynccontextmanager
async def _workers(fake: ShopeeFake, folder: Path, count: int = 1) -> AsyncIterator[list[Channel]]:
    """Run a fake, and give the adapters of so many workers that share its files."""
    exchanges = Exchanges(fake.account.now_ms, allow_loopback=True)
    async with running([fake]) as sandbox:
        shop = integration_of(fake, sandbox.url_of("shopee"), folder)
        yield [
            SPEC.new_channel(
                Needs(
                    shop,
                    Secrets(shop.secrets or {}),
                    exchanges,
                    FreePace(),
                    Misfits(),
                    fake.account.now_ms,
                )
            )
            for _ in range(count)
        ]
        await exchanges.close()


async def test_workers_that_share_a_refresh_token_spend_each_once(tmp_path: Path) -> None:
    """One renews at a time with the token that is stored then, so that none is refused and none is lost."""
    fake = ShopeeFake({"11/1": 1}, Specs(None))
    async with _workers(fake, tmp_path, 3) as workers:
        for units in (2, 3):
            fake.account.expire_tokens()
            pushes = [worker.push([push("11/1", units, at_ms=AT_MS)], KEY) for worker in workers]
            assert {end.result for (end,) in await asyncio.gather(*pushes)} == {Result.APPLIED}
    assert fake.refreshes == 6
    stored = (tmp_path / "secrets" / "shopee-refresh_token").read_text().strip()
    assert stored == fake.entry().secrets["refresh_token"]


async def test_merchant_of_global_products_is_asked_and_signed_as_one(tmp_path: Path) -> None:
    """With `is_global` addresses, ids and the signature are those of a merchant."""
    fake = ShopeeFake({"11/1": 1, "12/0": 1}, Specs(None), is_global=True)
    async with _workers(fake, tmp_path) as (merchant,):
        for listing in ("11/1", "12/0"):
            (end,) = await merchant.push([push(listing, 6, at_ms=AT_MS)], KEY)
            assert end.result is Result.APPLIED
        assert await merchant.read_back(["11/1", "12/0", "12/1", "13/0"]) == {"11/1": 6, "12/0": 6}
    assert {seen.path.split("/")[4] for seen in fake.account.requests} == {"auth", "global_product"}


async def test_every_try_is_signed_at_its_own_time(tmp_path: Path) -> None:
    """A signature lasts five minutes: a repeat has the same bytes, and a signature of its own time."""
    fake = ShopeeFake({"11/1": 1}, Specs(None))
    clock_ms = AT_MS
    fake.account.now_ms = lambda: clock_ms
    async with _workers(fake, tmp_path) as (shop,):
        fake.account.faults.next(Fault.SERVER_ERROR, scope="writes")
        await shop.push([push("11/1", 2, at_ms=AT_MS)], KEY)
        clock_ms += 600_000
        (end,) = await shop.push([push("11/1", 2, at_ms=AT_MS)], KEY)
    assert end.result is Result.APPLIED
    one, two = [seen for seen in fake.account.requests if seen.path.endswith("update_stock")]
    assert one.body == two.body
    assert one.query != two.query


async def test_requests_are_signed_by_the_newer_of_two_keys(tmp_path: Path) -> None:
    """While a key is changed its file has two lines: both for what comes in, the first for what goes out."""
    async with connected("shopee", {"11/1": 1}, tmp_path) as (shop, _):
        file = tmp_path / "secrets" / "shopee-partner_key"
        file.write_text(f"{file.read_text()}\nthe-key-before\n")
        (end,) = await shop.push([push("11/1", 2, at_ms=AT_MS)], KEY)
        assert end.result is Result.APPLIED


async def test_clock_that_is_wrong_kills_no_push(tmp_path: Path) -> None:
    """A time that Shopee does not take is nobody's item's fault: it is tried again."""
    async with connected("shopee", {"11/1": 1}, tmp_path) as (shop, fake):
        await shop.push([push("11/1", 2, at_ms=AT_MS)], KEY)
        fake.account.faults.next(Fault.CLOCK_SKEW)
        (end,) = await shop.push([push("11/1", 3, at_ms=AT_MS)], KEY)
        assert (end.result, end.code) == (Result.RETRYABLE, "clock")


async def test_order_that_a_push_names_is_asked_for(tmp_path: Path) -> None:
    """Push code 3 says the order's name and status; its lines are had from Shopee."""
    async with connected("shopee", {"11/1": 5}, tmp_path) as (shop, fake):
        sold = Happening("sold", "2411A", (("11/1", 2),), AT_MS)
        fake.happened(sold, "https://h.example/shopee")
        (taken,) = await shop.events_of(OrderNamed("2411A", AT_MS))
        assert isinstance(taken, OrderTaken)
        assert [(line.listing, line.units) for line in taken.lines] == [("11/1", 2)]
        fake.happened(sold._replace(kind="cancelled"), "https://h.example/shopee")
        off, _ = await shop.events_of(OrderNamed("2411A", AT_MS))
        assert isinstance(off, LinesCancelled)
        with pytest.raises(ChannelError, match="order-unknown"):
            await shop.events_of(OrderNamed("2411B", AT_MS))


def _order(status: str, **fields: object) -> Order:
    lines = [{"item_id": 1, "model_id": 2, "model_quantity_purchased": 2, "product_location_id": ["SG1"]}] * 2
    base = {"order_sn": "o", "create_time": 1_795_000_000, "update_time": 1_795_000_100, "item_list": lines}
    return msgspec.convert({**base, "order_status": status, **fields}, Order)


def test_lines_of_one_model_are_one_line() -> None:
    """Bundles name a model several times, and nothing tells those lines apart in a later telling."""
    (taken,) = events_of(_order("READY_TO_SHIP"), is_by_location=False)
    assert isinstance(taken, OrderTaken)
    assert [(line.listing, line.units, line.location) for line in taken.lines] == [("1/2", 4, "SG1")]


@pytest.mark.parametrize(
    ("status", "kinds"),
    [
        ("UNPAID", [OrderTaken]),
        ("READY_TO_SHIP", [OrderTaken]),
        ("SHIPPED", [OrderTaken, LinesShipped]),
        ("COMPLETED", [OrderTaken, LinesShipped]),
    ],
)
def test_order_is_told_up_to_where_it_is(status: str, kinds: list[type]) -> None:
    """Each telling says all that happened so far; what was said before changes nothing."""
    events = events_of(_order(status), is_by_location=True)
    assert [type(event) for event in events] == kinds
    assert isinstance(events[0], OrderTaken)
    assert events[0].is_paid is (status != "UNPAID")
    assert events[0].lines[0].listing == "1/2/SG1"


@pytest.mark.parametrize(
    "fields",
    [{"order_sn": ""}, {"update_time": -1}, {"item_list": [{"item_id": 1, "model_quantity_purchased": 0}]}],
)
def test_order_that_cannot_be_meant_is_malformed(fields: dict[str, object]) -> None:
    """A name, a time or a number that is none is said, and half an order is not told."""
    with pytest.raises(MalformedError):
        events_of(_order("SHIPPED", **fields), is_by_location=False)


def test_order_that_shopee_ships_itself_takes_nothing_from_us() -> None:
    """Its units are in Shopee's warehouse and were never ours to sell from here."""
    assert events_of(_order("SHIPPED", fulfillment_flag="fulfilled_by_shopee"), is_by_location=False) == ()


def test_entry_is_checked() -> None:
    """A rotating token needs a file, an account its number, and an app its id."""
    secrets = {"partner_key": "env:KEY", "refresh_token": "file:/run/refresh"}
    good = replace(
        entry("shop", account=SHOP_ID),
        url="https://partner.shopeemobile.com",
        secrets=secrets,
        options={"partner_id": 1},
    )
    assert SPEC.check_integration(good) is None
    for wrong in (
        replace(good, url=None),
        replace(good, account="shop"),
        replace(good, options={}),
        replace(good, secrets={**secrets, "refresh_token": "env:REFRESH"}),
    ):
        assert SPEC.check_integration(wrong) is not None
