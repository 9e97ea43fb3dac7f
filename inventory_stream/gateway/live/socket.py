"""`GET /v1/live/ws`: the same changes over a WebSocket, with what is followed changed on the way."""

import asyncio
import time
from contextlib import suppress
from typing import Annotated, Final

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from msgspec import Meta, Struct

from inventory_stream.gateway.live.asked import topics
from inventory_stream.gateway.live.hub import LiveHub
from inventory_stream.gateway.live.limits import (
    ASKED_AT_ONCE,
    ASKED_PER_SECOND,
    MESSAGE_BYTES_MAX,
    READER_SKUS_MAX,
)
from inventory_stream.gateway.live.reader import Ending, Reader, bound_buffers
from inventory_stream.gateway.live.sse import Admit, check_room
from inventory_stream.gateway.live.token import Token
from inventory_stream.gateway.problems import Problem
from models.ids import Id

PATH: Final = "/v1/live/ws"

_CLOSE_SECONDS_MAX: Final = 2.0
"""How long the other side may take to answer a close; a line that is dead never does."""

_Skus = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=READER_SKUS_MAX)]


class Subscribe(Struct, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """Follow SKUs, too; `since` is a resume token, as of an event's `id`."""

    skus: _Skus
    channel: Id | None = None
    since: Annotated[str, Meta(max_length=64)] = ""


class Unsubscribe(Struct, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True):
    """Follow SKUs no more."""

    skus: _Skus
    channel: Id | None = None


_decode: Final = msgspec.json.Decoder(Subscribe | Unsubscribe).decode

_CLOSES: Final = {
    Ending.GONE: WSCloseCode.GOING_AWAY,
    Ending.TOO_SLOW: WSCloseCode.POLICY_VIOLATION,
    Ending.SHUTDOWN: WSCloseCode.GOING_AWAY,
}


class _Allowance:
    """How much one reader may ask still: `ASKED_PER_SECOND`, and `ASKED_AT_ONCE` after a quiet time."""

    def __init__(self) -> None:
        self._left: float = ASKED_AT_ONCE
        self._at = time.monotonic()

    def take(self, count: int) -> None:
        """Take so many.

        Raises:
            Problem: too-many-requests.
        """
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * ASKED_PER_SECOND, ASKED_AT_ONCE) - count
        self._at = now
        if self._left < 0:
            raise Problem(
                "too-many-requests",
                f"asks for more than {ASKED_PER_SECOND} SKUs a second, {ASKED_AT_ONCE} at once",
            )


class LiveSocket:
    """The handler of the WebSocket."""

    def __init__(self, hub: LiveHub, admit: Admit) -> None:
        self._hub = hub
        self._admit = admit

    def routes(self) -> list[web.RouteDef]:
        """Give the one route."""
        return [web.get(PATH, self._serve, allow_head=False)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request)
        check_room(self._hub)
        # Events are encoded once for all readers, so nothing is compressed for one.
        socket = web.WebSocketResponse(
            max_msg_size=MESSAGE_BYTES_MAX, compress=False, timeout=_CLOSE_SECONDS_MAX, autoping=False
        )
        if not socket.can_prepare(request):
            raise Problem("malformed", "this address speaks WebSocket (RFC 6455)")
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        bound_buffers(transport)
        reader = Reader(transport, is_socket=True)
        listening = asyncio.create_task(self._listen(socket, reader))
        listening.add_done_callback(lambda _: reader.end(Ending.GONE))
        refused = b""
        try:
            self._hub.follow(reader, ())
            ending = await reader.ended
        finally:
            self._hub.leave(reader)  # nothing may follow a close
            listening.cancel()
            with suppress(asyncio.CancelledError):
                refused = await listening
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * _CLOSE_SECONDS_MAX):
                code = WSCloseCode.POLICY_VIOLATION if refused else _CLOSES[ending]
                await socket.close(code=code, message=refused, drain=False)
        if transport.get_write_buffer_size():
            transport.abort()  # a line that is only closed waits for who reads nothing
        return socket

    async def _listen(self, socket: web.WebSocketResponse, reader: Reader) -> bytes:
        """Do what the reader's messages say, until it closes (empty) or says what cannot be (the reason)."""
        allowance = _Allowance()
        async for message in socket:
            try:
                await self._hear(message, socket, reader, allowance)
            except (Problem, msgspec.DecodeError, RecursionError) as error:
                # A close reason has 123 bytes (RFC 6455, 5.5); the words are ASCII but for what was quoted.
                return str(error).encode("ascii", "replace")[:123]
            except ConnectionError:
                return b""
            await asyncio.sleep(0)  # messages that are there already keep nobody waiting
        return b""

    async def _hear(
        self, message: WSMessage, socket: web.WebSocketResponse, reader: Reader, allowance: _Allowance
    ) -> None:
        if message.type is WSMsgType.TEXT:
            asked = _decode(message.data)
            allowance.take(len(asked.skus))
            self._obey(asked, reader)
            return
        allowance.take(1)
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is not WSMsgType.PONG:
            raise Problem("malformed", "send JSON as text")

    def _obey(self, message: Subscribe | Unsubscribe, reader: Reader) -> None:
        wanted = topics(message.skus, message.channel)
        if isinstance(message, Unsubscribe):
            self._hub.leave(reader, wanted)
            return
        if len(reader.topics.union(wanted)) > READER_SKUS_MAX:
            raise Problem("malformed", f"one connection follows {READER_SKUS_MAX} SKUs at most")
        self._hub.follow(reader, wanted, Token.parse(message.since))
