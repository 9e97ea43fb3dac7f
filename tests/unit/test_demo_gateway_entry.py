"""The customers' way in, over real HTTP to gateways that die, refuse or are too late."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from inventory_stream.demo import gateway_entry
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.gateway_entry import Gateway, GatewayEntry
from inventory_stream.demo.heard import Heard, Request

WISH = Request("reserve", "key-1", "/v1/reservations", {"units": 1})
GRANTED = {"outcome": "GRANTED", "reservation_id": "r", "moved_units": 1}

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doors:
    """Two gateways that answer as told; what each was asked, by name and key."""

    def __init__(self, one: Answering, two: Answering) -> None:
        self.asked: list[tuple[str, str]] = []
        self._answering = {"one": one, "two": two}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[GatewayEntry]:
        """Serve both, and give a way in."""
        servers = {name: await self._serve(name) for name in self._answering}
        gateways = {
            name: Gateway(str(server.make_url("")).rstrip("/"), str(server.make_url("/ready")))
            for name, server in servers.items()
        }
        try:
            async with GatewayEntry(gateways, "isk_x_y") as entry:
                yield entry
        finally:
            for server in servers.values():
                await server.close()

    async def _serve(self, name: str) -> TestServer:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.asked.append((name, request.headers["Idempotency-Key"]))
            return await self._answering[name](request)

        app = web.Application()
        app.add_routes([web.post("/v1/reservations", answer)])  # and no /ready: once gone it stays away
        server = TestServer(app)
        await server.start_server()
        return server


async def grants(_request: web.Request) -> web.StreamResponse:
    """Hold the unit."""
    return web.json_response(GRANTED, status=201)


async def dies(request: web.Request) -> web.StreamResponse:
    """End as a process does that is killed: the line is cut without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def refuses(slug: str, status: int) -> Answering:
    """Give a gateway that refuses everything."""

    async def refuse(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"type": f"/problems/{slug}"}, status=status)

    return refuse


async def heard_from(entry: GatewayEntry) -> Heard:
    """Ask for a unit."""
    heard = await entry.ask(WISH, time.monotonic())
    assert heard is not None
    return heard


async def test_who_is_cut_off_asks_the_other_with_the_same_key() -> None:
    """A gateway that dies with the request costs its caller one try, and is then left alone."""
    doors = Doors(dies, grants)
    async with doors.open() as entry:
        heard = await heard_from(entry)
        assert (heard.status, heard.outcome, heard.reservation_id, heard.units) == (201, "GRANTED", "r", 1)
        assert (heard.tries, heard.cut) == (2, 1)
        await heard_from(entry)
        assert entry.in_flight.total() == 0
    assert doors.asked == [("one", "key-1"), ("two", "key-1"), ("two", "key-1")]


async def test_a_503_is_asked_again_until_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not answered in time binds no key: the same request goes to the next gateway, and is counted."""
    monkeypatch.setattr(gateway_entry, "AGAIN_SECONDS", 0.0)
    doors = Doors(refuses("not-answered", 503), grants)
    async with doors.open() as entry:
        heard = await heard_from(entry)
        assert (heard.tries, heard.cut, entry.not_answered) == (2, 0, 1)
        await heard_from(entry)
    assert [name for name, _ in doors.asked] == ["one", "two", "one", "two"]


async def test_whoever_is_never_answered_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all gateways dead a request ends within its bound, without an answer."""
    monkeypatch.setattr(gateway_entry, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(gateway_entry, "ANSWER_SECONDS_MAX", 0.05)
    async with Doors(dies, dies).open() as entry:
        assert await entry.ask(WISH, time.monotonic()) is None


async def test_what_must_be_done_and_is_refused_ends_the_demo() -> None:
    """A sale that cannot be opened is one line that says what was answered."""
    no = refuses("not-allowed", 403)
    async with Doors(no, no).open() as entry:
        with pytest.raises(DemoError, match="/v1/reservations was answered 403 not-allowed"):
            await entry.post("/v1/reservations", "key", {})
