"""Google Merchant, local inventories: what a store has of a product, shown in local ads and listings.

Requests were checked against the vendor's discovery file (inventories_v1). One product and store in each
call, which replaces all that was said of them before. Nobody buys there: Google sends no orders.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from inventory_stream.adapters.channels.answers import decoded, ended_by, not_sent
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.google_tokens import ServiceAccount
from inventory_stream.adapters.channels.google_words import (
    IGNORED,
    GoogleOptions,
    Local,
    Page,
    body_of,
    error_of,
    parts_of,
    segment_of,
    units_of,
)
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.channels.tokens import Tokens
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration
from models.ids import decode_id

NAME: Final = "google"
WRITES: Final = "inserts"
READS: Final = "lists"
READ_BACK_MAX: Final = 50
"""Listings of one read back: each product is a call of its own."""
PAGE_MAX: Final = 1_000
"""Stores of one page; a chain with more has its products read in several."""
PAGES_MAX: Final = 25
"""Pages of one product: Google's own 25,000 stores."""


class Google(PlainChannel):
    """One merchant account."""

    def __init__(self, needs: Needs) -> None:
        self._options = options_of(needs.integration, GoogleOptions)
        rate = self._options.requests_per_minute / 60
        super().__init__(
            Caps(
                batch_max=1,
                in_flight_max=self._options.in_flight,
                # Each method has a quota of its own (vendor's page on quotas).
                limits=(Limit(WRITES, rate, max(1.0, rate)), Limit(READS, rate, max(1.0, rate))),
                read_back_max=READ_BACK_MAX,
                settle_seconds=self._options.settle_seconds,
                takes_orders=False,
            )
        )
        self._account = quote(needs.integration.account, safe="")
        self._drift = needs.drift
        self._pace = needs.pace
        self._now_ms = needs.now_ms
        self._exchange = needs.exchange(self._caps.request_seconds)
        if "service_account" in (needs.integration.secrets or {}):
            self._tokens = Tokens(ServiceAccount(needs).ask, needs.secrets, needs.now_ms)
        else:
            self._tokens = Tokens.static("access_token", needs.secrets, needs.now_ms)

    def group_of(self, listing: str) -> str:
        """Give the listing: a push has one."""
        return listing

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Set one listing. `key` is not sent: Google has no place for it, and sets are absolute."""
        del key
        if dry_run:
            return not_sent(batch)
        (push,) = batch
        try:
            return [await self._insert(push)]
        except ChannelError as error:
            return ended_by(batch, error)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask for each product's stores; what was set shows up to half an hour later."""
        by_product: dict[str, dict[str, str]] = {}
        for listing in listings:
            product, store = parts_of(listing)
            by_product.setdefault(product, {})[store] = listing
        found: dict[str, int] = {}
        for product, stores in by_product.items():
            found |= await self._stores_of(product, stores)
        return found

    async def _insert(self, push: Push) -> Ended:
        product, store = parts_of(push.listing)
        path = f"{self._path_of(product)}:insert"
        answer = await self._call("POST", path, body=body_of(push.units, store, self._options.attributes))
        self._see(answer)
        read = decoded(answer, Local, self._drift, NAME, ignored=IGNORED)
        shown = read.local_inventory_attributes
        if read.store_code != store or shown is None:
            return Ended(push.listing, Result.AMBIGUOUS, "not-named")
        if units_of(shown) != push.units:
            return Ended(push.listing, Result.AMBIGUOUS, "shows-other")
        return Ended(push.listing, Result.APPLIED)

    async def _stores_of(self, product: str, stores: Mapping[str, str]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        params = {"pageSize": str(PAGE_MAX)}
        for _ in range(PAGES_MAX):
            answer = await self._call("GET", self._path_of(product), params=params, limit=READS)
            if answer.status == 404:
                break
            self._see(answer, READS)
            page = decoded(answer, Page, self._drift, NAME, counts_unknown=False)
            for local in page.local_inventories:
                units = units_of(local.local_inventory_attributes)
                if local.store_code in stores and units is not None:
                    found[stores[local.store_code]] = units
            if not page.next_page_token or len(found) == len(stores):
                break
            params = {"pageSize": str(PAGE_MAX), "pageToken": page.next_page_token}
        return found

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        limit: str | None = None,
    ) -> Answer:
        async def send(token: str) -> Answer:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            return await self._exchange.send(
                method, path, limit=limit, headers=headers, params=params, body=body, keeps_429=True
            )

        return await self._tokens.call(send)

    def _path_of(self, product: str) -> str:
        return f"/inventories/v1/accounts/{self._account}/products/{segment_of(product)}/localInventories"

    def _see(self, answer: Answer, limit: str | None = None) -> None:
        """Find an error; the pace hears of a throttle where no end tells the sender.

        Raises:
            ChannelError: there is one.
        """
        if answer.is_success:
            return
        error = error_of(answer, self._now_ms())
        if limit is not None and error.result is Result.THROTTLED:
            self._pace.throttled(limit, error.retry_at_ms)
        raise error


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be Google's."""
    parts = listing.split("/")
    if len(parts) != 2 or not all(parts) or decode_id(parts[0]).count("~") < 2:
        return "must be <product id>/<store code>, the product as language~feed label~offer id"
    return None


def check_integration(integration: Integration) -> str | None:
    """Say what is wrong with a merchant's entry."""
    if not urlsplit(integration.url or "").netloc:
        return "url: https://merchantapi.googleapis.com"
    if not {"service_account", "access_token"} & set(integration.secrets or {}):
        return "secrets: service_account (the key file's JSON), or access_token"
    return option_mistake(integration, GoogleOptions)


SPEC: Final = AdapterSpec(
    name=NAME,
    listing_form="<product id>/<store code>",
    check_listing=check_listing,
    check_integration=check_integration,
    secrets=(),
    optional_secrets=("service_account", "access_token"),
    options=described(GoogleOptions),
    new_channel=Google,
    new_listener=None,
    is_verified=True,
)
