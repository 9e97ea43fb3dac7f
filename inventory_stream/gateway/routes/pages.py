"""Pages about the API: the OpenAPI document, a reader for it, and what each problem means."""

from collections.abc import Iterable
from hashlib import blake2b
from html import escape
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.openapi.document import document
from inventory_stream.gateway.problems import KINDS, PROBLEM_BASE, Problem

DOCUMENT_PATH: Final = "/openapi.json"
DOCS_PATH: Final = "/docs"

DOCUMENT_SECONDS: Final = 300
"""How long a cache may keep the document: it changes with a release, and then a tag tells at once."""

_PACKAGE: Final = "swagger-ui-py"
_FOLDER: Final = "swagger_ui/static"
_FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
"""What the reader needs of the package; its Python is not imported."""

READER_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
"""Everything from here. Swagger UI sets styles on its elements and has its icons as data."""

_READER: Final = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>inventory_stream: the API</title>
<link rel="icon" href="{DOCS_PATH}/favicon-32x32.png">
<link rel="stylesheet" href="{DOCS_PATH}/swagger-ui.css">
<div id="reader"></div>
<noscript>The document itself is at <a href="{DOCUMENT_PATH}">{DOCUMENT_PATH}</a>.</noscript>
<script src="{DOCS_PATH}/swagger-ui-bundle.js"></script>
<script src="{DOCS_PATH}/start.js"></script>
</html>
"""

# No validator: that one asks a server of the makers of Swagger UI.
_START: Final = f"""\
SwaggerUIBundle({{
  url: "{DOCUMENT_PATH}",
  dom_id: "#reader",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
}});
"""


class PageRoutes:
    """The handlers. All are open to everybody: they tell what the software is, and nothing of the stock."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        """Describe all endpoints that are served."""
        self._document = msgspec.json.encode(document(endpoints))
        self._etag = blake2b(self._document, digest_size=12).hexdigest()
        folder = Path(str(distribution(_PACKAGE).locate_file(_FOLDER)))
        self._files = {name: folder / name for name in _FILES}

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get(DOCUMENT_PATH, self._openapi),
            web.get(DOCS_PATH, self._reader),
            web.get(f"{DOCS_PATH}/{{file}}", self._file),
            web.get(PROBLEM_BASE, self._problems),
            web.get(f"{PROBLEM_BASE}{{slug}}", self._problem),
        ]

    async def _openapi(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": f"public, max-age={DOCUMENT_SECONDS}"}
        known = request.if_none_match
        if known and any(tag.value in {self._etag, "*"} for tag in known):
            response = web.Response(status=304, headers=headers)
        else:
            response = web.Response(body=self._document, content_type="application/json", headers=headers)
        response.etag = self._etag
        return response

    async def _reader(self, _request: web.Request) -> web.Response:
        return web.Response(
            text=_READER, content_type="text/html", headers={"Content-Security-Policy": READER_POLICY}
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name == "start.js":
            return web.Response(text=_START, content_type="text/javascript")
        if name not in self._files:
            raise Problem("not-found", "the reader has no such file")
        return web.FileResponse(self._files[name], headers={"Cache-Control": "public, max-age=86400"})

    async def _problems(self, _request: web.Request) -> web.Response:
        rows = "".join(
            f'<dt><a href="{PROBLEM_BASE}{slug}">{slug}</a><dd>{kind.status}: {escape(kind.title)}.'
            for slug, kind in KINDS.items()
        )
        return _page(
            "Problems", f"<p>What the API may refuse, by the last word of <code>type</code>.<dl>{rows}</dl>"
        )

    async def _problem(self, request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        kind = KINDS.get(slug)
        if kind is None:
            raise Problem("not-found", f"there is no kind of problem called {slug[:80]!r}")
        return _page(
            slug,
            f"<p>Status {kind.status}. {escape(kind.title)}.<p>The <code>detail</code> of the answer tells "
            f'what was wrong with the request, and the way out. <a href="{PROBLEM_BASE}">All problems</a>, '
            f'<a href="{DOCS_PATH}">the API</a>.',
        )


def _page(title: str, body: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>\n"
    )
    return web.Response(
        text=text, content_type="text/html", headers={"Cache-Control": "public, max-age=86400"}
    )
