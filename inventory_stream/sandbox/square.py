"""A fake Square: counts applied by their time, keys kept, one error for the whole request."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, KeyReusedError, Set
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.specs import Specs
from inventory_stream.sandbox.square_orders import MERCHANT, SIGNATURE_KEY, SquareOrders, rfc_3339
from models.ids import decode_id, encode_id

FILE: Final = "square/inventory-slice.json"
TOKEN: Final = "sandbox-square-token"  # noqa: S105  # of a fake
PLACE: Final = "SQPLACE1"
BATCH_MAX: Final = 100
PAGE_MAX: Final = 1_000
OAUTH: Final = {
    "client_id": "sandbox-square",
    "client_secret": "sandbox-square-secret",
    "refresh_token": "sandbox-square-refresh",
}
TOKEN_DAYS: Final = 30
REQUESTS: Final = "requests"
PER_SECOND: Final = 50.0
"""Generous beside the 5/s that an integration assumes: the fake must not be what a load waits for."""
DAY_MS: Final = 86_400_000
FUTURE_MS: Final = 5_000
"""Clocks of one machine agree; this is for a record's time that was rounded up."""


class SquareFake(Fake):
    """One seller with one place or more."""

    name: ClassVar[str] = "square"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.allow_token(TOKEN)
        self.account.limit(REQUESTS, PER_SECOND, PER_SECOND)
        self._change_misfits = specs.openapi(FILE, "BatchChangeInventoryRequest", also=_CHANGES_TOO)
        self._counts_misfits = specs.openapi(FILE, "BatchRetrieveInventoryCountsRequest")
        self.verified_by = FILE if self._change_misfits is not None else None
        self._counted_ms: dict[str, int] = {}
        self._orders = SquareOrders()

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """See the base class."""
        return [
            web.post(f"{prefix}/v2/inventory/changes/batch-create", self._changes),
            web.post(f"{prefix}/v2/inventory/counts/batch-retrieve", self._counts),
            web.get(f"{prefix}/v2/orders/{{order_id}}", self._order),
            web.post(f"{prefix}/oauth2/token", self._token),
        ]

    def entry(self) -> Entry:
        """See the base class."""
        return Entry(
            MERCHANT,
            {"access_token": TOKEN, "webhook_secret": SIGNATURE_KEY},
            {"requests_per_second": PER_SECOND, "settle_seconds": self.account.lag_seconds + 0.2},
            {PLACE: "sandbox"},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """See the base class."""
        del sku
        return f"SQITEM{number:08d}/{encode_id(place or PLACE)}"

    def unauthorised(self) -> web.Response:
        """See the base class."""
        return _errors(401, "AUTHENTICATION_ERROR", "ACCESS_TOKEN_EXPIRED")

    def throttled(self, retry_after: str | None) -> web.Response:
        """See the base class."""
        response = _errors(429, "RATE_LIMIT_ERROR", "RATE_LIMITED")
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    def failed(self, status: int, headers: Mapping[str, str]) -> web.Response:
        """See the base class."""
        response = _errors(status, "API_ERROR", "INTERNAL_SERVER_ERROR")
        response.headers.update(headers)
        return response

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """See the base class."""
        return [self._orders.told(happening, url)]

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._change, is_write=True, limit=REQUESTS)

    async def _counts(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._count, is_write=False, limit=REQUESTS)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._ask_order, is_write=False, limit=REQUESTS)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._give_token, is_write=False)

    async def _give_token(self, turn: Turn) -> web.Response:
        try:
            asked = msgspec.json.decode(turn.body, type=dict[str, str])
        except msgspec.MsgspecError:
            asked = {}
        if asked != {**OAUTH, "grant_type": "refresh_token"}:
            return _errors(400, "INVALID_REQUEST_ERROR", "UNAUTHORIZED")
        lives_ms = TOKEN_DAYS * DAY_MS
        return web.json_response(
            {
                "access_token": self.account.new_token(),
                "token_type": "bearer",
                "expires_at": rfc_3339(turn.now_ms + lives_ms),
                "merchant_id": MERCHANT,
                "refresh_token": OAUTH["refresh_token"],
            }
        )

    async def _change(self, turn: Turn) -> web.Response:
        refusal = self._refusal_of(turn, self._change_misfits)
        if refusal is not None:
            return refusal
        asked = msgspec.json.decode(turn.body)
        key, keys = asked["idempotency_key"], self.account.keys
        try:
            answered = keys.answer_of(key, turn.body)
        except KeyReusedError:
            return _errors(400, "INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED", "idempotency_key")
        if answered is not None:
            return web.Response(body=answered, content_type="application/json")
        answer = self._counted(turn, [change["physical_count"] for change in asked["changes"]])
        if isinstance(answer, web.Response):
            keys.forget(key)  # Square keeps no answer of a request that it refused
            return answer
        keys.keep(key, answer)
        return web.Response(body=answer, content_type="application/json")

    def _counted(self, turn: Turn, counts: Sequence[Mapping[str, str]]) -> bytes | web.Response:
        wrong = self._wrong_of(counts, turn.now_ms)
        if wrong is not None:
            return wrong
        ends = self.apply(turn, self._newer(counts))
        if Done.REFUSED in ends:
            field = f"changes[{ends.index(Done.REFUSED)}].physical_count.catalog_object_id"
            return _errors(200, "INVALID_REQUEST_ERROR", "INVALID_VALUE", field)
        named = [
            self._shown(count, turn.now_ms)
            for count, end in zip(counts, ends, strict=True)
            if end is Done.APPLIED
        ]
        return msgspec.json.encode({"counts": named, "changes": []})

    def _newer(self, counts: Sequence[Mapping[str, str]]) -> list[Set]:
        """Give what is to be shown: a count that is older than the newest count or sale changes nothing.

        Square itself would take a later sale off an older count, which comes to the same as soon as the sale
        is in the ledger.
        """
        sets = []
        for count in counts:
            listing, at_ms = _listing_of(count), _ms(count["occurred_at"])
            newest_ms = max(self._counted_ms.get(listing, 0), self.account.own_ms.get(listing, 0))
            is_newer = at_ms >= newest_ms
            units = int(count["quantity"]) if is_newer else self.account.shown.get(listing, 0)
            self._counted_ms[listing] = max(at_ms, self._counted_ms.get(listing, 0))
            sets.append(Set(listing, units))
        return sets

    def _wrong_of(self, counts: Sequence[Mapping[str, str]], now_ms: int) -> web.Response | None:
        listings = [_listing_of(count) for count in counts]
        if len(counts) > BATCH_MAX:
            return _errors(400, "INVALID_REQUEST_ERROR", "ARRAY_LENGTH_TOO_LONG", "changes")
        if len(set(listings)) < len(listings):
            return _errors(400, "INVALID_REQUEST_ERROR", "INVALID_VALUE", "changes")
        for number, count in enumerate(counts):
            field = f"changes[{number}].physical_count"
            if not now_ms - DAY_MS <= _ms(count["occurred_at"]) <= now_ms + FUTURE_MS:
                return _errors(400, "INVALID_REQUEST_ERROR", "INVALID_TIME", f"{field}.occurred_at")
            if listings[number] not in self.account.shown:
                return _errors(400, "INVALID_REQUEST_ERROR", "NOT_FOUND", f"{field}.catalog_object_id")
        return None

    async def _count(self, turn: Turn) -> web.Response:
        refusal = self._refusal_of(turn, self._counts_misfits)
        if refusal is not None:
            return refusal
        asked = msgspec.json.decode(turn.body)
        listings = [
            f"{encode_id(item)}/{encode_id(place)}"
            for item in asked.get("catalog_object_ids") or []
            for place in asked.get("location_ids") or []
        ]
        begin = int(asked.get("cursor") or 0)
        limit = asked.get("limit") or 100
        there = [listing for listing in listings if self.account.read(listing) is not None]
        page = there[begin : begin + limit]
        answer: dict[str, object] = {
            "counts": [_count_of(listing, self.account.read(listing) or 0, turn.now_ms) for listing in page]
        }
        if begin + limit < len(there):
            answer["cursor"] = str(begin + limit)
        return web.json_response(answer)

    async def _ask_order(self, turn: Turn) -> web.Response:
        refusal = self._refusal_of(turn, None)
        if refusal is not None:
            return refusal
        order = self._orders.get(turn.request.match_info["order_id"])
        if order is None:
            return _errors(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "order_id")
        return web.json_response({"order": order})

    def _refusal_of(self, turn: Turn, misfits_of: Any) -> web.Response | None:  # noqa: ANN401  # Validator or None
        token = turn.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.account.is_valid(token):
            return _errors(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED")
        if turn.request.method == "GET":
            return None
        try:
            document = msgspec.json.decode(turn.body)
        except msgspec.DecodeError:
            return _errors(400, "INVALID_REQUEST_ERROR", "EXPECTED_JSON_BODY")
        misfits = misfits_of(document) if misfits_of is not None else []
        if misfits:
            return _errors(400, "INVALID_REQUEST_ERROR", "INVALID_VALUE", misfits[0])
        return None

    def _shown(self, count: Mapping[str, str], now_ms: int) -> dict[str, str]:
        listing = _listing_of(count)
        return _count_of(listing, self.account.shown.get(listing, 0), now_ms)


_CHANGES_TOO: Final = {
    "required": ["changes"],
    "properties": {
        "changes": {
            "minItems": 1,
            "items": {
                "required": ["type", "physical_count"],
                "properties": {
                    "type": {"const": "PHYSICAL_COUNT"},
                    "physical_count": {
                        "required": [
                            "catalog_object_id",
                            "location_id",
                            "state",
                            "quantity",
                            "occurred_at",
                            "reference_id",
                        ],
                        "properties": {"quantity": {"pattern": r"^\d+(\.\d{1,5})?$"}},
                    },
                },
            },
        }
    },
}
"""What the file leaves open and this server demands: the parts of a count."""


def _errors(status: int, category: str, code: str, field: str | None = None) -> web.Response:
    error = {"category": category, "code": code, "detail": "of the sandbox"}
    return web.json_response(
        {"errors": [error if field is None else {**error, "field": field}]}, status=status
    )


def _listing_of(count: Mapping[str, str]) -> str:
    return f"{encode_id(count['catalog_object_id'])}/{encode_id(count['location_id'])}"


def _count_of(listing: str, units: int, now_ms: int) -> dict[str, str]:
    item, _, place = listing.partition("/")
    return {
        "catalog_object_id": decode_id(item),
        "catalog_object_type": "ITEM_VARIATION",
        "state": "IN_STOCK",
        "location_id": decode_id(place),
        "quantity": str(units),
        "calculated_at": rfc_3339(now_ms),
    }


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000)
