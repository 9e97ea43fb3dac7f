import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_stream.adapters.channels.adobe import SPEC
from inventory_stream.adapters.channels.adobe_words import (
    body_of,
    check_listing,
    parts_of,
    refusal_of,
    search_of,
)
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.adobe import ITEM, REQUIRED, RESULTS, SPEC_FILE
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs
from tests.unit.adapters.specs import entry
from tests.unit.sandbox.channels import Misfits, connected, push

AT_MS = 1_795_000_000_000
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"
MUG, CUP = "MUG/default", "CUP%2FBLUE/default"


def _push(listing: str, units: int) -> Push:
    return Push(listing, Version(1_700_000_000_000, 42), units, AT_MS)


def test_request_has_the_bytes_that_adobe_documents() -> None:
    """A source that has nothing is out of stock, whatever its status was; a slash of a SKU is a slash."""
    assert body_of([_push(MUG, 6), _push(CUP, 0)]) == (
        b'{"sourceItems":[{"sku":"MUG","source_code":"default","quantity":6,"status":1},'
        b'{"sku":"CUP/BLUE","source_code":"default","quantity":0,"status":0}]}'
    )


async def test_request_and_answer_fit_the_schema_of_adobe(tmp_path: Path) -> None:
    """Both are as the vendor's file has them, with the fields required that it forgot to require."""
    specs = Specs(DEFAULT_FOLDER)
    item = specs.openapi(SPEC_FILE, ITEM, also=REQUIRED)
    found = specs.openapi(SPEC_FILE, RESULTS)
    if item is None or found is None:
        pytest.skip("the vendor's file is not on this machine")
    assert [item(one) for one in json.loads(body_of([_push(MUG, 6), _push(CUP, 0)]))["sourceItems"]] == [
        [],
        [],
    ]
    assert item({"sku": 5, "source_code": "default", "quantity": "6"})
    assert found({"items": [{"sku": 5}]})
    drift = Misfits()
    async with connected("adobe", {MUG: 6}, tmp_path, drift) as (shop, fake):
        assert fake.verified_by == SPEC_FILE
        assert await shop.read_back([MUG]) == {MUG: 6}
    assert drift.heard == []


def test_search_asks_for_skus_at_sources() -> None:
    """SKUs are joined by OR and sources by OR, both by AND; a comma within one would end it in a list."""
    wanted = [parts_of(listing) for listing in ("A/x", "B,C/x", "A/y")]
    at = "searchCriteria[filterGroups]"
    assert search_of(wanted) == {
        f"{at}[0][filters][0][field]": "sku",
        f"{at}[0][filters][0][value]": "A",
        f"{at}[0][filters][0][conditionType]": "in",
        f"{at}[0][filters][1][field]": "sku",
        f"{at}[0][filters][1][value]": "B,C",
        f"{at}[0][filters][1][conditionType]": "eq",
        f"{at}[1][filters][0][field]": "source_code",
        f"{at}[1][filters][0][value]": "x,y",
        f"{at}[1][filters][0][conditionType]": "in",
        "searchCriteria[pageSize]": "4",
    }


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (400, b'{"message":"Validation Failed"}', Result.PERMANENT),
        (413, b'{"message":"Too large"}', Result.PERMANENT),
        (403, b'{"message":"Forbidden"}', Result.AUTH),
        (404, b'{"message":"Request does not match any route."}', Result.RETRYABLE),
        (403, b"<html>blocked</html>", Result.RETRYABLE),
        (400, b'{"error":"of a proxy"}', Result.RETRYABLE),
    ],
)
def test_refusal_is_the_items_fault_only_where_it_says_so(status: int, body: bytes, result: Result) -> None:
    """A wrong address, and whatever stands before the shop, kills no push."""
    assert refusal_of(Answer(status, {}, body)).result is result


@pytest.mark.parametrize("listing", ["", "A", "A/", "/x", "A/x/y", "A" * 65 + "/x", " A/x", "A/x\n"])
def test_listing_of_another_form_is_refused(listing: str) -> None:
    """The form is `<sku>/<source code>`, as the shop's database can hold it."""
    assert check_listing(listing) is not None


async def test_stock_is_set_at_sources_and_read_back(tmp_path: Path) -> None:
    """What was pushed is what each source has; sources of other listings are left out of the answer."""
    listings = {MUG: 1, "MUG/west": 1, CUP: 9, "A,B/west": 1, "A/west": 1}
    async with connected("adobe", listings, tmp_path) as (shop, _):
        units = dict(zip(listings, range(5), strict=True))
        ends = await shop.push([push(one, number, at_ms=AT_MS) for one, number in units.items()], KEY)
        assert {end.result for end in ends} == {Result.APPLIED}
        assert await shop.read_back([*listings, "MUG/east", "TEA/default"]) == units
        assert await shop.read_back(["A,B/west"]) == {"A,B/west": 3}


