"""Answers that no client gets as it should: none, cut off, endless, a byte at a time."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

LOOK_SECONDS: Final = 0.02
"""Between two looks whether a client has left: aiohttp does not tell a handler."""

DRIP_SECONDS: Final = 0.05
"""Between two bytes: no pause is long enough for a client to give up on silence."""

_CHUNK: Final = b" " * 65_536


def reset(request: web.Request) -> web.Response:
    """Cut the connection; the response goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


async def hang(request: web.Request, is_over: Callable[[], bool]) -> web.Response:
    """Say nothing until the client leaves, or until it is over."""
    while not is_over() and request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110  # only looking tells
        await asyncio.sleep(LOOK_SECONDS)
    return reset(request)


async def drip(request: web.Request, is_over: Callable[[], bool]) -> web.StreamResponse:
    """Answer a byte at a time, until the client leaves or it is over."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        while not is_over():
            await response.write(b" ")
            await asyncio.sleep(DRIP_SECONDS)
    except ConnectionError:
        pass  # the client has had enough, which is what this is for
    return response


async def pour(request: web.Request, size_bytes: int) -> web.StreamResponse:
    """Answer with so much, if the client takes it."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        for _ in range(size_bytes // len(_CHUNK)):
            await response.write(_CHUNK)
    except ConnectionError:
        pass  # the client has had enough, which is what this is for
    return response
