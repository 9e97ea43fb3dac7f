"""The guard before the endpoints, through real requests: who is let in, how often, and what browsers hear."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from msgspec import Struct
from pydantic import SecretStr

from inventory_stream.errors import SettingsError
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.security.guard import Guard, LimitedCustomers, customer_hasher, id_secret
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.settings import GatewaySettings
from tests.unit.gateway.security.issuer import AUDIENCE, ISSUER, key_set, token

NOW = datetime.now(UTC)
SHOP = "https://shop.example"
NOTHING = MappingProxyType[str, str]({})


class Name(Struct):
    """Who was seen."""

    name: str
    customer: str | None
    is_public: bool


async def whoami(call: Call) -> Reply:
    """Answer with the caller."""
    return Reply(200, Name(call.caller.name, call.caller.customer, call.caller.is_public))


ENDPOINTS = tuple(
    Endpoint("GET", path, whoami, "", "", {200: Name}, scope=scope)
    for path, scope in (("/shop", Scope.STOREFRONT), ("/admin", Scope.ADMIN), ("/open", None))
)


async def stream(request: web.Request) -> web.StreamResponse:
    """Say a line, then nothing until the other side goes."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"here\n")
    await asyncio.Event().wait()
    return response


Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Client]:  # noqa: ANN401  # fields of the settings
    """Serve the endpoints behind a guard of these settings."""
    guard = Guard.of(GatewaySettings(**settings))
    routes = guard.counting([web.get("/stream", stream)])
    app = new_app(ENDPOINTS, routes, authenticate=guard.authenticate, middlewares=[guard.middleware])
    guard.attach(app)
    async with TestClient(TestServer(app)) as client:
        yield client


Create = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a key file without keys."""
    with changing_keys(tmp_path / "keys.jsonl"):
        pass
    return tmp_path / "keys.jsonl"


@pytest.fixture
def create(file: Path) -> Create:
    """Give what puts a new key into the file and gives its text."""

    def make(*scopes: Scope, **fields: Any) -> str:  # noqa: ANN401  # fields of the key
        made = create_key(scopes=scopes or (Scope.STOREFRONT,), created=NOW, **fields)
        with changing_keys(file) as keys:
            keys[made.stored.id] = made.stored
        return made.text

    return make


def bearer(credential: str) -> dict[str, str]:
    """Give the header that carries it."""
    return {"Authorization": f"Bearer {credential}"}


async def problem(answer: Awaitable[ClientResponse]) -> tuple[int, str, str]:
    """Give status, kind and sentence of a refusal."""
    response = await answer
    document = await response.json(content_type="application/problem+json")
    return response.status, document["type"].rpartition("/")[2], document["detail"]


async def test_a_key_opens_what_its_scopes_say(file: Path, create: Create) -> None:
    """The shop's key reserves; for a sale it lacks the scope, which is named."""
    key = create(Scope.STOREFRONT)
    async with serving(api_keys_file=file) as client:
        response = await client.get("/shop", headers=bearer(key))
        assert response.status == 200
        assert (await response.json())["name"] == key.rpartition("_")[0][: len("isk_") + 13]
        refused = await client.get("/admin", headers=bearer(key))
        assert refused.status == 403
        assert 'scope="admin"' in refused.headers["WWW-Authenticate"]
        assert "'admin'" in (await refused.json(content_type=None))["detail"]


async def test_without_a_credential_only_what_is_open_answers(file: Path) -> None:
    """401 says how to ask (RFC 9110), and that nothing sent was wrong."""
    async with serving(api_keys_file=file) as client:
        assert (await client.get("/open")).status == 200
        response = await client.get("/shop")
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="inventory_stream"'


@pytest.mark.parametrize(
    "header",
    [
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer  ",
        "Bearer isk_",
        "Bearer isk_abc_" + "A" * 43,
        "Bearer not-a-token",
        "Bearer " + "a" * 5_000,
        "Bearer isk_\xe4\xff",
        "\t",
    ],
)
async def test_a_header_that_proves_nothing_is_a_401(file: Path, header: str) -> None:
    """Whatever stands there: never a fault of ours, and never let in."""
    async with serving(api_keys_file=file) as client:
        status, kind, _ = await problem(client.get("/shop", headers={"Authorization": header}))
        assert (status, kind) == (401, "not-authenticated")


async def test_a_header_beyond_all_bounds_is_a_4xx(file: Path) -> None:
    """A megabyte in a header ends at the server's own bound."""
    async with serving(api_keys_file=file) as client:
        response = await client.get("/shop", headers=bearer("a" * 1_000_000))
        assert response.status in {400, 431}


