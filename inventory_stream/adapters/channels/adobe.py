"""Adobe Commerce (Magento): stock of sources, 20 items at once, or thousands as a bulk that is polled.

What is set is a source's stock, before reservations of the shop's own orders; so a read back asks for source
items, and never for what is salable. Adobe Commerce has no idempotency key; stock is absolute, so that the
same again changes nothing. An answer of 200 names no item: `[]` is success for all of them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

from msgspec import Meta, Struct

from inventory_stream.adapters.channels.adobe_bulk import BULK_MAX, push_as_bulk
from inventory_stream.adapters.channels.adobe_words import (
    NAME,
    UNUSED,
    Found,
    body_of,
    check_listing,
    parts_of,
    refusal_of,
    search_of,
)
from inventory_stream.adapters.channels.answers import all_ended, decoded, ended_by, not_sent
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.halving import push_in_halves
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration

BATCH_MAX: Final = 20
"""Items of one synchronous request where the shop's input limits are on (channels.md 1a)."""
BULK_FROM: Final = 500
"""Waiting listings from which on a bulk is quicker: they are 25 requests, 12 s at 2/s."""
READ_BACK_MAX: Final = 50
"""Listings of one search: their names stand in its address, which servers cut at 8 KB."""
UNITS_MAX: Final = 99_999_999
"""Most that a source item holds: `decimal(12,4)` in the shop's database, one digit less in its forms."""
REQUESTS: Final = "requests"
"""The one budget: a shop has one server for reads and writes."""


class AdobeOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a shop. No limit is stated anywhere; the defaults harm no small host."""

    store: Annotated[
        str,
        Meta(pattern="^[A-Za-z0-9_]{1,32}$", description="store code in the address; default default"),
    ] = "default"
    requests_per_second: Annotated[
        float, Meta(gt=0, le=100, description="requests per second that the shop can stand; default 2")
    ] = 2.0
    in_flight: Annotated[int, Meta(ge=1, le=8, description="pushes at once; default 1")] = 1
    batch_max: Annotated[
        int,
        Meta(ge=1, le=1_000, description="items of one request; more than 20 only where limits are off"),
    ] = BATCH_MAX
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 3")
    ] = 3.0
    bulk: Annotated[
        bool,
        Meta(description="the shop's queue consumers run, so that backlogs may go as bulk; default false"),
    ] = False
    bulk_wait_seconds: Annotated[
        float, Meta(gt=0, le=900, description="how long a bulk is waited for; default 120")
    ] = 120.0


class AdobeCommerce(PlainChannel):
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        self._options = options = options_of(needs.integration, AdobeOptions)
        super().__init__(
            Caps(
                batch_max=options.batch_max,
                in_flight_max=options.in_flight,
                limits=(Limit(REQUESTS, options.requests_per_second, 1.0),),
                read_back_max=READ_BACK_MAX,
                bulk_max=BULK_MAX if options.bulk else 0,
                bulk_from=BULK_FROM if options.bulk else 0,
                settle_seconds=options.settle_seconds,
                request_seconds=20.0,  # a save runs indexers where these are not left to the schedule
                units_max=UNITS_MAX,
            )
        )
        self._secrets = needs.secrets
        self._drift = needs.drift
        self._pace = needs.pace
        self._exchange = needs.exchange(self._caps.request_seconds)

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one request. `key` is not sent: Adobe Commerce has no place for it, and sets are absolute."""
        del key
        if dry_run:
            return not_sent(batch)
        return await push_in_halves(batch, self._save, partial(self._pace.take, REQUESTS))

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Hand items to the shop's queue, one operation each, and ask until all are done or time is up."""
        if not self._caps.bulk_max:
            return await super().push_bulk(batch, key)
        try:
            return await push_as_bulk(
                batch,
                self._send,
                self._drift,
                limit=REQUESTS,
                wait_seconds=self._options.bulk_wait_seconds,
            )
        except ChannelError as error:
            return ended_by(batch, error)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Search for the source items of these SKUs at these sources."""
        found: dict[str, int] = {}
        for start in range(0, len(listings), READ_BACK_MAX):
            found |= await self._found(listings[start : start + READ_BACK_MAX])
        return found

    async def _save(self, batch: Sequence[Push]) -> Sequence[Ended]:
        answer = await self._send("POST", "/V1/inventory/source-items", body=body_of(batch), limit=None)
        if decoded(answer, list[object], self._drift, NAME):
            raise ChannelError(Result.AMBIGUOUS, "answer-not-empty")
        return all_ended(batch, Result.APPLIED)

    async def _found(self, listings: Sequence[str]) -> Mapping[str, int]:
        wanted = {parts_of(listing): listing for listing in listings}
        answer = await self._send(
            "GET", "/V1/inventory/source-items", params=search_of(list(wanted)), limit=REQUESTS
        )
        found = decoded(answer, Found, self._drift, NAME, ignored=UNUSED)
        return {
            wanted[item.sku, item.source_code]: int(item.quantity)
            for item in found.items
            if (item.sku, item.source_code) in wanted
        }

    async def _send(
        self,
        method: str,
        path: str,
        *,
        limit: str | None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Ask once. Refusals are raised: PERMANENT where the request is at fault."""
        answer = await self._exchange.send(
            method,
            f"/rest/{self._options.store}{path}",
            limit=limit,
            headers={
                "Authorization": f"Bearer {self._secrets.text('access_token')}",
                "Content-Type": "application/json",
            },
            params=params,
            body=body,
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refusal_of(answer)
        return answer


def check_integration(integration: Integration) -> str | None:
    """Say what is wrong with a shop's entry."""
    if not integration.url:
        return "url: missing; the shop's address, such as https://shop.example"
    return option_mistake(integration, AdobeOptions)


SPEC: Final = AdapterSpec(
    name=NAME,
    listing_form="<sku>/<source code>",
    check_listing=check_listing,
    check_integration=check_integration,
    secrets=("access_token",),
    optional_secrets=(),
    options=described(AdobeOptions),
    new_channel=AdobeCommerce,
    new_listener=None,
    is_verified=True,
)
