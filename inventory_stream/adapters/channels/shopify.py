"""Shopify, outward: up to 250 absolute quantities in one GraphQL mutation, compared before they are set.

A listing is `<inventory item id>/<location id>`, both the digits of Shopify's ids. A call that set nothing
is over when it is answered: what it does not refuse by name goes again at once, as nothing of it can come
late. That one bad item fails the whole call is not said by the vendor (?); both ways are understood.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from inventory_stream.adapters.channels.answers import code_of, decoded, not_sent
from inventory_stream.adapters.channels.halving import push_in_halves
from inventory_stream.adapters.channels.inbound import shopify as inbound
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.shopify_orders import (
    ORDER,
    ORDER_POINTS,
    OrderAnswer,
    events_of_order,
)
from inventory_stream.adapters.channels.shopify_push import (
    POINTS,
    READ_BACK_MAX,
    SET_POINTS,
    SHOWN_POINTS,
    ShopifyOptions,
    caps_of,
    ends_of,
    input_of,
    item_gid,
    location_gid,
    number_of,
    wire_key,
)
from inventory_stream.adapters.channels.shopify_words import (
    API_VERSION,
    DOCUMENTED,
    OF_CALL_ERROR,
    OF_STATUS,
    PREVIOUS_ATTEMPT_FAILED,
    SET,
    SHOWN,
    CallAnswer,
    SetAnswer,
    SetPayload,
    ShownAnswer,
    TokenAnswer,
)
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

NAME: Final = "shopify"
KEYS_MAX: Final = 5
"""Keys tried in one push when those before are burnt: a key burns once for each failure at Shopify's end."""

_LISTING: Final = re.compile(r"([1-9][0-9]{0,18})/([1-9][0-9]{0,18})")
_SHOP: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com")
_REFRESH: Final = "refresh_token"
_RENEWAL: Final = frozenset({"client_id", "client_secret", _REFRESH})

AnswerT = TypeVar("AnswerT", bound=CallAnswer)


