"""The SDK against a real HTTP server that plays the gateway, and a view in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.projection import SkuAvailability, Version
from inventory_stream.storefront import Refused, Source, Storefront, Unreachable
from inventory_stream.storefront.calls import GatewayCalls
from inventory_stream.storefront.shelf import KEPT_MAX, REDIS_SECONDS_MAX, Shelf

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HELD = {
    "reservation_id": "TEE.x",
    "sku": "TEE",
    "outcome": "GRANTED",
    "moved_units": 1,
    "decided_at_ms": 1,
    "state": "held",
    "lines": [],
}
SHOWN = {
    "sku": "TEE",
    "available": 7,
    "total": 7,
    "short": 0,
    "backorder": 0,
    "is_sold_out": False,
    "locations": {"DC": 7},
    "channels": {"amazon": 3},
    "sales": {},
    "version": "1:9",
    "as_of_ms": 1,
    "is_fresh": True,
}


class PlayedGateway:
    """Answers by a list, the last one for ever, and notes what it was asked."""

    def __init__(self, *answers: Handler) -> None:
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self._answers = answers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer by the next of the list."""
        turn = min(len(self.asked), len(self._answers) - 1)
        self.asked.append(request)
        self.bodies.append(await request.read())
        return await self._answers[turn](request)


@asynccontextmanager
async def played(*answers: Handler) -> AsyncIterator[tuple[PlayedGateway, str]]:
    """Run a played gateway; gives it and its address."""
    gateway = PlayedGateway(*answers)
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", gateway.answer)
    async with TestServer(app) as server:
        yield gateway, str(server.make_url("")).rstrip("/")


def says(status: int, body: object, **headers: str) -> Handler:
    """Answer with JSON."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handler


def says_in_pieces(status: int, body: object, piece_bytes: int = 100) -> Handler:
    """Answer with JSON of which each piece is on the way alone."""

    async def handler(request: web.Request) -> web.StreamResponse:
        text = json.dumps(body).encode()
        response = web.StreamResponse(status=status, headers={"Content-Length": str(len(text))})
        await response.prepare(request)
        for start in range(0, len(text), piece_bytes):
            await response.write(text[start : start + piece_bytes])
            await asyncio.sleep(0)  # so that the loop hands it to the reader
        return response

    return handler


async def says_no_json(_: web.Request) -> web.StreamResponse:
    """Answer as a broken proxy does."""
    return web.Response(body=b"<html>\xff", content_type="application/json")


async def cuts(request: web.Request) -> web.StreamResponse:
    """Cut the line without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


class MemoryView:
    """A view in memory: the two questions that the SDK asks, counted."""

    def __init__(self, units: int | None, *, is_beating: bool = True, is_there: bool = True) -> None:
        self.units = units
        self.is_beating = is_beating
        self.is_there = is_there
        self.reads = 0

    async def read(self, skus: Sequence[str]) -> Sequence[SkuAvailability | None]:
        """Give what the view has."""
        self.reads += 1
        if not self.is_there:
            raise UnreachableError("gone")
        return [
            None
            if self.units is None
            else SkuAvailability(sku, self.units, 0, {"DC": self.units}, Version(1, 5), 1, 0)
            for sku in skus
        ]

    async def fresh(self, partitions: Collection[int]) -> Collection[int]:
        """Give all or none."""
        return set(partitions) if self.is_beating else set()


def shelf_of(view: MemoryView, base: str) -> tuple[Shelf, GatewayCalls]:
    """Give a shelf over a view and a gateway that is asked once."""
    calls = GatewayCalls(base, "isk_x", attempts=1, within_seconds=5.0)
    return Shelf(view, calls), calls  # type: ignore[arg-type]  # the part of the view that it asks


async def test_a_cut_line_and_a_503_are_tried_again_under_one_key() -> None:
    """However often it was sent, the gateway can tell that it is one wish."""
    async with (
        played(cuts, says(503, {"type": "/problems/not-answered"}), says(201, HELD)) as (gateway, base),
        Storefront(base, "isk_x") as shop,
    ):
        held = await shop.reserve("TEE", 1, location="DC")
    assert held.reservation_id == "TEE.x"
    assert len(gateway.asked) == 3
    assert len({one.headers["Idempotency-Key"] for one in gateway.asked}) == 1
    assert len(set(gateway.bodies)) == 1
    assert gateway.asked[0].headers["Authorization"] == "Bearer isk_x"


async def test_a_refusal_is_final_and_has_its_kind_and_numbers() -> None:
    """Sold out is not asked again, and says how many others hold."""
    problem = {"type": "/problems/sold-out", "title": "no", "status": 409, "breakdown": {"reserved": 3}}
    async with played(says(409, problem)) as (gateway, base), Storefront(base, "isk_x") as shop:
        with pytest.raises(Refused) as refused:
            await shop.reserve("TEE", 1, location="DC")
    assert (refused.value.status, refused.value.kind) == (409, "sold-out")
    assert refused.value.members["breakdown"] == {"reserved": 3}
    assert len(gateway.asked) == 1


