"""A gateway's application over the real ledger in memory, asked through HTTP."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.gateway.app import Limits, new_app
from inventory_stream.gateway.endpoint import Caller, Endpoint, Scope
from inventory_stream.gateway.key_notes import KeyNotes
from inventory_stream.gateway.reserving import Door, Knows, Reserving
from inventory_stream.gateway.routes.reservations import ReservationRoutes
from inventory_stream.gateway.security.authenticator import not_authenticated
from inventory_stream.ports.shelf import Shelf
from models.commands import Adjust, Command
from tests.fakes.desk import FakeDesk

ALL_SCOPES = frozenset(Scope)
ID_SECRET = b"i" * 32


async def by_name(request: web.Request) -> Caller:
    """Prove a caller by the plain name and scopes in the header: `anna` or `anna:stock,admin`.

    `page` is the name of a public key.
    """
    header = request.headers.get("Authorization")
    if header is None:
        raise not_authenticated("say who you are")
    name, _, scopes = header.partition(":")
    granted = frozenset(map(Scope, scopes.split(","))) if scopes else ALL_SCOPES
    return Caller(name, granted, is_public=name == "page")


class Backwards:
    """Hides customers, so that a test can tell the hidden from the plain."""

    def hash(self, customer: str) -> str:
        """Give the name from its end."""
        return f"hidden:{customer[::-1]}"


@dataclass
class Accesses:
    """An `AccessMonitor` that writes down what it hears."""

    heard: list[tuple[str, int]] = field(default_factory=list)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """See the port."""
        assert seconds >= 0
        self.heard.append((endpoint, status))


@asynccontextmanager
async def serving(
    endpoints: Sequence[Endpoint],
    accesses: Accesses | None = None,
    limits: Limits | None = None,
    key_notes: KeyNotes | None = None,
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Serve endpoints."""
    app = new_app(
        endpoints,
        authenticate=by_name,
        limits=limits or Limits(),
        monitor=accesses or Accesses(),
        id_secret=ID_SECRET,
        key_notes=key_notes,
    )
    async with TestClient(TestServer(app), headers={"Authorization": "anna"}) as client:
        yield client


@dataclass
class Shop:
    """A desk, a client, and keys that are new."""

    desk: FakeDesk
    client: TestClient[web.Request, web.Application]
    keys: int = 0

    async def post(
        self, address: str, body: object, key: str | None = None, **headers: str
    ) -> ClientResponse:
        """Send a write; without a key under a new one."""
        if key is None:
            self.keys += 1
            key = f"key-{self.keys}"
        return await self.client.post(
            address,
            json=body,
            headers={"Idempotency-Key": key, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    async def reserve(self, units: int = 1, key: str | None = None, **fields: object) -> ClientResponse:
        """Ask for units of A at L1."""
        return await self.post(
            "/v1/reservations", {"sku": "A", "location": "L1", "units": units, **fields}, key
        )

    def state(self, command: Command) -> None:
        """Have a command decided as another would."""
        assert self.desk.decide(command) is not None

    def stock(self, units: int, sku: str = "A", location: str = "L1") -> None:
        """Have units found."""
        self.keys += 1
        self.state(Adjust(f"stock-{self.keys}", sku, location, units, self.desk.now_ms))


@asynccontextmanager
async def shopping(
    units: int = 5, shelf: Shelf | None = None, recent: Knows | None = None, door: Door | None = None
) -> AsyncIterator[Shop]:
    """Open a shop that has units of A at L1; `parts` as of `Reserving`."""
    desk = FakeDesk()
    reserving = Reserving(
        desk, lambda: desk.now_ms, customers=Backwards(), shelf=shelf, recent=recent, door=door
    )
    names = iter(range(1_000_000))
    routes = ReservationRoutes(
        desk,
        reserving,
        answer_seconds=1.0,
        wait_seconds_max=5.0,
        new_id=lambda: f"look-{next(names)}",
    )
    async with serving(routes.endpoints()) as client:
        shop = Shop(desk, client)
        if units:
            shop.stock(units)
        yield shop


async def told(response: ClientResponse) -> dict[str, Any]:
    """Give the JSON of an answer."""
    return msgspec.json.decode(await response.read(), type=dict[str, Any])
