"""WooCommerce, REST v3: stock of products and variations, set in batches.

From the vendor's documents; no file of the vendor's verifies it. WooCommerce states no limit and has no
idempotency key: a batch sets absolute stock, so that the same again changes nothing.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import all_ended, code_of, decoded, ended_by, not_sent, whole
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.inbound import woocommerce
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

BATCH_MAX: Final = 100
"""Items of one batch, and of one page read back: WooCommerce's own default; more is 413."""
NAME: Final = "woocommerce"
READ_BACK_MAX: Final = 50
"""Listings of one read back: if each is of another product, 25 s at 2 requests/s."""
API: Final = "/wp-json/wc/v3"
REQUESTS: Final = "requests"
"""The one budget: a shop has one server for reads and writes."""

_ID_DIGITS_MAX: Final = 19  # a bigint of the shop's database


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


class _ItemError(Struct):
    code: str
    data: dict[str, object] | None = None


class _Item(Struct):
    id: int
    stock_quantity: float | None = None
    manage_stock: bool | str = False  # "parent" on variations whose product holds the stock
    error: _ItemError | None = None


class _Updated(Struct):
    update: list[_Item]


class _Refusal(Struct):
    code: str


class WooCommerce:
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        options = options_of(needs.integration, WooOptions)
        self._caps = Caps(
            batch_max=options.batch_max,
            in_flight_max=options.in_flight,
            limits=(Limit(REQUESTS, options.requests_per_second, 1.0),),
            read_back_max=READ_BACK_MAX,
            settle_seconds=options.settle_seconds,
            request_seconds=30.0,  # PHP saves a hundred products in seconds, not in milliseconds
        )
        self._secrets = needs.secrets
        self._drift = needs.drift
        self._exchange = needs.exchanges.of(
            needs.integration.url or "", pace=needs.pace, request_seconds=self._caps.request_seconds
        )

    @property
    def caps(self) -> Caps:
        """Options of the account over the defaults."""
        return self._caps

    def group_of(self, listing: str) -> str:
        """Variations go to their product's address; products share one."""
        product, _, variation = listing.partition("/")
        return product if variation else ""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one batch. `key` is not sent: WooCommerce has no place for it, and sets are absolute."""
        del key
        if dry_run:
            return not_sent(batch)
        try:
            return await self._update(batch)
        except ChannelError as error:
            return ended_by(batch, error)

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Say that there is no slow way."""
        del key
        return all_ended(batch, Result.PERMANENT, "no-bulk")

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
        """Say that nothing only names an order: WooCommerce's webhooks bring it whole."""
        del named
        raise ChannelError(Result.PERMANENT, "orders-come-whole")

    async def close(self) -> None:
        """Nothing is held: connections are the process's."""

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
            raise _refusal_of(answer)
        updated = decoded(answer, _Updated, self._drift, NAME, counts_unknown=False)
        items = {item.id: item for item in updated.update}
        named = ((push, items.get(_id_of(push.listing))) for push in batch)
        return whole(batch, {push.listing: _end_of(push, item) for push, item in named if item is not None})

    async def _stock_of(self, group: str, listings: Sequence[str]) -> Mapping[str, int]:
        by_id = {_id_of(listing): listing for listing in listings}
        answer = await self._exchange.send(
            "GET",
            _path_of(group),
            limit=REQUESTS,
            headers=self._headers(),
            params={
                "include": ",".join(map(str, by_id)),
                "per_page": str(BATCH_MAX),
                "_fields": "id,manage_stock,stock_quantity",
            },
        )
        if answer.status == HTTPStatus.NOT_FOUND and group:
            return {}  # the product is gone, and its variations with it
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _refusal_of(answer)
        items = decoded(answer, list[_Item], self._drift, NAME, counts_unknown=False)
        return {
            by_id[item.id]: int(item.stock_quantity)
            for item in items
            if item.id in by_id and item.manage_stock is True and item.stock_quantity is not None
        }

    def _headers(self) -> Mapping[str, str]:
        pair = f"{self._secrets.text('consumer_key')}:{self._secrets.text('consumer_secret')}"
        return {
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "Content-Type": "application/json",
        }


def body_of(batch: Sequence[Push]) -> bytes:
    """Write a batch. Stock that is not managed would be ignored, so each item turns that on."""
    return msgspec.json.encode(
        {
            "update": [
                {"id": _id_of(push.listing), "manage_stock": True, "stock_quantity": push.units}
                for push in batch
            ]
        }
    )


def _end_of(push: Push, item: _Item) -> Ended:
    if item.error is not None:
        status = (item.error.data or {}).get("status")
        return Ended(
            push.listing, _result_of(status if isinstance(status, int) else 400), code_of(item.error.code)
        )
    if item.stock_quantity != push.units:
        return Ended(push.listing, Result.AMBIGUOUS, "shows-other")
    return Ended(push.listing, Result.APPLIED)


def _refusal_of(answer: Answer) -> ChannelError:
    """Classify a 4xx of the whole request; one that is no JSON is of something before the shop."""
    try:
        code = code_of(msgspec.convert(answer.json(), _Refusal).code)
    except (ChannelError, msgspec.ValidationError):
        code = ""
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ChannelError(Result.PERMANENT, code or "too-large")
    if not code:
        return ChannelError(Result.RETRYABLE, f"http-{answer.status}")
    return ChannelError(_result_of(answer.status), code)


def _result_of(status: int) -> Result:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Result.AUTH  # a key pair that may only read is refused with 403
    return Result.RETRYABLE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Result.PERMANENT


def _path_of(group: str) -> str:
    return f"{API}/products/{group}/variations" if group else f"{API}/products"


def _id_of(listing: str) -> int:
    return int(listing.rpartition("/")[2])


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be WooCommerce's."""
    parts = listing.split("/")
    if len(parts) in {1, 2} and all(_is_id(part) for part in parts):
        return None
    return "must be <product id> or <product id>/<variation id>, whole numbers"


def _is_id(part: str) -> bool:
    # int() would take "+1" and other scripts' digits as well.
    return part.isascii() and part.isdecimal() and len(part) <= _ID_DIGITS_MAX and part[0] != "0"


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
