"""Feeds of a fake Amazon: documents that are put and got by address, a queue, an end and a report."""

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiohttp import web

from inventory_stream.sandbox.account import Done, Set
from inventory_stream.sandbox.amazon_words import (
    FEED_SCHEMA,
    FEEDS_FILE,
    MARKETPLACE,
    PATCHES,
    SELLER,
    listing_id,
    refused,
)
from inventory_stream.sandbox.fake import Fake, Turn
from inventory_stream.sandbox.specs import Specs, validator

MESSAGES_MAX: Final = 25_000
FEEDS_MAX: Final = 100
"""Feeds and documents remembered, the newest: each may have 5 MB."""

_FEED: Final = validator(
    {
        "type": "object",
        "required": ["header", "messages"],
        "properties": {
            "header": {
                "type": "object",
                "required": ["sellerId", "version"],
                "properties": {"sellerId": {"const": SELLER}, "version": {"const": "2.0"}},
            },
            "messages": {
                "type": "array",
                "minItems": 1,
                "maxItems": MESSAGES_MAX,
                "items": {
                    "type": "object",
                    "required": ["messageId", "sku", "operationType", "productType", "patches"],
                    "properties": {"operationType": {"const": "PATCH"}, "patches": PATCHES},
                },
            },
        },
    }
)


@dataclass
class _Feed:
    """One feed. `claimed` are its listings, under way until it ends."""

    number: str
    state: str
    messages: list[dict[str, Any]]
    claimed: set[str] = field(default_factory=set)
    report: str | None = None
    end: asyncio.TimerHandle | None = None


