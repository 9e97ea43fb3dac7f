"""What browsers are told: which pages may call, and what an answer must not be used for."""

from collections.abc import Collection
from typing import Final

from aiohttp import hdrs, web

from inventory_stream.gateway.problems import Problem

PREFLIGHT_SECONDS: Final = 600
"""How long a browser may remember a preflight; Chromium takes 2 h at most, and a change must show."""

METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"

ASKED_HEADERS_MAX: Final = 1_024
"""Of a preflight's list of headers: ours have 200 characters."""

EXPOSED: Final = (
    "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Preference-Applied, WWW-Authenticate, "
    "X-Request-Id, Inventory-Version, Idempotent-Replay"
)
"""Headers of answers that a page may read beside the few that every page may."""

PAGE_POLICY: Final = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
"""Of our pages, unless one brings its own: everything from here, nothing inline, in nobody's frame."""

DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""Of everything else, should a browser ever show it as a page."""

HSTS: Final = "max-age=31536000"
"""A year without plain HTTP, told only over TLS; subdomains are not ours to speak for."""


class Browsers:
    """CORS by a list of origins, and the headers of every answer.

    No cookies are taken and none are allowed: a page proves itself with a key or a token in a header, so
    that no other page can act in a shopper's name.
    """

    def __init__(self, origins: Collection[str], *, is_tls: bool) -> None:
        self._origins = frozenset(origins)
        self._is_tls = is_tls

    def preflight(self, request: web.Request) -> web.Response | None:
        """Answer a browser's question before a call; None: this is none."""
        headers = request.headers
        if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in headers:
            return None
        response = web.Response(status=204)
        if headers.get(hdrs.ORIGIN) in self._origins:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = METHODS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(PREFLIGHT_SECONDS)
            asked = headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
            if 0 < len(asked) <= ASKED_HEADERS_MAX and asked.isprintable():
                # Echoed: which headers a call may have is said by its endpoint, not by the browser.
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = asked
        return response

    def check_socket(self, request: web.Request) -> None:
        """See that a WebSocket is opened by a page that may: browsers do not ask first, as CORS would.

        Raises:
            Problem: `not-allowed`.
        """
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            return
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or origin in self._origins or origin.partition("://")[2] == request.host:
            return
        raise Problem("not-allowed", "pages of this origin may not call (gateway.cors_origins)")

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add what every answer has; a signal of aiohttp before the headers leave, streams' too."""
        headers = response.headers
        headers[hdrs.SERVER] = "inventory-stream"  # not which version of what
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        if "Content-Security-Policy" not in headers:
            is_page = headers.get(hdrs.CONTENT_TYPE, "").startswith("text/html")
            headers["Content-Security-Policy"] = PAGE_POLICY if is_page else DATA_POLICY
        if self._is_tls:
            headers["Strict-Transport-Security"] = HSTS
        if self._origins:
            headers.add(
                hdrs.VARY, hdrs.ORIGIN
            )  # a cache between must not give one origin's answer to another
            origin = request.headers.get(hdrs.ORIGIN)
            if origin in self._origins:
                headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
                headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED
