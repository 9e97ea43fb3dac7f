import json
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import pytest
from graphql import graphql_sync

from inventory_stream.adapters.channels.exchange import Answer, Exchange
from inventory_stream.adapters.channels.inbound.shopify import ShopifyListener
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.shopify import SPEC
from inventory_stream.adapters.channels.shopify_orders import ORDER, OrderAnswer, events_of_order
from inventory_stream.adapters.channels.shopify_push import (
    POINTS,
    ShopifyOptions,
    caps_of,
    ends_of,
    input_of,
    wire_key,
)
from inventory_stream.adapters.channels.shopify_words import (
    SET,
    SHOWN,
    Change,
    Group,
    Named,
    SetPayload,
    UserError,
)
from inventory_stream.ports.channel import ChannelError, Delivery, Push, Result
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.config import FAKES
from inventory_stream.sandbox.fake import Happening, Turn
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.shopify import ShopifyFake
from inventory_stream.sandbox.shopify_graphql import SCHEMA_FILE, Documents, schema_of
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs
from models.channels import ChannelEvent, LinesCancelled, LinesReturned, OrderNamed, OrderTaken, StockSeen
from tests.contract.channel_suite import Bench, RecordingPace, bench_of, key_of, results

ONE, TWO, THREE = "808950810/655441491", "49148385/655441491", "39072856/905684977"
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"
OPTIONS = ShopifyOptions()


def _push(listing: str = ONE, units: int = 6, *, offset: int = 42, expected: int | None = None) -> Push:
    return Push(listing, Version(1_700_000_000_000, offset), units, 1_795_000_000_123, expected)


def _user_error(code: str, place: int | None) -> UserError:
    return UserError(code, None if place is None else ["input", "quantities", str(place), "quantity"])


def _changed(*listings: str) -> Group:
    changes = []
    for listing in listings:
        item, location = listing.split("/")
        gid = "gid://shopify"
        changes.append(
            Change("available", Named(f"{gid}/InventoryItem/{item}"), Named(f"{gid}/Location/{location}"))
        )
    return Group(changes)


def test_input_has_the_bytes_that_shopify_documents() -> None:
    """A push says what is available, compared with what is believed, and carries its newest revision."""
    batch = [_push(expected=5), _push(TWO, 0, offset=43)]
    assert msgspec.json.encode(input_of(batch, OPTIONS)) == (
        b'{"name":"available","reason":"correction",'
        b'"referenceDocumentUri":"gid://inventory-stream/Revision/1700000000000-43","quantities":['
        b'{"inventoryItemId":"gid://shopify/InventoryItem/808950810",'
        b'"locationId":"gid://shopify/Location/655441491","quantity":6,"changeFromQuantity":5},'
        b'{"inventoryItemId":"gid://shopify/InventoryItem/49148385",'
        b'"locationId":"gid://shopify/Location/655441491","quantity":0,"changeFromQuantity":null}]}'
    )


def test_nothing_is_compared_where_the_entry_says_so() -> None:
    """Without comparison the field is there all the same, as null: the shop demands it."""
    options = ShopifyOptions(compares=False)
    quantities = json.loads(msgspec.json.encode(input_of([_push(expected=5)], options)))["quantities"]
    assert quantities[0]["changeFromQuantity"] is None
    assert not caps_of(options).has_cas


def test_key_goes_with_the_variables() -> None:
    """The same variables have the same key; another comparison, another half, a burnt key have another."""
    whole = input_of([_push(expected=5), _push(TWO)], OPTIONS)
    keys = [
        wire_key(KEY, whole, 0),
        wire_key(KEY, whole, 1),
        wire_key(KEY, input_of([_push(expected=4), _push(TWO)], OPTIONS), 0),
        wire_key(KEY, input_of([_push(expected=5)], OPTIONS), 0),
    ]
    assert len(set(keys)) == len(keys)
    assert wire_key(KEY, input_of([_push(expected=5), _push(TWO)], OPTIONS), 0) == keys[0]