async def test_a_large_answer_is_read_to_its_end_however_it_arrives() -> None:
    """200 SKUs are some 60 KB in many pieces; a large refusal too keeps its kind, also of a stream."""
    names = [f"TEE-{number}" for number in range(200)]
    skus = [{**SHOWN, "sku": name} for name in names]
    problem = {"detail": "no" * 5_000, "type": "/problems/not-allowed", "title": "no", "status": 403}
    async with (
        played(
            says_in_pieces(200, {"skus": skus, "unknown": []}, 5_000), says_in_pieces(403, problem, 500)
        ) as (gateway, base),
        Storefront(base, "isk_x") as shop,
    ):
        found = await shop.availability(names)
        assert len(gateway.asked) == 1
        for asking in (shop.reserve("TEE", 1), anext(shop.watch(["TEE"]))):
            with pytest.raises(Refused) as refused:
                await asking
            assert refused.value.kind == "not-allowed"
    assert len(found) == 200


async def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    """What a proxy made of an answer is no answer: another try, and Unreachable in the end."""
    async with (
        played(says_no_json, says(200, HELD), says_no_json) as (gateway, base),
        Storefront(base, "isk_x", attempts=2) as shop,
    ):
        assert (await shop.confirm("TEE.x")).state == "held"
        with pytest.raises(Unreachable):
            await shop.confirm("TEE.x")
    assert len(gateway.asked) == 4


async def test_who_asks_too_often_waits_as_long_as_told() -> None:
    """Retry-After of a 429 is kept."""
    loop = asyncio.get_running_loop()
    async with (
        played(says(429, {}, **{"Retry-After": "1"}), says(200, HELD)) as (_, base),
        Storefront(base, "isk_x") as shop,
    ):
        began = loop.time()
        await shop.confirm("TEE.x")
    assert loop.time() - began >= 0.99


async def test_nobody_there_is_told_after_a_bounded_number_of_tries() -> None:
    """A gateway that never answers ends in Unreachable, not in waiting."""
    async with played(cuts) as (gateway, base), Storefront(base, "isk_x", attempts=2) as shop:
        with pytest.raises(Unreachable):
            await shop.release("TEE.x")
    assert len(gateway.asked) == 2


async def test_stock_comes_from_redis_while_its_heartbeat_lives() -> None:
    """A fresh view needs no gateway, and memory answers until it is too old."""
    view = MemoryView(4)
    async with played(says(500, {})) as (gateway, base):
        shelf, calls = shelf_of(view, base)
        first = (await shelf.read(["TEE"], 60.0, 60.0))["TEE"]
        view.units = 1
        again = (await shelf.read(["TEE"], 60.0, 60.0))["TEE"]
        anew = (await shelf.read(["TEE"], 0.0, 60.0))["TEE"]
        await calls.close()
    assert (first.available, first.source) == (4, Source.REDIS)
    assert (again.available, again.source) == (4, Source.CACHE)
    assert (anew.available, anew.source) == (1, Source.REDIS)
    assert not gateway.asked


@pytest.mark.parametrize(
    "view", [MemoryView(4, is_beating=False), MemoryView(4, is_there=False), MemoryView(None)]
)
async def test_a_view_that_is_old_gone_or_empty_sends_to_the_gateway(view: MemoryView) -> None:
    """Whatever is the matter with Redis, the gateway knows."""
    async with played(says(200, {"skus": [SHOWN], "unknown": []})) as (_, base):
        shelf, calls = shelf_of(view, base)
        stock = (await shelf.read(["TEE"], 0.0, 60.0))["TEE"]
        await calls.close()
    assert (stock.available, stock.source, stock.is_fresh) == (7, Source.GATEWAY, True)


async def test_with_nobody_up_to_date_the_newest_that_there_was_says_that_it_is_old() -> None:
    """A page is not emptied by an outage, and knows that its stock may have moved."""
    view = MemoryView(4)
    async with played(cuts) as (_, base):
        shelf, calls = shelf_of(view, base)
        await shelf.read(["TEE"], 0.0, 60.0)
        view.is_there = False
        stock = (await shelf.read(["TEE"], 0.0, 60.0))["TEE"]
        with pytest.raises(UnreachableError):
            await shelf.read(["NEVER-SEEN"], 0.0, 60.0)
        await calls.close()
    assert (stock.available, stock.is_fresh) == (4, False)


async def test_nobody_is_shown_what_memory_had_long_ago() -> None:
    """Where nobody answers, memory helps for a while and no longer."""
    view = MemoryView(4)
    async with played(cuts) as (_, base):
        shelf, calls = shelf_of(view, base)
        await shelf.read(["TEE"], 0.0, 60.0)
        view.is_there = False
        with pytest.raises(UnreachableError):
            await shelf.read(["TEE"], 0.0, 0.0)
        await calls.close()


