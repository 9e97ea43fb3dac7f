"""How the HTTP side of a process begins and ends."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from inventory_stream.adapters import http_host
from inventory_stream.adapters.http_host import HttpHost, listening_socket
from inventory_stream.errors import SettingsError
from inventory_stream.gateway.app import new_app, unreadable

WAIT_SECONDS_MAX = 10.0
SHORT_SECONDS = 0.5
"""Stands for bounds of a minute and more."""


async def test_the_end_lets_requests_under_way_end() -> None:
    """Once the end begins nobody new is taken, and who was taken is answered."""
    began, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        began.set()
        await may_end.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", slow)
    listener = listening_socket("127.0.0.1", 0)
    host = HttpHost(app, listener, None, lambda: ("partition 3",), unreadable)
    assert host.app is host
    assert await host.why_not_ready() == ("partition 3",)
    await host.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        asked = asyncio.create_task(session.get(url))
        await began.wait()
        closing = asyncio.create_task(host.close())
        await asyncio.sleep(0)
        may_end.set()
        async with await asked as response:
            assert await response.text() == "done"
        await closing
        await host.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


@asynccontextmanager
async def hosting(*routes: web.RouteDef) -> AsyncIterator[int]:
    """Host an application; gives its port."""
    listener = listening_socket("127.0.0.1", 0)
    host = HttpHost(new_app((), routes), listener, None, tuple, unreadable)
    await host.start()
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            yield listener.getsockname()[1]
    finally:
        await host.close()
        await host.stop()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /?" + b"x" * 60_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 60_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 1_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=lambda raw: repr(raw[:30]),
)
async def test_what_is_no_http_is_refused_as_anything_else(
    raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """TLS on a plain port, heads beyond 8 KB, broken lengths: 400 in the one form, and nothing in the log."""
    async with hosting() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.0 400 "), head
    assert b"Content-Type: application/problem+json" in head
    assert b"aiohttp" not in head
    assert json.loads(body)["type"] == "/problems/malformed"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_head_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends its head byte by byte has the connection no longer than an idle one."""
    monkeypatch.setattr(http_host, "KEEPALIVE_SECONDS", SHORT_SECONDS)
    async with hosting() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def drip() -> None:
            writer.write(b"GET / HTTP/1.1\r\n")
            while True:
                writer.write(b"X: 1\r\n")
                await asyncio.sleep(SHORT_SECONDS / 10)  # the rate of the attack

        dripping = asyncio.create_task(drip())
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass  # it was cut while a byte was on its way
        finally:
            dripping.cancel()
            writer.close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this kernel has no TCP_USER_TIMEOUT")
async def test_client_that_never_reads_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection ends after a while, with whatever was still to be sent."""
    monkeypatch.setattr(http_host, "UNHEARD_MS", int(SHORT_SECONDS * 1_000))
    is_over = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(65_536))
        finally:
            is_over.set()

    async with hosting(web.get("/", endless)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await is_over.wait()


def test_an_address_that_is_taken_is_a_wrong_setting() -> None:
    """The line names both settings, the reason and the way out."""
    with listening_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"gateway.port = {port} .* in use .*; name another"):
            listening_socket("127.0.0.1", port)
