"""How the HTTP side of a process begins and ends."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from inventory_stream.adapters.http_host import HttpHost, listening_socket
from inventory_stream.errors import SettingsError


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
    host = HttpHost(app, listener, None, lambda: ("partition 3",))
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


def test_an_address_that_is_taken_is_a_wrong_setting() -> None:
    """The line names both settings, the reason and the way out."""
    with listening_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"gateway.port = {port} .* in use .*; name another"):
            listening_socket("127.0.0.1", port)
