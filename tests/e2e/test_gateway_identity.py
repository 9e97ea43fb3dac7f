"""No customer is at rest anywhere: a planted name goes in by every way there is, then is looked for."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from typer.testing import CliRunner

from inventory_stream.adapters.kafka.audit_topic import KafkaAuditReader
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.kafka.topic_rules import topic_specs
from inventory_stream.cli.keys import app as keys_command
from inventory_stream.devservers.ports import free_ports
from inventory_stream.ports.audit import AUDIT
from inventory_stream.settings.names import ENV_PREFIX
from tests.e2e.cluster import Cluster

pytestmark = pytest.mark.slow

CUSTOMER = "planted-shopper@mail.example"
CUSTOMER_KEY = "planted-secret-of-customers-0123456789"
TICKETS_SIGNED_BY = "planted-secret-of-tickets-0123456789"
SKU = "IDENTITY-1"
AT = "2026-01-01T00:00:00Z"


def moment(*, hours: int) -> str:
    """Give a time so far from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


class Shop:
    """Calls the gateway with a key of all scopes."""

    def __init__(self, session: aiohttp.ClientSession, key: str) -> None:
        self._session = session
        self._key = key
        self._calls = 0
        self.said = ""
        """The body of the last answer, for a failure's message."""

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> int:
        """Post a body; gives the status."""
        self._calls += 1
        sent = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": f"call-{self._calls}", **headers}
        async with self._session.post(path, json=body, headers=sent) as response:
            self.said = await response.text()
            return response.status


def create_key(file: Path) -> str:
    """Make a key of all scopes."""
    scopes = [word for scope in ("storefront", "stock", "admin") for word in ("--scope", scope)]
    made = CliRunner().invoke(keys_command, ["create", *scopes, "--file", str(file)])
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


def start_gateway(cluster: Cluster, keys: Path) -> str:
    """Start a gateway on the cluster; gives its address."""
    (port,) = free_ports(1)
    settings = {
        "PORT": str(port),
        "API_KEYS_FILE": str(keys),
        "CUSTOMER_KEY": CUSTOMER_KEY,
        "TOKEN_KEY": TICKETS_SIGNED_BY,
    }
    environment = {f"{ENV_PREFIX}GATEWAY__{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "inventory_stream.cli", "gateway"]
    cluster.supervisor.start("gateway", command, {**cluster.environment, **environment})
    return f"http://127.0.0.1:{port}"


async def until_answered(cluster: Cluster, session: aiohttp.ClientSession) -> None:
    """Wait until the gateway answers and has read the ledger."""

    async def does_answer() -> bool:
        try:
            async with session.get("/openapi.json") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    await cluster.until(does_answer, "the gateway to answer")


async def everything_in_redis(url: str) -> list[Any]:
    """Give every key with its whole content, in Redis' own serialised form and, where text, as text."""
    found: list[Any] = []  # the library's types say that it may decode; it does not here
    async with redis.asyncio.Redis.from_url(url) as client:
        async for key in client.scan_iter():
            found += [key, await client.dump(key) or b""]
            kind = await client.type(key)
            if kind == b"hash":
                found += [part for pair in (await client.hgetall(key)).items() for part in pair]
            elif kind == b"string":
                found.append(await client.get(key) or b"")
            elif kind == b"zset":
                found += await client.zrange(key, 0, -1)
    return found


async def everything_in_kafka(cluster: Cluster) -> list[bytes]:
    """Give keys and values of every record of every topic of ours."""
    found: list[bytes] = []
    for spec in topic_specs(cluster.settings):
        for partition in range(spec.partitions):
            async with RecordReader(
                connection=cluster.connection, topic=spec.name, partition=partition
            ) as reader:
                beginning, end = await reader.range()
                async for records in reader.records(beginning, end - 1):
                    found += [part for record in records for part in (record.key, record.value) if part]
    return found


async def test_a_planted_customer_is_in_no_log_no_topic_and_no_redis(
    cluster: Cluster, redis_url: str, tmp_path: Path
) -> None:
    """Held, refused, misspelt, unauthorised, in orders and in a waiting room: only the hash remains."""
    keys = tmp_path / "keys.jsonl"
    key = create_key(keys)
    async with aiohttp.ClientSession(start_gateway(cluster, keys)) as session:
        await until_answered(cluster, session)
        shop = Shop(session, key)
        stock = {"sku": SKU, "location": "DC1", "delta": 5, "effective_at": AT}

        async def is_stocked() -> bool:
            return await shop.post("/v1/stock/adjustments", stock) in {200, 201}

        await cluster.until(is_stocked, "the ledger to answer through the gateway")
        reserve = {"sku": SKU, "units": 1, "location": "DC1", "customer": CUSTOMER}
        statuses = [
            await shop.post("/v1/reservations", reserve),
            await shop.post("/v1/reservations", {**reserve, "units": 1_000}),
            await shop.post("/v1/reservations", {**reserve, "customer": [CUSTOMER]}),
            await shop.post("/v1/reservations", {**reserve, CUSTOMER: 1}),
            await shop.post("/v1/reservations", reserve, Authorization=f"Bearer {CUSTOMER}"),
            await shop.post("/v1/reservations", reserve, Authorization=f"Bearer {key[:-1]}"),
            await shop.post("/v1/reservations:batch", {"reservations": [reserve]}),
        ]
        assert statuses == [201, 409, 400, 400, 401, 401, 200]
        sale = {
            "sale_id": "drop",
            "starts_at": moment(hours=1),
            "ends_at": moment(hours=2),
            "lines": [{"sku": SKU, "location": "DC1", "units": 1}],
            "limit_per_customer": 1,
        }
        assert await shop.post("/v1/sales", sale) in {200, 201}, shop.said
        assert await shop.post("/v1/waiting-rooms", {"sale_id": "drop"}) in {200, 201}, shop.said
        assert await shop.post("/v1/waiting-rooms/drop/tickets", {"customer": CUSTOMER}) in {200, 201, 202}, (
            shop.said
        )
        order = {
            "order_id": "o1",
            "customer": CUSTOMER,
            "lines": [{"sku": SKU, "units": 1, "location": "DC1"}],
        }
        assert await shop.post("/v1/orders", order) in {200, 201}, shop.said
        await cluster.until_decided()
    assert await asyncio.to_thread(cluster.supervisor.stop, "gateway") == 0

    places = {
        "kafka": await everything_in_kafka(cluster),
        "redis": await everything_in_redis(redis_url),
        "logs": [file.read_bytes() for file in (tmp_path / "logs").iterdir()],
    }
    planted = [
        text.encode() for text in (CUSTOMER, CUSTOMER_KEY, TICKETS_SIGNED_BY, key, key.split("_", 2)[2])
    ]
    for place, contents in places.items():
        assert contents, place
        for content in contents:
            assert not any(text in content for text in planted), (place, content[:300])
    # The search looks where customers are: their hash stands in the ledger.
    assert any(b"k1:" in content for content in places["kafka"])
    await acts_are_on_record(cluster, key)


async def acts_are_on_record(cluster: Cluster, key: str) -> None:
    """Each admin act that was answered has its two rows, under the name of the key."""
    reader = KafkaAuditReader(cluster.connection, cluster.settings.topic(AUDIT))
    rows = [one.row async for one in reader.rows()]
    assert {row.caller for row in rows} == {"_".join(key.split("_")[:2])}
    acts = [(row.act, row.outcome) for row in rows if row.act == "POST /v1/sales"]
    assert acts[0] == ("POST /v1/sales", "asked")
    assert acts[1][1] in {"200", "201"}
