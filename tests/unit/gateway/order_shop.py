"""A gateway with orders and payments over a ledger that really decides, and a client of it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.gateway.admissions import FINAL, Retry
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.customers import CustomerHasher
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.key_notes import KeyNotes
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.orders import OrderRoutes
from inventory_stream.gateway.routes.payments import PaymentRoutes
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, sign
from models.reservation_ids import sku_of
from tests.fakes.desk import FakeDesk
from tests.fakes.notes import FakeNotes
from tests.fakes.payments import FakePaymentOutcomes
from tests.unit.orders.shop import ANSWER_SECONDS

SECRET = b"s" * 32
NOW_SECONDS = 1_700_000_000


class ClosedDoor:
    """A waiting room that lets nobody in without the right word."""

    def __init__(self) -> None:
        self.settled: list[tuple[str, bool]] = []
        self.word = "please"

    async def check(
        self,
        sale_id: str,
        customer: str | None,
        token: str | None,
        reservation_id: str,
        retry: Retry = FINAL,
    ) -> str | None:
        """Let the word `please` in."""
        assert retry is FINAL
        assert customer is None or customer.startswith("k1:")
        if token != self.word.format(sale_id):
            raise Problem("waiting-room", f"{sale_id} has one")
        return reservation_id

    async def withdraw(self, held: str) -> None:
        """Note that nothing came of it."""
        self.settled.append((held, False))

    async def settle(self, held: str, *, is_granted: bool) -> None:
        """Note what came of it."""
        self.settled.append((held, is_granted))


@dataclass
class OrderShop:
    """What answers, and what stands behind it."""

    desk: FakeDesk = field(default_factory=FakeDesk)
    notes: FakeNotes = field(default_factory=FakeNotes)
    told: FakePaymentOutcomes = field(default_factory=FakePaymentOutcomes)
    door: ClosedDoor = field(default_factory=ClosedDoor)
    caller: Caller = field(default_factory=lambda: Caller("shop", frozenset(Scope)))
    keys: int = 0

    def client(self) -> "TestClient[Any, Any]":
        """Give a client of a new gateway; what stands behind it stays."""
        notes = OrderNotes(self.notes)
        customers = CustomerHasher("1", SecretStr("c" * 32))
        settling = SettlePayment(self.desk, notes, self.told, "authorised", sku_of)
        endpoints = (
            *OrderRoutes(self.desk, notes, customers, self.door, ANSWER_SECONDS).endpoints(),
            *PaymentRoutes(settling, {"stripe": [SECRET]}, ANSWER_SECONDS, lambda: NOW_SECONDS).endpoints(),
        )
        app = new_app(endpoints, authenticate=self._authenticate, key_notes=KeyNotes(self.notes))
        return TestClient(TestServer(app))

    async def _authenticate(self, _request: object) -> Caller:
        return self.caller

    async def call(  # one call of the API, as it is
        self,
        client: "TestClient[Any, Any]",
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        **headers: str,
    ) -> tuple[int, Any]:
        """Give status and document; without a key, one of its own."""
        self.keys += 1
        sent = {"Idempotency-Key": key or f"key-{self.keys}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else msgspec.json.encode(body)
        async with client.request(method, path, data=raw, headers=sent) as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    async def pay(
        self, client: "TestClient[Any, Any]", event: object, *, secret: bytes = SECRET, at: int = NOW_SECONDS
    ) -> tuple[int, Any]:
        """Send a signed event."""
        raw = msgspec.json.encode(event)
        headers = {SIGNATURE_HEADER: sign(raw, secret, at), "Content-Type": "application/json"}
        async with client.post("/v1/payments/events", data=raw, headers=headers) as answer:
            return answer.status, msgspec.json.decode(await answer.read())
