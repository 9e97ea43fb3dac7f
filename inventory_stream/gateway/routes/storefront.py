"""The sample storefront and the browser module: a few small files, kept in memory, and the sample's backend.

The page shows how a shop uses the API. What it sells stands in one file, which names the key that the page
may show to anybody: one with the scope `storefront` alone and a rate of its own. Such a key cannot confirm:
a shop's backend does, on its payment provider's word. The sample has no provider, so its backend, one
address, believes whoever holds a unit of the product.
"""

from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta, Struct

from inventory_stream.errors import SettingsError
from inventory_stream.gateway.decode import decoded, raw_body_of
from inventory_stream.gateway.idempotency import command_id_of
from inventory_stream.gateway.outcomes import answer_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reservation_answers import reservation_answer
from inventory_stream.gateway.words.reservations import State
from inventory_stream.ports.desk import Desk
from models.commands import Confirm, TtlSeconds
from models.ids import Id
from models.reservation_ids import sku_of

PAGE: Final = "/storefront/"
CHECKOUT: Final = PAGE + "checkout"
MODULE: Final = "/sdk/inventory-stream.mjs"

_CHECKOUT_BYTES_MAX: Final = 1_024
"""An id of 128 characters, each of up to 4 bytes, and the words around it."""
_CHECKOUT_SECONDS_MAX: Final = 5.0
"""Longest that so small a body may take to arrive."""
_CONFIG_BYTES_MAX: Final = 65_536
"""Far above any product's words."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FILES: Final = {
    "": ("index.html", "text/html"),
    "storefront.css": ("storefront.css", "text/css"),
    "storefront.mjs": ("storefront.mjs", "text/javascript"),
}
_Words = Annotated[str, Meta(min_length=1, max_length=1_000)]


class Product(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the page sells, from where, and the `key` with which browsers ask.

    With a `sale_id` it takes the units of that sale; `has_waiting_room`: through its waiting room.
    """

    sku: Id
    location: Id
    name: _Words
    about: _Words
    price: _Words
    key: _Words
    ttl_seconds: TtlSeconds = 300
    channel: Id | None = None
    sale_id: Id | None = None
    has_waiting_room: bool = False


class CheckoutBody(Struct, forbid_unknown_fields=True):
    """What the shopper holds and says is paid."""

    reservation_id: Id


class CheckoutAnswer(Struct):
    """How the reservation stands now; `confirmed`: it is the shopper's. None: it is still to come (R21)."""

    state: State | None


class _Kept(NamedTuple):
    body: bytes
    content_type: str
    etag: str


class StorefrontRoutes:
    """Serves the module, and the page with its backend where there is a product for it."""

    def __init__(self, product_file: Path | None, desk: Desk, answer_seconds: float) -> None:
        """Read everything that will be served.

        Args:
            product_file: What the page sells; None: there is no page and no checkout.
            desk: Confirms what is bought at the page.
            answer_seconds: How long a checkout waits for the ledger.

        Raises:
            SettingsError: the product's file is missing or wrong.
        """
        module = files("inventory_stream.storefront") / "javascript" / "inventory-stream.mjs"
        self._kept = {MODULE: _keep(module.read_bytes(), "text/javascript")}
        self._desk = desk
        self._answer_seconds = answer_seconds
        self._product: Product | None = None
        if product_file is not None:
            page = files("inventory_stream.gateway") / "storefront_page"
            for name, (file, content_type) in _FILES.items():
                self._kept[PAGE + name] = _keep((page / file).read_bytes(), content_type)
            self._product = _product(product_file)
            self._kept[PAGE + "config.json"] = _keep(msgspec.json.encode(self._product), "application/json")

    def routes(self) -> list[web.RouteDef]:
        """Give one route for each file, the page's backend, and the way there for who forgets its slash."""
        routes = [web.get(path, partial(_serve, kept)) for path, kept in self._kept.items()]
        if self._product is not None:
            routes.append(web.get(PAGE.rstrip("/"), _to_page))
            routes.append(web.post(CHECKOUT, partial(self._checkout, self._product)))
        return routes

    async def _checkout(self, product: Product, request: web.Request) -> web.Response:
        """Confirm a reservation of the product: the command follows from its id, so a repeat is the same."""
        _check_same_origin(request)
        if (request.content_length or 0) > _CHECKOUT_BYTES_MAX:
            raise Problem("too-large", f"a checkout may have {_CHECKOUT_BYTES_MAX} bytes")
        raw = await raw_body_of(request, seconds_max=_CHECKOUT_SECONDS_MAX)
        body = decoded(raw, CheckoutBody)
        assert isinstance(body, CheckoutBody)  # noqa: S101  # what was decoded for
        reservation_id = body.reservation_id
        if sku_of(reservation_id) != product.sku:
            raise Problem("not-found", "this page sold no such reservation")
        command_id = command_id_of("storefront", reservation_id, "checkout")
        decision = await self._desk.ask(
            Confirm(command_id, reservation_id=reservation_id, sku=product.sku), self._answer_seconds
        )
        status, headers = answer_of(decision)
        told = msgspec.json.encode(CheckoutAnswer(reservation_answer(decision).state))
        return web.Response(
            body=told, status=status, headers={**headers, hdrs.CONTENT_TYPE: "application/json"}
        )


def _check_same_origin(request: web.Request) -> None:
    """Refuse pages of others, and whoever is no browser.

    Raises:
        Problem: `not-allowed`.
    """
    # A browser says where a request comes from; an old one, or one without TLS, only by the origin.
    site = request.headers.get("Sec-Fetch-Site")
    is_own = site == "same-origin"
    if site is None:
        is_own = urlsplit(request.headers.get(hdrs.ORIGIN, "")).netloc == request.host
    if not is_own:
        raise Problem("not-allowed", "the sample's checkout answers its own page alone")


async def _serve(kept: _Kept, request: web.Request) -> web.Response:
    headers = {
        "ETag": kept.etag,
        # Asked each time, answered by 304: a page and its script must be of one version.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("If-None-Match") == kept.etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=kept.body, content_type=kept.content_type, charset="utf-8", headers=headers)


async def _to_page(_request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently(PAGE)


def _keep(body: bytes, content_type: str) -> _Kept:
    return _Kept(body, content_type, f'"{blake2b(body, digest_size=12).hexdigest()}"')


def _product(path: Path) -> Product:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_CONFIG_BYTES_MAX), type=Product)
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(
            f"gateway.storefront_file {path}: {error}; docs/http/storefront.md shows what it holds"
        ) from error