class Feeds:
    """The feeds of a fake.

    `seconds` until one ends, `ends_as` how; a FATAL one applies its first half. `starts_as`: one IN_PROGRESS
    cannot be called back. `packs` packs reports. `store`: another address for documents.
    """

    def __init__(self, fake: Fake, specs: Specs) -> None:
        self.seconds = 0.2
        self.starts_as: Literal["IN_QUEUE", "IN_PROGRESS"] = "IN_QUEUE"
        self.ends_as: Literal["DONE", "FATAL"] = "DONE"
        self.packs: Callable[[bytes], bytes] | None = None
        self.store: str | None = None
        self._fake = fake
        self._documents: OrderedDict[str, bytes] = OrderedDict()
        self._feeds: OrderedDict[str, _Feed] = OrderedDict()
        self._prefix = ""
        self._create_by_schema = specs.openapi(FEEDS_FILE, "CreateFeedSpecification")
        self._document_by_schema = specs.openapi(FEEDS_FILE, "CreateFeedDocumentSpecification")
        self._feed_by_schema = specs.json_schema(FEED_SCHEMA)

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give Amazon's addresses of feeds, and the store's of documents."""
        self._prefix = prefix
        feeds, documents = f"{prefix}/feeds/2021-06-30/feeds", f"{prefix}/feeds/2021-06-30/documents"
        store = f"{prefix}/_store/{{document}}"
        return [
            web.post(documents, self._served(self._new_document, "feed-document")),
            web.get(f"{documents}/{{document}}", self._served(self._place_of, "feed-report")),
            web.post(feeds, self._served(self._new_feed, "feed-create", is_write=True)),
            web.get(f"{feeds}/{{feed}}", self._served(self._state_of, "feed-get")),
            web.delete(f"{feeds}/{{feed}}", self._served(self._cancel, "feed-get")),
            web.put(store, self._put),
            web.get(store, self._get),
        ]

    def end_now(self) -> None:
        """Let all feeds end that have not."""
        for feed in self._feeds.values():
            if feed.end is not None and feed.state in {"IN_QUEUE", "IN_PROGRESS"}:
                feed.end.cancel()
                self._end(feed)

    def close(self) -> None:
        """Let no feed end any more."""
        for feed in self._feeds.values():
            if feed.end is not None:
                feed.end.cancel()

    def _served(
        self, work: Callable[[Turn], Awaitable[web.Response]], limit: str, *, is_write: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def let_in(turn: Turn) -> web.Response:
            token = turn.request.headers.get("x-amz-access-token", "")
            return await work(turn) if self._fake.account.is_valid(token) else self._fake.unauthorised()

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._fake.serve(request, let_in, is_write=is_write, limit=limit)

        return handle

    async def _new_document(self, turn: Turn) -> web.Response:
        asked = json.loads(turn.body)
        if self._document_by_schema is not None and self._document_by_schema(asked):
            return refused(400, "InvalidInput")
        document = self._kept(b"")
        place = {"feedDocumentId": document, "url": self._url(turn, document)}
        return web.json_response(place, status=201)

    async def _place_of(self, turn: Turn) -> web.Response:
        document = turn.request.match_info["document"]
        if document not in self._documents:
            return refused(404, "NOT_FOUND")
        place = {"feedDocumentId": document, "url": self._url(turn, document)}
        if self.packs is not None:
            place["compressionAlgorithm"] = "GZIP"
        return web.json_response(place)

    async def _put(self, request: web.Request) -> web.Response:
        document = request.match_info["document"]
        if (
            request.rel_url.raw_query_string != _signature(document)
            or "x-amz-access-token" in request.headers
        ):
            return web.Response(status=403)
        self._documents[document] = await request.read()
        return web.Response()

    async def _get(self, request: web.Request) -> web.Response:
        document = request.match_info["document"]
        if request.rel_url.raw_query_string != _signature(document):
            return web.Response(status=403)
        return web.Response(body=self._documents[document])

    async def _new_feed(self, turn: Turn) -> web.Response:
        asked = json.loads(turn.body)
        is_wrong = self._create_by_schema is not None and self._create_by_schema(asked)
        if is_wrong or asked["feedType"] != "JSON_LISTINGS_FEED" or asked["marketplaceIds"] != [MARKETPLACE]:
            return refused(400, "InvalidInput")
        content = json.loads(self._documents[asked["inputFeedDocumentId"]])
        by_schema = self._feed_by_schema(content) if self._feed_by_schema is not None else []
        numbers = {message.get("messageId") for message in content.get("messages", ())}
        if by_schema or _FEED(content) or len(numbers) != len(content["messages"]):
            return refused(400, "InvalidInput")
        feed = _Feed(secrets.token_hex(8), self.starts_as, content["messages"])
        self._claim(feed)
        feed.end = asyncio.get_running_loop().call_later(self.seconds, self._end, feed)
        self._feeds[feed.number] = feed
        if len(self._feeds) > FEEDS_MAX:
            self._feeds.popitem(last=False)
        return web.json_response({"feedId": feed.number}, status=202)

    async def _state_of(self, turn: Turn) -> web.Response:
        feed = self._feeds.get(turn.request.match_info["feed"])
        if feed is None:
            return refused(404, "NOT_FOUND")
        state = {
            "feedId": feed.number,
            "feedType": "JSON_LISTINGS_FEED",
            "createdTime": "2026-11-22T12:00:00Z",
            "processingStatus": feed.state,
        }
        if feed.report is not None:
            state["resultFeedDocumentId"] = feed.report
        return web.json_response(state)

    async def _cancel(self, turn: Turn) -> web.Response:
        feed = self._feeds.get(turn.request.match_info["feed"])
        if feed is None or feed.state != "IN_QUEUE" or feed.end is None:
            return refused(400, "InvalidInput")
        feed.end.cancel()
        feed.state = "CANCELLED"
        self._fake.account.under_way -= feed.claimed
        return web.Response()

    def _claim(self, feed: _Feed) -> None:
        account = self._fake.account
        listings = {listing_id(message["sku"], message["productType"]) for message in feed.messages}
        account.overlaps += len(listings & account.under_way)
        feed.claimed = listings - account.under_way
        account.under_way |= feed.claimed

    def _end(self, feed: _Feed) -> None:
        account = self._fake.account
        account.under_way -= feed.claimed
        feed.state = self.ends_as
        messages = feed.messages if feed.state == "DONE" else feed.messages[: len(feed.messages) // 2]
        ends = account.apply([_set_of(message) for message in messages])
        report = json.dumps(_report(feed, messages, ends)).encode()
        feed.report = self._kept(report if self.packs is None else self.packs(report))

    def _kept(self, content: bytes) -> str:
        document = f"amzn1.tortuga.{secrets.token_hex(8)}"
        self._documents[document] = content
        if len(self._documents) > 2 * FEEDS_MAX:
            self._documents.popitem(last=False)
        return document

    def _url(self, turn: Turn, document: str) -> str:
        store = self.store or f"http://{turn.request.host}{self._prefix}/_store"
        return f"{store}/{document}?{_signature(document)}"


def _signature(document: str) -> str:
    """Give a query as presigned addresses have it: to be sent as it is, byte for byte."""
    return f"X-Amz-Credential=sandbox%2F{document}&X-Amz-Signature=a%2Bb%3D"


def _set_of(message: Mapping[str, Any]) -> Set:
    units = message["patches"][0]["value"][0]["quantity"]
    return Set(listing_id(message["sku"], message["productType"]), units)


def _report(feed: _Feed, messages: Sequence[Mapping[str, Any]], ends: Sequence[Done]) -> dict[str, Any]:
    issues = [
        {
            "messageId": message["messageId"],
            "sku": message["sku"],
            "code": "13013" if end is Done.UNKNOWN else "90220",
            "severity": "ERROR",
            "message": "Refused.",
        }
        for message, end in zip(messages, ends, strict=True)
        if end in {Done.REFUSED, Done.UNKNOWN}
    ]
    accepted = sum(end is Done.APPLIED for end in ends)
    return {
        "header": {"sellerId": SELLER, "version": "2.0", "feedId": feed.number},
        "issues": issues,
        "summary": {
            "errors": len(issues),
            "warnings": 0,
            "messagesProcessed": accepted + len(issues),
            "messagesAccepted": accepted,
            "messagesInvalid": len(issues),
        },
    }
