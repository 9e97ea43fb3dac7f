"""A gateway over SASL_SSL and rediss, as a user with the rights of docs/security.md and no others."""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from inventory_stream.devservers.ports import free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.settings import ENV_PREFIX
from tests.security.shop import Shop, password_of, run

pytestmark = [pytest.mark.broker, pytest.mark.redis]

READY_SECONDS_MAX: Final = 60.0
"""Longest wait for the gateway to answer: two starts of Python and a first assignment."""
_REFUSED: Final = "Authorization|NOPERM|payment_events_wait|audit_row_not_written|Traceback"
"""What a gateway would log that lacks a right."""
LOOK_SECONDS: Final = 0.2
"""Between two looks whether it does."""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Keep the processes of a test, and end them with it."""
    with Supervisor(tmp_path / "logs") as one:
        yield one


class Caller:
    """Calls a gateway with every scope."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._calls = 0

    async def get(self, path: str) -> int:
        """Read; gives the status."""
        async with self._session.get(path) as answer:
            return answer.status

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write; must be done."""
        self._calls += 1
        headers = {"Idempotency-Key": f"call-{self._calls}"}
        async with self._session.post(path, json=body, headers=headers) as answer:
            assert answer.status in {200, 201}, (path, await answer.text())
            told: dict[str, Any] = await answer.json()
            return told


@asynccontextmanager
async def gateway(shop: Shop, supervisor: Supervisor, folder: Path) -> AsyncIterator[Caller]:
    """Run a gateway as its user until it answers."""
    (port,) = free_ports(1)
    with changing_keys(folder / "keys.jsonl") as keys:
        key = create_key(scopes=tuple(Scope), created=datetime.now(UTC))
        keys[key.stored.id] = key.stored
    variables = {
        **shop.variables("gateway"),
        f"{ENV_PREFIX}GATEWAY__PORT": str(port),
        f"{ENV_PREFIX}GATEWAY__API_KEYS_FILE": str(folder / "keys.jsonl"),
        f"{ENV_PREFIX}GATEWAY__CUSTOMER_KEY": "the-customers-secret-of-the-tests",
        f"{ENV_PREFIX}GATEWAY__TOKEN_KEY": "the-tickets-secret-of-the-tests-1",
    }
    supervisor.start("gateway", [sys.executable, "-m", "inventory_stream.cli", "gateway"], variables)
    headers = {"Authorization": f"Bearer {key.text}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        caller, deadline = Caller(session), time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                if await caller.get("/v1/availability?skus=TEE") == 200:
                    break
            except aiohttp.ClientError:
                pass  # it does not listen yet
            said = supervisor.log_path("gateway").read_text()
            assert time.monotonic() < deadline, said
            await asyncio.sleep(LOOK_SECONDS)
        yield caller


async def test_a_sale_runs_through_a_gateway_with_the_least_rights(
    shop: Shop, supervisor: Supervisor, tmp_path: Path
) -> None:
    """Stock, a sale and its audit rows, a waiting room, an order's note, payments: by its own rights."""
    await shop.grant_roles()
    assert run(shop.variables("maker"), "topics", "create").returncode == 0
    worker = [sys.executable, "-m", "inventory_stream.cli", "worker", "ledger"]
    supervisor.start("ledger", worker, shop.variables("ledger"))
    async with gateway(shop, supervisor, tmp_path) as caller:
        now = datetime.now(UTC)
        counted = {"sku": "TEE", "location": "DC", "on_hand": 4, "effective_at": now.isoformat()}
        await caller.post("/v1/stock/syncs", counted)
        line = {"sku": "TEE", "location": "DC", "units": 1}
        held = await caller.post("/v1/reservations", line)
        await caller.post(f"/v1/reservations/{held['reservation_id']}/confirm", {})
        placed = await caller.post("/v1/orders", {"order_id": "O-1", "lines": [line]})
        assert placed["is_noted"]
        times = {
            "starts_at": (now + timedelta(hours=1)).isoformat(),
            "ends_at": (now + timedelta(hours=2)).isoformat(),
        }
        await caller.post("/v1/sales", {"sale_id": "friday", **times, "lines": [line]})
        await caller.post("/v1/waiting-rooms", {"sale_id": "friday"})
        await caller.post("/v1/waiting-rooms/friday/tickets", {"customer": "ann"})
    said = supervisor.log_path("gateway").read_text()
    assert supervisor.exit_statuses("gateway") == [], said
    secret = f"{password_of('gateway')}|redis-gateway"
    assert not re.search(f"{_REFUSED}|{secret}", said), said
    assert supervisor.stop("gateway") == supervisor.stop("ledger") == 0
