"""What can be sold: of many SKUs, of one, and which SKUs there are. Answered from the shelf."""

from collections.abc import Callable, Sequence
from datetime import date
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Raw

from inventory_stream.flows.outlook import LocationOutlook, outlook_at, target_of
from inventory_stream.gateway.caching import UNCACHED, etag_of, is_known, unchanged
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.outcomes import VERSION_HEADER
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.availability import (
    DAYS_MAX,
    SKUS_MAX,
    Availability,
    AvailabilityQuery,
    SkuAvailability,
    SkuAvailabilityQuery,
    SkuNames,
    SkusQuery,
    WrittenAvailability,
)
from inventory_stream.ledger.promise import day_of
from inventory_stream.ports.projection import Version
from inventory_stream.ports.shelf import Shelf, SkuView
from models.ids import ID_CHARACTERS_MAX

_WRITTEN_MAX: Final = 20_000
"""SKUs kept as JSON: 300 to 1,000 bytes each, so 20 MB at most; the oldest goes first."""

_encode: Final = msgspec.json.Encoder().encode

_Asked = tuple[str | None, str | None, str | None]
"""Location, channel and sale: at most one of them."""


class AvailabilityRoutes:
    """Endpoints of availability. One change of a SKU costs one encoding of it, however often it is read."""

    def __init__(
        self,
        shelf: Shelf,
        now_ms: Callable[[], int],
        *,
        wait_seconds: float,
        cache_seconds: int,
        stale_seconds: int,
    ) -> None:
        """Begin with nothing written.

        Args:
            shelf: Where the units are.
            now_ms: Today, for what may be promised at a date.
            wait_seconds: How long a read waits for a version of its caller's.
            cache_seconds: How long any cache may answer in our place.
            stale_seconds: How much longer it may while it asks us.
        """
        self._shelf = shelf
        self._now_ms = now_ms
        self._wait_seconds = wait_seconds
        self._cached = f"public, max-age={cache_seconds}, stale-while-revalidate={stale_seconds}"
        self._written: Final[dict[tuple[str, _Asked, bool], tuple[Version, Raw]]] = {}

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "GET",
                "/v1/availability",
                self.of_many,
                f"What can be sold of up to {SKUS_MAX} SKUs",
                "availability",
                {200: Availability, 304: None},
                query=AvailabilityQuery,
                problems=("invalid", "not-ready"),
            ),
            Endpoint(
                "GET",
                "/v1/availability/{sku}",
                self.of_one,
                "What can be sold of one SKU",
                "availability",
                {200: SkuAvailability, 304: None},
                query=SkuAvailabilityQuery,
                problems=("invalid", "not-found", "not-ready"),
            ),
            Endpoint(
                "GET",
                "/v1/skus",
                self.names,
                "The SKUs that the ledger knows, page by page",
                "availability",
                {200: SkuNames},
                query=SkusQuery,
                problems=("not-ready",),
            ),
        )

    async def of_many(self, call: Call) -> Reply:
        """Answer many SKUs; unknown ones are named beside."""
        query: AvailabilityQuery = call.query
        if VERSION_HEADER in call.headers:
            raise Problem(
                "invalid", f"{VERSION_HEADER} goes with the address of one SKU: versions are of one"
            )
        asked = _asked(query.location, query.channel, query.sale, query.at)
        skus = query.skus.split(",")
        if len(skus) > SKUS_MAX or not all(1 <= len(sku) <= ID_CHARACTERS_MAX for sku in skus):
            raise Problem(
                "invalid",
                f"skus must be 1 to {SKUS_MAX} names of 1 to {ID_CHARACTERS_MAX} characters, commas between",
            )
        if not self._shelf.is_all_read():
            raise _not_read()
        if query.at is not None:
            return self._at_day(skus, query.location, query.at)
        version_of, is_fresh_of, written = self._shelf.version, self._shelf.is_sku_fresh, self._written
        bodies: list[Raw] = []
        unknown: list[str] = []
        versions: list[str] = []
        for sku in skus:
            version = version_of(sku)
            if version is None:
                unknown.append(sku)
                continue
            is_fresh = is_fresh_of(sku)
            known = written.get((sku, asked, is_fresh))
            if known is not None and known[0] == version:
                bodies.append(known[1])
            else:
                bodies.append(self._write(sku, asked, is_fresh=is_fresh))
            versions.append(f"{sku}@{version[0]}:{version[1]}:{is_fresh:d}")
        etag = etag_of(*versions, *unknown)
        headers = {"Cache-Control": self._cached, "ETag": etag}
        if is_known(call, etag):
            return unchanged(headers)
        return Reply(HTTPStatus.OK, WrittenAvailability(bodies, unknown), headers)

    async def of_one(self, call: Call) -> Reply:
        """Answer one SKU, if asked to not before a version of it is known here."""
        query: SkuAvailabilityQuery = call.query
        sku = call.path["sku"]
        asked = _asked(query.location, query.channel, query.sale, query.at)
        least = query.min_version or call.headers.get(VERSION_HEADER)
        if least is not None:
            await self._wait(sku, least)
        if not self._shelf.is_sku_read(sku):
            raise _not_read()
        if query.at is not None:
            reply = self._at_day([sku], query.location, query.at)
            if isinstance(reply.body, Availability) and reply.body.skus:
                return Reply(reply.status, reply.body.skus[0], reply.headers)
            raise _unknown(sku)
        (view,) = self._shelf.availability([sku])
        if view is None:
            raise _unknown(sku)
        is_fresh = self._shelf.is_sku_fresh(sku)
        etag = etag_of(f"{sku}@{view.version}:{is_fresh:d}")
        headers = {"ETag": etag, **(UNCACHED if least is not None else {"Cache-Control": self._cached})}
        if is_known(call, etag):
            return unchanged(headers)
        return Reply(HTTPStatus.OK, _told(view, asked, is_fresh=is_fresh), headers)

    async def names(self, call: Call) -> Reply:
        """Answer a page of SKUs."""
        query: SkusQuery = call.query
        if not self._shelf.is_all_read():
            raise _not_read()
        names = list(self._shelf.skus(query.after, query.limit + 1))
        is_more = len(names) > query.limit
        names = names[: query.limit]
        return Reply(HTTPStatus.OK, SkuNames(names, names[-1] if is_more else None))

    async def _wait(self, sku: str, least: str) -> None:
        try:
            version = Version.parse(least)
        except ValueError:
            raise Problem("malformed", "a version is <generation>:<offset>, as a write answered it") from None
        if not await self._shelf.wait_for(version, sku, self._wait_seconds):
            raise Problem(
                "not-ready",
                f"this gateway has not heard of version {version} of {sku!r} yet",
                headers={"Retry-After": "1"},
            )

    def _write(self, sku: str, asked: _Asked, *, is_fresh: bool) -> Raw:
        """Write a SKU that the shelf knows as JSON, and keep it."""
        (view,) = self._shelf.availability([sku])
        if view is None:  # nothing waited since it was asked for
            raise _unknown(sku)
        body = Raw(_encode(_told(view, asked, is_fresh=is_fresh)))
        written = self._written
        if len(written) >= _WRITTEN_MAX:
            del written[next(iter(written))]
        written[sku, asked, is_fresh] = view.version, body
        return body

    def _at_day(self, skus: Sequence[str], location: str | None, day: date) -> Reply:
        """Answer what may be promised today for a day (R13). It changes at midnight, so it has no tag."""
        found: list[SkuAvailability] = []
        unknown: list[str] = []
        for sku in skus:
            (view,) = self._shelf.availability([sku])
            outlooks = self._outlooks(sku, day)
            if view is None and not outlooks:
                unknown.append(sku)
                continue
            units = {one.location: one.units[-1] for one in outlooks}
            is_fresh = self._shelf.is_sku_fresh(sku)
            told = (
                _never_there(sku, is_fresh=is_fresh)
                if view is None
                else _told(view, (None, None, None), is_fresh=is_fresh)
            )
            told.locations = units
            told.total = sum(units.values())
            told.available = told.total if location is None else units.get(location, 0)
            told.is_sold_out = told.available == 0
            told.channels, told.sales, told.backorder = {}, {}, 0
            found.append(told)
        return Reply(HTTPStatus.OK, Availability(found, unknown), UNCACHED)

    def _outlooks(self, sku: str, day: date) -> Sequence[LocationOutlook]:
        stated = self._shelf.statements(sku)
        awaited = stated.awaited
        backorders = {row.location: row for row in stated.backorders}
        units_now = {one.location: one.available_to_promise for one in self._shelf.stock(sku)}
        for row in awaited:
            target = target_of(row)
            if target is not None:
                units_now.setdefault(target, 0)
        now_ms = self._now_ms()
        return [
            outlook_at(
                place, units, awaited, zone, now_ms, _days_to(day, now_ms, zone), backorders.get(place)
            )
            for place, units in units_now.items()
            for zone in (self._shelf.time_zone(place),)
        ]


