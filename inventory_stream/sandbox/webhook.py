"""A partner with a webhook: checks what comes, keeps the newest revision of each listing, answers 204."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.inbound.signing import standard_signature
from inventory_stream.adapters.channels.inbound.webhook import SIGNED_BY, TYPE_PREFIX, TYPE_SUFFIX
from inventory_stream.sandbox.account import Done, FakeAccount, KeyReusedError, Set
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.specs import Specs
from models.channels import ChangedLine, LinesCancelled, LinesReturned, OrderTaken, SoldLine

SECRET: Final = "whsec_c2FuZGJveCBvbmx5LCBubyBzZWNyZXQgYXQgYWxs"  # noqa: S105  # of the sandbox, shown to all
SECRET_OF_SALES: Final = "whsec_b2YgdGhlIHNhbmRib3gncyBzYWxlcywgb3BlbiB0byBhbGw="  # noqa: S105  # likewise
ACCOUNT: Final = "partner-1"
REQUESTS: Final = "requests"
REQUESTS_PER_SECOND: Final = 200.0
BURST: Final = 50.0
SIGNED_MS_MAX: Final = 300_000
"""How far the time of a delivery may be from now (Standard Webhooks: five minutes is usual)."""
BODY_BYTES_MAX: Final = 20_000


class _Listing(Struct, forbid_unknown_fields=True):
    listing: Annotated[str, Meta(min_length=1, max_length=128)]
    available: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    sequence: Annotated[str, Meta(pattern=r"^[0-9]{15}-[0-9]{19}-[0-9]{15}$")]
    stock: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$")]


class _Data(Struct, forbid_unknown_fields=True):
    listings: Annotated[tuple[_Listing, ...], Meta(min_length=1, max_length=26)]


class _Event(Struct, forbid_unknown_fields=True):
    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["inventory_stream.availability_changed.v1"]
    time: str
    sequence: str
    datacontenttype: Literal["application/json"]
    data: _Data


class WebhookFake(Fake):
    """One receiver."""

    name: ClassVar[str] = "webhook"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings, accepts_new=True), specs)
        self.account.limit(REQUESTS, REQUESTS_PER_SECOND, BURST)
        self._misfits = specs.json_schema("cloudevents/cloudevents.json")
        self.verified_by = "cloudevents/cloudevents.json" if self._misfits is not None else None
        self._kept_of: dict[str, _Listing] = {}

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the one address."""
        return [web.post(prefix, self._post)]

    def entry(self) -> Entry:
        """Say how to sign."""
        return Entry(
            ACCOUNT,
            {"signing": SECRET, SIGNED_BY: SECRET_OF_SALES},
            {"requests_per_second": REQUESTS_PER_SECOND, "burst": BURST},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Partners take our own ids."""
        del number
        return sku if place is None else f"{sku}@{place}"

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Tell of an order as our own page for partners says it (docs/channels/webhook.md)."""
        del url  # the signature covers the body alone
        order_id, at_ms = happening.order_id, happening.at_ms
        numbered = list(enumerate(happening.lines, 1))
        changed = tuple(ChangedLine(str(number), units, listing) for number, (listing, units) in numbered)
        event: OrderTaken | LinesCancelled | LinesReturned
        if happening.kind == "sold":
            sold = tuple(SoldLine(str(number), units, listing) for number, (listing, units) in numbered)
            event = OrderTaken(order_id, at_ms, sold)
        elif happening.kind == "cancelled":
            event = LinesCancelled(order_id, "cancel", at_ms, changed)
        else:
            event = LinesReturned(order_id, "refund", at_ms, changed)
        message_id = f"{happening.kind}-{order_id}"
        body = msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": message_id,
                "source": ACCOUNT,
                "type": f"{TYPE_PREFIX}{event.__struct_config__.tag}{TYPE_SUFFIX}",
                "datacontenttype": "application/json",
                "data": event,
            }
        )
        at_seconds = self.account.now_ms() // 1_000
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": message_id,
            "webhook-timestamp": str(at_seconds),
            "webhook-signature": standard_signature(SECRET_OF_SALES, message_id, at_seconds, body),
        }
        return [Webhook(headers, body)]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._take, is_write=True, limit=REQUESTS)

    async def _take(self, turn: Turn) -> web.Response:
        headers = turn.request.headers
        message_id = headers.get("webhook-id", "")
        if not _is_genuine(headers, message_id, turn):
            return web.json_response({"error": "signature or time"}, status=401)
        if len(turn.body) > BODY_BYTES_MAX:
            return web.json_response({"error": "too large"}, status=413)
        try:
            event = msgspec.json.decode(turn.body, type=_Event)
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=422)
        misfits = self._misfits(msgspec.json.decode(turn.body)) if self._misfits is not None else []
        if misfits or event.id != message_id or not headers["Content-Type"].startswith("application/cloudev"):
            return web.json_response({"error": misfits or "id or content type"}, status=422)
        return self._kept(turn, event)

    def _kept(self, turn: Turn, event: _Event) -> web.Response:
        try:
            known = self.account.keys.answer_of(event.id, turn.body)
        except KeyReusedError:
            return web.json_response({"error": "id reused"}, status=422)
        if known is None:
            newer = [item for item in event.data.listings if self._is_newer(item)]
            ends = self.apply(turn, [Set(item.listing, item.available) for item in newer])
            if any(end is not Done.APPLIED for end in ends):
                # A receiver takes an event whole or not at all: what it could not do, it hears of again.
                self.account.keys.forget(event.id)
                return web.json_response({"error": "not taken"}, status=500)
            self._kept_of |= {item.listing: item for item in newer}
            self.account.keys.keep(event.id, b"")
        return web.Response(status=204)

    def _is_newer(self, item: _Listing) -> bool:
        kept = self._kept_of.get(item.listing)
        return kept is None or kept.stock != item.stock or kept.sequence <= item.sequence


def _is_genuine(headers: Mapping[str, str], message_id: str, turn: Turn) -> bool:
    at = headers.get("webhook-timestamp", "")
    if not (at.isascii() and at.isdecimal()) or abs(int(at) * 1_000 - turn.now_ms) > SIGNED_MS_MAX:
        return False
    expected = standard_signature(SECRET, message_id, int(at), turn.body)
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)
