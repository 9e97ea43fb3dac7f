"""Square, Inventory API: physical counts, up to 100 in one request.

Requests were checked against the vendor's OpenAPI file (2025-08-20). Square applies counts in the order of
their `occurred_at`, whatever order they come in: an older revision that arrives late changes nothing, and a
count that is older than the channel's own sale changes nothing either.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import decoded, not_sent, whole
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.halving import push_in_halves
from inventory_stream.adapters.channels.inbound import square
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.channels.square_counts import (
    IN_STOCK,
    Counts,
    changes_body,
    counts_body,
    key_of,
    parts_of,
    units_of,
)
from inventory_stream.adapters.channels.square_errors import see
from inventory_stream.adapters.channels.square_orders import SquareOrder, events_of_order
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

API_VERSION: Final = "2025-08-20"
"""The version of the vendor's file; Square keeps old ones working, so it changes only with the file."""
BATCH_MAX: Final = 100
"""Changes of one request, by Square's documents; the file does not say it."""
READ_BACK_MAX: Final = 1_000
"""Counts of one page, by the file."""
PAGES_MAX: Final = 16
"""Pages of one read back: each listing has one count, so a second page is already a surprise."""
REQUESTS: Final = "requests"
"""The one budget: Square counts all calls of an application for a seller together."""
TOKEN_SECONDS: Final = 86_400.0
"""A token of OAuth lives 30 days; it is asked anew every day, so that a revoked grant is seen early."""


class SquareOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a seller. Square publishes no limit; 5 calls/s draw no complaint."""

    requests_per_second: Annotated[
        float, Meta(gt=0, le=100, description="calls per second of the seller, reads included; default 5")
    ] = 5.0
    in_flight: Annotated[int, Meta(ge=1, le=8, description="pushes at once; default 2")] = 2
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 2")
    ] = 2.0


class _OrderAnswer(Struct):
    order: SquareOrder


class _TokenAnswer(Struct):
    access_token: str


class Square(PlainChannel):
    """One seller account."""

    def __init__(self, needs: Needs) -> None:
        options = options_of(needs.integration, SquareOptions)
        rate = options.requests_per_second
        super().__init__(
            Caps(
                batch_max=BATCH_MAX,
                in_flight_max=options.in_flight,
                limits=(Limit(REQUESTS, rate, max(1.0, rate)),),
                read_back_max=READ_BACK_MAX,
                settle_seconds=options.settle_seconds,
            )
        )
        self._secrets = needs.secrets
        self._drift = needs.drift
        self._channel = needs.integration.adapter
        self._pace = needs.pace
        self._now_ms = needs.now_ms
        self._exchange = needs.exchange(self._caps.request_seconds)
        # Square's refresh token of a seller stays the same, so none is stored.
        self._tokens = (
            Tokens(self._ask_token, needs.secrets, needs.now_ms)
            if "refresh_token" in (needs.integration.secrets or {})
            else Tokens.static("access_token", needs.secrets, needs.now_ms)
        )

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send counts. Square has no place that only validates, so a dry run sends nothing."""
        if dry_run:
            return not_sent(batch)
        now_ms = self._now_ms()

        async def send(some: Sequence[Push]) -> Sequence[Ended]:
            return await self._change(some, key_of(some, batch, key, now_ms), now_ms)

        return await push_in_halves(batch, send, lambda: self._pace.take(REQUESTS))

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask for counts, place by place: one request names items and places, and means each with each."""
        by_place: dict[str, list[str]] = {}
        for listing in listings:
            item, place = parts_of(listing)
            by_place.setdefault(place, []).append(item)
        wanted, found = set(listings), dict[str, int]()
        for place, items in by_place.items():
            cursor: str | None = None
            for _ in range(PAGES_MAX):
                counts = await self._counts(items, place, cursor)
                found |= {
                    count.listing: units_of(count.quantity)
                    for count in counts.counts
                    if count.state == IN_STOCK and count.listing in wanted
                }
                cursor = counts.cursor
                if not cursor:
                    break
        return found

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask for an order that `order.*` named."""
        answer = await self._call("GET", f"/v2/orders/{quote(named.order_id, safe='')}", None, REQUESTS)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ChannelError(Result.PERMANENT, "order-unknown")
        see(answer)
        # An order has a hundred documented fields, of which ten count.
        read = decoded(answer, _OrderAnswer, self._drift, self._channel, counts_unknown=False)
        return events_of_order(read.order)

    async def _change(self, batch: Sequence[Push], key: str, now_ms: int) -> Sequence[Ended]:
        answer = await self._call(
            "POST", "/v2/inventory/changes/batch-create", changes_body(batch, key, now_ms), None
        )
        see(answer)
        counts = decoded(answer, Counts, self._drift, self._channel, ignored=_IGNORED)
        shown = {count.listing: count.quantity for count in counts.counts if count.state == IN_STOCK}
        return whole(
            batch,
            {push.listing: _end_of(push, shown[push.listing]) for push in batch if push.listing in shown},
        )

    async def _counts(self, items: Sequence[str], place: str, cursor: str | None) -> Counts:
        answer = await self._call(
            "POST", "/v2/inventory/counts/batch-retrieve", counts_body(items, place, cursor), REQUESTS
        )
        see(answer)
        return decoded(answer, Counts, self._drift, self._channel, ignored=_IGNORED)

    async def _call(self, method: str, path: str, body: bytes | None, limit: str | None) -> Answer:
        async def send(token: str) -> Answer:
            headers = {
                "Authorization": f"Bearer {token}",
                "Square-Version": API_VERSION,
                "Content-Type": "application/json",
            }
            return await self._exchange.send(method, path, limit=limit, headers=headers, body=body)

        return await self._tokens.call(send)

    async def _ask_token(self) -> Fresh:
        body = {
            "client_id": self._secrets.text("client_id"),
            "client_secret": self._secrets.text("client_secret"),
            "grant_type": "refresh_token",
            "refresh_token": self._secrets.text("refresh_token"),
        }
        answer = await self._exchange.send(
            "POST",
            "/oauth2/token",
            limit=None,
            headers={"Content-Type": "application/json", "Square-Version": API_VERSION},
            body=msgspec.json.encode(body),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, f"token-http-{answer.status}")
        given = decoded(answer, _TokenAnswer, self._drift, self._channel, ignored=_TOKEN_IGNORED)
        return Fresh(given.access_token, lives_seconds=TOKEN_SECONDS)


