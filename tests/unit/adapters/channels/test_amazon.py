import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from inventory_stream.adapters.channels.amazon import SPEC, Amazon, AmazonOptions, caps_of
from inventory_stream.adapters.channels.amazon_feeds import FeedTimes, ends_of, feed_of
from inventory_stream.adapters.channels.amazon_words import Issue, Report, ReportSummary
from inventory_stream.adapters.channels.exchange import Answer, Exchange
from inventory_stream.adapters.channels.inbound.amazon import AmazonListener
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery, Push, Result
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.amazon import AmazonFake
from inventory_stream.sandbox.fake import Happening
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs
from models.channels import ChannelEvent, LinesCancelled, OrderTaken
from tests.contract.channel_suite import Bench, RecordingPace, bench_of, key_of, results, until

URL = "https://sellingpartnerapi-eu.amazon.com"
KEYS = ("client_id", "client_secret", "refresh_token")
OFTEN = FeedTimes(0.01, 20.0)
SECRETS = {name: f"env:AMAZON_{name.upper()}" for name in KEYS}


@asynccontextmanager
async def _feeding(folder: Path, times: FeedTimes = OFTEN) -> AsyncIterator[tuple[Bench, AmazonFake]]:
    """Run a fake whose feeds end at once, and an adapter that looks at them often."""
    async with bench_of("amazon", folder) as bench:
        assert isinstance(bench.channel, Amazon)
        assert isinstance(bench.fake, AmazonFake)
        bench.channel._feeds._times = times
        bench.fake.feeds.seconds = 0.02
        yield bench, bench.fake


def _push(listing: str, units: int) -> Push:
    return Push(listing, Version(1_700_000_000_000, 42), units, 1_795_000_000_123)


async def test_patch_has_the_bytes_that_amazon_documents(tmp_path: Path) -> None:
    """One listing is one PATCH of what the seller ships, at one marketplace, with the token in its header."""
    async with bench_of("amazon", tmp_path) as bench:
        assert results(await bench.channel.push(bench.batch(7), key_of(1))) == {Result.APPLIED}
        (seen,) = bench.requests()
        assert (seen.method, seen.path) == ("PATCH", "/amazon/listings/2021-08-01/items/A1SANDBOX/SKU-0")
        assert seen.query == "marketplaceIds=ATVPDKIKX0DER"
        assert seen.headers["x-amz-access-token"]
        assert "authorization" not in seen.headers
        assert seen.body == (
            b'{"productType":"LUGGAGE","patches":[{"op":"replace",'
            b'"path":"/attributes/fulfillment_availability",'
            b'"value":[{"fulfillment_channel_code":"DEFAULT","quantity":7}]}]}'
        )


async def test_dry_run_is_amazons_own_preview(tmp_path: Path) -> None:
    """A dry run asks Amazon to validate, which changes nothing; an unknown listing is found by it."""
    async with bench_of("amazon", tmp_path) as bench:
        (end,) = await bench.channel.push(bench.batch(7), key_of(1), dry_run=True)
        assert (end.result, end.code) == (Result.APPLIED, "VALID")
        assert bench.requests()[-1].query == "marketplaceIds=ATVPDKIKX0DER&mode=VALIDATION_PREVIEW"
        (end,) = await bench.channel.push([_push(bench.stranger, 7)], key_of(1), dry_run=True)
        assert (end.result, end.code) == (Result.PERMANENT, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fault", "result", "code"),
    [
        (Fault.ERRORS_IN_200, Result.PERMANENT, "90220"),
        (Fault.ITEM_ABSENT, Result.AMBIGUOUS, "not-named"),
        (Fault.TOKEN_EXPIRED, Result.APPLIED, "ACCEPTED"),
    ],
)
async def test_answer_of_a_submission_is_read(
    fault: Fault, result: Result, code: str, tmp_path: Path
) -> None:
    """INVALID inside a 200 is a refusal, another SKU is no answer, and 403 for a token renews it once."""
    async with bench_of("amazon", tmp_path) as bench:
        bench.fake.account.faults.next(fault, scope="writes")
        (end,) = await bench.channel.push(bench.batch(7), key_of(1))
        assert (end.result, end.code) == (result, code)


