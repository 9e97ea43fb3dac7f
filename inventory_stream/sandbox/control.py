"""What steers the fakes: look at them, switch faults on, let a channel sell by itself."""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Final, Literal, TypeVar

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from inventory_stream.sandbox.fake import Fake, Happening
from inventory_stream.sandbox.faults import Fault, Scope

ORDERS_MAX: Final = 10_000
"""Orders of the sandbox that can still be cancelled or refunded, the newest."""

LISTINGS_SHOWN_MAX: Final = 1_000
"""Of one answer; `?listing=` asks for one."""

CHANGES_SHOWN_MAX: Final = 100

_T = TypeVar("_T")


class FaultAsked(Struct, forbid_unknown_fields=True):
    """Switch a fault on, for some requests or for some seconds."""

    fault: Fault
    requests: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    seconds: Annotated[float, Meta(gt=0, le=3_600)] | None = None
    scope: Scope = "all"


class LineAsked(Struct, forbid_unknown_fields=True):
    """Units of a listing."""

    listing: str
    units: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class SaleAsked(Struct, forbid_unknown_fields=True):
    """The channel sells. `repeats`: how often its webhook comes."""

    order_id: str
    lines: Annotated[tuple[LineAsked, ...], Meta(min_length=1, max_length=500)]
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1


class ChangeAsked(Struct, forbid_unknown_fields=True):
    """A shopper cancels an order of the sandbox, or gives its goods back."""

    order_id: str
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1


class PaceAsked(Struct, forbid_unknown_fields=True):
    """How far read backs lag behind, how late a late change comes, how long a write takes; None: as it is."""

    lag_seconds: Annotated[float, Meta(ge=0, le=3_600)] | None = None
    late_seconds: Annotated[float, Meta(ge=0, le=3_600)] | None = None
    work_seconds: Annotated[float, Meta(ge=0, le=60)] | None = None


class Shop:
    """The fakes as their shoppers and their operators see them."""

    def __init__(
        self, fakes: Mapping[str, Fake], gateway_url: str | None, session: aiohttp.ClientSession
    ) -> None:
        self.fakes = fakes
        self._gateway_url = gateway_url
        self._session = session
        self._orders: OrderedDict[tuple[str, str], tuple[tuple[str, int], ...]] = OrderedDict()

    async def happen(
        self, fake: Fake, kind: Literal["sold", "cancelled", "refunded"], order_id: str, repeats: int
    ) -> list[int]:
        """Send the webhooks of a happening; gives the statuses that came back, 0 for none."""
        if self._gateway_url is None:
            return []
        lines = self._orders[fake.name, order_id]
        url = f"{self._gateway_url}/v1/webhooks/{fake.name}"
        happening = Happening(kind, order_id, lines, fake.account.now_ms())
        deliveries = fake.happened(happening, url)
        return [
            await self._send(url, delivery.headers, delivery.body)
            for _ in range(repeats)
            for delivery in deliveries
        ]

    def sell(self, fake: Fake, order_id: str, lines: tuple[tuple[str, int], ...]) -> None:
        """Lower what the channel shows, as its own till does, and remember the order."""
        for listing, units in lines:
            fake.account.add(listing, -units, "sale")
        self._orders[fake.name, order_id] = lines
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)

    def give_back(self, fake: Fake, order_id: str, cause: str) -> bool:
        """Raise what the channel shows by an order's units; False: it has no such order."""
        lines = self._orders.get((fake.name, order_id))
        for listing, units in lines or ():
            fake.account.add(listing, units, cause)
        return lines is not None

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


Handler = Callable[[web.Request], Awaitable[web.Response]]


def control_routes(shop: Shop) -> list[web.RouteDef]:
    """Give the addresses below `/_sandbox`."""
    handlers = _Handlers(shop)
    return [
        web.get("/_sandbox", handlers.all),
        web.get("/_sandbox/{channel}", handlers.one),
        web.post("/_sandbox/{channel}/faults", handlers.faults),
        web.delete("/_sandbox/{channel}/faults", handlers.no_faults),
        web.post("/_sandbox/{channel}/sell", handlers.sell),
        web.post("/_sandbox/{channel}/cancel", handlers.cancel),
        web.post("/_sandbox/{channel}/refund", handlers.refund),
        web.post("/_sandbox/{channel}/show", handlers.show),
        web.post("/_sandbox/{channel}/pace", handlers.pace),
    ]


