"""Stock as a shop reads it: its own memory first, then Redis, then the gateway."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from inventory_stream.errors import UnreachableError
from inventory_stream.gateway.words.availability import SKUS_MAX, Availability, SkuAvailability
from inventory_stream.ports import projection
from inventory_stream.ports.projection import AvailabilityView
from inventory_stream.storefront.answers import Source, Stock
from inventory_stream.storefront.calls import GatewayCalls

KEPT_MAX: Final = 50_000
"""SKUs in memory, about 1 KB each; the oldest answer goes first."""
_HEARTBEAT_SECONDS: Final = 0.5
"""How long a look at heartbeats counts: they live 2 s, so a dead projection is noticed within 2.5 s."""
REDIS_SECONDS_MAX: Final = 0.25
"""Longest wait for Redis, where a read takes under 1 ms: then the gateway is asked, and a shopper waits."""
REDIS_ILL_SECONDS: Final = 1.0
"""How long Redis is left alone after it did not answer, so that one read a second pays for the wait."""


class _Kept(NamedTuple):
    stock: Stock
    read_at: float


class Shelf:
    """What can be sold, from the nearest place that is up to date."""

    def __init__(self, view: AvailabilityView | None, calls: GatewayCalls) -> None:
        """`view` None: this shop does not reach Redis."""
        self._view = view
        self._calls = calls
        self._kept: dict[str, _Kept] = {}
        self._beating: dict[int, float] = {}
        self._ill_until = 0.0

    async def read(
        self, skus: Collection[str], max_age_seconds: float, stale_seconds_max: float
    ) -> dict[str, Stock]:
        """Give what is known of each SKU; those that the ledger has never heard of are left out.

        Args:
            skus: Which.
            max_age_seconds: How old an answer from memory may be.
            stale_seconds_max: How old it may be where nobody answers.

        Raises:
            UnreachableError: neither Redis nor the gateway answers, and memory has not all of them.
            Refused: the gateway says no.
        """
        wanted = list(dict.fromkeys(skus))
        oldest = time.monotonic() - max_age_seconds
        found = {
            sku: kept.stock._replace(source=Source.CACHE)
            for sku in wanted
            if (kept := self._kept.get(sku)) is not None and kept.read_at >= oldest
        }
        missing = [sku for sku in wanted if sku not in found]
        if missing:
            fresh = await self._read_anew(missing, stale_seconds_max)
            self._keep(fresh)
            found |= fresh
        return found

    async def _read_anew(self, skus: Sequence[str], stale_seconds_max: float) -> dict[str, Stock]:
        old = await self._from_redis_if_well(skus)
        missing = [sku for sku in skus if sku not in old or not old[sku].is_fresh]
        if not missing:
            return old
        try:
            return old | await self._from_gateway(missing)
        except UnreachableError:
            # Better what was true a moment ago than an empty page; it says of itself that it is old.
            oldest = time.monotonic() - stale_seconds_max
            kept = {
                sku: found.stock._replace(source=Source.CACHE, is_fresh=False)
                for sku in missing
                if (found := self._kept.get(sku)) is not None and found.read_at >= oldest
            }
            stale = kept | old
            if not all(sku in stale for sku in skus):
                raise
            return stale

    async def _from_redis_if_well(self, skus: Sequence[str]) -> dict[str, Stock]:
        if self._view is None or time.monotonic() < self._ill_until:
            return {}
        try:
            async with asyncio.timeout(REDIS_SECONDS_MAX):
                return await self._from_redis(self._view, skus)
        except (UnreachableError, TimeoutError):
            self._ill_until = time.monotonic() + REDIS_ILL_SECONDS
            return {}

    async def _from_redis(self, view: AvailabilityView, skus: Sequence[str]) -> dict[str, Stock]:
        shown = [one for one in await view.read(skus) if one is not None]
        now = time.monotonic()
        unsure = {one.partition for one in shown if self._beating.get(one.partition, 0.0) <= now}
        if unsure:
            self._beating |= dict.fromkeys(await view.fresh(unsure), now + _HEARTBEAT_SECONDS)
        return {
            one.sku: _of_redis(one, is_fresh=self._beating.get(one.partition, 0.0) > now) for one in shown
        }

    async def _from_gateway(self, skus: Sequence[str]) -> dict[str, Stock]:
        found: dict[str, Stock] = {}
        # A SKU with a comma cannot stand in a list: it has an address of its own, as each has.
        for sku in (sku for sku in skus if "," in sku):
            found |= await self._one(sku)
        listed = [sku for sku in skus if "," not in sku]
        for start in range(0, len(listed), SKUS_MAX):
            query = {"skus": ",".join(listed[start : start + SKUS_MAX])}
            answer = await self._calls.get("/v1/availability", Availability, query)
            found |= {one.sku: _of_gateway(one) for one in answer.skus}
        return found

    async def _one(self, sku: str) -> Mapping[str, Stock]:
        answer = await self._calls.get(f"/v1/availability/{quote(sku, safe='')}", SkuAvailability)
        return {sku: _of_gateway(answer)}

    def _keep(self, read: Mapping[str, Stock]) -> None:
        now = time.monotonic()
        for sku, stock in read.items():
            if stock.is_fresh:
                self._kept.pop(sku, None)  # to the end: the dict is in the order of age
                self._kept[sku] = _Kept(stock, now)
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]


def shown_in(stock: Stock, channel: str | None) -> Stock:
    """Give what one channel is shown; where nothing is stated for it, that is the total (R25)."""
    if channel is None:
        return stock
    return stock._replace(available=stock.channels.get(channel, stock.available))


def _of_redis(one: projection.SkuAvailability, *, is_fresh: bool) -> Stock:
    return Stock(
        sku=one.sku,
        available=one.total,
        is_sold_out=one.is_sold_out,
        version=str(one.version),
        source=Source.REDIS,
        is_fresh=is_fresh,
        locations=one.locations,
        channels=one.channels,
        sales=one.sales,
        backorder=one.backorder,
    )


def _of_gateway(one: SkuAvailability) -> Stock:
    return Stock(
        sku=one.sku,
        available=one.total,
        is_sold_out=one.is_sold_out,
        version=one.version,
        source=Source.GATEWAY,
        is_fresh=one.is_fresh,
        locations=one.locations,
        channels=one.channels,
        sales=one.sales,
        backorder=one.backorder,
    )
