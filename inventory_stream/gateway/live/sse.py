"""`GET /v1/live`: changes as server-sent events."""

import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import HttpVersion11, web

from inventory_stream.gateway.decode import query_of
from inventory_stream.gateway.live.asked import LiveQuery, topics
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.reader import Reader, bound_buffers
from inventory_stream.gateway.live.token import Token
from inventory_stream.gateway.problems import Problem

PATH: Final = "/v1/live"
LAST_EVENT_ID: Final = "Last-Event-ID"
CONTENT_TYPE: Final = "text/event-stream"

_RETRY_MS_MIN: Final = 1_000
_RETRY_MS_SPREAD: Final = 4_000
"""When a browser comes back after the line broke: 1 to 5 s, drawn for each, so that the readers of a gateway
that stopped do not all come to the next one in the same moment."""

Admit = Callable[[web.Request], Awaitable[object]]
"""Lets a reader in, or raises a Problem."""


class LiveEvents:
    """The handler of server-sent events."""

    def __init__(self, hub: LiveHub, admit: Admit) -> None:
        self._hub = hub
        self._admit = admit

    def routes(self) -> list[web.RouteDef]:
        """Give the one route; HEAD of a stream would be nothing."""
        return [web.get(PATH, self._stream, allow_head=False)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request)
        accept = request.headers.get("Accept", "*/*")
        if not any(word in accept for word in ("*/*", "text/*", CONTENT_TYPE)):
            raise Problem("not-acceptable", f"the answer of this address is {CONTENT_TYPE}")
        query = query_of(request, LiveQuery)
        assert isinstance(query, LiveQuery)  # noqa: S101  # what query_of gives for the kind
        wanted = topics(query.skus.split(","), query.channel)
        check_room(self._hub)
        if request.version < HttpVersion11:
            raise Problem("malformed", "live updates need HTTP/1.1")
        response = web.StreamResponse(
            headers={
                "Content-Type": CONTENT_TYPE,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back until its buffer is full
            }
        )
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            return response
        bound_buffers(transport)
        with suppress(ConnectionError):
            # By aiohttp, which sends its headers with it; from here on the bytes are the hub's.
            await response.write(b"retry: %d\n\n" % (_RETRY_MS_MIN + secrets.randbelow(_RETRY_MS_SPREAD)))
            reader = Reader(transport, is_socket=False)
            try:
                self._hub.follow(reader, wanted, Token.parse(request.headers.get(LAST_EVENT_ID, "")))
                await reader.ended
            finally:
                self._hub.leave(reader)
        return response


def check_room(hub: LiveHub) -> None:
    """Refuse a reader when there are as many as may be.

    Raises:
        Problem: not-ready.
    """
    if hub.is_full:
        raise Problem("not-ready", "there are as many live readers as may be", headers={"Retry-After": "5"})
