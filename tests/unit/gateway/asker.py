"""Asks the whole surface of a gateway what it must refuse, and holds the answers against the document."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, Final

from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.idempotency import KEY_HEADER
from inventory_stream.gateway.openapi.document import document
from inventory_stream.gateway.openapi.examples import EXAMPLES
from inventory_stream.gateway.problems import KINDS, PROBLEM_BASE
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, sign
from tests.contract.fake_gateway import CREDENTIALS, FakeGateway

SECRET: Final = b"s" * 32
"""Of the provider `shop`, as the gateway of these tests knows it."""
PROBLEM_TYPE: Final = "application/problem+json"
PATH_WORDS: Final = dict.fromkeys(
    (
        "reservation_id",
        "order_id",
        "transfer_id",
        "incoming_id",
        "sale_id",
        "channel",
        "limit_id",
        "location",
        "group",
        "sku",
        "ticket",
        "integration",
    ),
    "word",
)
ENDPOINTS: Final = FakeGateway().endpoints
DOCUMENT: Final = document(ENDPOINTS)
WITH_BODY: Final = [endpoint for endpoint in ENDPOINTS if endpoint.body is not None]

Client = TestClient[Any, Any]
Headers = dict[str, str]


class Asker:
    """Sends requests to one gateway, and holds what comes back against the document."""

    def __init__(self, client: Client, gateway: FakeGateway) -> None:
        self._client = client
        self._gateway = gateway

    async def refused(
        self,
        endpoint: Endpoint,
        raw: bytes | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        path: str | None = None,
        query: str = "",
    ) -> str:
        """Send a request that must be refused; gives the problem's slug.

        Args:
            endpoint: To which.
            raw: The body; None: the example of the document, if it takes one.
            headers: Instead of what a good request has; None takes one away.
            path: Instead of the address with a word in each place.
            query: What stands behind the `?`.
        """
        if raw is None:
            raw = json.dumps(EXAMPLES[endpoint.body]).encode() if endpoint.body else b""
        sent = {**good_headers(endpoint, raw), **(headers or {})}
        asked = len(self._gateway.desk.asked)
        url = URL((path or address(endpoint)) + (f"?{query}" if query else ""), encoded=True)
        kept = {name: value for name, value in sent.items() if value is not None}
        what = f"{endpoint.method} {url} {raw[:60]!r}"
        async with self._client.request(
            endpoint.method,
            url,
            data=BytesIO(raw) if raw else None,
            headers=kept,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            told = await answer.read()
            assert 400 <= answer.status < 500, f"{what}: {answer.status} {told[:300]!r}"
            assert answer.content_type == PROBLEM_TYPE, f"{what}: {answer.content_type}"
            problem = json.loads(told)
            slug: str = problem["type"].removeprefix(PROBLEM_BASE)
            assert (problem["status"], answer.status) == (KINDS[slug].status,) * 2, what
            documented = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["responses"]
            assert str(answer.status) in documented, f"{what}: {answer.status} is not documented"
        assert len(self._gateway.desk.asked) == asked, f"{what}: the ledger was asked"
        return slug

    async def granted(self, endpoint: Endpoint, raw: bytes) -> Any:  # noqa: ANN401  # JSON
        """Send a body that must be taken; gives the answer."""
        headers = {name: value for name, value in good_headers(endpoint, raw).items() if value}
        async with self._client.request(
            endpoint.method, address(endpoint), data=raw, headers=headers
        ) as answer:
            assert answer.status in {200, 201}, await answer.text()
            return await answer.json()


def address(endpoint: Endpoint) -> str:
    """Give an endpoint's path with a word in each place."""
    return endpoint.path.format_map(PATH_WORDS)


def good_headers(endpoint: Endpoint, raw: bytes) -> Mapping[str, str | None]:
    """Give what a good request has."""
    headers: dict[str, str | None] = {"Authorization": CREDENTIALS}
    if raw:
        headers["Content-Type"] = "application/json"
    if endpoint.is_write:
        headers[KEY_HEADER] = "a-key"
    if endpoint.is_signed:
        headers[SIGNATURE_HEADER] = sign(raw, SECRET, int(time.time()))
    return headers


@asynccontextmanager
async def asking() -> AsyncIterator[Asker]:
    """Serve the whole surface."""
    gateway = FakeGateway()
    async with TestClient(TestServer(gateway.app)) as client:
        gateway.stock_examples()
        await gateway.rooms.directory.refresh()
        yield Asker(client, gateway)
