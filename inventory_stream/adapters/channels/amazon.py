"""Amazon's Selling Partner API, outward: one PATCH for one listing, a feed for a large backlog.

A listing is `<sku>/<product type>`, each part percent-encoded. The account is the seller's id. Amazon has no
key and no comparison: a PATCH sets the quantity of what the seller fulfils, and the same again changes
nothing. ACCEPTED means taken, not live: what is live is read back.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from msgspec import Meta

from inventory_stream.adapters.channels.addresses import why_refused
from inventory_stream.adapters.channels.amazon_api import AmazonApi
from inventory_stream.adapters.channels.amazon_feeds import AmazonFeeds, FeedTimes
from inventory_stream.adapters.channels.amazon_words import (
    GET,
    LIMITS,
    PATCH,
    SEARCH,
    Found,
    Item,
    Submission,
    parts_of,
    patches_of,
)
from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.inbound import amazon as inbound
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Push, Result
from inventory_stream.ports.integrations import Integration
from models.ids import decode_id, encode_id

LOGIN_URL: Final = "https://api.amazon.com/auth/o2/token"
ITEMS: Final = "/listings/2021-08-01/items"
SEARCH_MAX: Final = 20
"""Most listings of one search, by the vendor's file."""
FEED_MESSAGES_MAX: Final = 25_000
"""Most messages of one feed, by the feed's schema."""


class AmazonOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an entry says of a seller's account at one marketplace."""

    marketplace: Annotated[
        str, Meta(pattern="^[A-Z0-9]{5,20}$", description="id of the marketplace, such as ATVPDKIKX0DER")
    ]
    token_url: Annotated[
        str,
        Meta(description=f"where tokens are made, or a path at the entry's url; default {LOGIN_URL}"),
    ] = LOGIN_URL
    settle_seconds: Annotated[
        float,
        Meta(ge=0, le=3_600, description="after so long what was taken is live (not verified; default 60)"),
    ] = 60.0
    # At 5 PATCHes a second 3,000 listings take ten minutes, about what a feed takes (?). Below that a feed
    # only keeps listings waiting for it.
    bulk_from: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="waiting listings from which on a feed is used; default 3,000"),
    ] = 3_000
    feed_seconds_max: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="longest wait for a feed, which its listings cannot leave; default 900",
        ),
    ] = 900.0
    feed_poll_seconds: Annotated[
        float, Meta(gt=0, le=600, description="time between looks at a feed; default 15")
    ] = 15.0


def caps_of(options: AmazonOptions) -> Caps:
    """Say what a seller's account can do."""
    return Caps(
        batch_max=1,
        in_flight_max=5,  # a second's worth: an answer takes up to one
        limits=LIMITS,
        read_back_max=SEARCH_MAX,
        bulk_max=FEED_MESSAGES_MAX,
        bulk_from=options.bulk_from,
        settle_seconds=options.settle_seconds,
    )


