"""`GET /v1/waiting-rooms/{sale_id}/tickets/{ticket}/events`: how a ticket stands, as server-sent events."""

import asyncio
import secrets
from typing import Final

import msgspec
from aiohttp import web

from inventory_stream.flows.waiting_room.crowd import Crowd, Watch
from inventory_stream.flows.waiting_room.told import ENDED
from inventory_stream.gateway.decode import path_of
from inventory_stream.gateway.live.reader import bound_buffers
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.waiting_room import TICKET_PATH, Tickets

EVENTS_PATH: Final = f"{TICKET_PATH}/events"
CONTENT_TYPE: Final = "text/event-stream"

_HEARTBEAT_SECONDS: Final = 15.0
"""Proxies often cut a line off after 60 s of silence; a dead one is noticed by the write."""

_WRITE_SECONDS_MAX: Final = 15.0
"""A line that takes nothing for so long is cut; its ticket keeps the place."""

_RETRY_MS_MIN: Final = 1_000
_RETRY_MS_SPREAD: Final = 4_000
"""When a browser comes back after the line broke, drawn for each: a crowd does not come back at once."""

_encode: Final = msgspec.json.Encoder().encode


class WaitingRoomEvents:
    """The stream of one ticket: each event says all, so that whoever comes back has missed nothing."""

    def __init__(self, tickets: Tickets, crowd: Crowd, connections_max: int) -> None:
        self._tickets = tickets
        self._crowd = crowd
        self._connections_max = connections_max

    def routes(self) -> list[web.RouteDef]:
        """Give the one route."""
        return [web.get(EVENTS_PATH, self._stream, allow_head=False)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        accept = request.headers.get("Accept", "*/*")
        if not any(word in accept for word in ("*/*", "text/*", CONTENT_TYPE)):
            raise Problem("not-acceptable", f"the answer of this address is {CONTENT_TYPE}")
        words = path_of(request)
        room, place = self._tickets.read(words["sale_id"], words["ticket"])
        if self._crowd.streams >= self._connections_max:
            raise Problem(
                "not-ready", "there are as many streams as may be; ask again", headers={"Retry-After": "5"}
            )
        response = web.StreamResponse(
            headers={
                "Content-Type": CONTENT_TYPE,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back until its buffer is full
            }
        )
        with self._crowd.watching(room, place) as watch:
            await response.prepare(request)
            if request.transport is not None:
                bound_buffers(request.transport)
            try:
                retry_ms = _RETRY_MS_MIN + secrets.randbelow(_RETRY_MS_SPREAD)
                await self._write(response, b"retry: %d\n\n" % retry_ms)
                await self._tell(response, watch)
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _tell(self, response: web.StreamResponse, watch: Watch) -> None:
        while True:
            try:
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await watch.changed.wait()
            except TimeoutError:
                await self._write(response, b":\n\n")
                continue
            told = watch.take(self._tickets.now_ms())
            if told is not None:
                shown = self._tickets.shown(watch.room, watch.place, told)
                await self._write(response, b"event: place\ndata: %b\n\n" % _encode(shown))
            if watch.is_ended or (told is not None and told.state in ENDED):
                return

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(_WRITE_SECONDS_MAX):
            await response.write(data)
