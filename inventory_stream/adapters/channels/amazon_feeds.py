"""Feeds: Amazon's slow way for many listings at once, from the document to the report.

A listing in a feed is in flight until the feed ends: nothing else may tell Amazon about it, as feeds and
PATCHes have no order among them. So a feed never holds a zero (they go by PATCH at once), and the wait for it
is bounded: a listing that sells out meanwhile waits at most `FeedTimes.wait_seconds`, then the feed is
cancelled if it is still queued. If it is not, its listings end AMBIGUOUS: zeros follow at once, and what a
late feed does to them is found by the read back.
"""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from inventory_stream.adapters.channels.amazon_api import AmazonApi
from inventory_stream.adapters.channels.amazon_words import (
    FEED_CREATE,
    FEED_DOCUMENT,
    FEED_GET,
    FEED_REPORT,
    Document,
    FeedCreated,
    FeedState,
    Report,
    parts_of,
    patches_of,
)
from inventory_stream.adapters.channels.answers import all_ended, code_of, ended_by
from inventory_stream.adapters.channels.bounded import ANSWER_BYTES_MAX
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result

FEEDS: Final = "/feeds/2021-06-30/feeds"
DOCUMENTS: Final = "/feeds/2021-06-30/documents"
CONTENT_TYPE: Final = "application/json; charset=UTF-8"

CANCEL_SECONDS_MAX: Final = 2.0
"""How long a worker that stops may take to call a queued feed back, out of its seconds to stop."""

_OVER: Final = frozenset({"DONE", "FATAL", "CANCELLED"})
"""States that no other follows."""
_KNOWN_BEFORE: Final = frozenset({Result.AUTH, Result.THROTTLED})
"""Ends of requests before a feed exists that say more than RETRYABLE does."""


class FeedTimes(NamedTuple):
    """How often a feed is looked at, and how long it may take."""

    poll_seconds: float
    wait_seconds: float


class AmazonFeeds:
    """Feeds of one seller at one marketplace."""

    def __init__(self, api: AmazonApi, seller: str, marketplace: str, times: FeedTimes) -> None:
        self._api = api
        self._seller = seller
        self._marketplace = marketplace
        self._times = times

    async def push(self, batch: Sequence[Push]) -> list[Ended]:
        """Send a feed and wait for its end.

        Returns:
            One end for each. Zeros are RETRYABLE, unsent; of a feed that never came to be, all are.
        """
        zeros = [push for push in batch if push.units == 0]
        rest = [push for push in batch if push.units > 0]
        ends = all_ended(zeros, Result.RETRYABLE, "zero-not-in-feeds")
        return ends + (await self._push_all(rest) if rest else [])

    async def _push_all(self, batch: Sequence[Push]) -> list[Ended]:
        try:
            document = await self._uploaded(feed_of(self._seller, batch))
        except ChannelError as error:
            return _unsent(batch, error)
        try:
            created = await self._created(document)
        except ChannelError as error:
            return ended_by(batch, error) if error.result is Result.AMBIGUOUS else _unsent(batch, error)
        try:
            state = await self._ended(created.feed_id)
            if state.processing_status == "CANCELLED":
                return all_ended(batch, Result.RETRYABLE, "feed-cancelled")
            if state.processing_status not in _OVER:
                return all_ended(batch, Result.AMBIGUOUS, "feed-not-done")
            report = await self._report(state)
        except ChannelError as error:
            return all_ended(batch, Result.AMBIGUOUS, error.code)
        return ends_of(batch, report, is_fatal=state.processing_status == "FATAL")

    async def _uploaded(self, content: bytes) -> str:
        """Put the document where Amazon says, well within the five minutes that the place lives."""
        made = await self._api.ask(
            "POST",
            DOCUMENTS,
            Document,
            limit=FEED_DOCUMENT.name,
            body=msgspec.json.encode({"contentType": CONTENT_TYPE}),
        )
        await self._api.carry(made.url, content, CONTENT_TYPE)
        return made.feed_document_id

    async def _created(self, document: str) -> FeedCreated:
        asked = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [self._marketplace],
            "inputFeedDocumentId": document,
        }
        body = msgspec.json.encode(asked)
        return await self._api.ask("POST", FEEDS, FeedCreated, limit=FEED_CREATE.name, body=body)

    async def _ended(self, feed: str) -> FeedState:
        """Look until the feed is over; one that is not by then is called back, and looked at once more.

        Raises:
            ChannelError: what became of it cannot be asked.
        """
        until_ms = self._api.now_ms() + int(self._times.wait_seconds * 1_000)
        try:
            while self._api.now_ms() < until_ms:
                await asyncio.sleep(self._times.poll_seconds)
                with suppress(ChannelError):  # asked again with the next look
                    state = await self._state(feed)
                    if state.processing_status in _OVER:
                        return state
        except asyncio.CancelledError:
            with suppress(ChannelError, TimeoutError):
                async with asyncio.timeout(CANCEL_SECONDS_MAX):
                    await self._call_back(feed)
            raise
        with suppress(ChannelError):  # it is in progress: it cannot be called back any more
            await self._call_back(feed)
        return await self._state(feed)

    async def _state(self, feed: str) -> FeedState:
        return await self._api.ask("GET", _path_of(feed), FeedState, limit=FEED_GET.name)

    async def _call_back(self, feed: str) -> None:
        await self._api.request("DELETE", _path_of(feed), limit=FEED_GET.name)

    async def _report(self, state: FeedState) -> Report:
        if state.result_feed_document_id is None:
            raise ChannelError(Result.AMBIGUOUS, f"feed-{state.processing_status.lower()}-without-report")
        path = f"{DOCUMENTS}/{quote(state.result_feed_document_id, safe='')}"
        document = await self._api.ask("GET", path, Document, limit=FEED_REPORT.name)
        content = await self._api.carry(document.url, None, "")
        if document.compression_algorithm == "GZIP":
            content = _unpacked(content)
        return self._api.decode(content, Report)


