"""The sandbox over HTTP: what steers it, its files, and its faults as a client sees them."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from inventory_stream.adapters.channel_mapping import load_mapping
from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.inbound.square import SquareListener
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.errors import SettingsError
from inventory_stream.ports.channel import Delivery
from inventory_stream.sandbox import fake as fake_module
from inventory_stream.sandbox.config import FAKES, Line, integration_of, lines_at, write_config
from inventory_stream.sandbox.fake import Fake
from inventory_stream.sandbox.run import lines_of
from inventory_stream.sandbox.server import Sandbox, running
from inventory_stream.sandbox.specs import DEFAULT_FOLDER, Specs, validator, with_nulls
from inventory_stream.sandbox.square import TOKEN

MUG = "SQITEM00000001/SQPLACE1"
NO_SPECS = Specs(None)


@asynccontextmanager
async def _square(
    gateway_url: str | None = None,
) -> AsyncIterator[tuple[Sandbox, Fake, aiohttp.ClientSession]]:
    fake = FAKES["square"]({MUG: 5}, NO_SPECS)
    async with running([fake], gateway_url=gateway_url) as sandbox, aiohttp.ClientSession() as session:
        yield sandbox, fake, session


async def test_fault_is_switched_on_and_mended_over_http() -> None:
    """Whoever tries the sandbox breaks a channel with one request and mends it with another."""
    async with _square() as (sandbox, _fake, session):
        steer = f"{sandbox.control_url}/square/faults"
        order = f"{sandbox.url_of('square')}/v2/orders/o-1"
        answer = await session.post(steer, json={"fault": "server-error", "seconds": 60})
        assert await answer.json() == {"faults": ["server-error"]}
        assert (await session.get(order)).status == 500
        assert (await session.delete(steer)).status == 200
        assert (await session.get(order)).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b'{"fault":"nothing"}', b'{"fault":"html","requests":0}'])
async def test_fault_that_cannot_be_read_is_refused(body: bytes) -> None:
    """A wrong word is said, not passed by."""
    async with _square() as (sandbox, _fake, session):
        assert (await session.post(f"{sandbox.control_url}/square/faults", data=body)).status == 400
        assert (await session.get(f"{sandbox.control_url}/nobody")).status == 404


async def test_sale_lowers_what_is_shown_and_sends_a_genuine_webhook(tmp_path: Path) -> None:
    """A sale on a channel is its own: its stock falls, and its signed delivery passes the real listener."""
    heard: list[Delivery] = []

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        heard.append(Delivery(headers, await request.read(), str(request.url)))
        return web.Response(status=204)

    async with _gateway(take) as url, _square(url) as (sandbox, fake, session):
        sold = {"order_id": "o-1", "lines": [{"listing": MUG, "units": 2}], "repeats": 2}
        answer = await session.post(f"{sandbox.control_url}/square/sell", json=sold)
        assert await answer.json() == {"order_id": "o-1", "webhooks": [204, 204]}
        assert fake.account.shown[MUG] == 3
        integration = integration_of(fake, sandbox.url_of("square"), tmp_path)
        listener = SquareListener(integration, Secrets(integration.secrets or {}))
        listener.verify(heard[0], 0)
        assert listener.parse(heard[0], 0).delivery_id == listener.parse(heard[1], 0).delivery_id
        await session.post(f"{sandbox.control_url}/square/cancel", json={"order_id": "o-1"})
        assert fake.account.shown[MUG] == 5
        unknown = await session.post(f"{sandbox.control_url}/square/refund", json={"order_id": "o-2"})
        assert unknown.status == 404


async def test_two_requests_at_once_for_one_listing_are_seen() -> None:
    """What must never happen shows: a second write while the first one is under way counts."""
    async with _square() as (sandbox, fake, session):
        await session.post(f"{sandbox.control_url}/square/pace", json={"work_seconds": 0.2})
        at = datetime.now(UTC).isoformat()
        count = {"reference_id": "1:1", "catalog_object_id": "SQITEM00000001", "location_id": "SQPLACE1"}
        count |= {"state": "IN_STOCK", "quantity": "1", "occurred_at": at}
        change = {"type": "PHYSICAL_COUNT", "physical_count": count}

        async def push(key: str) -> int:
            body = {"idempotency_key": key, "changes": [change]}
            url = f"{sandbox.url_of('square')}/v2/inventory/changes/batch-create"
            return (await session.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"})).status

        assert await push("a") == 200
        assert fake.account.overlaps == 0
        assert tuple(await asyncio.gather(push("b"), push("c"))) == (200, 200)
        assert fake.account.overlaps == 1


@pytest.mark.parametrize("fault", ["timeout-before", "timeout-after", "slow-loris"])
async def test_end_does_not_wait_for_a_withheld_answer(fault: str) -> None:
    """Requests that a fault holds are let go when the sandbox ends."""
    async with asyncio.timeout(5):
        async with _square() as (sandbox, fake, session):
            await session.post(f"{sandbox.control_url}/square/faults", json={"fault": fault})
            asked = asyncio.ensure_future(session.get(f"{sandbox.url_of('square')}/v2/orders/o-1"))
            while fake.account.faults.now:  # noqa: ASYNC110  # a fake is looked at, it does not call
                await asyncio.sleep(0)
        await asyncio.gather(asked, return_exceptions=True)


@pytest.mark.parametrize("fault", ["huge-body", "gzip-bomb"])
async def test_huge_answer_ends_when_the_client_leaves(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to read 64 MiB: a client that has had enough is let go."""
    monkeypatch.setattr(fake_module, "HUGE_BYTES", 2 * 1024 * 1024)
    async with _square() as (sandbox, _fake, session):
        await session.post(f"{sandbox.control_url}/square/faults", json={"fault": fault})
        answer = await session.get(f"{sandbox.url_of('square')}/v2/orders/o-1")
        assert len(await answer.content.readexactly(1024 * 1024)) == 1024 * 1024
        answer.close()