@pytest.mark.parametrize("document", [SET, SHOWN, ORDER], ids=["set", "shown", "order"])
def test_documents_are_of_the_vendors_schema(document: str) -> None:
    """What we ask is what version 2026-10 of the Admin API knows."""
    documents = Documents(Specs(DEFAULT_FOLDER))
    if documents.verified_by is None:
        pytest.skip("the vendor's schema is not on this machine")
    gid = "gid://shopify/InventoryItem/1"
    variables = {
        SET: {"input": input_of([_push()], OPTIONS), "key": KEY},
        SHOWN: {"items": [gid], "location": "gid://shopify/Location/1"},
        ORDER: {"id": "gid://shopify/Order/1"},
    }[document]
    assert documents.misfits(document, json.loads(msgspec.json.encode(variables))) == []
    assert documents.misfits(document.replace("id", "idd"), {}) != []


async def test_answers_of_the_fake_are_of_the_vendors_schema(tmp_path: Path) -> None:
    """What the adapter is tried with is what Shopify's schema gives for the same document."""
    path = Specs(DEFAULT_FOLDER).path(SCHEMA_FILE)
    if path is None:
        pytest.skip("the vendor's schema is not on this machine")
    schema = schema_of(path)
    async with bench_of("shopify", tmp_path) as bench:
        heard: list[dict[str, Any]] = []
        send = Exchange.send

        async def hearing(exchange: Exchange, method: str, path: str, **asked: Any) -> Answer:  # noqa: ANN401  # as send has them
            answer = await send(exchange, method, path, **asked)
            if "graphql" in path:
                heard.append({**json.loads(asked["body"]), **json.loads(answer.body)})
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Exchange, "send", hearing)
            await bench.channel.push(bench.batch(7), key_of(1))
            await bench.channel.push([bench.push(bench.stranger, 7)], key_of(2))
            await bench.channel.read_back([*bench.listings, bench.stranger])
        assert len(heard) == 3
        for call in heard:
            for node in call["data"].get("nodes", ()):
                if node is not None:
                    node["__typename"] = "InventoryItem"  # by which the executor finds the fragment's type
            told = graphql_sync(schema, call["query"], call["data"], variable_values=call["variables"])
            assert told.errors is None
            for node in call["data"].get("nodes", ()):
                if node is not None:
                    del node["__typename"]
            assert told.data == call["data"]


@pytest.mark.parametrize(
    ("payload", "ends"),
    [
        (SetPayload([], _changed(ONE, TWO)), ["applied", "applied"]),
        (SetPayload([], _changed(ONE)), ["applied", "ambiguous not-named"]),
        (SetPayload([], None), ["ambiguous not-named", "ambiguous not-named"]),
        (
            SetPayload([_user_error("CHANGE_FROM_QUANTITY_STALE", 1)], None),
            ["retryable refused-with-others", "stale CHANGE_FROM_QUANTITY_STALE"],
        ),
        (
            SetPayload([_user_error("INVALID_INVENTORY_ITEM", 0)], _changed(TWO)),
            ["permanent INVALID_INVENTORY_ITEM", "applied"],
        ),
        (
            SetPayload([_user_error("INVALID_LOCATION", 0)], _changed()),
            ["permanent INVALID_LOCATION", "ambiguous not-named"],
        ),
    ],
    ids=["both", "one absent", "none named", "one stale fails all", "one refused", "refused, other absent"],
)
def test_each_item_has_its_own_end(payload: SetPayload, ends: list[str]) -> None:
    """An item is applied only where the answer names it; what a whole refusal hit goes again."""
    ended = ends_of([_push(), _push(TWO)], payload)
    assert [f"{end.result} {end.code}".strip() for end in ended] == ends
    assert [end.listing for end in ended] == [ONE, TWO]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("IDEMPOTENCY_CONCURRENT_REQUEST", Result.RETRYABLE),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", Result.RETRYABLE),
        ("INVALID_REASON", Result.RETRYABLE),
        ("INVALID_QUANTITY_TOO_HIGH", Result.PERMANENT),
    ],
)
def test_refusal_of_a_whole_call_counts_for_all(code: str, result: Result) -> None:
    """What names no item is said of the call."""
    with pytest.raises(ChannelError) as raised:
        ends_of([_push()], SetPayload([_user_error(code, None)], None))
    assert (raised.value.result, raised.value.code) == (result, code)