_IGNORED: Final = frozenset({"changes", "counts.calculated_at", "counts.catalog_object_type", "errors"})
_TOKEN_IGNORED: Final = frozenset(
    {"token_type", "merchant_id", "short_lived", "scopes", "refresh_token_expires_at"}
)


def _end_of(push: Push, quantity: str) -> Ended:
    if units_of(quantity) == push.units:
        return Ended(push.listing, Result.APPLIED)
    # A count or sale of the channel's own with a later time stands over ours.
    return Ended(push.listing, Result.AMBIGUOUS, "shows-other")


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be Square's."""
    parts = listing.split("/")
    if len(parts) != 2 or not all(parts) or any(len(part) > 100 for part in parts):
        return "must be <catalog object id>/<location id>, at most 100 characters each"
    return None


def check_integration(integration: Integration) -> str | None:
    """Say what is wrong with a seller's entry."""
    if not urlsplit(integration.url or "").netloc:
        return "url: https://connect.squareup.com, or https://connect.squareupsandbox.com to try"
    secrets = set(integration.secrets or {})
    oauth = {"client_id", "client_secret", "refresh_token"}
    if "access_token" not in secrets and not oauth <= secrets:
        return "secrets: access_token, or all of client_id, client_secret and refresh_token"
    return option_mistake(integration, SquareOptions)


SPEC: Final = AdapterSpec(
    name="square",
    listing_form="<catalog object id>/<location id>",
    check_listing=check_listing,
    check_integration=check_integration,
    secrets=(),
    optional_secrets=("access_token", "client_id", "client_secret", "refresh_token", "webhook_secret"),
    options=described(SquareOptions),
    new_channel=Square,
    new_listener=square.new_listener,
    is_verified=True,
)