async def test_wrong_address_kills_no_listing(tmp_path: Path) -> None:
    """A 404 that is not Amazon's own is no listing's fault; Amazon's own is."""
    async with bench_of("amazon", tmp_path) as bench:
        (end,) = await bench.channel.push([_push(bench.stranger, 7)], key_of(1))
        assert (end.result, end.code) == (Result.PERMANENT, "NOT_FOUND")
        assert isinstance(bench.channel, Amazon)
        bench.channel._seller = "A0ELSEWHERE"
        (end,) = await bench.channel.push(bench.batch(7), key_of(1))
        assert (end.result, end.code) == (Result.RETRYABLE, "http-404")


async def test_stated_rate_corrects_the_pace(tmp_path: Path) -> None:
    """The rate that an answer states is that of its own operation."""
    async with bench_of("amazon", tmp_path) as bench:
        await bench.channel.push(bench.batch(7), key_of(1))
        await bench.channel.read_back(bench.listings)
        noted = [(limit, told["per_second"]) for limit, told in _pace(bench).noted]
        assert noted == [("patch", 5.0), ("search", 5.0)]


async def test_read_back_asks_twenty_at_once_and_odd_skus_alone(tmp_path: Path) -> None:
    """A SKU with a comma cannot stand in a list; one with a slash stays one part of its path."""
    async with bench_of("amazon", tmp_path) as bench:
        known = [f"S{number}/SHOES" for number in range(21)]
        odd = ["a,b/SHOES", "c%2Fd,%25/SHOES"]
        bench.fake.account.shown |= dict.fromkeys([*known, *odd], 3)
        shown = await bench.channel.read_back([*known, *odd, "gone,away/SHOES"])
        assert shown == dict.fromkeys([*known, *odd], 3)
        assert [limit for limit, _ in _pace(bench).taken] == ["search", "search", "get", "get", "get"]
        paths = {seen.path.rpartition("/items/")[2] for seen in bench.requests()}
        assert "A1SANDBOX" in paths
        assert all(path.count("/") <= 1 or "c/d,%" in path for path in paths)


def test_feed_has_the_form_of_the_vendors_schema() -> None:
    """A feed patches each listing by a message of its own, numbered from 1 on."""
    feed = json.loads(feed_of("A1", [_push("S1/SHOES", 3), _push("S%2F2/HAT", 5)]))
    assert feed["header"] == {"sellerId": "A1", "version": "2.0"}
    assert [(message["messageId"], message["sku"]) for message in feed["messages"]] == [(1, "S1"), (2, "S/2")]
    assert {message["operationType"] for message in feed["messages"]} == {"PATCH"}
    validate = Specs(DEFAULT_FOLDER).json_schema("amazon/listings-feed-schema-v2.json")
    if validate is None:
        pytest.skip("the vendor's schema is not on this machine")
    assert validate(feed) == []
    assert validate({**feed, "messages": []}) != []


def _report(refused: dict[int | None, str], accepted: int, *, processed: int = 3) -> Report:
    issues = [Issue("ERROR", code, message) for message, code in refused.items()]
    return Report(ReportSummary(processed, accepted, len(refused)), [Issue("WARNING", "1", 2), *issues])


@pytest.mark.parametrize(
    ("report", "is_fatal", "ends"),
    [
        (_report({}, 3), False, "applied applied applied"),
        (_report({2: "90220"}, 2), False, "applied permanent applied"),
        (_report({}, 2), False, "ambiguous ambiguous ambiguous"),
        (_report({2: "90220"}, 1, processed=2), False, "ambiguous permanent ambiguous"),
        (_report({None: "4000000"}, 2), False, "ambiguous ambiguous ambiguous"),
        (_report({1: "90220"}, 2), True, "permanent ambiguous ambiguous"),
    ],
    ids=["all", "one refused", "one not counted", "one refused, one not counted", "of no message", "fatal"],
)
def test_report_tells_each_message(report: Report, is_fatal: bool, ends: str) -> None:  # noqa: FBT001  # a table
    """What a report does not refuse is applied only where its counts say that all the rest was taken."""
    batch = [_push(f"S{number}/SHOES", number) for number in (1, 2, 3)]
    ended = ends_of(batch, report, is_fatal=is_fatal)
    assert " ".join(end.result for end in ended) == ends
    assert [end.listing for end in ended] == [push.listing for push in batch]


