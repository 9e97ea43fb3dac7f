"""An issuer's keys by HTTP: bounded in time and size, from nowhere but the address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from inventory_stream.gateway.security import jwks_sources
from inventory_stream.gateway.security.jwks import JWKS_BYTES_MAX
from inventory_stream.gateway.security.jwks_sources import from_address, from_file
from tests.unit.gateway.security.issuer import key_set

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def issuer(answer: Answer) -> AsyncIterator[str]:
    """Serve an issuer's address."""
    app = web.Application()
    app.router.add_get("/jwks", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/jwks"))


async def test_the_document_is_read_whole() -> None:
    """What the issuer says is what is parsed."""

    async def good(_request: web.Request) -> web.Response:
        return web.Response(body=key_set())

    async with issuer(good) as url:
        assert await from_address(url)() == key_set()


async def test_an_endless_document_is_not_read_to_its_end() -> None:
    """A little more than any key set is enough to refuse it."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):  # the reader hangs up
            while True:
                await response.write(b" " * 65_536)
        return response

    async with issuer(endless) as url:
        assert JWKS_BYTES_MAX < len(await from_address(url)()) < 10 * JWKS_BYTES_MAX


async def test_redirects_and_errors_give_no_keys() -> None:
    """Whoever can redirect one address must not become the issuer."""

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("https://evil.example/jwks")

    async def broken(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    for answer in (away, broken):
        async with issuer(answer) as url:
            with pytest.raises(ValueError, match="answered"):
                await from_address(url)()


async def test_silence_and_nobody_end_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait for it, so it may not last."""
    monkeypatch.setattr(jwks_sources, "FETCH_SECONDS_MAX", 0.05)

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(writer)

    heard: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
        with pytest.raises(OSError, match="gave no keys"):
            await from_address(url)()
        for writer in heard:
            writer.close()
    assert heard
    with pytest.raises(OSError, match="gave no keys"):
        await from_address(url)()


async def test_a_file_is_read_up_to_the_bound(tmp_path: Path) -> None:
    """And a missing one is a fault that the key set survives."""
    file = tmp_path / "jwks.json"
    with pytest.raises(OSError, match="No such file"):
        await from_file(file)()
    file.write_bytes(b" " * (JWKS_BYTES_MAX * 2))
    assert len(await from_file(file)()) == JWKS_BYTES_MAX + 1