async def test_burnt_key_is_followed_by_a_new_one(tmp_path: Path) -> None:
    """A call whose key is burnt goes again at once under the next key, and pays for it."""
    async with bench_of("shopify", tmp_path) as bench:
        batch = bench.batch(7)
        change = input_of(batch, OPTIONS)
        content = json.dumps(json.loads(msgspec.json.encode(change)), sort_keys=True).encode()
        refusal: dict[str, object] = {
            "inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [{}]}
        }
        bench.fake.account.keys.answer_of(wire_key(KEY, change, 0), content)
        bench.fake.account.keys.keep(wire_key(KEY, change, 0), json.dumps(refusal).encode())
        assert results(await bench.channel.push(batch, KEY)) == {Result.APPLIED}
        sent = [json.loads(seen.body)["variables"]["key"] for seen in bench.requests()]
        assert sent == [wire_key(KEY, change, 0), wire_key(KEY, change, 1)]
        assert _pace(bench).taken == [(POINTS, 10.0)]


async def test_stale_comparison_is_sent_again_under_a_new_key(tmp_path: Path) -> None:
    """After a read back the same quantity goes with what is shown, and Shopify takes it as a new request."""
    async with bench_of("shopify", tmp_path) as bench:
        (listing, *_) = bench.listings
        bench.fake.account.show(listing, 3, "sale")
        stale = await bench.channel.push([bench.push(listing, 7, expected=5)], KEY)
        assert results(stale) == {Result.STALE}
        shown = await bench.channel.read_back([listing])
        again = await bench.channel.push([bench.push(listing, 7, expected=shown[listing])], KEY)
        assert results(again) == {Result.APPLIED}


async def test_neighbours_of_a_stale_item_are_set_at_once(tmp_path: Path) -> None:
    """One item that the shop sold fails the call; the others go again without it, under a new key."""
    async with bench_of("shopify", tmp_path) as bench:
        sold = bench.listings[1]
        bench.fake.account.show(sold, 3, "sale")
        ends = {end.listing: end.result for end in await bench.channel.push(bench.batch(0), KEY)}
        assert ends.pop(sold) is Result.STALE
        assert set(ends.values()) == {Result.APPLIED}
        assert [bench.fake.account.shown[listing] for listing in bench.listings] == [0, 3, 0, 0]
        sent = [json.loads(seen.body)["variables"]["key"] for seen in bench.requests()]
        assert len(sent) == len(set(sent)) == 2
        assert _pace(bench).taken == [(POINTS, 10.0)]


async def test_what_was_found_out_before_a_failure_still_counts(tmp_path: Path) -> None:
    """Where the call without the stale item fails, the stale one is stale and the others have its end."""
    async with bench_of("shopify", tmp_path) as bench:
        await bench.channel.push(bench.batch(5), key_of(1))  # with the making of a token
        sold = bench.listings[1]
        bench.fake.account.show(sold, 3, "sale")
        pace = _pace(bench)

        async def and_break(limit: str, cost: float = 1.0) -> None:
            del limit, cost
            bench.fake.account.faults.next(Fault.SERVER_ERROR, scope="writes")

        pace.take = and_break  # type: ignore[method-assign]  # breaks the shop between the two calls
        ends = {end.listing: end.result for end in await bench.channel.push(bench.batch(0, offset=2), KEY)}
        assert ends.pop(sold) is Result.STALE
        assert set(ends.values()) == {Result.RETRYABLE}


async def test_empty_bucket_says_when_it_is_full_enough(tmp_path: Path) -> None:
    """THROTTLED inside a 200 gives the time at which the points are there, to the sender by the ends."""
    async with bench_of("shopify", tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(1))
        bucket = bench.fake.account.budgets[POINTS]
        bucket._clock = partial(float, bucket._clock())  # nothing flows in while a busy machine pauses here
        bucket.take(bucket.left - 1)
        now_ms = bench.fake.account.now_ms()
        (end, *_) = await bench.channel.push(bench.batch(7, offset=2, expected=6), key_of(2))
        assert (end.result, end.code) == (Result.THROTTLED, "THROTTLED")
        assert end.retry_at_ms is not None
        assert 0 < end.retry_at_ms - now_ms < 1_000
        assert _pace(bench).told == []


async def test_bucket_is_told_to_the_pace_within_what_the_entry_allows(tmp_path: Path) -> None:
    """Each answer corrects the points; a rate above the entry's requests per second is not believed."""
    async with bench_of("shopify", tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(1))
        limit, noted = _pace(bench).noted[-1]
        assert limit == POINTS
        assert (noted["per_second"], noted["burst"]) == (50.0, 2_000.0)
        assert noted["left"] is not None
        assert 1_900 < noted["left"] <= 1_991


