"""A fake WooCommerce shop: products and variations whose stock is set in batches.

Written by hand from the vendor's documents (channels.md 1a), unverified: there is no file of the vendor's.
"""

import base64
import hmac
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.fake import Entry, Fake, Happening, Turn, Webhook
from inventory_stream.sandbox.specs import Specs, validator
from inventory_stream.sandbox.woocommerce_orders import number_of, order_body, refunds_body

CONSUMER_KEY: Final = "ck_sandbox"
CONSUMER_SECRET: Final = "cs_sandbox"  # noqa: S105  # of the sandbox, known to everybody
WEBHOOK_SECRET: Final = "sandbox &amp; shop"  # noqa: S105  # as the shop stores it; it signs with "&"
SIGNED_SECRET: Final = "sandbox & shop"  # noqa: S105

BATCH_MAX: Final = 100
"""`woocommerce_rest_batch_items_limit`, as WooCommerce ships."""
PER_PAGE_MAX: Final = 100

ORDERS_MAX: Final = 10_000
"""Orders that can be asked for, by what happened to them first and last; as many as the sandbox remembers."""

REQUESTS: Final = "requests"
REQUESTS_PER_SECOND: Final = 2.0
"""What a small host's firewall lets through; WooCommerce itself has no limit."""
BURST: Final = 20.0
"""A short burst is nobody's harm."""

_BATCH: Final = validator(
    {
        "type": "object",
        "required": ["update"],
        "additionalProperties": False,
        "properties": {
            "update": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["id", "stock_quantity"],
                    "additionalProperties": False,
                    "properties": {
                        "id": {"type": "integer", "minimum": 1},
                        "manage_stock": {"const": True},
                        "stock_quantity": {"type": "integer"},
                    },
                },
            }
        },
    }
)


