"""The waiting room over HTTP: its endpoints and its stream, with a fake server behind them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from inventory_stream.flows.waiting_room.draw import draw
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.settings import GatewaySettings
from tests.fakes.sale_stocks import FakeStocks
from tests.fakes.waiting_room import FakeRoomServer, FakeWaitingRooms

WAIT_SECONDS_MAX = 10.0
KEY = SecretStr("k" * 32)
ROOM = "/v1/waiting-rooms/drop"


class Hasher:
    """Hides nobody well enough for anything but a test."""

    def hash(self, customer: str) -> str:
        """See `routes.waiting_room.Hasher`."""
        return f"k1:{hashlib.sha256(customer.encode()).hexdigest()[:32]}"


@dataclass
class Shop:
    """A gateway that listens, a server of rooms whose time the test moves, and a client."""

    client: "TestClient[Any, Any]"
    parts: WaitingRoomParts
    server: FakeRoomServer
    stocks: FakeStocks
    scopes: set[Scope] = field(default_factory=lambda: set(Scope))
    wanted: dict[str, Any] = field(default_factory=dict)
    caller: dict[str, Any] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: object = None, **more: str) -> tuple[int, Any]:
        """Give status and document of an answer; `more` are headers."""
        raw = None if body is None else orjson.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self.client.request(method, path, data=raw, headers=headers) as answer:
            raw = await answer.read()
            return answer.status, orjson.loads(raw) if raw else None

    async def open(self) -> Any:  # noqa: ANN401  # JSON
        """Open the room; it opens after 100 s."""
        opens_ms = self.server.now_ms + 100_000
        wanted = {"sale_id": "drop", "opens_at": opens_ms, "closes_at": opens_ms + 3_600_000}
        status, shown = await self.call("POST", "/v1/waiting-rooms", wanted)
        assert status == 201, shown
        self.wanted = wanted
        return shown

    async def join(self, customer: str, **more: object) -> Any:  # noqa: ANN401  # JSON
        """Take a ticket."""
        status, shown = await self.call("POST", f"{ROOM}/tickets", {"customer": customer, **more})
        assert status == 201, shown
        return shown

    async def to_opening(self) -> None:
        """Let time pass to the opening."""
        self.server.now_ms = self.wanted["opens_at"]
        await self.parts.directory.refresh()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Give a gateway whose loops the test runs by hand."""
    server, stocks = FakeRoomServer(), FakeStocks()
    parts = WaitingRoomParts(
        FakeWaitingRooms(server),
        stocks,
        Hasher(),
        GatewaySettings(token_key=KEY, waiting_room_connections_max=2),
        lambda: server.now_ms,
    )
    scopes = set(Scope)
    more: dict[str, Any] = {}

    async def authenticate(_request: object) -> Caller:
        return Caller("shop", frozenset(scopes), **more)

    app = new_app(parts.endpoints(), parts.routes(), authenticate=authenticate)
    async with TestClient(TestServer(app)) as client:
        await parts.directory.refresh()
        yield Shop(client, parts, server, stocks, scopes, caller=more)