async def test_refresh_token_is_stored_before_the_next_request(tmp_path: Path) -> None:
    """Each refresh token is good for one use: the next one is in its file when the access token is used."""
    async with bench_of("shopify", tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(1))
        assert bench.secrets.text("refresh_token") == "sandbox-refresh-1"
        bench.fake.account.expire_tokens()
        await bench.channel.push(bench.batch(7, offset=2, expected=6), key_of(2))
        assert bench.secrets.text("refresh_token") == "sandbox-refresh-2"


async def test_order_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """An order that cannot be asked for is said, never taken as empty."""
    async with bench_of("shopify", tmp_path) as bench:
        with pytest.raises(ChannelError) as raised:
            await bench.channel.events_of(OrderNamed("450789469", 0))
        assert (raised.value.result, raised.value.code) == (Result.PERMANENT, "order-unknown")


async def test_call_that_shopify_does_not_know_any_more_kills_no_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that fits no schema, or another server at the address, is no item's fault."""
    async with bench_of("shopify", tmp_path) as bench:
        monkeypatch.setattr("inventory_stream.adapters.channels.shopify.SET", "mutation {")
        assert results(await bench.channel.push(bench.batch(7), key_of(1))) == {Result.RETRYABLE}
        monkeypatch.setattr("inventory_stream.adapters.channels.shopify_api.API_VERSION", "2020-01")
        (end, *_) = await bench.channel.push(bench.batch(7), key_of(1))
        assert end.code == "http-404"
        assert end.result is Result.AUTH  # the account is parked until somebody acts


def _sale(number: int, line: int | None, quantity: int) -> dict[str, object]:
    sale: dict[str, object] = {"id": f"gid://shopify/ProductSale/{number}", "quantity": quantity}
    if line is not None:
        gid = f"gid://shopify/LineItem/{line}"
        sale["lineItem"] = {"id": gid, "sku": f"SKU-{line}", "customAttributes": []}
    return sale


def _agreement(reason: str, at: str, *sales: dict[str, object]) -> dict[str, object]:
    page = {"hasNextPage": False}
    return {"reason": reason, "happenedAt": at, "sales": {"pageInfo": page, "nodes": list(sales)}}


def _order(*agreements: dict[str, object], more: bool = False) -> OrderAnswer:
    order: dict[str, object] = {
        "createdAt": "2026-11-22T10:00:00Z",
        "displayFinancialStatus": "PAID",
        "retailLocation": None,
        "customAttributes": [],
        "agreements": {"pageInfo": {"hasNextPage": more}, "nodes": list(agreements)},
    }
    return msgspec.convert({"data": {"order": order}}, OrderAnswer)


def test_edited_order_tells_what_was_added_and_nothing_that_was_taken_away() -> None:
    """A line to which an edit adds is told with all its units as of then; removals come as refunds."""
    answer = _order(
        _agreement(
            "ORDER_EDIT",
            "2026-11-22T11:00:00Z",
            _sale(4, 1, 2),
            _sale(5, 2, -1),
            _sale(6, 3, 1),
            _sale(7, None, 1),
        ),
        _agreement("ORDER", "2026-11-22T10:00:01Z", _sale(1, 1, 1), _sale(2, 2, 3)),
    )
    assert answer.data is not None
    assert answer.data.order is not None
    first, second = events_of_order("450789469", answer.data.order)
    assert isinstance(first, OrderTaken)
    assert isinstance(second, OrderTaken)
    assert [(line.line_id, line.units, line.sku) for line in first.lines] == [
        ("1", 1, "SKU-1"),
        ("2", 3, "SKU-2"),
    ]
    assert [(line.line_id, line.units, line.sku) for line in second.lines] == [
        ("1", 3, "SKU-1"),
        ("3", 1, "SKU-3"),
    ]
    assert (first.at_ms, second.at_ms, first.is_paid) == (1_795_341_600_000, 1_795_345_200_000, True)
    assert (first.as_of_ms, second.as_of_ms) == (first.at_ms, second.at_ms)


def test_order_that_one_answer_cannot_hold_is_refused() -> None:
    """Half an order would be a false one."""
    answer = _order(_agreement("ORDER", "2026-11-22T10:00:00Z", _sale(1, 1, 1)), more=True)
    assert answer.data is not None
    assert answer.data.order is not None
    with pytest.raises(ChannelError):
        events_of_order("1", answer.data.order)