async def test_every_fake_has_files_that_the_worker_reads(tmp_path: Path) -> None:
    """Registry, mapping and secrets of all channels pass the checks that a worker makes at start."""
    fakes = [new({}, NO_SPECS) for new in FAKES.values()]
    async with running(fakes) as sandbox:
        lines = [line for fake in fakes for line in lines_at(fake, ["SKU-1", "SKU-2"], "here")]
        registry, mapping = write_config(tmp_path, fakes, sandbox.url_of, lines)
        integrations = load_registry(registry, ADAPTERS)
        assert {entry.name for entry in integrations} == set(FAKES)
        catalog = load_mapping(mapping, integrations, ADAPTERS)
        for entry in integrations:
            assert len(catalog.listings(entry.channel, entry.account)) == 2
        square = next(entry for entry in integrations if entry.name == "square")
        assert catalog.location_of("square", square.account, "SQPLACE1") == "here"
        for secret in (tmp_path / "secrets").iterdir():
            assert secret.stat().st_mode & 0o777 == 0o600


def test_wrong_line_of_a_listings_file_is_named(tmp_path: Path) -> None:
    """A file of another form is refused with its line; lines of other integrations are passed by."""
    file = tmp_path / "map.csv"
    with pytest.raises(SettingsError, match="No such file"):
        lines_of(file, ["square"])
    file.write_text("integration,listing,sku,locations\nsquare,A/B,MUG\n")
    with pytest.raises(SettingsError, match="line 2 has 3 columns"):
        lines_of(file, ["square"])
    file.write_text("integration,listing,sku,locations\nsquare,A/B,MUG,x|y\nother,C,D,\nsquare,@place/B,,x\n")
    assert lines_of(file, ["square"]) == [
        Line("square", "A/B", "MUG", ("x", "y")),
        Line("square", "@place/B", "", ("x",)),
    ]


def test_nullable_of_openapi_allows_null() -> None:
    """What OpenAPI 3.0 calls nullable may be null, and nothing else may."""
    misfits = validator(with_nulls({"properties": {"a": {"type": "string", "nullable": True}}}))
    assert misfits({"a": None}) == []
    assert misfits({"a": 1}) != []


@pytest.mark.skipif(not DEFAULT_FOLDER.is_dir(), reason="the vendors' specifications are not on this machine")
def test_vendors_file_finds_what_does_not_fit() -> None:
    """Where the vendors' files are, they are what requests are held against."""
    misfits = Specs(DEFAULT_FOLDER).openapi("square/inventory-slice.json", "BatchChangeInventoryRequest")
    assert misfits is not None
    assert misfits({"idempotency_key": "k"}) == []
    assert misfits({"idempotency_key": "k" * 129}) != []


async def test_command_serves_and_ends_clean(tmp_path: Path) -> None:
    """`inventory-stream sandbox` says where it is, and ends with 0 on SIGTERM."""
    command = ["sandbox", "--channels", "square", "--port", "0", "--write-config", str(tmp_path)]
    command += ["--gateway", "http://127.0.0.1:1"]
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "inventory_stream.cli", *command, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        async with asyncio.timeout(60):
            said = b""
            while b"ready" not in said:
                line = await program.stdout.readline()
                assert line, said
                said += line
            assert b"_sandbox" in said
            assert b"INVENTORY_STREAM_CHANNELS__WEBHOOKS_URL=http://127.0.0.1:1\n" in said
            program.send_signal(signal.SIGTERM)
            assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


@asynccontextmanager
async def _gateway(take: Callable[[web.Request], object]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/webhooks/square", take)  # type: ignore[arg-type]  # a handler
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