async def test_expired_and_revoked_keys_say_so(file: Path, create: Create) -> None:
    """The owner of an old key learns what to mend."""
    old = create(expires=NOW - timedelta(seconds=1))
    gone = create()
    with changing_keys(file) as keys:
        key_id = gone.split("_")[1]
        fields = {name: getattr(keys[key_id], name) for name in keys[key_id].__struct_fields__}
        keys[key_id] = type(keys[key_id])(**{**fields, "revoked": NOW})
    async with serving(api_keys_file=file) as client:
        assert "expired" in (await problem(client.get("/shop", headers=bearer(old))))[2]
        assert "revoked" in (await problem(client.get("/shop", headers=bearer(gone))))[2]


async def test_a_key_revoked_while_the_gateway_runs_stops_opening(
    file: Path, create: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was proven before is forgotten when the file changes."""
    monkeypatch.setattr("inventory_stream.gateway.security.key_ring.LOOK_AGAIN_SECONDS", 0.0)
    key = create()
    async with serving(api_keys_file=file) as client:
        assert (await client.get("/shop", headers=bearer(key))).status == 200
        with changing_keys(file) as keys:
            keys.clear()
        assert (await client.get("/shop", headers=bearer(key))).status == 401


async def test_tokens_and_keys_are_taken_side_by_side(file: Path, create: Create, tmp_path: Path) -> None:
    """One header carries either; a token of another audience is refused though its key is known."""
    (tmp_path / "jwks.json").write_bytes(key_set())
    both = {"jwks_file": tmp_path / "jwks.json", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    key = create()
    async with serving(api_keys_file=file, **both) as client:
        for credential in (token(), key, token()):
            assert (await client.get("/shop", headers=bearer(credential))).status == 200
        assert (await client.get("/shop", headers=bearer(token(aud="another")))).status == 401


async def test_an_issuer_without_keys_is_a_503_for_tokens_alone(
    file: Path, create: Create, tmp_path: Path
) -> None:
    """Keys of ours go on; a token may be sent again."""
    key = create()
    missing = {"jwks_file": tmp_path / "no.json", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with serving(api_keys_file=file, **missing) as client:
        response = await client.get("/shop", headers=bearer(token()))
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert (await client.get("/shop", headers=bearer(key))).status == 200


async def test_a_key_has_its_own_rate(file: Path, create: Create) -> None:
    """Beyond it 429 with the wait; another key is not touched, and neither is the address."""
    slow, other = create(requests_per_second=1), create()
    async with serving(api_keys_file=file, client_requests_per_second=1) as client:
        answers = [await client.get("/shop", headers=bearer(slow)) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit"] == '"key";r=1;t=1'
        assert answers[2].headers["Retry-After"] == "1"
        assert answers[2].headers["RateLimit"].startswith('"key";r=0')
        for _ in range(5):
            assert (await client.get("/shop", headers=bearer(other))).status == 200


async def test_strangers_false_keys_and_public_keys_are_counted_by_address(
    file: Path, create: Create
) -> None:
    """Who tries keys runs dry; then not even looking at a credential is given away."""
    public, shop = create(is_public=True), create()
    async with serving(api_keys_file=file, client_requests_per_second=2) as client:
        statuses = [(await client.get("/shop", headers=bearer(f"isk_a_{n:043}"))).status for n in range(5)]
        assert statuses == [401, 401, 401, 401, 429]
        assert (await client.get("/open")).status == 429
        assert (await client.get("/shop", headers=bearer(public))).status == 429
        # A shop's own key that this process did not see before shares the bound on being looked at.
        assert (await client.get("/shop", headers=bearer(shop))).status == 429


async def test_a_public_key_is_counted_by_address_too(file: Path, create: Create) -> None:
    """One shopper who took it out of the page does not use up what it may do for all."""
    public = create(is_public=True)
    async with serving(api_keys_file=file, client_requests_per_second=1) as client:
        answers = [await client.get("/shop", headers=bearer(public)) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[2].headers["RateLimit"].startswith('"client"')


async def test_an_address_is_read_past_believed_proxies_alone(file: Path) -> None:
    """X-Forwarded-For of anybody else changes nothing: 429 comes all the same."""
    for proxies, last in (("", 429), ("127.0.0.0/8", 200)):
        async with serving(
            api_keys_file=file, client_requests_per_second=1, trusted_proxies=proxies
        ) as client:
            for n in range(3):
                response = await client.get("/open", headers={"X-Forwarded-For": f"8.8.8.{n}"})
            assert response.status == last


async def test_a_customer_has_a_rate(file: Path) -> None:
    """Counted by hash, whoever asks for him."""
    settings = GatewaySettings(
        api_keys_file=file, customer_requests_per_second=1, customer_key=SecretStr("s" * 32)
    )
    customers = LimitedCustomers(customer_hasher(settings), Guard.of(settings))
    assert customers.hash("ann") == customers.hash("ann") != customers.hash("ben")
    with pytest.raises(Exception, match="the customer may make 1 requests"):
        customers.hash("ann")


async def test_pages_of_listed_origins_may_call_and_others_may_not(file: Path) -> None:
    """The browser hears it on the preflight and on the answer; a cache hears that it depends."""
    async with serving(api_keys_file=file, cors_origins=SHOP) as client:
        for origin, allowed in ((SHOP, SHOP), ("https://evil.example", None), ("null", None)):
            asked = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,idempotency-key",
            }
            preflight = await client.options("/shop", headers=asked)
            assert preflight.status == 204
            assert preflight.headers.get("Access-Control-Allow-Origin") == allowed
            assert ("Access-Control-Allow-Headers" in preflight.headers) == (allowed is not None)
            answer = await client.get("/shop", headers={"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in answer.headers.getall("Vary")
            assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_a_page_of_another_origin_opens_no_socket(file: Path) -> None:
    """Browsers open WebSockets without asking first, so the server looks at who asks."""
    async with serving(api_keys_file=file, cors_origins=SHOP) as client:
        ours = str(client.make_url("/")).rstrip("/")
        for origin, status in (("https://evil.example", 403), (SHOP, 200), (ours, 200)):
            socket = {"Origin": origin, "Upgrade": "websocket", "Connection": "Upgrade"}
            assert (await client.get("/open", headers=socket)).status == status


@pytest.mark.parametrize("path", ["/open", "/shop", "/nowhere"])
async def test_every_answer_is_kept_from_caches_sniffers_and_frames(file: Path, path: str) -> None:
    """Good answers and refusals alike, and none says what runs here."""
    async with serving(api_keys_file=file) as client:
        headers = (await client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in headers["Server"]
        assert "Strict-Transport-Security" not in headers  # only over TLS does it mean anything


def test_a_key_file_that_cannot_be_used_stops_the_gateway(tmp_path: Path) -> None:
    """One line with the setting and the way out."""
    with pytest.raises(SettingsError, match=r"gateway\.api_keys_file = .*keys create"):
        Guard.of(GatewaySettings(api_keys_file=tmp_path / "none"))


def test_without_a_secret_no_customer_is_taken() -> None:
    """A gateway that would write names into the ledger does not start."""
    with pytest.raises(SettingsError, match="openssl rand"):
        customer_hasher(GatewaySettings())


async def test_an_address_has_some_streams_and_a_shops_server_as_many_as_it_relays(
    file: Path, create: Create
) -> None:
    """Pages and those without a key share the address's streams, up to the setting; one's own key is free."""
    shop, page = create(), create(is_public=True)
    async with serving(api_keys_file=file, streams_per_client_max=2) as client:
        for headers in (bearer(page), {}, bearer(shop), bearer(shop)):
            response = await client.get("/stream", headers=headers)
            assert await response.content.readline() == b"here\n"
        for headers in (bearer(page), {}):
            assert (await problem(client.get("/stream", headers=headers)))[:2] == (429, "too-many-requests")


@pytest.mark.parametrize("is_of_shoppers", [False, True])
async def test_a_token_is_of_its_shopper_where_the_setting_says_so(
    tmp_path: Path, *, is_of_shoppers: bool
) -> None:
    """Then it acts for its subject alone and is in a shopper's hands; else it is a service's."""
    jwks = tmp_path / "jwks.json"
    jwks.write_bytes(key_set())
    settings = {"jwks_file": jwks, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with serving(**settings, jwt_customer_is_subject=is_of_shoppers) as client:
        seen = await (await client.get("/shop", headers=bearer(token(sub="ann")))).json()
        expected = ("ann", "ann", True) if is_of_shoppers else ("ann", None, False)
        assert (seen["name"], seen["customer"], seen["is_public"]) == expected


def test_ids_follow_from_the_secret_that_all_gateways_share() -> None:
    """The tickets' key, where there is one, else the customers'; neither itself."""
    customers, tickets = SecretStr("c" * 32), SecretStr("t" * 32)
    of_customers = id_secret(GatewaySettings(customer_key=customers))
    of_both = id_secret(GatewaySettings(customer_key=customers, token_key=tickets))
    assert of_both == id_secret(GatewaySettings(token_key=tickets))
    assert len({of_customers, of_both, b"c" * 32, b"t" * 32}) == 4
    assert len(of_both) == 32