@pytest.mark.parametrize(
    ("listing", "is_right"),
    [
        (ONE, True),
        ("1/2", True),
        ("01/2", False),
        ("1", False),
        ("1/2/3", False),
        ("a/2", False),
        ("-1/2", False),
    ],
)
def test_listing_is_two_ids(listing: str, is_right: bool) -> None:  # noqa: FBT001  # a table
    """One listing has one form, so that no (item, location) comes twice in a call."""
    assert (SPEC.check_listing(listing) is None) is is_right


STATIC = {"access_token": "env:SHOP_TOKEN"}


@pytest.mark.parametrize(
    ("account", "url", "secrets", "options", "word"),
    [
        ("example.myshopify.com", None, STATIC, {"plan": "plus"}, None),
        ("example", "https://example.myshopify.com", STATIC, {}, None),
        ("example", None, STATIC, {}, "account"),
        ("example.myshopify.com", None, {}, {}, "secrets"),
        ("example.myshopify.com", None, {"refresh_token": "file:/r"}, {}, "secrets"),
        ("example.myshopify.com", None, STATIC, {"plan": "large"}, "options"),
        ("example.myshopify.com", None, STATIC, {"plans": "plus"}, "options"),
    ],
)
def test_entry_is_checked(
    account: str, url: str | None, secrets: dict[str, str], options: dict[str, object], word: str | None
) -> None:
    """What an entry lacks is named; its values are not repeated."""
    entry = Integration(
        "shop", "shopify", "web", account, "you", "me", 10.0, 0.01, "on", None, url, secrets, options
    )
    mistake = SPEC.check_integration(entry)
    assert (mistake is None) if word is None else (mistake is not None and mistake.startswith(word))
    assert "large" not in (mistake or "")


def test_webhooks_of_the_fake_are_heard(tmp_path: Path) -> None:
    """What the sandbox sends is what the listener takes: order, cancel, refund, and what is left."""
    fake = ShopifyFake({ONE: 4}, Specs(None))
    fake.skus[ONE] = "MUG"
    secret = tmp_path / "secret"
    secret.write_text(fake.entry().secrets["webhook_secret"])
    references = {"webhook_secret": f"file:{secret}"}
    entry = Integration(
        "shop",
        "shopify",
        "web",
        fake.entry().account,
        "you",
        "me",
        10.0,
        0.01,
        "on",
        None,
        None,
        references,
        {},
    )
    listener = ShopifyListener(entry, Secrets(references))
    heard: list[ChannelEvent] = []
    kinds: tuple[Literal["sold", "cancelled", "refunded"], ...] = ("sold", "cancelled", "refunded")
    for kind in kinds:
        happening = Happening(kind, "A1", ((ONE, 2),), 1_795_000_000_000)
        for webhook in fake.happened(happening, "https://h.example/shopify"):
            headers = {name.lower(): value for name, value in webhook.headers.items()}
            delivery = Delivery(headers, webhook.body, "https://h.example/shopify")
            listener.verify(delivery, 1_795_000_000_000)
            heard += listener.parse(delivery, 1_795_000_000_000).events
    types = [type(event) for event in heard]
    assert types.count(StockSeen) == 3
    assert {OrderTaken, LinesCancelled, LinesReturned} <= set(types)
    taken = next(event for event in heard if isinstance(event, OrderTaken))
    assert [(line.sku, line.units) for line in taken.lines] == [("MUG", 2)]


class _ChangedFake(ShopifyFake):
    """A shop whose next version answers otherwise."""

    def _set(self, turn: Turn, variables: dict[str, Any]) -> dict[str, Any]:
        del turn, variables
        return {"inventorySetQuantities": {"errors": []}}


async def test_answer_that_does_not_fit_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that Shopify takes away is told to the drift monitor, and nothing is called a success."""
    monkeypatch.setitem(cast("dict[str, object]", FAKES), "shopify", _ChangedFake)
    async with bench_of("shopify", tmp_path) as bench:
        assert results(await bench.channel.push(bench.batch(7), KEY)) == {Result.AMBIGUOUS}
        assert ("shopify", "data.inventorySetQuantities.userErrors", "missing") in bench.drift.misfits


def _pace(bench: Bench) -> RecordingPace:
    assert isinstance(bench.pace, RecordingPace)
    return bench.pace