async def test_feed_is_put_started_looked_at_and_reported(tmp_path: Path) -> None:
    """A backlog goes as one feed, each step from its own budget; an unknown listing is refused by name."""
    async with _feeding(tmp_path) as (bench, fake):
        batch = [*(_push(f"S{number}/SHOES", number + 1) for number in range(50)), _push("gone/SHOES", 1)]
        fake.account.shown |= {push.listing: 0 for push in batch[:-1]}
        ends = await bench.channel.push_bulk(batch, key_of(1))
        assert results(ends[:-1]) == {Result.APPLIED}
        assert (ends[-1].result, ends[-1].code) == (Result.PERMANENT, "13013")
        assert {push.listing: fake.account.shown[push.listing] for push in batch[:-1]} == {
            push.listing: push.units for push in batch[:-1]
        }
        limits = [limit for limit, _ in _pace(bench).taken]
        assert limits[:3] == ["feed-document", "feed-create", "feed-get"]
        assert limits[-1] == "feed-report"


async def test_feed_never_holds_a_zero(tmp_path: Path) -> None:
    """A zero in a bulk push comes back unsent at once: it would wait for the feed, and sell meanwhile."""
    async with _feeding(tmp_path) as (bench, fake):
        first, second = list(fake.account.shown)[:2]
        ends = await bench.channel.push_bulk([_push(first, 0), _push(second, 9)], key_of(1))
        told = {end.listing: (end.result, end.code) for end in ends}
        assert told == {first: (Result.RETRYABLE, "zero-not-in-feeds"), second: (Result.APPLIED, "")}
        assert fake.account.shown[first] == 5


async def test_feed_that_is_still_queued_when_its_time_is_over_is_called_back(tmp_path: Path) -> None:
    """A feed that waits too long is cancelled: nothing of it was applied, and its listings are free again."""
    async with _feeding(tmp_path, FeedTimes(0.01, 0.05)) as (bench, fake):
        fake.feeds.seconds = 30.0
        ends = await bench.channel.push_bulk(bench.batch(9), key_of(1))
        assert {(end.result, end.code) for end in ends} == {(Result.RETRYABLE, "feed-cancelled")}
        assert not fake.account.under_way


async def test_feed_that_cannot_be_called_back_is_ambiguous(tmp_path: Path) -> None:
    """Nobody knows what a feed in progress will do: its listings are read back."""
    async with _feeding(tmp_path, FeedTimes(0.01, 0.05)) as (bench, fake):
        fake.feeds.seconds = 30.0
        fake.feeds.starts_as = "IN_PROGRESS"
        ends = await bench.channel.push_bulk(bench.batch(9), key_of(1))
        assert {(end.result, end.code) for end in ends} == {(Result.AMBIGUOUS, "feed-not-done")}


async def test_feed_of_a_worker_that_stops_is_called_back(tmp_path: Path) -> None:
    """A queued feed does not outlive its worker: the next one would push beside it."""
    async with _feeding(tmp_path) as (bench, fake):
        fake.feeds.seconds = 30.0
        pushing = asyncio.create_task(bench.channel.push_bulk(bench.batch(9), key_of(1)))
        await until(lambda: bool(fake.account.under_way))
        pushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pushing
        assert not fake.account.under_way


async def test_fatal_feed_is_ambiguous(tmp_path: Path) -> None:
    """Some of a FATAL feed may have applied, whatever its report counts."""
    async with _feeding(tmp_path) as (bench, fake):
        fake.feeds.ends_as = "FATAL"
        pushes = [_push(listing, 9) for listing in list(fake.account.shown)[:4]]
        ends = await bench.channel.push_bulk(pushes, key_of(1))
        assert {(end.result, end.code) for end in ends} == {(Result.AMBIGUOUS, "feed-fatal")}
        assert [fake.account.shown[push.listing] for push in pushes] == [9, 9, 5, 5]


