from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from inventory_stream.adapters.channels.square import SPEC, check_listing
from inventory_stream.adapters.channels.square_counts import changes_body, key_of, moment_of, units_of
from inventory_stream.adapters.channels.square_orders import SquareOrder, events_of_order
from inventory_stream.ports.channel import ChannelError, Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.fake import Happening
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.square import OAUTH
from models.channels import (
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderNamed,
    OrderTaken,
    TillSold,
)
from models.commands import UNITS_MAX
from tests.unit.sandbox.channels import Misfits, connected, push

MUG, CUP = "SQITEM00000001/SQPLACE1", "SQITEM00000002/SQPLACE1"
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"
AT_MS = 1_795_000_000_123
DAY_MS = 86_400_000


def _push(at_ms: int = AT_MS) -> Push:
    return Push(MUG, Version(1_700_000_000_000, 42), 6, at_ms)


def test_request_has_the_bytes_that_square_documents() -> None:
    """A push is one physical count: quantity as text, its revision as reference, the row's time."""
    assert changes_body([_push()], KEY, AT_MS + 5) == (
        b'{"idempotency_key":"8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe","changes":[{"type":"PHYSICAL_COUNT",'
        b'"physical_count":{"reference_id":"1700000000000:42","catalog_object_id":"SQITEM00000001",'
        b'"state":"IN_STOCK","location_id":"SQPLACE1","quantity":"6",'
        b'"occurred_at":"2026-11-18T11:06:40.123Z"}}],"ignore_unchanged_counts":true}'
    )


def test_repeat_within_a_day_has_the_same_bytes_and_key() -> None:
    """Whenever a batch is sent again within a day of its rows, Square sees the same request."""
    first, later = AT_MS + 5, AT_MS + DAY_MS // 2
    assert changes_body([_push()], KEY, first) == changes_body([_push()], KEY, later)
    assert key_of([_push()], [_push()], KEY, later) == KEY


