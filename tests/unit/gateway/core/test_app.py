"""What every endpoint has in common: decoding, refusals, limits, who may."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from aiohttp import ClientResponse
from msgspec import Meta, Struct

from inventory_stream.errors import UnreachableError
from inventory_stream.gateway.app import Limits
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.problems import KINDS
from inventory_stream.ports.desk import NotAnsweredError
from models.ids import Id
from tests.unit.gateway.core.shop import Accesses, serving, told


class Thing(Struct, forbid_unknown_fields=True):
    """A body."""

    name: Id
    units: Annotated[int, Meta(ge=1, le=9)] = 1


class Filter(Struct, forbid_unknown_fields=True):
    """A query."""

    limit: Annotated[int, Meta(ge=1, le=5)] = 3


class Echo(Struct):
    """What came."""

    name: str
    units: int
    caller: str


async def make(call: Call) -> Reply:
    """Tell what came."""
    return Reply(201, Echo(call.body.name, call.body.units, call.caller.name), {"X-Here": "yes"})


async def find(call: Call) -> Reply:
    """Tell what was asked."""
    return Reply(200, Echo(call.path["name"], call.query.limit, call.caller.name))


async def fail(call: Call) -> Reply:
    """Fail as its name says."""
    raise {"bug": KeyError("x"), "away": UnreachableError("Redis is gone"), "late": NotAnsweredError("late")}[
        call.path["name"]
    ]


ENDPOINTS = (
    Endpoint("POST", "/things", make, "", "", {201: Echo}, body=Thing, is_write=True),
    Endpoint("GET", "/things/{name}", find, "", "", {200: Echo}, query=Filter),
    Endpoint("GET", "/fails/{name}", fail, "", "", {}, scope=None),
    Endpoint("POST", "/stock", make, "", "", {201: Echo}, body=Thing, scope=Scope.STOCK),
)
JSON = {"Content-Type": "application/json"}
KEY = {"Idempotency-Key": "k"}


async def assert_problem(response: ClientResponse, slug: str) -> dict[str, Any]:
    """See that an answer is the problem, in its form."""
    document = await told(response)
    assert document["type"] == f"/problems/{slug}", document
    assert response.status == document["status"] == KINDS[slug].status
    assert response.content_type == "application/problem+json"
    assert document["title"] == KINDS[slug].title
    assert response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"
    return document


async def test_a_good_request_is_answered_with_a_struct_as_json() -> None:
    """Body, caller and headers reach the endpoint; its answer, status and headers reach the client."""
    accesses = Accesses()
    async with serving(ENDPOINTS, accesses) as client:
        response = await client.post("/things", json={"name": "a", "units": 2}, headers=KEY)
        assert (response.status, response.headers["X-Here"]) == (201, "yes")
        assert await told(response) == {"name": "a", "units": 2, "caller": "anna"}
        head = await client.head("/things/a%2Fb?limit=4")
        assert head.status == 200
        found = await told(await client.get("/things/a%2Fb?limit=4"))
        assert found == {"name": "a/b", "units": 4, "caller": "anna"}
    assert accesses.heard == [
        ("POST /things", 201),
        ("HEAD /things/{name}", 200),
        ("GET /things/{name}", 200),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name":"a","units":"2"}',
        b'{"name":"a","units":1.5}',
        b'{"name":"a","units":10}',
        b'{"name":"a","units":99999999999999999999999}',
        b'{"name":"a","lot":1}',
        b'{"name":""}',
        json.dumps({"name": "a" * 129}).encode(),
        b'{"name":"a\\u0000b"}',
        b'{"name":"a\\ud800"}',
        b'{"name":"a\x7f"}',
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_a_body_that_does_not_fit_is_malformed(body: bytes) -> None:
    """Broken JSON, wrong types, unknown fields, bounds, and text that no row could hold are 400."""
    async with serving(ENDPOINTS) as client:
        response = await client.post("/things", data=body, headers=JSON | KEY)
        await assert_problem(response, "malformed")


@pytest.mark.parametrize(
    "address", ["/things/a?limit=6", "/things/a?limit=x", "/things/a?limit=1&limit=2", "/things/a?more=1"]
)
async def test_a_query_that_does_not_fit_is_malformed(address: str) -> None:
    """Bounds, types, names twice and unknown names are 400."""
    async with serving(ENDPOINTS) as client:
        await assert_problem(await client.get(address), "malformed")


@pytest.mark.parametrize("word", ["%00", "a" * 129, "%7F"])
async def test_a_word_of_the_address_that_no_id_could_be_is_malformed(word: str) -> None:
    """Nothing reaches an endpoint that the ledger would have to refuse."""
    async with serving(ENDPOINTS) as client:
        await assert_problem(await client.get(f"/things/{word}"), "malformed")


async def test_what_is_not_there_or_not_so_is_a_problem_too() -> None:
    """404, 405 with the methods, 415 and 406 have the one form."""
    async with serving(ENDPOINTS) as client:
        await assert_problem(await client.get("/nowhere"), "not-found")
        other = await client.put("/things", json={})
        await assert_problem(other, "method-not-allowed")
        assert other.headers["Allow"] == "POST"
        text = await client.post("/things", data=b"a", headers={"Content-Type": "text/plain"} | KEY)
        await assert_problem(text, "media-type")
        await assert_problem(await client.get("/things/a", headers={"Accept": "text/html"}), "not-acceptable")
        assert (await client.get("/things/a", headers={"Accept": "text/html, */*;q=0.1"})).status == 200


async def test_json_with_a_charset_or_of_a_kind_is_json() -> None:
    """The media type decides, not its parameters."""
    async with serving(ENDPOINTS) as client:
        for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
            body = {"data": b'{"name":"a"}', "headers": {"Content-Type": kind} | KEY}
            assert (await client.post("/things", **body)).status == 201  # type: ignore[arg-type]  # as above


async def test_a_body_that_is_too_large_is_refused() -> None:
    """A body beyond the bound is 413, also in pieces whose sum nobody announced."""
    async with serving(ENDPOINTS, limits=Limits(request_bytes_max=1_000)) as client:
        await assert_problem(await client.post("/things", data=b"x" * 1_001, headers=JSON | KEY), "too-large")

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 100

        await assert_problem(await client.post("/things", data=pieces(), headers=JSON | KEY), "too-large")


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    """A client that announces a body and sends none hears 408 when its time is over."""
    async with serving(ENDPOINTS, limits=Limits(request_seconds_max=0.05)) as client:
        reader, writer = await asyncio.open_connection(client.host, client.port)
        writer.write(
            b"POST /things HTTP/1.1\r\nHost: x\r\nAuthorization: anna\r\nIdempotency-Key: k\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_who_may_not_is_told_so() -> None:
    """Without a caller 401, without the scope 403; an endpoint open to all asks for none."""
    async with serving(ENDPOINTS) as client:
        body = {"name": "a"}
        client.session.headers.pop("Authorization")
        await assert_problem(await client.post("/stock", json=body), "not-authenticated")
        some = await client.post("/stock", json=body, headers={"Authorization": "eve:storefront"})
        await assert_problem(some, "not-allowed")
        assert (await client.post("/stock", json=body, headers={"Authorization": "bob:stock"})).status == 201
        assert (await client.get("/fails/late")).status == 503


@pytest.mark.parametrize("key", [None, "", "a b", "é", "k" * 256])
async def test_a_write_needs_a_key(key: str | None) -> None:
    """A write without an Idempotency-Key, or with one that could be mistaken for another, is 400."""
    async with serving(ENDPOINTS) as client:
        headers = {} if key is None else {"Idempotency-Key": key}
        await assert_problem(await client.post("/things", json={"name": "a"}, headers=headers), "malformed")


async def test_faults_are_problems_and_end_nothing() -> None:
    """A server that is gone is 503 with Retry-After, a bug 500 without its words, and the next is served."""
    async with serving(ENDPOINTS) as client:
        late = await client.get("/fails/late")
        await assert_problem(late, "not-answered")
        assert late.headers["Retry-After"] == "1"
        away = await client.get("/fails/away")
        assert (await assert_problem(away, "not-ready"))["detail"] == "Redis is gone"
        bug = await assert_problem(await client.get("/fails/bug"), "failed")
        assert "KeyError" not in str(bug)
        assert (await client.get("/things/a")).status == 200


async def test_a_request_id_is_kept_or_given() -> None:
    """A caller's own id comes back; what could break a log is replaced; ids of ours differ."""
    async with serving(ENDPOINTS) as client:

        async def given(**headers: str) -> str:
            return (await client.get("/things/a", headers=headers)).headers["X-Request-Id"]

        assert await given(**{"X-Request-Id": "mine-1"}) == "mine-1"
        assert await given(**{"X-Request-Id": "a b"}) != "a b"
        assert await given() != await given()