async def next_place(stream: Any) -> Any:  # noqa: ANN401  # aiohttp's stream, JSON
    """Read the stream to the end of the next event with data."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            line = await stream.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                return orjson.loads(line[6:])


async def test_shopper_waits_is_let_in_and_reserves(shop: Shop) -> None:
    """From the ticket over the draw to the admission that opens the door."""
    room = await shop.open()
    assert room["seed"] is None
    first = await shop.join("anna")
    assert (first["state"], first["position"], first["admission"]) == ("waiting", None, None)
    again = await shop.join("anna")
    assert again["ticket"] == first["ticket"]
    await shop.to_opening()
    path = f"{ROOM}/tickets/{first['ticket']}"
    status, shown = await shop.call("GET", path)
    assert (status, shown["position"], shown["of"]) == (200, 1, 1)
    assert await shop.parts.admitter.step() == 1
    _, shown = await shop.call("GET", path)
    assert (shown["state"], shown["valid_until_ms"]) == ("admitted", shop.server.now_ms + 120_000)
    held = await shop.parts.admissions.check("drop", Hasher().hash("anna"), shown["admission"], "R1")
    assert held is not None
    await shop.parts.admissions.settle(held, is_granted=True)
    _, shown = await shop.call("GET", path)
    assert shown["state"] == "used"


async def test_draw_can_be_checked_by_the_documents_alone(shop: Shop) -> None:
    """The seed shown after the opening fits its hash from before, and gives the tickets' order."""
    before = await shop.open()
    tickets = [(await shop.join(f"c{number}"))["ticket"] for number in range(8)]
    await shop.to_opening()
    _, after = await shop.call("GET", ROOM)
    seed = bytes.fromhex(after["seed"])
    assert hashlib.sha256(seed).hexdigest() == before["seed_sha256"] == after["seed_sha256"]
    assert (after["waiting"], after["in_flight"], after["restored_at_ms"]) == (8, 0, None)
    positions = {}
    for ticket in tickets:
        _, shown = await shop.call("GET", f"{ROOM}/tickets/{ticket}")
        positions[ticket.split(".")[1]] = shown["position"]
    assert sorted(positions, key=lambda one: positions[one]) == sorted(
        positions, key=lambda one: draw(seed, one)
    )


async def test_ticket_in_hand_keeps_the_place_over_a_flush(shop: Shop) -> None:
    """Coming back with the ticket is no new arrival, even when the server forgot everything."""
    await shop.open()
    await shop.to_opening()
    first = await shop.join("anna")
    shop.server.flush()
    shop.server.now_ms += 1_000
    await shop.join("berta")
    shown = await shop.join("anna", ticket=first["ticket"])
    assert (shown["ticket"], shown["position"], shown["of"]) == (first["ticket"], 1, 2)
    _, room = await shop.call("GET", ROOM)
    assert room["restored_at_ms"] == shop.server.now_ms


async def test_leaving_is_final(shop: Shop) -> None:
    """Who left has no place any more; a new ticket stands at the end."""
    await shop.open()
    await shop.to_opening()
    first = await shop.join("anna")
    shop.server.now_ms += 10
    await shop.join("berta")
    for _ in range(2):
        assert await shop.call("DELETE", f"{ROOM}/tickets/{first['ticket']}") == (204, None)
    _, shown = await shop.call("GET", f"{ROOM}/tickets/{first['ticket']}")
    assert shown["state"] == "lapsed"
    shop.server.now_ms += 10
    shown = await shop.join("anna", ticket=first["ticket"])
    assert (shown["position"], shown["ticket"] == first["ticket"]) == (2, False)


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"sale_id": "late", "opens_at": 0, "closes_at": 5}, 409, "conflict"),
        ({"sale_id": "drop"}, 422, "invalid"),
        ({"sale_id": "s", "opens_at": 1_700_000_100_000, "closes_at": 1_700_000_100_000}, 422, "invalid"),
        ({"sale_id": "s", "opens_at": 1_700_000_100_000, "closes_at": 1_800_000_100_000}, 422, "invalid"),
        ({"sale_id": "s", "opens_at": "2023-11-14T22:15:00", "closes_at": 5}, 400, "malformed"),
        ({"sale_id": "s", "over_admission_percent": 0}, 400, "malformed"),
        ({"sale_id": "s", "seed": "mine"}, 400, "malformed"),
    ],
)
async def test_room_that_cannot_be_opened(shop: Shop, body: object, status: int, slug: str) -> None:
    """What cannot be is refused with its kind: too late, without times, without length, or not readable."""
    answered, problem = await shop.call("POST", "/v1/waiting-rooms", body)
    assert (answered, problem["type"]) == (status, f"/problems/{slug}")


