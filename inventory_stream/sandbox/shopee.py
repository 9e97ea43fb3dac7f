"""A fake Shopee shop: signed requests, single-use refresh tokens, stock of one item's models at a time.

Written by hand from the vendor's documents (channels.md), unverified: there is no file of the vendor's. What
the documents leave open is marked `?` there; here it is one of the ways that they leave open.
"""

import hmac
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from aiohttp import web

from inventory_stream.adapters.channels.shopee_signing import SIGN_SECONDS, request_sign
from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.shopee_words import (
    MODELS_MAX,
    ORDER_STATUS,
    UPDATE_STOCK,
    answer,
    failed,
    models_of,
    order_line,
    succeeded,
)
from inventory_stream.sandbox.specs import Specs

PARTNER_ID: Final = 2_001_887
PARTNER_KEY: Final = "sandbox-partner-key"
SHOP_ID: Final = "14701711"

REQUESTS: Final = "requests"
REQUESTS_PER_SECOND: Final = 2.0
"""A guess: Shopee publishes none."""
BURST: Final = 20.0

TOKEN_SECONDS: Final = 14_400
ITEMS_MAX: Final = 50
ORDERS_MAX: Final = 10_000
"""Orders that can be asked for, as many as the sandbox remembers."""


class ShopeeFake(Fake):
    """One shop, or one merchant whose products are global.

    `reserved`: what promotions hold of a listing; no lower stock is taken.
    """

    name: ClassVar[str] = "shopee"

    def __init__(self, listings: Mapping[str, int], specs: Specs, *, is_global: bool = False) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.limit(REQUESTS, REQUESTS_PER_SECOND, BURST)
        self.reserved: dict[str, int] = {}
        self.refreshes = 0
        self._global = "global_" if is_global else ""
        self._refresh_token = secrets.token_hex(16)
        self._orders: OrderedDict[str, dict[str, object]] = OrderedDict()
        self._prefix = ""

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the addresses that are used, of the shop's products or of global ones."""
        self._prefix = prefix
        products = f"{prefix}/api/v2/{self._global}product"
        info = "get_global_item_info" if self._global else "get_item_base_info"
        return [
            web.post(f"{prefix}/api/v2/auth/access_token/get", self._token),
            web.post(f"{products}/update_stock", self._stock),
            web.get(f"{products}/{info}", self._items),
            web.get(f"{products}/get_{self._global}model_list", self._models),
            web.get(f"{prefix}/api/v2/order/get_order_detail", self._order),
        ]

    def entry(self) -> Entry:
        """An app that the shop let in."""
        return Entry(
            account=SHOP_ID,
            secrets={"partner_key": PARTNER_KEY, "refresh_token": self._refresh_token},
            options={"partner_id": PARTNER_ID, "is_global": bool(self._global)},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Fifty models to an item; every fifth SKU is an item without variants."""
        del sku, place
        if number % 5 == 4:
            return f"{90_000 + number}/0"
        return f"{80_000 + number // MODELS_MAX}/{1_000 + number}"

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Push code 3: it names the order and its status; the rest must be asked for."""
        status = ORDER_STATUS[happening.kind]
        seconds = happening.at_ms // 1_000
        order = self._orders.setdefault(happening.order_id, {"create_time": seconds})
        order |= {
            "order_sn": happening.order_id,
            "order_status": status,
            "update_time": seconds,
            "fulfillment_flag": "fulfilled_by_local_seller",
            "item_list": [order_line(listing, units) for listing, units in happening.lines],
        }
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
        told = {"ordersn": happening.order_id, "status": status, "update_time": seconds, "items": []}
        body = json.dumps(
            {"code": 3, "shop_id": int(SHOP_ID), "timestamp": seconds, "data": told}, separators=(",", ":")
        ).encode()
        signature = hmac.new(PARTNER_KEY.encode(), f"{url}|".encode() + body, "sha256").hexdigest()
        return [Webhook({"Content-Type": "application/json", "Authorization": signature}, body)]

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse for how often: 429 with a code, one of the two ways that channels.md leaves open."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return answer(error="error_rate_limit", status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)

    def unauthorised(self) -> web.Response:
        """Refuse a token."""
        return answer(error="error_auth", message="Invalid access_token.", status=HTTPStatus.FORBIDDEN)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._renew, is_write=False)

    async def _stock(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._update, is_write=True, limit=REQUESTS)

    async def _items(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._item_info, is_write=False, limit=REQUESTS)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._model_list, is_write=False, limit=REQUESTS)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._order_detail, is_write=False, limit=REQUESTS)

    async def _renew(self, turn: Turn) -> web.Response:
        if (refusal := self._wrongly_signed(turn, "", "")) is not None:
            return refusal
        asked = json.loads(turn.body)
        if not hmac.compare_digest(str(asked.get("refresh_token")), self._refresh_token):
            return answer(error="error_auth", message="Invalid refresh_token.", status=HTTPStatus.FORBIDDEN)
        self._refresh_token = secrets.token_hex(16)
        self.refreshes += 1
        return answer(
            {
                "access_token": self.account.new_token(),
                "refresh_token": self._refresh_token,
                "expire_in": TOKEN_SECONDS,
            }
        )

    async def _update(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        asked = json.loads(turn.body)
        if misfits := UPDATE_STOCK[self._global](asked):
            return answer(error="product.error_param", message="; ".join(misfits))
        item = asked[f"{self._global}item_id"]
        sets = [
            Set(
                _listing(item, model.get(f"{self._global}model_id", 0), stock.get("location_id")),
                stock["stock"],
            )
            for model in asked["stock_list"]
            for stock in model["seller_stock"]
        ]
        if len({one.listing.count("/") for one in sets}) > 1:
            return answer(error="product.error_param", message="location_id must be on all entries or none")
        held = [one for one in sets if one.units < self.reserved.get(one.listing, 0)]
        free = [one for one in sets if one not in held]
        done = dict(zip(free, self.apply(turn, free), strict=True)) | dict.fromkeys(held, Done.REFUSED)
        lists: dict[str, list[Mapping[str, object]]] = {"success_list": [], "failure_list": []}
        for one in sets:
            if done[one] is Done.APPLIED:
                lists["success_list"].append(succeeded(one, self._global))
            elif done[one] is not Done.UNNAMED:
                lists["failure_list"].append(failed(one, done[one], self._global, is_held=one in held))
        return answer({"response": {f"{self._global}item_id": item, **lists}})

    async def _item_info(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        numbers = turn.request.query[f"{self._global}item_id_list"].split(",")
        if len(numbers) > ITEMS_MAX:
            return answer(error="product.error_param", message="too many items")
        stocks = {number: models_of(self.account, number).get(0) for number in numbers}
        if None in stocks.values():
            return answer(error="product.error_item_not_found", message="Item not found.")
        found = [
            {f"{self._global}item_id": int(number), "stock_info_v2": {"seller_stock": stock}}
            for number, stock in stocks.items()
        ]
        return answer({"response": {f"{self._global}item_list": found}})

    async def _model_list(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        models = models_of(self.account, turn.request.query[f"{self._global}item_id"])
        if not models:
            return answer(error="product.error_item_not_found", message="Item not found.")
        found = [
            {f"{self._global}model_id": model, "stock_info_v2": {"seller_stock": stock}}
            for model, stock in models.items()
        ]
        return answer({"response": {f"{self._global}model": found}})

    async def _order_detail(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        names = turn.request.query["order_sn_list"].split(",")
        return answer({"response": {"order_list": [self._orders[n] for n in names if n in self._orders]}})

    def _unknown_caller(self, turn: Turn) -> web.Response | None:
        query = turn.request.query
        token = query.get("access_token", "")
        of = query.get("merchant_id" if self._global else "shop_id", "")
        if (refusal := self._wrongly_signed(turn, token, of)) is not None:
            return refusal
        return None if of == SHOP_ID and self.account.is_valid(token) else self.unauthorised()

    def _wrongly_signed(self, turn: Turn, token: str, of: str) -> web.Response | None:
        query = turn.request.query
        path = turn.request.path.removeprefix(self._prefix)
        at_seconds = int(query.get("timestamp", "0"))
        if abs(turn.now_ms / 1_000 - at_seconds) > SIGN_SECONDS:
            return answer(error="error_param", message="Invalid timestamp.", status=HTTPStatus.FORBIDDEN)
        sign = request_sign(PARTNER_KEY, PARTNER_ID, path, at_seconds, token, of)
        if hmac.compare_digest(sign, query.get("sign", "")):
            return None
        return answer(error="error_sign", message="Wrong sign.", status=HTTPStatus.FORBIDDEN)


def _listing(item: int, model: int, location: str | None) -> str:
    return f"{item}/{model}" if location is None else f"{item}/{model}/{location}"
