"""Shopee, Open Platform v2: stock of one item's models in one request, every try signed anew.

From the vendor's documents, unverified: no file of the vendor's is at hand. Shopee has no idempotency key;
stock is absolute, so that the same again changes nothing.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from inventory_stream.adapters.channels import shopee_orders
from inventory_stream.adapters.channels.answers import not_sent, whole
from inventory_stream.adapters.channels.halving import push_in_halves
from inventory_stream.adapters.channels.inbound import shopee
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.shopee_calls import API, REQUESTS, ShopeeCalls, ShopeeOptions
from inventory_stream.adapters.channels.shopee_words import (
    NAME,
    Model,
    OrderAnswer,
    Shown,
    ShownAnswer,
    UpdateAnswer,
    Updated,
    check_listing,
    error_of,
    place_of,
    reason_of,
)
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, MalformedError, Push, Result
from inventory_stream.ports.integrations import Integration
from models.channels import ChannelEvent, OrderNamed

MODELS_MAX: Final = 50
"""Models of one `update_stock`, and items of one `get_item_base_info` (channels.md 1a)."""
READ_BACK_MAX: Final = 20
"""Listings of one read back: if each is a model of another item, 10 s at 2 requests/s."""


class Shopee(PlainChannel):
    """One shop, or one merchant with global products."""

    def __init__(self, needs: Needs) -> None:
        self._options = options = options_of(needs.integration, ShopeeOptions)
        super().__init__(
            Caps(
                batch_max=MODELS_MAX,
                in_flight_max=options.in_flight,
                limits=(Limit(REQUESTS, options.requests_per_second, options.burst),),
                read_back_max=READ_BACK_MAX,
                settle_seconds=options.settle_seconds,
                units_max=options.units_max,
            )
        )
        self._pace = needs.pace
        self._calls = ShopeeCalls(needs, options, self._caps.request_seconds)
        self._global = "global_" if options.is_global else ""

    def group_of(self, listing: str) -> str:
        """One request has one item, and a location for all of its entries or for none."""
        place = place_of(listing)
        return f"{place.item}" if place.location is None else f"{place.item}@"

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one item's stock. `key` is not sent: Shopee has no place for it, and sets are absolute."""
        del key
        if dry_run:
            return not_sent(batch)
        return await push_in_halves(batch, self._update, partial(self._pace.take, REQUESTS))

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask for items without variants, 50 at a time, and for the models of each other item."""
        places = {listing: place_of(listing) for listing in listings}
        plain = sorted({place.item for place in places.values() if place.model == 0})
        shown: dict[tuple[int, int], Model] = {}
        for start in range(0, len(plain), MODELS_MAX):
            items = await self._items(plain[start : start + MODELS_MAX])
            shown |= {(item.item_id or item.global_item_id, 0): item for item in items}
        for number in sorted({place.item for place in places.values() if place.model != 0}):
            models = await self._models(number)
            shown |= {(number, model.model_id or model.global_model_id): model for model in models}
        found = {
            listing: _stock_of(shown.get((place.item, place.model)), place.location)
            for listing, place in places.items()
        }
        return {listing: units for listing, units in found.items() if units is not None}

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask what happened to an order; nothing is asked about its buyer."""
        answer = await self._calls.call(
            "GET",
            f"{API}/order/get_order_detail",
            OrderAnswer,
            params={
                "order_sn_list": named.order_id,
                "response_optional_fields": "item_list,fulfillment_flag",
            },
        )
        if answer.error:
            raise error_of(answer)
        orders = answer.response.order_list if answer.response else []
        order = next((order for order in orders if order.order_sn == named.order_id), None)
        if order is None:
            raise ChannelError(Result.PERMANENT, "order-unknown")
        try:
            return shopee_orders.events_of(order, is_by_location=self._options.is_by_location)
        except MalformedError:
            raise ChannelError(Result.PERMANENT, "order-malformed") from None

    async def _update(self, batch: Sequence[Push]) -> Sequence[Ended]:
        answer = await self._calls.call(
            "POST",
            f"{API}/{self._global}product/update_stock",
            UpdateAnswer,
            body=body_of(batch, is_global=self._options.is_global),
        )
        if answer.error and not answer.names_items:
            raise error_of(answer)
        return ends_of(batch, answer.response or Updated())

    async def _items(self, numbers: Sequence[int]) -> Sequence[Model]:
        """Ask for items; one that is gone may fail the others (?), so that each is then asked for alone."""
        what = "get_global_item_info" if self._global else "get_item_base_info"
        shown = await self._shown(what, f"{self._global}item_id_list", ",".join(map(str, numbers)))
        if shown is not None:
            return shown.items
        if len(numbers) == 1:
            return []
        return [item for number in numbers for item in await self._items([number])]

    async def _models(self, number: int) -> Sequence[Model]:
        """Ask for the models of an item; none where it is gone."""
        what = f"get_{self._global}model_list"
        shown = await self._shown(what, f"{self._global}item_id", str(number))
        return [] if shown is None else shown.models

    async def _shown(self, what: str, name: str, ids: str) -> Shown | None:
        """Ask for stock; None: it is refused for what was asked."""
        path = f"{API}/{self._global}product/{what}"
        answer = await self._calls.call("GET", path, ShownAnswer, params={name: ids})
        return None if answer.error else answer.response or Shown()