async def test_terms_come_from_the_pools_and_stay(shop: Shop) -> None:
    """A room takes its sale's times; the same again is the same, other terms are refused."""
    shop.stocks.first_ms = shop.server.now_ms + 60_000
    shop.stocks.last_ms = shop.server.now_ms + 120_000
    opened = await shop.call("POST", "/v1/waiting-rooms", {"sale_id": "drop"})
    assert opened[0] == 201
    assert (opened[1]["opens_at_ms"], opened[1]["closes_at_ms"]) == (
        shop.stocks.first_ms,
        shop.stocks.last_ms,
    )
    shop.server.now_ms += 55_000
    assert (await shop.call("POST", "/v1/waiting-rooms", {"sale_id": "drop"}))[0] == 201
    changed = {"sale_id": "drop", "over_admission_percent": 200}
    assert (await shop.call("POST", "/v1/waiting-rooms", changed))[0] == 409


async def test_room_that_was_lost_with_everything_is_opened_again(shop: Shop) -> None:
    """Once the sale has begun an admin may say so; old tickets hold, and for a while nobody goes in."""
    first = await shop.open()
    ticket = (await shop.join("anna"))["ticket"]
    wanted = shop.wanted
    shop.server.flush()
    shop.server.now_ms = wanted["closes_at"]
    await shop.parts.directory.refresh()
    shop.server.now_ms = wanted["opens_at"] + 5_000
    assert (await shop.call("POST", "/v1/waiting-rooms", wanted))[0] == 409
    status, again = await shop.call("POST", "/v1/waiting-rooms", {**wanted, "reopen": True})
    assert (status, again["seed_sha256"]) == (201, first["seed_sha256"])
    path = f"{ROOM}/tickets/{ticket}"
    assert (await shop.call("GET", path))[1]["position"] == 1
    assert await shop.parts.admitter.step() == 0
    shop.server.now_ms += 10_000
    assert await shop.parts.admitter.step() == 1


async def test_attacks_on_tickets_are_refused(shop: Shop) -> None:
    """A forged, a changed, another customer's and another sale's ticket open nothing."""
    await shop.open()
    await shop.call("POST", "/v1/waiting-rooms", {**shop.wanted, "sale_id": "drop-2"})
    ticket = (await shop.join("anna"))["ticket"]
    flipped = ticket[:-2] + ("A" if ticket[-2] != "A" else "B") + ticket[-1]
    for path in (
        f"{ROOM}/tickets/{flipped}",
        f"{ROOM}/tickets/1.abcdefghij0123456789.0.1.{'x' * 43}",
        f"{ROOM}/tickets/anna",
        f"/v1/waiting-rooms/drop-2/tickets/{ticket}",
        f"/v1/waiting-rooms/none/tickets/{ticket}",
    ):
        for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
            status, problem = await shop.call(method, path + tail)
            assert (status, problem["type"]) == (404, "/problems/not-found"), path
    stolen = {"customer": "berta", "ticket": ticket}
    assert (await shop.call("POST", f"{ROOM}/tickets", stolen))[0] == 422
    shop.scopes -= {Scope.ADMIN}
    assert (await shop.call("POST", "/v1/waiting-rooms", shop.wanted))[0] == 403


async def test_server_that_is_gone_is_said_to_be(shop: Shop) -> None:
    """Joining and asking answer 503 while Redis is gone; the terms and the proof of the draw still show."""
    await shop.open()
    ticket = (await shop.join("anna"))["ticket"]
    shop.server.is_gone = True
    for method, path, body in (
        ("POST", f"{ROOM}/tickets", {"customer": "berta"}),
        ("GET", f"{ROOM}/tickets/{ticket}", None),
        ("DELETE", f"{ROOM}/tickets/{ticket}", None),
        ("POST", "/v1/waiting-rooms", {**shop.wanted, "sale_id": "drop-2"}),
    ):
        status, problem = await shop.call(method, path, body)
        assert (status, problem["type"]) == (503, "/problems/not-ready"), path
    status, room = await shop.call("GET", ROOM)
    assert (status, room["waiting"]) == (200, None)


async def test_room_that_is_over_takes_nobody(shop: Shop) -> None:
    """After its end nobody joins, and tickets say so."""
    await shop.open()
    ticket = (await shop.join("anna"))["ticket"]
    shop.server.now_ms = shop.wanted["closes_at"]
    assert (await shop.call("POST", f"{ROOM}/tickets", {"customer": "berta"}))[0] == 409
    _, shown = await shop.call("GET", f"{ROOM}/tickets/{ticket}")
    assert shown["state"] == "closed"


