"""The projection flow while a real Valkey dies and comes back, with and without its data."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.devservers import ValkeyServer, ValkeySettings
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.settings import ProjectionSettings, RedisSettings
from tests.fakes.ledger_reader import FakeLedger
from tests.fakes.projection import OURS

WAIT_SECONDS_MAX = 30.0


@pytest.fixture
async def server(valkey_server: ValkeyServer, tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """Give a server that this test may kill; the shared one proves that Valkey is installed."""
    del valkey_server
    server = ValkeyServer(tmp_path / "own")
    server.start()
    yield server
    server.stop()


def again(server: ValkeyServer) -> ValkeyServer:
    """Give a server on the same port and folder."""
    return ValkeyServer(server.data_dir, ValkeySettings(port=server.port))


@pytest.mark.parametrize("is_data_kept", [True, False])
async def test_killed_server_is_waited_for_and_caught_up(server: ValkeyServer, is_data_kept: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """A batch that meets a dead server waits, and ends with every SKU shown, also by an empty server."""
    ledger = FakeLedger()
    ledger.claim(0)
    for number in range(50):
        ledger.position(0, f"S{number}", "A", number)
        ledger.position(0, f"S{number}", "B", 1)
    settings = RedisSettings(url=server.url, timeout_seconds=2.0)
    view, shown = RedisProjection.connect(settings, OURS), RedisAvailabilityView.connect(settings)
    flow = ProjectionFlow(view, ledger, LiveRows, ProjectionSettings(), lambda: ledger.start_ms)
    position = await flow.start(0)
    port_and_folder = again(server)
    await asyncio.to_thread(server.kill)
    if not is_data_kept:
        shutil.rmtree(server.data_dir)
    ledger.position(0, "S7", "A", 700)
    applying = asyncio.create_task(flow.apply(0, ledger.after(0, position)))
    done, _ = await asyncio.wait([applying], timeout=0.3)
    assert not done
    await asyncio.to_thread(port_and_folder.start)
    try:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await applying
            await flow.beat(0)
        assert set(await shown.fresh([0])) == {0}
        found = await shown.read([f"S{number}" for number in range(50)])
        assert [one and dict(one.locations) for one in found] == [
            {"A": 700 if number == 7 else number, "B": 1} for number in range(50)
        ]
    finally:
        await asyncio.gather(view.close(), shown.close())
        await asyncio.to_thread(port_and_folder.stop)