class Amazon(PlainChannel):
    """One seller at one marketplace."""

    def __init__(self, needs: Needs) -> None:
        options = options_of(needs.integration, AmazonOptions)
        super().__init__(caps_of(options))
        self._marketplace = options.marketplace
        self._seller = needs.integration.account
        self._api = AmazonApi(needs, login_url(needs.integration), self._caps.request_seconds)
        self._feeds = AmazonFeeds(
            self._api,
            self._seller,
            options.marketplace,
            FeedTimes(options.feed_poll_seconds, options.feed_seconds_max),
        )

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one PATCH; a dry run is Amazon's own preview. `key` is not sent: there is no place for it."""
        del key
        (push,) = batch
        try:
            return [await self._patched(push, dry_run=dry_run)]
        except ChannelError as error:
            return [Ended(push.listing, error.result, error.code, error.retry_at_ms)]

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Send a feed and wait for its end; see `amazon_feeds`."""
        del key
        return await self._feeds.push(batch)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask what is live, 20 at a time; a SKU with a comma cannot stand in a list and goes alone."""
        by_sku = {parts_of(listing)[0]: listing for listing in listings}
        plain = [sku for sku in by_sku if "," not in sku]
        items: list[Item] = []
        for start in range(0, len(plain), SEARCH_MAX):
            items += await self._found(plain[start : start + SEARCH_MAX])
        for sku in by_sku.keys() - set(plain):
            items += await self._got(sku)
        return {
            by_sku[item.sku]: live.quantity
            for item in items
            if item.sku in by_sku
            for live in item.fulfillment_availability
            if live.fulfillment_channel_code == "DEFAULT" and live.quantity is not None
        }

    async def _patched(self, push: Push, *, dry_run: bool) -> Ended:
        sku, product_type = parts_of(push.listing)
        params = {"marketplaceIds": self._marketplace}
        if dry_run:
            params["mode"] = "VALIDATION_PREVIEW"
        answer = await self._api.ask(
            "PATCH",
            self._path_of(sku),
            Submission,
            limit=PATCH.name,
            is_paid=True,
            params=params,
            body=msgspec.json.encode({"productType": product_type, "patches": patches_of(push.units)}),
        )
        return _end_of(push.listing, sku, answer, "VALID" if dry_run else "ACCEPTED")

    async def _found(self, skus: Sequence[str]) -> Sequence[Item]:
        found = await self._api.ask(
            "GET",
            f"{ITEMS}/{quote(self._seller, safe='')}",
            Found,
            limit=SEARCH.name,
            params={
                "marketplaceIds": self._marketplace,
                "identifiers": ",".join(skus),
                "identifiersType": "SKU",
                "includedData": "fulfillmentAvailability",
                "pageSize": str(SEARCH_MAX),
            },
        )
        return found.items

    async def _got(self, sku: str) -> Sequence[Item]:
        params = {"marketplaceIds": self._marketplace, "includedData": "fulfillmentAvailability"}
        try:
            return [await self._api.ask("GET", self._path_of(sku), Item, limit=GET.name, params=params)]
        except ChannelError as error:
            if error.result is Result.PERMANENT:
                return []  # there is no such listing
            raise

    def _path_of(self, sku: str) -> str:
        return f"{ITEMS}/{quote(self._seller, safe='')}/{quote(sku, safe='')}"


def login_url(integration: Integration) -> str:
    """Give the address that makes tokens."""
    told = options_of(integration, AmazonOptions).token_url
    return f"{integration.url}{told}" if told.startswith("/") else told


def _end_of(listing: str, sku: str, answer: Submission, good: str) -> Ended:
    if answer.sku != sku:
        return Ended(listing, Result.AMBIGUOUS, "not-named")
    error = answer.error_code
    if answer.status == "INVALID":
        return Ended(listing, Result.PERMANENT, code_of(error or "INVALID"))
    if answer.status != good or error is not None:
        return Ended(listing, Result.AMBIGUOUS, code_of(error or f"status-{answer.status}"))
    return Ended(listing, Result.APPLIED, answer.status)


def _check_listing(listing: str) -> str | None:
    parts = listing.split("/")
    if len(parts) == 2 and all(parts) and listing == "/".join(encode_id(decode_id(part)) for part in parts):
        return None if parts[0] not in {".", ".."} else "the SKU must not be a path"
    return "must be <sku>/<product type>, with % / { } of either written as %25 %2F %7B %7D"


def _check_integration(integration: Integration) -> str | None:
    if integration.url is None:
        return "url: missing; the region's endpoint, such as https://sellingpartnerapi-eu.amazon.com"
    if (mistake := option_mistake(integration, AmazonOptions)) is not None:
        return mistake
    why = why_refused(login_url(integration), allow_loopback=True)
    return f"options: token_url {why}" if why else None


SPEC: Final = AdapterSpec(
    name="amazon",
    listing_form="<sku>/<product type>",
    check_listing=_check_listing,
    check_integration=_check_integration,
    secrets=("client_id", "client_secret", "refresh_token"),
    optional_secrets=("webhook_secret",),
    options=described(AmazonOptions),
    new_channel=Amazon,
    new_listener=inbound.new_listener,
    is_verified=True,
)