async def test_stream_tells_place_admission_and_sold_out(shop: Shop) -> None:
    """One stream from the place over the admission to sold out and the end of the sale, which ends it."""
    await shop.open()
    await shop.to_opening()
    ticket = (await shop.join("anna"))["ticket"]
    async with shop.client.get(f"{ROOM}/tickets/{ticket}/events") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        await shop.parts.crowd.look()
        shown = await next_place(answer.content)
        assert (shown["state"], shown["position"]) == ("waiting", 1)
        await shop.parts.admitter.step()
        await shop.parts.crowd.look()
        shown = await next_place(answer.content)
        assert (shown["state"], shown["admission"] is None) == ("admitted", False)
        shop.stocks.now = SaleStock(0, is_sold_out=True)
        shop.parts.crowd.look_at_stock()
        assert (await next_place(answer.content))["state"] == "sold_out"
        shop.stocks.now = SaleStock(0, is_sold_out=True, is_over=True)
        shop.parts.crowd.look_at_stock()
        assert (await next_place(answer.content))["state"] == "closed"
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            assert not (await answer.content.read()).strip()
    assert shop.parts.crowd.streams == 0


async def test_streams_are_bounded_and_end_with_the_gateway(shop: Shop) -> None:
    """One stream too many is refused; a gateway that stops sends all of them to another one."""
    await shop.open()
    tickets = [(await shop.join(name))["ticket"] for name in ("anna", "berta")]
    session = shop.client.session
    urls = [shop.client.make_url(f"{ROOM}/tickets/{ticket}/events") for ticket in tickets]
    async with session.get(urls[0]) as one, session.get(urls[1]) as two:
        status, problem = await shop.call("GET", f"{ROOM}/tickets/{tickets[0]}/events")
        assert (status, problem["type"]) == (503, "/problems/not-ready")
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            async with shop.parts.running():
                assert (await next_place(one.content))["state"] == "waiting"
            await one.content.read()
            await two.content.read()


async def test_room_without_a_key_is_not_offered() -> None:
    """A gateway without a token key says which setting is missing."""
    server = FakeRoomServer()
    parts = WaitingRoomParts(
        FakeWaitingRooms(server), FakeStocks(), Hasher(), GatewaySettings(), lambda: server.now_ms
    )

    async def authenticate(_request: object) -> Caller:
        return Caller("shop", frozenset(Scope))

    app = new_app(parts.endpoints(), parts.routes(), authenticate=authenticate)
    async with TestClient(TestServer(app)) as client:
        wanted = {"sale_id": "s", "opens_at": server.now_ms + 60_000, "closes_at": server.now_ms + 70_000}
        async with client.post("/v1/waiting-rooms", json=wanted) as answer:
            assert answer.status == 503
            assert "gateway.token_key" in (await answer.json(content_type=None))["detail"]


async def test_public_key_gives_a_place_only_to_who_shows_the_ticket(shop: Shop) -> None:
    """Whoever knows a customer's name gets neither the ticket nor the place; the loser goes to the end."""
    await shop.open()
    shop.caller["is_public"] = True
    mine = await shop.join("anna")
    status, problem = await shop.call("POST", f"{ROOM}/tickets", {"customer": "anna"})
    assert (status, problem["type"]) == (409, "/problems/conflict")
    assert "ticket_lost" in problem["detail"]
    assert (await shop.join("anna", ticket=mine["ticket"]))["ticket"] == mine["ticket"]
    new = await shop.join("anna", ticket_lost=True)
    assert new["ticket"] != mine["ticket"]
    await shop.join("berta")
    await shop.to_opening()
    positions = {}
    for name, ticket in (("mine", mine), ("new", new)):
        _, shown = await shop.call("GET", f"{ROOM}/tickets/{ticket['ticket']}")
        positions[name] = shown["position"]
    assert positions["mine"] < positions["new"] == 3
    stolen = {"customer": "berta", "ticket": mine["ticket"]}
    assert (await shop.call("POST", f"{ROOM}/tickets", stolen))[0] == 422