def _days_to(day: date, now_ms: int, zone: str) -> int:
    days = (day - day_of(now_ms, zone)).days
    # A day that has begun somewhere may lie behind or ahead elsewhere by one.
    if not -1 <= days <= DAYS_MAX:
        raise Problem("invalid", f"at must be a day from today on, at most {DAYS_MAX} days ahead")
    return max(0, days)


def _asked(location: str | None, channel: str | None, sale: str | None, day: date | None) -> _Asked:
    given = [name for name in (location, channel, sale) if name is not None]
    if len(given) > 1 or (day is not None and (channel or sale)):
        raise Problem(
            "invalid", "give one of location, channel and sale; with at, only location: fences are of today"
        )
    return location, channel, sale


def _told(view: SkuView, asked: _Asked, *, is_fresh: bool) -> SkuAvailability:
    shown = view.shown
    location, channel, sale = asked
    available = shown.total
    if location is not None:
        available = shown.locations.get(location, 0)
    elif channel is not None:  # one without policy and fence may take all that is common (R3)
        available = shown.channels.get(channel, shown.total)
    elif sale is not None:
        available = shown.sales.get(sale, 0)
    return SkuAvailability(
        view.sku,
        available,
        shown.total,
        shown.short,
        shown.backorder,
        shown.is_sold_out,
        shown.locations,
        shown.channels,
        shown.sales,
        str(view.version),
        view.at_ms,
        is_fresh,
    )


def _never_there(sku: str, *, is_fresh: bool) -> SkuAvailability:
    """A SKU that is on the way and was never anywhere."""
    return SkuAvailability(sku, 0, 0, 0, 0, True, {}, {}, {}, "0:0", 0, is_fresh)  # noqa: FBT003  # in the order of its fields


def _not_read() -> Problem:
    return Problem(
        "not-ready", "this gateway has not read the ledger to its end yet", headers={"Retry-After": "1"}
    )


def _unknown(sku: str) -> Problem:
    return Problem("not-found", f"the ledger has no SKU {sku!r}")