def body_of(batch: Sequence[Push], *, is_global: bool = False) -> bytes:
    """Write one item's stock: models in the order of their ids, each with its places."""
    prefix = "global_" if is_global else ""
    models: dict[int, list[dict[str, object]]] = {}
    for push in sorted(batch, key=lambda push: (*place_of(push.listing)[:2], push.listing)):
        place = place_of(push.listing)
        at = {} if place.location is None else {"location_id": place.location}
        models.setdefault(place.model, []).append({**at, "stock": push.units})
    return msgspec.json.encode(
        {
            f"{prefix}item_id": place_of(batch[0].listing).item,
            "stock_list": [
                {**({f"{prefix}model_id": model} if model else {}), "seller_stock": stock}
                for model, stock in models.items()
            ],
        }
    )


def ends_of(batch: Sequence[Push], updated: Updated) -> list[Ended]:
    """Say how each item ended; what is named as failed has failed, whatever else is said of it."""
    failed = {one.model: one for one in updated.failure_list or ()}
    shown = {(one.model, one.location_id or None): one for one in updated.success_list or ()}
    named = {}
    for push in batch:
        place = place_of(push.listing)
        # One place of a shop may be named, or not, where none was asked for.
        done = shown.get((place.model, place.location)) or (
            next((one for (model, _), one in shown.items() if model == place.model), None)
            if place.location is None
            else None
        )
        if place.model in failed:
            named[push.listing] = Ended(push.listing, Result.PERMANENT, reason_of(failed[place.model]))
        elif done is not None and done.stock in {None, push.units}:
            named[push.listing] = Ended(push.listing, Result.APPLIED)
        elif done is not None:
            named[push.listing] = Ended(push.listing, Result.AMBIGUOUS, "shows-other")
    return whole(batch, named)


def _stock_of(model: Model | None, location: str | None) -> int | None:
    stock = model.stock_info_v2.seller_stock if model and model.stock_info_v2 else None
    if not stock:
        return None
    if location is None:
        return sum(part.stock for part in stock)
    return next((part.stock for part in stock if part.location_id == location), None)


def check_integration(integration: Integration) -> str | None:
    """Say what is wrong with a shop's entry."""
    if not integration.url:
        return "url: missing; https://partner.shopeemobile.com, or the host nearer to you"
    if not (integration.account.isascii() and integration.account.isdecimal()):
        return "account: must be the shop's id (the merchant's with is_global), a whole number"
    if not (integration.secrets or {}).get("refresh_token", "file:").startswith("file:"):
        return "secrets.refresh_token: must be file:/path: Shopee gives a new one with each use"
    return option_mistake(integration, ShopeeOptions)


SPEC: Final = AdapterSpec(
    name=NAME,
    listing_form="<item id>/<model id>[/<location id>]",
    check_listing=check_listing,
    check_integration=check_integration,
    secrets=("partner_key", "refresh_token"),
    optional_secrets=(),
    options=described(ShopeeOptions),
    new_channel=Shopee,
    new_listener=shopee.new_listener,
    is_verified=False,
)
