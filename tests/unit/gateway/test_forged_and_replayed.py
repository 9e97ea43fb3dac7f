"""Signatures, keys and tickets that were made up, changed or sent again: none of them moves anything."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.idempotency import KEY_HEADER
from inventory_stream.gateway.openapi.examples import EXAMPLES
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, TOLERANCE_SECONDS, sign
from models.payments import PaymentEvent
from tests.contract.fake_gateway import CREDENTIALS, FakeGateway
from tests.unit.gateway.asker import (
    ENDPOINTS,
    PROBLEM_TYPE,
    SECRET,
    WITH_BODY,
    Client,
    address,
    asking,
    good_headers,
)

SIGNATURES: Final[dict[str, Callable[[bytes], str | None]]] = {
    "none": lambda _: None,
    "empty": lambda _: "",
    "by another": lambda raw: sign(raw, b"x" * 32, int(time.time())),
    "of another body": lambda raw: sign(raw + b" ", SECRET, int(time.time())),
    "replayed too late": lambda raw: sign(raw, SECRET, int(time.time()) - TOLERANCE_SECONDS - 60),
    "ahead of its time": lambda raw: sign(raw, SECRET, int(time.time()) + TOLERANCE_SECONDS + 60),
    "with the time changed": lambda raw: "t=" + str(int(time.time())) + sign(raw, SECRET, 1)[3:],
    "of half a hundred": lambda raw: sign(raw, SECRET, 1) + (",v1=" + "0" * 64) * 50,
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES.keys())
async def test_forged_or_replayed_signature_of_a_payment_is_refused(
    signature: Callable[[bytes], str | None],
) -> None:
    """Nobody but the provider tells of payments, and a copy of its request is of no use later."""
    (webhook,) = (endpoint for endpoint in ENDPOINTS if endpoint.body is PaymentEvent)
    raw = json.dumps(EXAMPLES[PaymentEvent]).encode()
    async with asking() as asker:
        headers = {SIGNATURE_HEADER: signature(raw)}
        assert await asker.refused(webhook, raw, headers=headers) == "not-authenticated"


def altered(value: object) -> Any:  # noqa: ANN401  # JSON
    """Give a JSON value with one number in it changed to another that is as good; None: it has none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value + 1
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for place, part in parts:
        other = altered(part)
        if other is not None:
            changed: Any = value.copy()  # type: ignore[attr-defined]  # a dict or a list
            changed[place] = other
            return changed
    return None


async def test_key_that_comes_again_with_another_body_moves_nothing() -> None:
    """A replayed key hears its one answer, and with other content 422, at every write that has numbers."""
    tried = set()
    for endpoint in WITH_BODY:
        other = altered(EXAMPLES[endpoint.body]) if endpoint.body and endpoint.is_write else None
        if other is None:
            continue
        gateway = FakeGateway()
        async with TestClient(TestServer(gateway.app)) as client:
            gateway.stock_examples()

            async def send(body: object, client: Client = client, endpoint: Endpoint = endpoint) -> Any:  # noqa: ANN401  # JSON
                raw = json.dumps(body).encode()
                headers = {name: value for name, value in good_headers(endpoint, raw).items() if value}
                async with client.request(
                    endpoint.method, address(endpoint), data=raw, headers=headers
                ) as answer:
                    return answer.status, await answer.json(content_type=None)

            first = await send(EXAMPLES[endpoint.body or PaymentEvent])
            if first[0] not in {200, 201}:
                continue  # it acts on something that is not there
            assert (await send(EXAMPLES[endpoint.body or PaymentEvent]))[0] == first[0]
            rows = positions(gateway)
            status, told = await send(other)
            assert (status, told["type"]) == (422, "/problems/key-reused"), f"{endpoint.path}: {told}"
            assert positions(gateway) == rows, endpoint.path
            tried.add(endpoint.path)
    assert len(tried) >= 12


def positions(gateway: FakeGateway) -> dict[bytes, bytes | None]:
    """Give the newest row of each position."""
    return {row.key: row.value for row in gateway.desk.rows if row.key.startswith(b"p/")}


FORGERIES: Final[dict[str, Callable[[str], str]]] = {
    "another key's name": lambda ticket: "2" + ticket[1:],
    "another holder": lambda ticket: ticket[:2] + ("B" if ticket[2] == "A" else "A") + ticket[3:],
    "an earlier arrival": lambda ticket: ".".join([*ticket.split(".")[:3], "1", ticket.split(".")[4]]),
    "another turn": lambda ticket: ".".join([*ticket.split(".")[:2], "1", *ticket.split(".")[3:]]),
    "another signature": lambda ticket: ticket[:-43] + "A" * 43,
    "no signature": lambda ticket: ticket.rpartition(".")[0],
    "more behind it": lambda ticket: ticket + "A",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_forged_ticket_opens_nothing(forge: Callable[[str], str]) -> None:
    """It tells no stand, gives no place and lets nobody in; nor does a true one at another sale."""
    gateway = FakeGateway()
    at_ms = gateway.desk.now_ms
    async with TestClient(TestServer(gateway.app), headers={"Authorization": CREDENTIALS}) as client:
        for sale in ("one", "other"):
            room = {"sale_id": sale, "opens_at": at_ms + 100_000, "closes_at": at_ms + 200_000}
            async with client.post("/v1/waiting-rooms", json=room) as answer:
                assert answer.status == 201, await answer.text()
        async with client.post("/v1/waiting-rooms/one/tickets", json={"customer": "ann"}) as answer:
            ticket = (await answer.json())["ticket"]
        forged = forge(ticket)
        for path in (f"one/tickets/{forged}", f"other/tickets/{ticket}"):
            for method in ("GET", "DELETE"):
                async with client.request(method, f"/v1/waiting-rooms/{path}") as answer:
                    assert (answer.status, answer.content_type) == (404, PROBLEM_TYPE)
        joining = {"customer": "ann", "ticket": forged}
        async with client.post("/v1/waiting-rooms/one/tickets", json=joining) as answer:
            assert (answer.status, answer.content_type) == (404, PROBLEM_TYPE)
        hold = {"sku": "SKU-1", "location": "DC-1", "units": 1, "sale_id": "one", "customer": "ann"}
        for admission in (ticket, forged):
            headers = {KEY_HEADER: "k", "Waiting-Room-Admission": admission}
            async with client.post("/v1/reservations", json=hold, headers=headers) as answer:
                assert (answer.status, answer.content_type) == (403, PROBLEM_TYPE)
    assert gateway.desk.asked == []
