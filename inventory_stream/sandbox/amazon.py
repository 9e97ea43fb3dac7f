"""A fake Selling Partner API: listings items, feeds and Login with Amazon, for one seller at one marketplace.

Requests are held against the vendor's files where they are there. Orders come through a queue of Amazon's;
the sandbox sends on what is in it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.amazon_feeds import Feeds
from inventory_stream.sandbox.amazon_orders import WEBHOOK_SECRET, Notifications
from inventory_stream.sandbox.amazon_words import (
    CLIENT_ID,
    CLIENT_SECRET,
    FEED_SCHEMA,
    ITEMS_FILE,
    MARKETPLACE,
    PATCH_BODY,
    PRODUCT_TYPE,
    RATES,
    REFRESH_TOKEN,
    SELLER,
    TOKEN_SECONDS,
    listing_id,
    refused,
)
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.specs import Specs
from models.ids import encode_id

SEARCH_MAX: Final = 20
PREVIEW: Final = "VALIDATION_PREVIEW"


class AmazonFake(Fake):
    """One seller. `feeds` steers how feeds end, and when."""

    name: ClassVar[str] = "amazon"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        for name, (per_second, burst) in RATES.items():
            self.account.limit(name, per_second, burst)
        self._by_schema = specs.openapi(ITEMS_FILE, "ListingsItemPatchRequest")
        self.verified_by = f"{ITEMS_FILE}, {FEED_SCHEMA}" if self._by_schema is not None else None
        self.feeds = Feeds(self, specs)
        self._notifications = Notifications()

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the addresses that are used."""
        items = f"{prefix}/listings/2021-08-01/items/{SELLER}"
        return [
            web.patch(f"{items}/{{sku}}", self._patch),
            web.get(f"{items}/{{sku}}", self._get),
            web.get(items, self._search),
            web.post(f"{prefix}/auth/o2/token", self._token),
            *self.feeds.routes(prefix),
        ]

    def entry(self) -> Entry:
        """An app that a seller let in; feeds are looked at often, as the sandbox's take no time."""
        return Entry(
            account=SELLER,
            secrets={
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "refresh_token": REFRESH_TOKEN,
                "webhook_secret": WEBHOOK_SECRET,
            },
            options={
                "marketplace": MARKETPLACE,
                "token_url": "/auth/o2/token",
                "settle_seconds": 1.0,
                "feed_poll_seconds": 0.1,
            },
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Give the SKU: a seller's listing is called by it."""
        del number, place
        return f"{encode_id(sku)}/{PRODUCT_TYPE}"

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Send on what is in the seller's queue."""
        del url  # the forwarder signs id, time and body
        return self._notifications.of(happening)

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse for how often."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return refused(429, "QuotaExceeded", headers)

    def unauthorised(self) -> web.Response:
        """Refuse a token that is over: 403, as Amazon does."""
        return refused(403, "Unauthorized")

    def failed(self, status: int, headers: Mapping[str, str]) -> web.Response:
        """Answer as Amazon in trouble."""
        return refused(status, "InternalFailure", headers)

    def is_let_in(self, turn: Turn) -> bool:
        """Say whether a request has a token that counts."""
        return self.account.is_valid(turn.request.headers.get("x-amz-access-token", ""))

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._patched, is_write=True, limit="patch")

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._got, is_write=False, limit="get")

    async def _search(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._found, is_write=False, limit="search")

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._let_in, is_write=False)

    async def _patched(self, turn: Turn) -> web.Response:
        if not self.is_let_in(turn):
            return self.unauthorised()
        asked = self._read(turn)
        if asked is None:
            return refused(400, "InvalidInput")
        sku = turn.request.match_info["sku"]
        listing = listing_id(sku, asked["productType"])
        if listing not in self.account.shown:
            return refused(404, "NOT_FOUND")
        if "mode" in turn.request.query:
            return _submitted(sku, "VALID", [])
        units = asked["patches"][0]["value"][0]["quantity"]
        (end,) = self.apply(turn, [Set(listing, units)])
        if end is Done.UNNAMED:
            return _submitted("", "ACCEPTED", [])
        return (
            _submitted(sku, "ACCEPTED", []) if end is Done.APPLIED else _submitted(sku, "INVALID", [_ISSUE])
        )

    def _read(self, turn: Turn) -> dict[str, Any] | None:
        """Read a PATCH; None: it does not fit."""
        query = turn.request.query
        if query.get("marketplaceIds") != MARKETPLACE or query.get("mode", PREVIEW) != PREVIEW:
            return None
        try:
            asked: dict[str, Any] = json.loads(turn.body)
        except ValueError:
            return None
        misfits = PATCH_BODY(asked) + (self._by_schema(asked) if self._by_schema is not None else [])
        return None if misfits else asked

    async def _got(self, turn: Turn) -> web.Response:
        if not self.is_let_in(turn):
            return self.unauthorised()
        items = self._items([turn.request.match_info["sku"]])
        return web.json_response(items[0], headers=_RATE) if items else refused(404, "NOT_FOUND")

    async def _found(self, turn: Turn) -> web.Response:
        if not self.is_let_in(turn):
            return self.unauthorised()
        query = turn.request.query
        skus = query.get("identifiers", "").split(",")
        size = int(query.get("pageSize", "10"))
        if len(skus) > SEARCH_MAX or not 1 <= size <= SEARCH_MAX or query.get("identifiersType") != "SKU":
            return refused(400, "InvalidInput")
        items = self._items(skus)
        return web.json_response({"numberOfResults": len(items), "items": items[:size]}, headers=_RATE)

    def _items(self, skus: Sequence[str]) -> list[dict[str, Any]]:
        shown = {sku: self.account.read(self._listing_of(sku)) for sku in skus}
        return [
            {
                "sku": sku,
                "fulfillmentAvailability": [{"fulfillmentChannelCode": "DEFAULT", "quantity": units}],
            }
            for sku, units in shown.items()
            if units is not None
        ]

    def _listing_of(self, sku: str) -> str:
        """Find a listing by its SKU alone, whatever its product type is."""
        own = listing_id(sku, PRODUCT_TYPE)
        if own in self.account.shown:
            return own
        head = f"{encode_id(sku)}/"
        return next((listing for listing in self.account.shown if listing.startswith(head)), own)

    async def _let_in(self, turn: Turn) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(turn.body.decode()).items()}
        asked = tuple(
            form.get(name) for name in ("grant_type", "client_id", "client_secret", "refresh_token")
        )
        if asked != ("refresh_token", CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN):
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {
                "access_token": self.account.new_token(),
                "token_type": "bearer",
                "expires_in": TOKEN_SECONDS,
                "refresh_token": REFRESH_TOKEN,
            }
        )

    def close(self) -> None:
        """Let nobody wait any more, and no feed end."""
        self.feeds.close()
        super().close()


_RATE: Final = {"x-amzn-RateLimit-Limit": "5.0"}
_ISSUE: Final = {
    "code": "90220",
    "message": "Refused.",
    "severity": "ERROR",
    "categories": ["INVALID_ATTRIBUTE"],
}


def _submitted(sku: str, status: str, issues: Sequence[Mapping[str, object]]) -> web.Response:
    return web.json_response(
        {"sku": sku, "status": status, "submissionId": "sandbox", "issues": list(issues)}, headers=_RATE
    )
