"""WooCommerce, REST v3: stock of products and variations, set in batches.

From the vendor's documents; no file of the vendor's verifies it. WooCommerce states no limit and has no
idempotency key: a batch sets absolute stock, so that the same again changes nothing.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from msgspec import Meta, Struct

from inventory_stream.adapters.channels import woocommerce_orders
from inventory_stream.adapters.channels.answers import decoded, not_sent, whole
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.halving import push_in_halves
from inventory_stream.adapters.channels.inbound import woocommerce
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.channels.woocommerce_orders import OrderAsked, Refund
from inventory_stream.adapters.channels.woocommerce_words import (
    NAME,
    NO_PRODUCT,
    Item,
    Updated,
    body_of,
    check_listing,
    end_of,
    id_of,
    is_id,
    refusal_of,
)
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, MalformedError, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

BATCH_MAX: Final = 100
"""Items of one batch, and of one page read back: WooCommerce's own default; more is 413."""
READ_BACK_MAX: Final = 50
"""Listings of one read back: if each is of another product, 25 s at 2 requests/s."""
API: Final = "/wp-json/wc/v3"
REQUESTS: Final = "requests"
"""The one budget: a shop has one server for reads and writes."""


class WooOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a shop. No limit is stated anywhere; the defaults harm no small host."""

    requests_per_second: Annotated[
        float, Meta(gt=0, le=100, description="requests per second that the shop's host can stand; default 2")
    ] = 2.0
    in_flight: Annotated[int, Meta(ge=1, le=8, description="pushes at once; default 1")] = 1
    batch_max: Annotated[
        int,
        Meta(ge=1, le=BATCH_MAX, description="items of one batch, fewer for a slow host; default 100"),
    ] = BATCH_MAX
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 2")
    ] = 2.0


class WooCommerce(PlainChannel):
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        options = options_of(needs.integration, WooOptions)
        super().__init__(
            Caps(
                batch_max=options.batch_max,
                in_flight_max=options.in_flight,
                limits=(Limit(REQUESTS, options.requests_per_second, 1.0),),
                read_back_max=READ_BACK_MAX,
                settle_seconds=options.settle_seconds,
                request_seconds=20.0,  # PHP saves a hundred products in seconds, not in milliseconds
            )
        )
        self._secrets = needs.secrets
        self._drift = needs.drift
        self._pace = needs.pace
        self._exchange = needs.exchange(self._caps.request_seconds)

    def group_of(self, listing: str) -> str:
        """Variations go to their product's address; products share one."""
        product, _, variation = listing.partition("/")
        return product if variation else ""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one batch. `key` is not sent: WooCommerce has no place for it, and sets are absolute."""
        del key
        if dry_run:
            return not_sent(batch)
        return await push_in_halves(batch, self._update, partial(self._pace.take, REQUESTS))

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask for the stock of products, then of the variations of each product; 100 at a time."""
        asked: dict[str, list[str]] = {}
        for listing in listings:
            asked.setdefault(self.group_of(listing), []).append(listing)
        found: dict[str, int] = {}
        for group, some in asked.items():
            for start in range(0, len(some), BATCH_MAX):
                found |= await self._stock_of(group, some[start : start + BATCH_MAX])
        return found

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask for an order with refunds, and for what these name."""
        if not is_id(named.order_id):
            raise ChannelError(Result.PERMANENT, "order-unknown")
        path = f"{API}/orders/{named.order_id}"
        order = decoded(await self._get(path), OrderAsked, self._drift, NAME, counts_unknown=False)
        answer = await self._get(f"{path}/refunds", {"per_page": str(BATCH_MAX)})
        refunds = decoded(answer, list[Refund], self._drift, NAME, counts_unknown=False)
        try:
            return woocommerce_orders.events_of(order, refunds)
        except MalformedError:
            raise ChannelError(Result.PERMANENT, "order-malformed") from None

    async def _update(self, batch: Sequence[Push]) -> Sequence[Ended]:
        group = self.group_of(batch[0].listing)
        answer = await self._exchange.send(
            "POST",
            f"{_path_of(group)}/batch",
            limit=None,
            headers=self._headers(),
            body=body_of(batch),
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal_of(answer)
        updated = decoded(answer, Updated, self._drift, NAME, counts_unknown=False)
        items = {item.id: item for item in updated.update}
        named = ((push, items.get(id_of(push.listing))) for push in batch)
        return whole(batch, {push.listing: end_of(push, item) for push, item in named if item is not None})

    async def _stock_of(self, group: str, listings: Sequence[str]) -> Mapping[str, int]:
        by_id = {id_of(listing): listing for listing in listings}
        params = {
            "include": ",".join(map(str, by_id)),
            "per_page": str(BATCH_MAX),
            "_fields": "id,manage_stock,stock_quantity",
        }
        try:
            answer = await self._get(_path_of(group), params)
        except ChannelError as error:
            if error.code == NO_PRODUCT:
                return {}  # the product is gone, and its variations with it
            raise
        items = decoded(answer, list[Item], self._drift, NAME, counts_unknown=False)
        return {
            by_id[item.id]: int(item.stock_quantity)
            for item in items
            if item.id in by_id and item.manage_stock is True and item.stock_quantity is not None
        }

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        answer = await self._exchange.send(
            "GET", path, limit=REQUESTS, headers=self._headers(), params=params
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal_of(answer)
        return answer

    def _headers(self) -> Mapping[str, str]:
        pair = f"{self._secrets.text('consumer_key')}:{self._secrets.text('consumer_secret')}"
        return {
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "Content-Type": "application/json",
        }


def _path_of(group: str) -> str:
    return f"{API}/products/{group}/variations" if group else f"{API}/products"


def check_integration(integration: Integration) -> str | None:
    """Say what is wrong with a shop's entry."""
    if not integration.url:
        return "url: missing; the shop's address, such as https://shop.example"
    return option_mistake(integration, WooOptions)


SPEC: Final = AdapterSpec(
    name=NAME,
    listing_form="<product id>[/<variation id>]",
    check_listing=check_listing,
    check_integration=check_integration,
    secrets=("consumer_key", "consumer_secret"),
    optional_secrets=("webhook_secret",),
    options=described(WooOptions),
    new_channel=WooCommerce,
    new_listener=woocommerce.new_listener,
    is_verified=False,
)