@pytest.mark.parametrize("now_ms", [AT_MS + DAY_MS, AT_MS - 60_000], ids=["old", "of the future"])
def test_count_of_a_time_that_square_refuses_gets_another_time_and_key(now_ms: int) -> None:
    """A count that is too old or ahead of our clock is rebuilt: a time that counts, and a key of its own."""
    occurred_ms = moment_of(_push(), now_ms)
    assert occurred_ms == (now_ms if now_ms < AT_MS else (now_ms // 60_000 - 1) * 60_000)
    key = key_of([_push()], [_push()], KEY, now_ms)
    assert key != KEY
    assert key == key_of([_push()], [_push()], KEY, now_ms)
    assert len(key) <= 128


def test_half_of_a_batch_has_a_key_of_its_own() -> None:
    """Halves of a refused batch must not meet the answer to the whole one."""
    batch = [_push(), _push()._replace(listing=CUP)]
    halves = {key_of(batch[:1], batch, KEY, AT_MS), key_of(batch[1:], batch, KEY, AT_MS)}
    assert len(halves | {KEY}) == 3


@pytest.mark.parametrize("quantity", ["", "many", "NaN", "Infinity"])
def test_quantity_that_is_no_number_is_ambiguous(quantity: str) -> None:
    """What cannot be read is never taken for an amount."""
    with pytest.raises(ChannelError) as raised:
        units_of(quantity)
    assert raised.value.result is Result.AMBIGUOUS


def test_parts_of_a_unit_are_not_sold() -> None:
    """Square counts up to five places; we sell whole units."""
    assert units_of(str(Decimal("2.99999"))) == 2


async def test_counts_are_applied_and_read_back(tmp_path: Path) -> None:
    """What was pushed is what Square shows, for each listing, and its schema had nothing to say."""
    drift = Misfits()
    async with connected("square", {MUG: 1, CUP: 9}, tmp_path, drift) as (square, fake):
        now = fake.account.now_ms()
        ends = await square.push([push(MUG, 6, at_ms=now), push(CUP, 0, at_ms=now)], KEY)
        assert {end.listing: end.result for end in ends} == {MUG: Result.APPLIED, CUP: Result.APPLIED}
        assert await square.read_back([MUG, CUP, "NOBODY/SQPLACE1"]) == {MUG: 6, CUP: 0}
    assert drift.heard == []


async def test_repeat_is_answered_from_the_key(tmp_path: Path) -> None:
    """The same batch again changes nothing: Square answers what it answered."""
    async with connected("square", {MUG: 1}, tmp_path) as (square, fake):
        batch = [push(MUG, 6, at_ms=fake.account.now_ms())]
        await square.push(batch, KEY)
        assert (await square.push(batch, KEY))[0].result is Result.APPLIED
        assert [change.units for change in fake.account.history] == [6]


async def test_older_count_that_comes_late_changes_nothing(tmp_path: Path) -> None:
    """Counts are applied by their time, so an older revision is not what Square shows in the end."""
    async with connected("square", {MUG: 1}, tmp_path) as (square, fake):
        now = fake.account.now_ms()
        await square.push([push(MUG, 0, offset=2, at_ms=now)], KEY)
        ends = await square.push([push(MUG, 5, offset=1, at_ms=now - 1_000)], "another")
        assert ends[0].result is Result.AMBIGUOUS
        assert fake.account.shown[MUG] == 0


async def test_count_from_before_a_sale_of_the_till_is_not_taken_for_applied(tmp_path: Path) -> None:
    """A till that sold since the count was true shows its own number: ambiguous until a newer one comes."""
    async with connected("square", {MUG: 5}, tmp_path) as (square, fake):
        fake.account.add(MUG, -2, "sale")
        sold_ms = fake.account.now_ms()
        ends = await square.push([push(MUG, 5, at_ms=sold_ms - 1_000)], KEY)
        assert (ends[0].result, ends[0].code) == (Result.AMBIGUOUS, "shows-other")
        ends = await square.push([push(MUG, 4, offset=2, at_ms=fake.account.now_ms())], "another")
        assert ends[0].result is Result.APPLIED
        assert fake.account.shown[MUG] == 4


async def test_one_unknown_item_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    """Square refuses a request whole; the items that it knows are sent without the one it does not."""
    listings = [f"SQITEM{number:08d}/SQPLACE1" for number in range(20)]
    async with connected("square", dict.fromkeys(listings, 1), tmp_path) as (square, fake):
        now = fake.account.now_ms()
        gone = "SQITEM99999999/SQPLACE1"
        ends = await square.push([push(one, 7, at_ms=now) for one in [*listings, gone]], KEY)
        results = {end.listing: end.result for end in ends}
        assert results.pop(gone) is Result.PERMANENT
        assert set(results.values()) == {Result.APPLIED}
        assert set(fake.account.shown.values()) == {7}


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.THROTTLED, Result.THROTTLED),
        (Fault.SERVER_ERROR, Result.RETRYABLE),
        (Fault.ITEM_ABSENT, Result.AMBIGUOUS),
        (Fault.HTML, Result.AMBIGUOUS),
        (Fault.MALFORMED, Result.AMBIGUOUS),
    ],
)
async def test_trouble_ends_each_item_by_its_class(fault: Fault, result: Result, tmp_path: Path) -> None:
    """What Square does wrong is an end of the item, never an exception."""
    async with connected("square", {MUG: 1}, tmp_path) as (square, fake):
        fake.account.faults.next(fault)
        ends = await square.push([push(MUG, 6, at_ms=fake.account.now_ms())], KEY)
        assert [end.result for end in ends] == [result]


async def test_token_of_oauth_is_asked_once_and_anew_when_refused(tmp_path: Path) -> None:
    """With a refresh token an access token is had from Square; a revoked grant parks the account."""
    secrets = {}
    for name, value in OAUTH.items():
        (tmp_path / name).write_text(value)
        secrets[name] = f"file:{tmp_path / name}"
    async with connected("square", {MUG: 1}, tmp_path, secrets=secrets) as (square, fake):

        async def result(units: int) -> Result:
            batch = [push(MUG, units, offset=units, at_ms=fake.account.now_ms())]
            return (await square.push(batch, f"key-{units}"))[0].result

        assert [await result(2), await result(3)] == [Result.APPLIED, Result.APPLIED]
        fake.account.expire_tokens()
        assert await result(4) is Result.APPLIED
        assert sum(seen.path.endswith("/oauth2/token") for seen in fake.account.requests) == 2
        (tmp_path / "refresh_token").write_text("revoked")
        fake.account.expire_tokens()
        assert await result(5) is Result.AUTH
        assert fake.account.shown[MUG] == 4


