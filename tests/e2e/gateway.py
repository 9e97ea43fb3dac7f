"""Gateways on the cluster of the fault tests, as real processes, and callers of them."""

import itertools
import json
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import aiohttp

from inventory_stream.devservers.ports import free_ports
from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.key_file import changing_keys
from inventory_stream.gateway.security.keys import create_key
from inventory_stream.settings import ENV_PREFIX
from tests.e2e.cluster import Cluster

CALL_SECONDS_MAX: Final = 30.0
"""Longest wait for one answer; a gateway gives up on the ledger after 2 s."""

KEYS: Final = "keys.jsonl"
"""The file of keys in a test's folder."""

TOKEN_KEY: Final = "the-tickets-secret-of-the-tests-1"  # noqa: S105  # of the tests only
"""Signs tickets and decides draws, at every gateway of the tests."""

_SECRETS: Final = {"CUSTOMER_KEY": "the-customers-secret-of-the-tests", "TOKEN_KEY": TOKEN_KEY}
_DATA: Final = b"data: "


class Answer(NamedTuple):
    """What came back: status, body and headers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


class Gateway:
    """One gateway process, and a caller of it with every scope. Use `async with` after the start."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        key: str,
        name: str = "gateway",
        *,
        module: str = "inventory_stream.cli",
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        **settings: str,
    ) -> None:
        """Start the process under the cluster's supervisor, which starts it again when it was killed.

        Args:
            cluster: Where.
            folder: Has the file of keys, which all gateways of a test share.
            key: With which to call it; ids of requests follow from it, so that gateways share it, too.
            name: Of the process.
            module: What runs as the gateway, with the argument of the command.
            environment: Variables that it sees otherwise than the cluster's test does.
            port: Where it listens; None: at any free one.
            settings: Of the section `gateway`, by their names in capitals.
        """
        self.port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.name = name
        self.key = key
        self._cluster = cluster
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(CALL_SECONDS_MAX), connector=aiohttp.TCPConnector(limit=0)
        )
        self._numbers = itertools.count(1)
        own = {"PORT": str(self.port), "API_KEYS_FILE": str(folder / KEYS), **_SECRETS, **settings}
        variables = {f"{ENV_PREFIX}GATEWAY__{word}": value for word, value in own.items()}
        command = [sys.executable, "-m", module, "gateway"]
        cluster.supervisor.start(
            name, command, {**cluster.environment, **variables, **dict(environment or {})}
        )

    async def __aenter__(self) -> Self:
        await self.until_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def until_ready(self) -> None:
        """Wait until it has read the ledger and answers."""

        async def is_ready() -> bool:
            try:
                return (await self.get("/v1/availability?skus=any")).status == 200
            except aiohttp.ClientError:
                return False

        await self._cluster.until(is_ready, f"{self.name} to answer")

    def kill(self) -> int:
        """End it with SIGKILL, as a crash would; gives its process id. It is started again."""
        return self._cluster.supervisor.kill(self.name)

    async def get(self, path: str) -> Answer:
        """Read."""
        return await self._call("GET", path, None, {})

    async def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None, **headers: str
    ) -> Answer:
        """Write, under a key of its own where none is given."""
        sent = {"Idempotency-Key": key or f"{self.name}-{next(self._numbers)}", **headers}
        return await self._call("POST", path, body, sent)

    async def events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Follow server-sent events until the stream ends.

        Raises:
            aiohttp.ClientError: it broke, or was refused.
            TimeoutError: not even a heartbeat came.
        """
        headers = {"Authorization": f"Bearer {self.key}"}
        timeout = aiohttp.ClientTimeout(sock_connect=CALL_SECONDS_MAX, sock_read=CALL_SECONDS_MAX)
        async with self._session.get(self.url + path, headers=headers, timeout=timeout) as response:
            response.raise_for_status()
            async for line in response.content:
                if line.startswith(_DATA):
                    yield json.loads(line.removeprefix(_DATA))

    async def stock(self, sku: str, units: int, location: str = "DC") -> None:
        """Count units of a SKU."""
        answer = await self.post(
            "/v1/stock/syncs", {"sku": sku, "location": location, "on_hand": units, "effective_at": now()}
        )
        assert answer.status == 200, answer

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.key}", **headers}
        async with self._session.request(method, self.url + path, json=body, headers=sent) as response:
            return Answer(
                response.status, await response.json(content_type=None) or {}, dict(response.headers)
            )


def now(*, seconds: float = 0.0) -> str:
    """Give the time so far from now, in the form of the API."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def new_key(folder: Path, *scopes: Scope, is_public: bool = False) -> str:
    """Make a key, of all scopes where none is named."""
    with changing_keys(folder / KEYS) as keys:
        made = create_key(scopes=scopes or tuple(Scope), created=datetime.now(UTC), is_public=is_public)
        keys[made.stored.id] = made.stored
    return made.text