async def test_a_gateway_that_is_behind_is_told() -> None:
    """What the gateway itself is not sure of is not sold as fresh, nor kept."""
    shown = {**SHOWN, "is_fresh": False}
    async with (
        played(says(200, {"skus": [shown], "unknown": []})) as (gateway, base),
        Storefront(base, "isk_x") as shop,
    ):
        stocks = [(await shop.availability(["TEE"]))["TEE"] for _ in range(2)]
    assert [one.is_fresh for one in stocks] == [False, False]
    assert len(gateway.asked) == 2


class HangingView(MemoryView):
    """A view whose Redis takes the question and says nothing."""

    async def read(self, skus: Sequence[str]) -> Sequence[SkuAvailability | None]:
        """Never answer."""
        self.reads += 1
        await asyncio.Event().wait()  # nobody sets it
        return await super().read(skus)


async def test_a_redis_that_hangs_costs_one_short_wait() -> None:
    """The gateway is asked soon, and for a second Redis is left alone."""
    view, loop = HangingView(4), asyncio.get_running_loop()
    async with played(says(200, {"skus": [SHOWN], "unknown": []})) as (_, base):
        shelf, calls = shelf_of(view, base)
        began = loop.time()
        stocks = [(await shelf.read(["TEE"], 0.0, 60.0))["TEE"] for _ in range(5)]
        took_seconds = loop.time() - began
        await calls.close()
    assert {one.source for one in stocks} == {Source.GATEWAY}
    assert took_seconds >= REDIS_SECONDS_MAX
    # 1.25 s would be five waits; the one wait and five questions to a busy machine fit in one.
    assert view.reads <= 1 + int(took_seconds)


async def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    """More SKUs than it may keep push out those that were read first."""
    view = MemoryView(1)
    async with played(cuts) as (_, base):
        shelf, calls = shelf_of(view, base)
        await shelf.read([f"sku-{number}" for number in range(KEPT_MAX + 10)], 0.0, 60.0)
        reads = view.reads
        await shelf.read([f"sku-{KEPT_MAX}"], 60.0, 60.0)
        assert view.reads == reads
        await shelf.read(["sku-0"], 60.0, 60.0)
        assert view.reads == reads + 1
        await calls.close()


async def test_a_channel_sees_what_it_is_shown() -> None:
    """Where a channel has a policy its figure counts, else the total (R25)."""
    async with (
        played(says(200, {"skus": [SHOWN], "unknown": []})) as (_, base),
        Storefront(base, "isk_x") as shop,
    ):
        amazon = await shop.availability(["TEE"], channel="amazon")
        web_shop = await shop.availability(["TEE"], channel="web")
    assert (amazon["TEE"].available, web_shop["TEE"].available) == (3, 7)


async def test_a_stream_comes_back_where_it_was() -> None:
    """Heartbeats are no news, and a broken line goes on behind the last event."""

    def streams(*parts: bytes) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for part in parts:
                await response.write(part)
            return response

        return handler

    event = (
        b'id: 0-1-%d\nevent: %b\ndata: {"sku":"TEE","available":%d,"is_sold_out":false,"is_fresh":true,'
        b'"version":"1:5","at_ms":1}\n\n'
    )
    first, second = event % (5, b"availability", 3), event % (9, b"stale", 2)
    heard = []
    async with (
        played(streams(b":\n\n", first[:40], first[40:]), streams(second)) as (gateway, base),
        Storefront(base, "isk_x") as shop,
        asyncio.timeout(10),
    ):
        async for item in shop.watch(["TEE"]):
            heard.append(item.available)
            if len(heard) == 2:
                break
    assert heard == [3, 2]
    assert gateway.asked[1].headers["Last-Event-ID"] == "0-1-5"


async def test_a_stream_comes_back_when_the_gateway_asked_it_to() -> None:
    """`retry:` is the base of the wait, so that a crowd of shops is spread as the gateway wishes."""
    event = (
        b'event: availability\ndata: {"sku":"TEE","available":3,"is_sold_out":false,"is_fresh":true,'
        b'"version":"1:5","at_ms":1}\n\n'
    )

    async def streams(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 1600\n\nretry: soon\n\n" + event)
        return response

    loop = asyncio.get_running_loop()
    async with played(streams) as (_, base), Storefront(base, "isk_x") as shop, asyncio.timeout(10):
        watch = shop.watch(["TEE"])
        await anext(watch)
        began = loop.time()
        await anext(watch)
    assert loop.time() - began >= 0.79


async def test_a_stream_that_is_refused_ends() -> None:
    """A key without the scope is told, not tried for ever."""
    async with (
        played(says(403, {"type": "/problems/not-allowed"})) as (_, base),
        Storefront(base, "isk_x") as shop,
    ):
        with pytest.raises(Refused, match="403"):
            await anext(shop.watch(["TEE"]))