async def test_feed_that_never_came_to_be_is_sent_again(tmp_path: Path) -> None:
    """What fails before the feed is there was surely not applied, and says nothing of the listings."""
    async with _feeding(tmp_path) as (bench, fake):
        await bench.channel.read_back(bench.listings)  # makes the token
        fake.account.faults.next(Fault.RESET_BEFORE)
        (end,) = await bench.channel.push_bulk(bench.batch(9), key_of(1))
        assert (end.result, end.code) == (Result.RETRYABLE, "feed-cut-off")


async def test_feed_whose_start_was_not_answered_is_ambiguous(tmp_path: Path) -> None:
    """A feed that may be queued may apply: nothing is said of its listings."""
    async with _feeding(tmp_path) as (bench, fake):
        fake.account.faults.next(Fault.RESET_AFTER, scope="writes")
        (end,) = await bench.channel.push_bulk(bench.batch(9), key_of(1))
        assert (end.result, end.code) == (Result.AMBIGUOUS, "cut-off")


async def test_packed_report_is_unpacked_within_a_bound(tmp_path: Path) -> None:
    """Amazon may pack a report; one that unpacks without end is not read to its end."""
    async with _feeding(tmp_path) as (bench, fake):
        fake.feeds.packs = gzip.compress
        assert results(await bench.channel.push_bulk(bench.batch(9), key_of(1))) == {Result.APPLIED}
        fake.feeds.packs = lambda _: gzip.compress(b" " * 8_000_000)
        (end,) = await bench.channel.push_bulk(bench.batch(8), key_of(2))
        assert (end.result, end.code) == (Result.AMBIGUOUS, "answer-too-large")


async def test_document_leads_to_no_other_network(tmp_path: Path) -> None:
    """An address for the document that is not public is refused before anything is put there."""
    async with _feeding(tmp_path) as (bench, fake):
        fake.feeds.store = "http://169.254.169.254/latest"
        (end,) = await bench.channel.push_bulk(bench.batch(9), key_of(1))
        assert (end.result, end.code) == (Result.RETRYABLE, "feed-document-url-refused")


async def test_answers_of_the_fake_are_of_the_vendors_schemas(tmp_path: Path) -> None:
    """What the adapter is tried with is what Amazon documents: submissions, items, feeds and reports."""
    specs = Specs(DEFAULT_FOLDER)
    if specs.folder is None:
        pytest.skip("the vendor's schemas are not on this machine")
    async with _feeding(tmp_path) as (bench, fake):
        heard: list[tuple[str, str, bytes]] = []
        send = Exchange.send

        async def hearing(exchange: Exchange, method: str, path: str, **asked: Any) -> Answer:  # noqa: ANN401  # as send has them
            answer = await send(exchange, method, path, **asked)
            heard.append((method, path, answer.body))
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Exchange, "send", hearing)
            fake.account.shown["a,b/SHOES"] = 1
            fake.account.faults.next(Fault.ERRORS_IN_200)
            await bench.channel.push(bench.batch(7), key_of(1))
            await bench.channel.push(bench.batch(7), key_of(2))
            await bench.channel.read_back([*bench.listings, "a,b/SHOES"])
            await bench.channel.push_bulk([*bench.batch(9), _push("gone/SHOES", 1)], key_of(3))
        items, feeds = "amazon/listingsItems_2021-08-01.json", "amazon/feeds_2021-06-30.json"
        forms = {
            ("PATCH", "/items/"): specs.openapi(items, "ListingsItemSubmissionResponse"),
            ("GET", f"/items/{fake.entry().account}/"): specs.openapi(items, "Item"),
            ("GET", "/items/"): specs.openapi(items, "ItemSearchResults"),
            ("POST", "/documents"): specs.openapi(feeds, "CreateFeedDocumentResponse"),
            ("POST", "/feeds/2021-06-30/feeds"): specs.openapi(feeds, "CreateFeedResponse"),
            ("GET", "/feeds/2021-06-30/feeds/"): specs.openapi(feeds, "Feed"),
            ("GET", "/documents/"): specs.openapi(feeds, "FeedDocument"),
            ("GET", "/_store/"): specs.json_schema("amazon/listings-feed-processing-report-schema-v2.json"),
        }
        seen = set()
        for method, path, body in heard:
            form = next((place for place in forms if place[0] == method and place[1] in path), None)
            if form is None:  # tokens, and the document that is put
                continue
            validate = forms[form]
            assert validate is not None
            assert validate(json.loads(body)) == [], (method, path, body)
            seen.add(form)
        assert seen == set(forms)


