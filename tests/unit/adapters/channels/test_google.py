from dataclasses import replace
from pathlib import Path

import pytest

from inventory_stream.adapters.channels.google import SPEC, check_listing
from inventory_stream.adapters.channels.google_words import body_of, segment_of
from inventory_stream.ports.channel import Result
from inventory_stream.ports.integrations import Integration
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.google import GoogleFake
from tests.unit.sandbox.channels import Misfits, connected, push

MUG = "local~en~NL~MUG/store-1"
ODD = "local~en~NL~a%2Fb%25~c/store-1"
KEY = "8fc6a5b0-9fe8-4b46-b46b-2ef95793abbe"
AT_MS = 1_795_000_000_000


def test_product_id_is_base64url_as_in_the_vendors_example() -> None:
    """The example of the vendor's file: `en~US~sku/123`."""
    assert segment_of("en~US~sku/123") == "ZW5-VVN-c2t1LzEyMw"


def test_nothing_left_is_said_twice() -> None:
    """Zero is out of stock with the quantity "0"; amounts are text, as Google writes an int64."""
    assert body_of(0, "store-1", {}) == (
        b'{"storeCode":"store-1","localInventoryAttributes":{"availability":"OUT_OF_STOCK","quantity":"0"}}'
    )
    assert body_of(6, "store-1", {"pickupMethod": "BUY"}) == (
        b'{"storeCode":"store-1","localInventoryAttributes":'
        b'{"pickupMethod":"BUY","availability":"IN_STOCK","quantity":"6"}}'
    )


@pytest.mark.parametrize("listing", [MUG, ODD])
async def test_stock_is_set_and_read_back(listing: str, tmp_path: Path) -> None:
    """What was pushed is what Google shows, whatever characters an offer's id has."""
    drift = Misfits()
    async with connected("google", {listing: 1}, tmp_path, drift) as (google, fake):
        assert (await google.push([push(listing, 6, at_ms=AT_MS)], KEY))[0].result is Result.APPLIED
        assert await google.read_back([listing, "local~en~NL~NONE/store-1"]) == {listing: 6}
        assert (await google.push([push(listing, 0, at_ms=AT_MS)], KEY))[0].result is Result.APPLIED
        assert fake.account.shown == {listing: 0}
    assert drift.heard == []


async def test_one_token_serves_many_calls_and_is_made_anew_when_refused(tmp_path: Path) -> None:
    """A statement is signed once an hour; a token that ends early costs one more."""
    async with connected("google", {MUG: 1}, tmp_path) as (google, fake):
        for units in (2, 3):
            await google.push([push(MUG, units, at_ms=AT_MS)], KEY)
        fake.account.expire_tokens()
        assert (await google.push([push(MUG, 4, at_ms=AT_MS)], KEY))[0].result is Result.APPLIED
        assert sum(seen.path.endswith("/token") for seen in fake.account.requests) == 2


async def test_refused_key_parks_the_account(tmp_path: Path) -> None:
    """A statement that Google does not take is for a person to mend."""
    async with connected("google", {MUG: 1}, tmp_path) as (google, fake):
        fake.account.faults.next(Fault.CLOCK_SKEW)
        assert (await google.push([push(MUG, 4, at_ms=AT_MS)], KEY))[0].result is Result.AUTH


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Fault.THROTTLED, Result.THROTTLED),
        (Fault.SERVER_ERROR, Result.RETRYABLE),
        (Fault.ERRORS_IN_200, Result.PERMANENT),
        (Fault.ITEM_ABSENT, Result.AMBIGUOUS),
        (Fault.HTML, Result.AMBIGUOUS),
        (Fault.RESET_AFTER, Result.AMBIGUOUS),
    ],
)
async def test_trouble_ends_the_item_by_its_class(fault: Fault, result: Result, tmp_path: Path) -> None:
    """What Google does wrong is an end of the item, never an exception."""
    async with connected("google", {MUG: 1}, tmp_path) as (google, fake):
        await google.push([push(MUG, 5, at_ms=AT_MS)], KEY)  # with it a token is there
        fake.account.faults.next(fault)
        ends = await google.push([push(MUG, 6, at_ms=AT_MS)], KEY)
        assert [end.result for end in ends] == [result]


@pytest.mark.parametrize(
    ("reason", "pause_ms"),
    [("quota/request_rate_too_high", 60_000), ("quota/daily_limit_exceeded", 3_600_000), ("other", None)],
)
async def test_quota_that_is_used_up_says_in_the_body_for_how_long(
    reason: str, pause_ms: int | None, tmp_path: Path
) -> None:
    """A quota of the minute waits a minute, one of the day is tried again an hour later."""
    async with connected("google", {MUG: 1}, tmp_path) as (google, fake):
        await google.push([push(MUG, 5, at_ms=AT_MS)], KEY)
        assert isinstance(fake, GoogleFake)
        fake.quota_reason = reason
        fake.account.faults.next(Fault.THROTTLED)
        before = fake.account.now_ms()
        (end,) = await google.push([push(MUG, 6, at_ms=AT_MS)], KEY)
        assert end.result is Result.THROTTLED
        waits = None if end.retry_at_ms is None else end.retry_at_ms - before
        assert waits == (None if pause_ms is None else pytest.approx(pause_ms, abs=5_000))


async def test_unknown_product_is_permanent(tmp_path: Path) -> None:
    """The same again would be refused again."""
    async with connected("google", {}, tmp_path) as (google, _fake):
        end = (await google.push([push(MUG, 6, at_ms=AT_MS)], KEY))[0]
        assert (end.result, end.code) == (Result.PERMANENT, "product_not_found")


@pytest.mark.parametrize("listing", ["", "sku/store", "en~US~sku", "en~US~sku/", "a~b~c/d/e"])
def test_listing_of_another_form_is_refused(listing: str) -> None:
    """A wrong id is said before anything is sent."""
    assert check_listing(listing) is not None
    assert check_listing(MUG) is None


def test_entry_without_a_way_in_is_refused() -> None:
    """A merchant needs a service account or a token."""
    entry = Integration(
        "g", "google", "google", "1", "o", "e", 60.0, 0.01, "on", url="https://merchantapi.googleapis.com"
    )
    assert "service_account" in (SPEC.check_integration(entry) or "")
    assert SPEC.check_integration(replace(entry, secrets={"access_token": "env:T"})) is None