class _Handlers:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def all(self, _request: web.Request) -> web.Response:
        return _json({name: summary(fake) for name, fake in self._shop.fakes.items()})

    async def one(self, request: web.Request) -> web.Response:
        fake = self._fake(request)
        listing = request.query.get("listing")
        shown = fake.account.shown
        listings = (
            dict(list(shown.items())[:LISTINGS_SHOWN_MAX])
            if listing is None
            else {listing: shown.get(listing)}
        )
        changes = [
            change._asdict()
            for change in list(fake.account.history)[-CHANGES_SHOWN_MAX:]
            if listing in {None, change.listing}
        ]
        return _json({**summary(fake), "shown": listings, "changes": changes})

    async def faults(self, request: web.Request) -> web.Response:
        fake, asked = self._fake(request), _decode(await request.read(), FaultAsked)
        if asked.seconds is not None:
            fake.account.faults.during(asked.fault, asked.seconds, scope=asked.scope)
        else:
            fake.account.faults.next(asked.fault, asked.requests or 1, scope=asked.scope)
        return _json({"faults": fake.account.faults.now})

    async def no_faults(self, request: web.Request) -> web.Response:
        fake = self._fake(request)
        fake.account.mend()
        return _json({"faults": []})

    async def sell(self, request: web.Request) -> web.Response:
        fake, asked = self._fake(request), _decode(await request.read(), SaleAsked)
        lines = tuple((line.listing, line.units) for line in asked.lines)
        unknown = [listing for listing, _ in lines if listing not in fake.account.shown]
        if unknown:
            raise web.HTTPNotFound(text=f"no such listing: {unknown[0]}")
        self._shop.sell(fake, asked.order_id, lines)
        statuses = await self._shop.happen(fake, "sold", asked.order_id, asked.repeats)
        return _json({"order_id": asked.order_id, "webhooks": statuses})

    async def cancel(self, request: web.Request) -> web.Response:
        return await self._give_back(request, "cancelled")

    async def refund(self, request: web.Request) -> web.Response:
        return await self._give_back(request, "refunded")

    async def show(self, request: web.Request) -> web.Response:
        """Let the channel drift by itself: somebody edits the quantity in its own pages."""
        fake, asked = self._fake(request), _decode(await request.read(), dict[str, int])
        for listing, units in asked.items():
            fake.account.show(listing, units, "edit")
        return _json({"shown": asked})

    async def pace(self, request: web.Request) -> web.Response:
        fake, asked = self._fake(request), _decode(await request.read(), PaceAsked)
        for name in PaceAsked.__struct_fields__:
            if getattr(asked, name) is not None:
                setattr(fake.account, name, getattr(asked, name))
        return _json({name: getattr(fake.account, name) for name in PaceAsked.__struct_fields__})

    async def _give_back(self, request: web.Request, kind: Literal["cancelled", "refunded"]) -> web.Response:
        fake, asked = self._fake(request), _decode(await request.read(), ChangeAsked)
        if not self._shop.give_back(fake, asked.order_id, kind):
            raise web.HTTPNotFound(text=f"no such order: {asked.order_id}")
        statuses = await self._shop.happen(fake, kind, asked.order_id, asked.repeats)
        return _json({"order_id": asked.order_id, "webhooks": statuses})

    def _fake(self, request: web.Request) -> Fake:
        name = request.match_info["channel"]
        if name not in self._shop.fakes:
            raise web.HTTPNotFound(text=f"no such channel: {name}; there are {', '.join(self._shop.fakes)}")
        return self._shop.fakes[name]


def summary(fake: Fake) -> dict[str, object]:
    """Say how a fake stands, for people."""
    account = fake.account
    return {
        "verified_by": fake.verified_by or "unverified: hand-written checks only",
        "listings": len(account.shown),
        "units": sum(account.shown.values()),
        "requests": account.taken,
        "overlaps": account.overlaps,
        "faults": account.faults.now,
        "budgets": {
            name: {
                "per_second": budget.per_second,
                "left": round(budget.left, 1),
                "taken": round(budget.taken, 1),
                "refused": budget.refused,
            }
            for name, budget in account.budgets.items()
        },
    }


def _json(document: object) -> web.Response:
    return web.json_response(document, dumps=partial(json.dumps, indent=2))


def _decode(body: bytes, form: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