async def test_one_bad_item_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    """A refusal is of the whole request; halves of it find the bad item, and the others are set."""
    listings = [f"S{number}/default" for number in range(19)]
    async with connected("adobe", dict.fromkeys(listings, 1), tmp_path) as (shop, fake):
        batch = [push(one, 0, at_ms=AT_MS) for one in [*listings, "S0/nowhere"]]
        ends = {end.listing: end.result for end in await shop.push(batch, KEY)}
        assert ends.pop("S0/nowhere") is Result.PERMANENT
        assert set(ends.values()) == {Result.APPLIED}
        assert set(fake.account.shown.values()) == {0}


async def test_request_that_is_too_large_is_sent_in_halves(tmp_path: Path) -> None:
    """A shop whose limits are on takes 20 items, whatever its entry says."""
    listings = [f"S{number}/default" for number in range(21)]
    async with connected("adobe", {MUG: 1}, tmp_path, None, batch_max=100) as (shop, fake):
        ends = await shop.push([push(one, 6, at_ms=AT_MS) for one in listings], KEY)
        assert {end.result for end in ends} == {Result.APPLIED}
        assert [seen.status for seen in fake.account.requests] == [400, 200, 200]


def test_refusal_says_its_reason_without_what_was_put_into_it() -> None:
    """The message is a template; values of its parameters are not repeated."""
    answer = Answer(400, {}, b'{"message":"No such %field","parameters":{"field":"anna@example.com"}}')
    assert refusal_of(answer).code == "No-such-field"


async def test_bulk_is_one_operation_an_item_and_waited_for(tmp_path: Path) -> None:
    """Each item has its own end: what the queue did, and what it would not take."""
    listings = [f"S{number}/default" for number in range(30)]
    async with connected("adobe", dict.fromkeys(listings, 1), tmp_path) as (shop, fake):
        batch = [push(one, 6, at_ms=AT_MS) for one in [*listings, "S0/nowhere"]]
        ends = {end.listing: end for end in await shop.push_bulk(batch, KEY)}
        refused = ends.pop("S0/nowhere")
        assert (refused.result, refused.code) == (Result.PERMANENT, "rejected")
        assert {end.result for end in ends.values()} == {Result.APPLIED}
        assert set(fake.account.shown.values()) == {6}
        (sent,) = [seen for seen in fake.account.requests if seen.method == "POST"]
        assert sent.path == "/adobe/rest/default/async/bulk/V1/inventory/source-items"
        assert sent.body.startswith(b'[{"sourceItems":[{"sku":"S0",')


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        (Fault.ITEM_REFUSED, [Result.APPLIED, Result.PERMANENT]),
        (Fault.HALF_APPLIED, [Result.APPLIED, Result.AMBIGUOUS]),
    ],
)
async def test_operation_of_a_bulk_ends_by_its_own_status(
    fault: Fault, results: list[Result], tmp_path: Path
) -> None:
    """One that failed is refused; one that is still open when time is up may be done yet."""
    async with connected("adobe", {MUG: 1, CUP: 1}, tmp_path, None, bulk_wait_seconds=0.8) as (shop, fake):
        fake.account.faults.next(fault)
        ends = await shop.push_bulk([push(MUG, 6, at_ms=AT_MS), push(CUP, 6, at_ms=AT_MS)], KEY)
        assert [end.result for end in ends] == results


async def test_bulk_is_looked_at_again_when_a_look_fails(tmp_path: Path) -> None:
    """A failed look says nothing of the operations."""
    async with connected("adobe", {MUG: 1}, tmp_path) as (shop, fake):
        fake.account.faults.next(Fault.SERVER_ERROR, scope="reads")
        (end,) = await shop.push_bulk([push(MUG, 6, at_ms=AT_MS)], KEY)
        assert end.result is Result.APPLIED
        looks = [seen for seen in fake.account.requests if "/bulk/" in seen.path]
        assert [seen.status for seen in looks][-2:] == [500, 200]


async def test_bulk_that_was_not_taken_ends_like_any_push(tmp_path: Path) -> None:
    """Without a bulk there is nothing to wait for."""
    async with connected("adobe", {MUG: 1}, tmp_path) as (shop, fake):
        fake.account.faults.next(Fault.SERVER_ERROR, scope="writes")
        (end,) = await shop.push_bulk([push(MUG, 6, at_ms=AT_MS)], KEY)
        assert end.result is Result.RETRYABLE


async def test_there_is_no_bulk_unless_the_shop_says_so(tmp_path: Path) -> None:
    """Where nobody runs the queue, a bulk would lie there and be done at some later time."""
    async with connected("adobe", {MUG: 1}, tmp_path, None, bulk=False) as (shop, fake):
        assert shop.caps.bulk_max == 0
        (end,) = await shop.push_bulk([push(MUG, 6, at_ms=AT_MS)], KEY)
        assert end.result is Result.PERMANENT
        assert not fake.account.requests


@pytest.mark.parametrize(
    "options", [{"store": "a/b"}, {"requests_per_second": 0}, {"bulk": 1}, {"bulk_wait_seconds": 901}]
)
def test_option_out_of_bounds_is_refused(options: Mapping[str, object]) -> None:
    """It is said when the registry is read."""
    shop = replace(entry("shop"), url="https://shop.example")
    assert SPEC.check_integration(shop) is None
    assert SPEC.check_integration(replace(shop, options=options)) is not None
    assert SPEC.check_integration(replace(shop, url=None)) is not None
