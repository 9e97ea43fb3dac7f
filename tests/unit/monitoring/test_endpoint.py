"""The endpoint and the order in which a process comes and goes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.monitoring.health import Health
from inventory_stream.adapters.monitoring.memory import memory_limit_bytes
from inventory_stream.adapters.worker_process import Work, run
from inventory_stream.devservers.ports import free_ports
from inventory_stream.errors import PortBusyError, SettingsError, UnreachableError


class World:
    """An endpoint whose process is what the test says."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.missing: list[str] = []
        self.broken: list[str] = []
        self.is_ready: bool | None = None
        self.refreshed = 0
        self.registry = CollectorRegistry()
        Gauge("answer", "To everything.", registry=self.registry).set(42)
        self.endpoint = Endpoint(
            host,
            port,
            health=Health(lambda: self.broken),
            registry=self.registry,
            refresh=self.refresh,
            note_ready=self.note_ready,
        )
        self.url = f"http://127.0.0.1:{port}"

    def refresh(self) -> None:
        """Count scrapes."""
        self.refreshed += 1

    def note_ready(self, is_ready: bool) -> None:  # noqa: FBT001  # as a gauge takes it
        """Remember the gauge."""
        self.is_ready = is_ready

    async def why_not_ready(self) -> list[str]:
        """Say what is missing."""
        return self.missing

    async def get(self, path: str) -> tuple[int, str]:
        """Ask once."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as response:
            return response.status, await response.text()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Give an endpoint that listens."""
    (port,) = free_ports(1)
    one = World(port)
    await one.endpoint.start()
    yield one
    await one.endpoint.close()


async def test_ready_follows_the_life_of_the_process(world: World) -> None:
    """503 with a reason while it starts, misses something, or stops; 200 between."""
    assert (await world.get("/ready"))[0] == 503
    world.endpoint.working(world.why_not_ready)
    assert await world.get("/ready") == (200, '{"ready":true,"reasons":[]}')
    world.missing = ["partitions [3] are being opened"]
    assert await world.get("/ready") == (503, '{"ready":false,"reasons":["partitions [3] are being opened"]}')
    world.missing = []
    world.endpoint.stopping()
    assert await world.get("/ready") == (503, '{"ready":false,"reasons":["stopping"]}')


async def test_live_is_no_matter_of_readiness(world: World) -> None:
    """A process that starts lives; only what a restart mends makes it 503."""
    assert (await world.get("/live"))[0] == 200
    world.broken = ["partition 3: the lease ran out 2 s ago"]
    assert (await world.get("/live"))[0] == 503


async def test_look_that_hangs_is_not_ready(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe gets its answer within a second, whatever it asks of."""
    monkeypatch.setattr("inventory_stream.adapters.monitoring.health.LOOK_SECONDS_MAX", 0.01)

    async def never() -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    world.endpoint.working(never)
    assert (await world.get("/ready"))[0] == 503


async def test_scrape_refreshes_first_and_tells_readiness(world: World) -> None:
    """What is only looked at is asked for at a scrape, and readiness is a metric too."""
    status, body = await world.get("/metrics")
    assert status == 200
    assert "answer 42.0" in body
    assert (world.refreshed, world.is_ready) == (1, False)
    world.endpoint.working(world.why_not_ready)
    await world.get("/metrics")
    assert (world.refreshed, world.is_ready) == (2, True)


async def test_a_busy_port_names_the_setting(world: World) -> None:
    """Nobody has to guess whose port it was; it is no wrong setting, as whoever holds it may be ending."""
    second = World(int(world.url.rpartition(":")[2]))
    with pytest.raises(PortBusyError, match=r"monitoring\.port = \d+ .*INVENTORY_STREAM_MONITORING__PORT"):
        await second.endpoint.start()


async def test_a_host_that_is_not_ours_is_a_wrong_setting() -> None:
    """No later start has this machine listen on an address that it does not have."""
    (port,) = free_ports(1)
    elsewhere = World(port, "192.0.2.1")
    with pytest.raises(SettingsError, match=r"monitoring\.host = '192\.0\.2\.1'"):
        await elsewhere.endpoint.start()


class Diary:
    """A process that writes down in which order things happened to it; its own host, app and endpoint."""

    def __init__(self) -> None:
        self.happened: list[str] = []

    @property
    def app(self) -> "Diary":
        """The Faust app."""
        return self

    async def start(self) -> None:
        """Start: the endpoint first, then the app."""
        self.happened.append("start")

    def working(self, why_not_ready: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Note it, and let the end begin."""
        del why_not_ready
        self.happened.append("working")
        os.kill(os.getpid(), signal.SIGTERM)

    def stopping(self) -> None:
        """Note it."""
        self.happened.append("stopping")

    async def why_not_ready(self) -> Sequence[str]:
        """Miss nothing."""
        return ()

    async def stop(self) -> None:
        """Note it."""
        self.happened.append("stop")

    async def close(self) -> None:
        """Note it."""
        self.happened.append("close")

    async def check(self) -> None:
        """Note it."""
        self.happened.append("check")


async def test_process_shows_itself_first_and_last() -> None:
    """The endpoint is there before the check and after the work; not ready before anything is closed."""
    diary = Diary()
    await run(diary.check, lambda: Work(diary), diary)
    assert diary.happened == ["start", "check", "working", "start", "stopping", "close", "stop", "close"]


async def test_endpoint_goes_when_the_check_fails() -> None:
    """A process that cannot start leaves no port behind, and says why."""
    diary = Diary()

    async def unreachable() -> None:
        raise UnreachableError("no broker")

    with pytest.raises(UnreachableError):
        await run(unreachable, lambda: Work(diary), diary)
    assert diary.happened == ["start", "close"]


@pytest.mark.parametrize(("text", "is_limit"), [("1048576\n", True), ("max\n", False), (None, False)])
def test_memory_limit_is_the_control_groups_where_it_is_less(
    text: str | None, tmp_path: Path, *, is_limit: bool
) -> None:
    """Inside a container the limit of the container counts, elsewhere the machine's memory."""
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text)
    assert (memory_limit_bytes((file,)) == 1_048_576) is is_limit
