"""The sample storefront and the browser module: a few small files, kept in memory.

The page shows how a shop uses the API. What it sells stands in one file, which names the key that the page
may show to anybody: one with the scope `storefront` alone and a rate of its own.
"""

from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from inventory_stream.errors import SettingsError
from models.commands import TtlSeconds
from models.ids import Id

PAGE: Final = "/storefront/"
MODULE: Final = "/sdk/inventory-stream.mjs"

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


class _Kept(NamedTuple):
    body: bytes
    content_type: str
    etag: str


class StorefrontRoutes:
    """Serves the module, and the page where there is a product for it."""

    def __init__(self, product_file: Path | None) -> None:
        """Read everything that will be served.

        Raises:
            SettingsError: the product's file is missing or wrong.
        """
        module = files("inventory_stream.storefront") / "javascript" / "inventory-stream.mjs"
        self._kept = {MODULE: _keep(module.read_bytes(), "text/javascript")}
        if product_file is not None:
            page = files("inventory_stream.gateway") / "storefront_page"
            for name, (file, content_type) in _FILES.items():
                self._kept[PAGE + name] = _keep((page / file).read_bytes(), content_type)
            product = msgspec.json.encode(_product(product_file))
            self._kept[PAGE + "config.json"] = _keep(product, "application/json")

    def routes(self) -> list[web.RouteDef]:
        """Give one route for each file, and the way to the page for who forgets its slash."""
        routes = [web.get(path, partial(_serve, kept)) for path, kept in self._kept.items()]
        if PAGE in self._kept:
            routes.append(web.get(PAGE.rstrip("/"), _to_page))
        return routes


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
