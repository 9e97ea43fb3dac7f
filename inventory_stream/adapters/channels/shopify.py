"""Shopify, outward: up to 250 absolute quantities in one GraphQL mutation, compared before they are set.

A listing is `<inventory item id>/<location id>`, both the digits of Shopify's ids. A call that set nothing
is over when it is answered: what it does not refuse by name goes again at once, as nothing of it can come
late. That one bad item fails the whole call is not said by the vendor (?); both ways are understood.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from inventory_stream.adapters.channels.answers import all_ended, ended_by, not_sent
from inventory_stream.adapters.channels.halving import REFUSED_WITH_OTHERS, push_in_halves
from inventory_stream.adapters.channels.inbound import shopify as inbound
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.shopify_api import NAME, REFRESH, ShopifyApi
from inventory_stream.adapters.channels.shopify_orders import (
    ORDER,
    ORDER_POINTS,
    OrderAnswer,
    events_of_order,
)
from inventory_stream.adapters.channels.shopify_push import (
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
    PREVIOUS_ATTEMPT_FAILED,
    SET,
    SHOWN,
    SetAnswer,
    SetPayload,
    ShownAnswer,
)
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

CALLS_MAX: Final = 4
"""Calls of one batch whose bad items are taken out: one names them all, unless the shop sells meanwhile."""
KEYS_MAX: Final = 5
"""Keys tried in one push when those before are burnt: a key burns once for each failure at Shopify's end."""

_LISTING: Final = re.compile(r"([1-9][0-9]{0,18})/([1-9][0-9]{0,18})")
_SHOP: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.myshopify\.com")
_RENEWAL: Final = frozenset({"client_id", "client_secret", REFRESH})


class Shopify(PlainChannel):
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        self._options = options_of(needs.integration, ShopifyOptions)
        super().__init__(caps_of(self._options))
        self._api = ShopifyApi(
            needs,
            shop_url(needs.integration),
            self._caps.request_seconds,
            self._options.requests_per_second * SET_POINTS,
        )

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send absolute quantities in one mutation; Shopify has no place that only validates."""
        if dry_run:
            return not_sent(batch)

        async def send(some: Sequence[Push]) -> Sequence[Ended]:
            return await self._set_what_can_be(some, key)

        return await push_in_halves(batch, send, self._take)

    async def _take(self) -> None:
        await self._api.take(SET_POINTS)

    async def _set_what_can_be(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Send a call; where the items that it refuses by name kept the others from being set, these again.

        A shop that sells makes some items of most calls STALE: their neighbours, zeros among them, neither
        wait for the sender's next try nor count it as one of theirs.
        """
        ends: list[Ended] = []
        rest: Sequence[Push] = batch
        for call in range(CALLS_MAX):
            if call > 0:
                await self._take()
            try:
                ended = ends_of(rest, await self._set(rest, key))
            except ChannelError as error:
                if call == 0:
                    raise
                # What was found out before still counts; a refusal of all the rest is left to the next push.
                return ends + (ended_by(rest, error) if error.result is not Result.PERMANENT else _left(rest))
            again = {end.listing for end in ended if end.code == REFUSED_WITH_OTHERS}
            ends += [end for end in ended if end.listing not in again]
            rest = [push for push in rest if push.listing in again]
            if not rest:
                break
        return ends + _left(rest)

    async def _set(self, batch: Sequence[Push], key: str) -> SetPayload:
        """Send the mutation, whose tokens are taken; where its key is burnt, with the next one."""
        change = input_of(batch, self._options)
        payload = SetPayload([])
        for attempt in range(KEYS_MAX):
            variables = {"input": change, "key": wire_key(key, change, attempt)}
            answer = await self._api.ask(SET, variables, SetAnswer, SET_POINTS, is_paid=attempt == 0)
            if answer.data is None or answer.data.inventory_set_quantities is None:
                raise ChannelError(Result.AMBIGUOUS, "no-payload")
            payload = answer.data.inventory_set_quantities
            if not any(error.code == PREVIOUS_ATTEMPT_FAILED for error in payload.user_errors):
                break
        return payload

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
        answer = await self._api.ask(SHOWN, variables, ShownAnswer, SHOWN_POINTS * len(items), is_paid=False)
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
        answer = await self._api.ask(ORDER, variables, OrderAnswer, ORDER_POINTS, is_paid=False)
        if answer.data is None or answer.data.order is None:
            raise ChannelError(Result.PERMANENT, "order-unknown")
        return events_of_order(named.order_id, answer.data.order)


def _left(batch: Sequence[Push]) -> list[Ended]:
    return all_ended(batch, Result.RETRYABLE, REFUSED_WITH_OTHERS)


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