async def test_order_that_a_webhook_names_is_asked_for(tmp_path: Path) -> None:
    """A delivery says only the order's id; its lines are had from Square."""
    async with connected("square", {MUG: 5}, tmp_path) as (square, fake):
        fake.happened(Happening("sold", "order-1", ((MUG, 2),), AT_MS), "https://h.example/square")
        (taken,) = await square.events_of(OrderNamed("order-1", AT_MS))
        assert isinstance(taken, OrderTaken)
        assert [(line.listing, line.units) for line in taken.lines] == [(MUG, 2)]
        assert taken.is_paid
        fake.happened(Happening("cancelled", "order-1", ((MUG, 2),), AT_MS), "https://h.example/square")
        assert isinstance((await square.events_of(OrderNamed("order-1", AT_MS)))[1], LinesCancelled)
        with pytest.raises(ChannelError, match="order-unknown"):
            await square.events_of(OrderNamed("order-2", AT_MS))


def _order(**fields: object) -> SquareOrder:
    base = {
        "id": "o1",
        "location_id": "SQPLACE1",
        "created_at": "2026-11-18T10:26:40Z",
        "line_items": [{"uid": "l1", "catalog_object_id": "SQITEM00000001", "quantity": "2"}],
    }
    return msgspec.convert({**base, **fields}, SquareOrder)


def test_completed_order_without_fulfilment_is_a_till_sale() -> None:
    """What a shopper carried out of the store is not still to be shipped."""
    (sold,) = events_of_order(_order(state="COMPLETED"))
    assert isinstance(sold, TillSold)
    assert sold.lines[0].location == "SQPLACE1"


def test_open_order_without_fulfilment_says_nothing_yet() -> None:
    """A basket at the till is no sale."""
    assert events_of_order(_order(state="OPEN")) == []


def test_fulfilled_order_is_taken_and_shipped() -> None:
    """Both are said each time: what was said before changes nothing a second time."""
    events = events_of_order(_order(state="COMPLETED", fulfillments=[{"uid": "f", "state": "COMPLETED"}]))
    assert [type(event) for event in events] == [OrderTaken, LinesShipped]


def test_return_names_the_order_that_it_is_of() -> None:
    """Square books a return as an order of its own; the units go back to the line that they were sold on."""
    line = {"uid": "r1", "source_line_item_uid": "l1", "catalog_object_id": "X", "quantity": "1"}
    back = {"uid": "ret", "source_order_id": "o0", "return_line_items": [line]}
    (returned,) = events_of_order(_order(line_items=[], returns=[back]))
    assert isinstance(returned, LinesReturned)
    assert (returned.order_id, returned.change_id, returned.lines[0].line_id) == ("o0", "o1-ret", "l1")


def test_typed_in_line_is_no_stock() -> None:
    """A line without a catalog object is of nothing that we count."""
    assert events_of_order(_order(state="COMPLETED", line_items=[{"uid": "l1", "quantity": "1"}])) == []


@pytest.mark.parametrize("listing", ["", "A", "A/", "/B", "A/B/C", "x" * 101 + "/B"])
def test_listing_of_another_form_is_refused(listing: str) -> None:
    """A wrong id is said before anything is sent."""
    assert check_listing(listing) is not None
    assert SPEC.check_listing(MUG) is None


@pytest.mark.parametrize(
    ("quantity", "units"), [("1e999999999", UNITS_MAX + 1), ("2.9", 2), ("-1", 0), ("NaN", 0)]
)
def test_a_quantity_of_an_order_is_never_written_out_beyond_what_a_line_may_have(
    quantity: str, units: int
) -> None:
    """What is too much stays too much, so that the order is refused; what is none is no line."""
    line = {"uid": "l1", "catalog_object_id": "X", "quantity": quantity}
    events = events_of_order(_order(state="COMPLETED", line_items=[line]))
    assert [sold.units for event in events if isinstance(event, TillSold) for sold in event.lines] == (
        [units] if units else []
    )


def test_a_row_of_a_clock_ahead_of_ours_is_not_put_behind_the_one_before_it() -> None:
    """Square goes by the times: a zero that were dated back would lose to the count that it follows."""
    older, newer = _push()._replace(at_ms=AT_MS - 500), _push()._replace(at_ms=AT_MS + 2_000)
    assert moment_of(older, AT_MS) < moment_of(newer, AT_MS) <= AT_MS