@pytest.mark.parametrize(
    ("listing", "is_right"),
    [
        ("SKU-1/SHOES", True),
        ("a%2Fb/SHOES", True),
        ("a/b/SHOES", False),
        ("SKU-1", False),
        ("../SHOES", False),
    ],
)
def test_listing_is_a_sku_and_its_product_type(listing: str, is_right: bool) -> None:  # noqa: FBT001  # a table
    """One listing has one form, and none is a path."""
    assert (SPEC.check_listing(listing) is None) is is_right


@pytest.mark.parametrize(
    ("url", "options", "word"),
    [
        (URL, {"marketplace": "ATVPDKIKX0DER"}, None),
        (None, {"marketplace": "ATVPDKIKX0DER"}, "url"),
        (URL, {}, "options"),
        (URL, {"marketplace": "A", "bulk_from": 5}, "options"),
        (
            URL,
            {"marketplace": "ATVPDKIKX0DER", "token_url": "http://example.com/token"},
            "options: token_url",
        ),
    ],
)
def test_entry_is_checked(url: str | None, options: dict[str, object], word: str | None) -> None:
    """What an entry lacks is named; tokens are asked for over https only."""
    entry = Integration(
        "eu", "amazon", "amazon", "A1", "you", "me", 60.0, 0.01, "on", None, url, SECRETS, options
    )
    mistake = SPEC.check_integration(entry)
    assert (mistake is None) if word is None else (mistake is not None and mistake.startswith(word))


def test_feeds_are_chosen_when_they_are_faster() -> None:
    """Below what PATCHes drain in ten minutes no feed is used, and no feed is larger than Amazon takes."""
    caps = caps_of(msgspec.convert({"marketplace": "ATVPDKIKX0DER"}, AmazonOptions))
    assert (caps.bulk_from, caps.bulk_max) == (3_000, 25_000)
    assert caps.bulk_from / caps.limits[0].per_second == 600


def test_notifications_of_the_fake_are_heard(tmp_path: Path) -> None:
    """What the sandbox sends on has the vendor's form, and is what the listener takes."""
    fake = AmazonFake({"MUG/LUGGAGE": 4}, Specs(DEFAULT_FOLDER))
    validate = fake.specs.json_schema("amazon/OrderChangeNotification.json")
    secret = tmp_path / "secret"
    secret.write_text(fake.entry().secrets["webhook_secret"])
    references = {"webhook_secret": f"file:{secret}"}
    entry = Integration(
        "eu",
        "amazon",
        "amazon",
        fake.entry().account,
        "you",
        "me",
        60.0,
        0.01,
        "on",
        None,
        URL,
        references,
        {},
    )
    listener = AmazonListener(entry, Secrets(references))
    kinds: tuple[Literal["sold", "cancelled", "refunded"], ...] = ("sold", "cancelled", "refunded")
    heard: list[ChannelEvent] = []
    for kind in kinds:
        for webhook in fake.happened(Happening(kind, "A1", (("MUG/LUGGAGE", 2),), 1_795_000_000_000), ""):
            assert validate is None or validate(json.loads(webhook.body)) == []
            delivery = Delivery(webhook.headers, webhook.body, "")
            listener.verify(delivery, 1_795_000_000_000)
            heard += listener.parse(delivery, 1_795_000_000_000).events
    assert [type(event) for event in heard] == [OrderTaken, LinesCancelled]
    taken = heard[0]
    assert isinstance(taken, OrderTaken)
    assert [(line.sku, line.units) for line in taken.lines] == [("MUG", 2)]


def _pace(bench: Bench) -> RecordingPace:
    assert isinstance(bench.pace, RecordingPace)
    return bench.pace