def feed_of(seller: str, batch: Sequence[Push]) -> bytes:
    """Write a feed; a message's id is its place in the batch, from 1 on."""
    messages = []
    for number, push in enumerate(batch, 1):
        sku, product_type = parts_of(push.listing)
        messages.append(
            {
                "messageId": number,
                "sku": sku,
                "operationType": "PATCH",
                "productType": product_type,
                "patches": patches_of(push.units),
            }
        )
    return msgspec.json.encode({"header": {"sellerId": seller, "version": "2.0"}, "messages": messages})


def ends_of(batch: Sequence[Push], report: Report, *, is_fatal: bool) -> list[Ended]:
    """Give each message its end.

    The report names messages that were refused and counts the others. Only where the counts say that all
    others were taken are they APPLIED.
    """
    errors = [issue for issue in report.issues if issue.severity == "ERROR"]
    refused: Mapping[int | None, str] = {issue.message_id: issue.code for issue in reversed(errors)}
    summary = report.summary
    is_told = (
        not is_fatal
        and None not in refused
        and summary.messages_processed == len(batch)
        and summary.messages_accepted + len(refused) == len(batch)
    )
    rest = (Result.APPLIED, "") if is_told else (Result.AMBIGUOUS, "feed-fatal" if is_fatal else "not-named")
    return [
        Ended(push.listing, Result.PERMANENT, code_of(refused[number] or "refused"))
        if number in refused
        else Ended(push.listing, *rest)
        for number, push in enumerate(batch, 1)
    ]


def _unsent(batch: Sequence[Push], error: ChannelError) -> list[Ended]:
    """End items whose feed never came to be: whatever was wrong with it is nothing that they said."""
    if error.result in _KNOWN_BEFORE:
        return ended_by(batch, error)
    return all_ended(batch, Result.RETRYABLE, code_of(f"feed-{error.code}"), error.retry_at_ms)


def _unpacked(content: bytes) -> bytes:
    unpack = zlib.decompressobj(47)  # either header
    try:
        plain = unpack.decompress(content, ANSWER_BYTES_MAX + 1)
    except zlib.error:
        raise ChannelError(Result.AMBIGUOUS, "unreadable") from None
    if len(plain) > ANSWER_BYTES_MAX:
        raise ChannelError(Result.AMBIGUOUS, "answer-too-large")
    return plain


def _path_of(feed: str) -> str:
    return f"{FEEDS}/{quote(feed, safe='')}"