class Shopify:
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        self._options = options_of(needs.integration, ShopifyOptions)
        self._caps = caps_of(self._options)
        self._needs = needs
        self._exchange = needs.exchanges.of(
            shop_url(needs.integration), pace=needs.pace, request_seconds=self._caps.request_seconds
        )
        self._tokens = (
            Tokens(self._new_token, needs.secrets, needs.now_ms, refresh_secret=_REFRESH)
            if _REFRESH in (needs.integration.secrets or {})
            else Tokens.static("access_token", needs.secrets, needs.now_ms)
        )

    @property
    def caps(self) -> Caps:
        """What it can do."""
        return self._caps

    def group_of(self, listing: str) -> str:
        """Give nothing: any listings of a shop fit into one call."""
        del listing
        return ""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send absolute quantities in one mutation; Shopify has no place that only validates."""
        if dry_run:
            return not_sent(batch)

        async def send(some: Sequence[Push]) -> Sequence[Ended]:
            return ends_of(some, await self._set(some, key))

        async def take() -> None:
            await self._needs.pace.take(POINTS, SET_POINTS)

        return await push_in_halves(batch, send, take)

    async def _set(self, batch: Sequence[Push], key: str) -> SetPayload:
        """Send the mutation, whose tokens are taken; where its key is burnt, with the next one."""
        change = input_of(batch, self._options)
        payload = SetPayload([])
        for attempt in range(KEYS_MAX):
            variables = {"input": change, "key": wire_key(key, change, attempt)}
            answer = await self._ask(SET, variables, SetAnswer, SET_POINTS, is_paid=attempt == 0)
            if answer.data is None or answer.data.inventory_set_quantities is None:
                raise ChannelError(Result.AMBIGUOUS, "no-payload")
            payload = answer.data.inventory_set_quantities
            if not any(error.code == PREVIOUS_ATTEMPT_FAILED for error in payload.user_errors):
                break
        return payload

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """There is no slow way: `caps.bulk_max` is 0."""
        return await self.push(batch, key)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask what is available, with one query for each location."""
        items_of: dict[str, list[str]] = {}
        for listing in listings:
            item, location = listing.split("/")
            items_of.setdefault(location, []).append(item)
        shown: dict[str, int] = {}
        for location, items in items_of.items():
            for start in range(0, len(items), READ_BACK_MAX):
                shown |= await self._shown_at(location, items[start : start + READ_BACK_MAX])
        return shown

    async def _shown_at(self, location: str, items: Sequence[str]) -> Mapping[str, int]:
        variables = {"items": [item_gid(item) for item in items], "location": location_gid(location)}
        answer = await self._ask(SHOWN, variables, ShownAnswer, SHOWN_POINTS * len(items), is_paid=False)
        if answer.data is None:
            raise ChannelError(Result.AMBIGUOUS, "no-data")
        return {
            f"{number_of(node.id)}/{location}": quantity.quantity
            for node in answer.data.nodes
            if node is not None and node.id is not None and node.inventory_level is not None
            for quantity in node.inventory_level.quantities
            if quantity.name == "available"
        }

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask for an order that an edit named; see `shopify_orders`."""
        variables = {"id": f"gid://shopify/Order/{named.order_id}"}
        answer = await self._ask(ORDER, variables, OrderAnswer, ORDER_POINTS, is_paid=False)
        if answer.data is None or answer.data.order is None:
            raise ChannelError(Result.PERMANENT, "order-unknown")
        return events_of_order(named.order_id, answer.data.order)

    async def close(self) -> None:
        """Nothing is held: connections are the process's."""

    async def _ask(
        self,
        document: str,
        variables: Mapping[str, object],
        shape: type[AnswerT],
        points: float,
        *,
        is_paid: bool,
    ) -> AnswerT:
        """Send a document; where the token is over, once more with a new one.

        Raises:
            ChannelError: the whole call failed.
        """
        body = msgspec.json.encode({"query": document, "variables": variables})
        limits = iter((None,) if is_paid else ())

        async def send(token: str) -> AnswerT:
            limit = next(limits, POINTS)
            answer = await self._exchange.send(
                "POST",
                f"/admin/api/{API_VERSION}/graphql.json",
                limit=limit,
                cost=points,
                headers={"Content-Type": "application/json", "X-Shopify-Access-Token": token},
                body=body,
            )
            if not answer.is_success:
                result = OF_STATUS.get(answer.status, Result.PERMANENT)
                raise ChannelError(result, f"http-{answer.status}")
            call = decoded(answer, shape, self._needs.drift, NAME, ignored=DOCUMENTED)
            self._note(call)
            if call.errors:
                raise self._failure(call, limit)
            return call

        return await self._tokens.call(send)

    def _note(self, call: CallAnswer) -> None:
        """Tell the pace what the bucket is like, no faster than the entry allows."""
        cost = call.extensions.cost if call.extensions else None
        if cost is None:
            return
        status = cost.throttle_status
        self._needs.pace.note(
            POINTS,
            per_second=min(status.restore_rate, self._options.requests_per_second * SET_POINTS),
            burst=status.maximum_available,
            left=status.currently_available,
        )

    def _failure(self, call: CallAnswer, limit: str | None) -> ChannelError:
        """Say what the failure of a whole call means. Of a throttled push its ends tell the sender."""
        code = call.errors[0].code
        result = OF_CALL_ERROR.get(code, Result.PERMANENT)
        retry_at_ms = None
        if result is Result.THROTTLED:
            if call.extensions and (cost := call.extensions.cost):
                status = cost.throttle_status
                missing = max(0.0, cost.requested_query_cost - status.currently_available)
                wait_ms = math.ceil(1_000 * missing / max(status.restore_rate, 1.0))
                retry_at_ms = self._needs.now_ms() + wait_ms
            if limit is not None:
                self._needs.pace.throttled(limit, retry_at_ms)
        return ChannelError(result, code_of(code or "graphql"), retry_at_ms)

    async def _new_token(self) -> Fresh:
        """Use the refresh token up; the answer has the next one.

        Raises:
            ChannelError: AUTH: the grant is over, and the merchant has to give it again.
        """
        secrets = self._needs.secrets
        form = {
            "client_id": secrets.text("client_id"),
            "client_secret": secrets.text("client_secret"),
            "grant_type": "refresh_token",
            "refresh_token": secrets.text("refresh_token"),
        }
        answer = await self._exchange.send(
            "POST",
            "/admin/oauth/access_token",
            limit=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, f"token-http-{answer.status}")
        fresh = decoded(
            answer, TokenAnswer, self._needs.drift, NAME, ignored=("scope", "refresh_token_expires_in")
        )
        return Fresh(fresh.access_token, fresh.expires_in, fresh.refresh_token)


def shop_url(integration: Integration) -> str:
    """Give the shop's address: its own domain at Shopify unless the entry names another."""
    return integration.url or f"https://{integration.account}"


def _check_listing(listing: str) -> str | None:
    if _LISTING.fullmatch(listing):
        return None
    return "must be <inventory item id>/<location id>, digits only, without zeros in front"


def _check_integration(integration: Integration) -> str | None:
    if integration.url is None and not _SHOP.fullmatch(integration.account):
        return "account: must be the shop's own domain, such as example.myshopify.com, unless url is set"
    secrets = set(integration.secrets or {})
    if "access_token" not in secrets and not secrets >= _RENEWAL:
        return "secrets: needs access_token, or client_id, client_secret and refresh_token"
    return option_mistake(integration, ShopifyOptions)


SPEC: Final = AdapterSpec(
    name=NAME,
    listing_form="<inventory item id>/<location id>",
    check_listing=_check_listing,
    check_integration=_check_integration,
    secrets=(),
    optional_secrets=("access_token", "client_id", "client_secret", "refresh_token", "webhook_secret"),
    options=described(ShopifyOptions),
    new_channel=Shopify,
    new_listener=inbound.new_listener,
    is_verified=True,
)