class WooCommerceFake(Fake):
    """One shop."""

    name: ClassVar[str] = "woocommerce"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.limit(REQUESTS, REQUESTS_PER_SECOND, BURST)
        self.account.allow_token(_basic(CONSUMER_KEY, CONSUMER_SECRET))
        self._deliveries = 0
        self._orders: OrderedDict[str, tuple[Happening, Happening]] = OrderedDict()

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the addresses that are used."""
        products = f"{prefix}/wp-json/wc/v3/products"
        return [
            web.post(f"{products}/batch", self._batch),
            web.post(f"{products}/{{product}}/variations/batch", self._batch),
            web.get(f"{prefix}/wp-json/wc/v3/orders/{{order}}", self._order),
            web.get(f"{prefix}/wp-json/wc/v3/orders/{{order}}/refunds", self._refunds),
            web.get(products, self._list),
            web.get(f"{products}/{{product}}/variations", self._list),
        ]

    def entry(self) -> Entry:
        """A key pair, as the shop's administrator makes one."""
        return Entry(
            account="sandbox-woo",
            secrets={
                "consumer_key": CONSUMER_KEY,
                "consumer_secret": CONSUMER_SECRET,
                "webhook_secret": WEBHOOK_SECRET,
            },
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Every second SKU is a variation of product 100."""
        del sku, place
        return f"100/{1_000 + number}" if number % 2 else str(1_000 + number)

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Tell of an order as a webhook of topic `order.created` or `order.updated` does."""
        del url  # WooCommerce signs the body alone
        first, _ = self._orders.get(number := str(number_of(happening)), (happening, happening))
        self._orders[number] = (first, happening)
        if len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
        body = json.dumps(order_body(first, happening), separators=(",", ":")).encode()
        event = "created" if happening.kind == "sold" else "updated"
        self._deliveries += 1
        signature = base64.b64encode(hmac.digest(SIGNED_SECRET.encode(), body, "sha256")).decode()
        return [
            Webhook(
                {
                    "Content-Type": "application/json",
                    "X-WC-Webhook-Topic": f"order.{event}",
                    "X-WC-Webhook-Resource": "order",
                    "X-WC-Webhook-Event": event,
                    "X-WC-Webhook-ID": "1",
                    "X-WC-Webhook-Delivery-ID": f"{happening.at_ms}{self._deliveries}",
                    "X-WC-Webhook-Source": "https://shop.example/",
                    "X-WC-Webhook-Signature": signature,
                },
                body,
            )
        ]

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse as a host's firewall does."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(text="Too Many Requests", status=429, headers=headers)

    def unauthorised(self) -> web.Response:
        """Refuse as WordPress does."""
        return _refused("woocommerce_rest_authentication_error", HTTPStatus.UNAUTHORIZED)

    async def _batch(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._update, is_write=True, limit=REQUESTS)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._shown, is_write=False, limit=REQUESTS)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._order_shown, is_write=False, limit=REQUESTS)

    async def _refunds(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._refunds_shown, is_write=False, limit=REQUESTS)

    async def _order_shown(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        happened = self._orders.get(turn.request.match_info["order"])
        if happened is None:
            return _refused("woocommerce_rest_shop_order_invalid_id", HTTPStatus.NOT_FOUND)
        return web.json_response(order_body(*happened))

    async def _refunds_shown(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        happened = self._orders.get(turn.request.match_info["order"])
        if happened is None:
            return _refused("woocommerce_rest_shop_order_invalid_id", HTTPStatus.NOT_FOUND)
        return web.json_response(refunds_body(happened[1]))

    async def _update(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        try:
            document = json.loads(turn.body)
        except ValueError:
            return _refused("rest_invalid_json", HTTPStatus.BAD_REQUEST)
        if misfits := _BATCH(document):
            return _refused("rest_invalid_param", HTTPStatus.BAD_REQUEST, misfits)
        items = document["update"]
        if len(items) > BATCH_MAX:
            return _refused("woocommerce_rest_request_entity_too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        product = turn.request.match_info.get("product")
        sets = [Set(_listing(product, item["id"]), item["stock_quantity"]) for item in items]
        done = self.apply(turn, sets)
        return web.json_response(
            {
                "update": [
                    _item(item["id"], item["stock_quantity"], end)
                    for item, end in zip(items, done, strict=True)
                    if end is not Done.UNNAMED
                ]
            }
        )

    async def _shown(self, turn: Turn) -> web.Response:
        if (refusal := self._unknown_caller(turn)) is not None:
            return refusal
        query = turn.request.query
        wanted = [int(part) for part in query["include"].split(",")]
        per_page = int(query.get("per_page", "10"))
        if not 1 <= per_page <= PER_PAGE_MAX:
            return _refused("rest_invalid_param", HTTPStatus.BAD_REQUEST)
        product = turn.request.match_info.get("product")
        if product is not None and not any(one.startswith(f"{product}/") for one in self.account.shown):
            return _refused("woocommerce_rest_product_invalid_id", HTTPStatus.NOT_FOUND)
        found = []
        for number in dict.fromkeys(wanted):
            units = self.account.read(_listing(product, number))
            if units is not None:
                found.append({"id": number, "manage_stock": True, "stock_quantity": units})
        return web.json_response(found[:per_page])

    def _unknown_caller(self, turn: Turn) -> web.Response | None:
        kind, _, pair = turn.request.headers.get("Authorization", "").partition(" ")
        return None if kind == "Basic" and self.account.is_valid(pair) else self.unauthorised()


def _basic(key: str, secret: str) -> str:
    return base64.b64encode(f"{key}:{secret}".encode()).decode()


def _listing(product: str | None, number: int) -> str:
    return str(number) if product is None else f"{product}/{number}"


def _item(number: int, units: int, end: Done) -> Mapping[str, object]:
    match end:
        case Done.APPLIED:
            return {"id": number, "sku": f"sku-{number}", "manage_stock": True, "stock_quantity": units}
        case Done.UNKNOWN:
            code, status = "woocommerce_rest_product_invalid_id", HTTPStatus.BAD_REQUEST
        case _:
            code, status = "woocommerce_rest_product_not_updated", HTTPStatus.BAD_REQUEST
    return {"id": number, "error": {"code": code, "message": "Refused.", "data": {"status": int(status)}}}


def _refused(code: str, status: HTTPStatus, misfits: Sequence[str] = ()) -> web.Response:
    data = {"status": int(status), "params": list(misfits)}
    return web.json_response({"code": code, "message": "Refused.", "data": data}, status=int(status))