async def test_token_of_a_customer_needs_no_ticket_and_takes_nobody_elses(shop: Shop) -> None:
    """Who is proven to be the customer has the one place, and cannot ask for another's."""
    await shop.open()
    shop.caller.update(is_public=True, customer="anna")
    assert (await shop.join("anna"))["ticket"] == (await shop.join("anna"))["ticket"]
    assert (await shop.call("POST", f"{ROOM}/tickets", {"customer": "berta"}))[0] == 403


async def test_retry_of_a_public_join_with_its_key_gets_its_ticket(shop: Shop) -> None:
    """An answer that was lost costs nobody the place; a word that anybody may guess opens nothing."""
    await shop.open()
    shop.caller["is_public"] = True
    for body in ({"customer": "anna"}, {"customer": "anna", "ticket_lost": True}):
        answers = [
            await shop.call("POST", f"{ROOM}/tickets", body, Idempotency_Key="a-word-of-16-and-more")
            for _ in range(2)
        ]
        assert answers[0][0] == 201
        assert answers[0] == answers[1]
    other = {"customer": "berta"}
    assert (await shop.call("POST", f"{ROOM}/tickets", other, Idempotency_Key="1"))[0] == 201
    assert (await shop.call("POST", f"{ROOM}/tickets", other, Idempotency_Key="1"))[0] == 409


async def test_admission_of_a_public_ticket_is_the_customers(shop: Shop) -> None:
    """A ticket with a part of its own still opens the door for its customer and for nobody else."""
    await shop.open()
    shop.caller["is_public"] = True
    ticket = (await shop.join("anna"))["ticket"]
    await shop.to_opening()
    await shop.call("GET", f"{ROOM}/tickets/{ticket}")
    assert await shop.parts.admitter.step() == 1
    _, shown = await shop.call("GET", f"{ROOM}/tickets/{ticket}")
    for name, is_let_in in (("anna", True), ("berta", False)):
        check = shop.parts.admissions.check("drop", Hasher().hash(name), shown["admission"], "R1")
        if is_let_in:
            assert await check is not None
        else:
            with pytest.raises(Problem):
                await check


async def test_ticket_of_a_room_that_is_not_known_here_yet_is_503(shop: Shop) -> None:
    """A ticket that another gateway signed is never called unknown; the list is read again at once."""
    await shop.open()
    ticket = (await shop.join("anna"))["ticket"]
    terms = dict(shop.server.terms)
    parts = WaitingRoomParts(
        FakeWaitingRooms(shop.server),
        shop.stocks,
        Hasher(),
        GatewaySettings(token_key=KEY),
        lambda: shop.server.now_ms,
    )

    async def authenticate(_request: object) -> Caller:
        return Caller("shop", frozenset(Scope))

    app = new_app(parts.endpoints(), parts.routes(), authenticate=authenticate)
    async with TestClient(TestServer(app)) as client:
        shop.server.terms.clear()
        await parts.directory.refresh()
        async with client.get(f"{ROOM}/tickets/{ticket}") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert parts.directory.is_wanted.is_set()
        shop.server.terms.update(terms)
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS_MAX
        async with parts.running():
            while (await client.get(f"{ROOM}/tickets/{ticket}")).status != 200:
                assert asyncio.get_running_loop().time() < deadline


async def test_server_that_hangs_costs_little_and_is_not_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shopper waits half a second and the next ones not at all; the answer tells nothing of the server."""
    await shop.open()
    calls = 0

    async def hang(*_args: object) -> None:
        nonlocal calls
        calls += 1
        await asyncio.Event().wait()

    monkeypatch.setattr(shop.parts.directory._rooms, "enter", hang)
    began = asyncio.get_running_loop().time()
    for name in ("anna", "berta", "cleo"):
        status, problem = await shop.call("POST", f"{ROOM}/tickets", {"customer": name})
        assert (status, problem["type"]) == (503, "/problems/not-ready")
        assert "redis" not in problem["detail"].lower()
    assert calls == 1
    assert asyncio.get_running_loop().time() - began < 2.0
