"""A fake Shopify shop: inventory quantities over GraphQL, as of 2026-10, and its webhooks.

Documents and variables are held against the vendor's schema where it is there. That one bad quantity fails a
whole call, that a failed call burns its key, and what a read costs are not said by the vendor (?).
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, KeyReusedError, Set
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.shopify_graphql import Documents
from inventory_stream.sandbox.shopify_webhooks import ShopifyWebhooks
from inventory_stream.sandbox.specs import Specs

SHOP: Final = "sandbox.myshopify.com"
LOCATION: Final = "655441491"
"""The place of listings that name none."""
CLIENT_ID: Final = "sandbox-app"
CLIENT_SECRET: Final = "sandbox-app-password"  # noqa: S105  # of the sandbox, known to everybody
FIRST_REFRESH: Final = "sandbox-refresh-0"
TOKEN_SECONDS: Final = 3_600

POINTS: Final = "points"
POINTS_PER_SECOND: Final = 100.0
POINTS_MAX: Final = 2_000.0
"""A shop of the standard plan; the bucket's size as the vendor's examples show it."""
SET_POINTS: Final = 10.0
SHOWN_POINTS: Final = 3.0


class ShopifyFake(Fake):
    """One shop. Lines of its orders name SKUs, not inventory items."""

    name: ClassVar[str] = "shopify"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.limit(POINTS, POINTS_PER_SECOND, POINTS_MAX)
        self._documents = Documents(specs)
        self.verified_by = self._documents.verified_by
        self._refresh = FIRST_REFRESH
        self._refreshes = 0
        self._webhooks = ShopifyWebhooks(SHOP, CLIENT_SECRET)

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the two addresses."""
        return [
            web.post(f"{prefix}/admin/api/2026-10/graphql.json", self._graphql),
            web.post(f"{prefix}/admin/oauth/access_token", self._token),
        ]

    def entry(self) -> Entry:
        """An app with tokens of an hour and refresh tokens that are good for one use."""
        return Entry(
            account=SHOP,
            secrets={
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "refresh_token": self._refresh,
                "webhook_secret": CLIENT_SECRET,  # Shopify signs with the app's own
            },
            places={LOCATION: "sandbox"},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Invent an inventory item, at one of the shop's locations."""
        del sku
        return f"{40_000_000 + number}/{place or LOCATION}"

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Tell of an order and of what is left, each by its own delivery."""
        del url  # Shopify signs the body alone
        return self._webhooks.of(happening, self.account.shown, self.skus)

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse as Shopify's front does."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.json_response({"errors": "Exceeded rate limit"}, status=429, headers=headers)

    def unauthorised(self) -> web.Response:
        """Refuse an unknown token."""
        return web.json_response({"errors": "[API] Invalid API key or access token"}, status=401)

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        is_write = b"inventorySetQuantities" in await request.read()
        return await self.serve(request, self._answer, is_write=is_write)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._let_in, is_write=False)

    async def _answer(self, turn: Turn) -> web.Response:
        if not self.account.is_valid(turn.request.headers.get("X-Shopify-Access-Token", "")):
            return self.unauthorised()
        try:
            asked = json.loads(turn.body)
            query, variables = str(asked["query"]), dict(asked.get("variables") or {})
        except (ValueError, TypeError, KeyError):
            return web.json_response({"errors": "Bad Request"}, status=int(HTTPStatus.BAD_REQUEST))
        is_write = "inventorySetQuantities" in query
        cost = SET_POINTS if is_write else SHOWN_POINTS * len(variables.get("items", ()))
        if misfits := self._documents.misfits(query, variables):
            return self._said({"errors": [{"message": misfit} for misfit in misfits]}, cost, None)
        if self.account.budgets[POINTS].take(cost):
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return self._said({"errors": [error]}, cost, None)
        data = self._set(turn, variables) if is_write else self._shown(variables)
        return self._said({"data": data}, cost, cost)

    def _said(self, answer: dict[str, Any], asked: float, actual: float | None) -> web.Response:
        budget = self.account.budgets[POINTS]
        status = {
            "maximumAvailable": budget.burst,
            "currentlyAvailable": int(budget.left),
            "restoreRate": budget.per_second,
        }
        cost = {"requestedQueryCost": asked, "actualQueryCost": actual, "throttleStatus": status}
        return web.json_response({**answer, "extensions": {"cost": cost}})

    def _set(self, turn: Turn, variables: dict[str, Any]) -> dict[str, Any]:
        change, key = variables["input"], str(variables["key"])
        content = json.dumps(change, sort_keys=True).encode()
        try:
            known = self.account.keys.answer_of(key, content)
        except KeyReusedError:
            return _payload(None, [_error("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", ["input"])])
        if known is not None:
            payload: dict[str, Any] = json.loads(known)
            if payload["inventorySetQuantities"]["userErrors"]:
                return _payload(None, [_error("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", None)])
            return payload
        payload = self._applied(turn, change)
        self.account.keys.keep(key, json.dumps(payload).encode())
        return payload

    def _applied(self, turn: Turn, change: dict[str, Any]) -> dict[str, Any]:
        sets = [
            Set(f"{_id(q['inventoryItemId'])}/{_id(q['locationId'])}", q["quantity"], q["changeFromQuantity"])
            for q in change["quantities"]
        ]
        if wrong := self._wrong(sets):
            return _payload(None, wrong)
        changes, errors = [], []
        for place, (item, end) in enumerate(zip(sets, self.apply(turn, sets), strict=True)):
            if end is Done.APPLIED:
                changes.append(_change(item.listing))
            elif end is not Done.UNNAMED:
                errors.append(_error("NON_MUTABLE_INVENTORY_ITEM", _at(place, "inventoryItemId")))
        return _payload({"changes": changes} if changes or not errors else None, errors)

    def _wrong(self, sets: Sequence[Set]) -> list[dict[str, Any]]:
        """Say what fails the whole call."""
        errors = []
        seen: set[str] = set()
        for place, item in enumerate(sets):
            if item.listing in seen:
                errors.append(
                    _error("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", _at(place, "locationId"))
                )
            elif item.units < 0:
                errors.append(_error("INVALID_QUANTITY_NEGATIVE", _at(place, "quantity")))
            elif item.listing not in self.account.shown:
                errors.append(_error("INVALID_INVENTORY_ITEM", _at(place, "inventoryItemId")))
            elif item.expected not in {None, self.account.shown[item.listing]}:
                errors.append(_error("CHANGE_FROM_QUANTITY_STALE", _at(place, "changeFromQuantity")))
            seen.add(item.listing)
        return errors

    def _shown(self, variables: dict[str, Any]) -> dict[str, Any]:
        if "location" not in variables:
            return {"order": None}  # orders of the sandbox are not edited
        location = _id(variables["location"])
        nodes: list[dict[str, Any] | None] = []
        for gid in variables["items"]:
            units = self.account.read(f"{_id(gid)}/{location}")
            level = {"quantities": [{"name": "available", "quantity": units}]}
            nodes.append(None if units is None else {"id": gid, "inventoryLevel": level})
        return {"nodes": nodes}

    async def _let_in(self, turn: Turn) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(turn.body.decode()).items()}
        grant = (form.get("client_id"), form.get("client_secret"), form.get("grant_type"))
        if grant != (CLIENT_ID, CLIENT_SECRET, "refresh_token") or form.get("refresh_token") != self._refresh:
            return web.json_response({"error": "invalid_request"}, status=400)
        self._refreshes += 1
        self._refresh = f"sandbox-refresh-{self._refreshes}"
        return web.json_response(
            {
                "access_token": self.account.new_token(),
                "expires_in": TOKEN_SECONDS,
                "refresh_token": self._refresh,
                "refresh_token_expires_in": 90 * 86_400,
                "scope": "read_inventory,write_inventory",
            }
        )


def _payload(group: dict[str, Any] | None, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inventorySetQuantities": {"inventoryAdjustmentGroup": group, "userErrors": errors}}


def _error(code: str, field: list[str] | None) -> dict[str, Any]:
    return {"code": code, "field": field, "message": "Refused."}


def _at(place: int, field: str) -> list[str]:
    return ["input", "quantities", str(place), field]


def _change(listing: str) -> dict[str, Any]:
    item, location = listing.split("/")
    return {
        "name": "available",
        "item": {"id": f"gid://shopify/InventoryItem/{item}"},
        "location": {"id": f"gid://shopify/Location/{location}"},
    }


def _id(gid: str) -> str:
    return gid.rpartition("/")[2]
