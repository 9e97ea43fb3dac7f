"""Two gateways with one waiting room, while a real Valkey dies under them, with and without its data."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from inventory_stream.adapters.redis.waiting_room import RedisWaitingRooms
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.devservers import ValkeyServer, ValkeySettings
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.waiting_room import WaitingRoomParts
from inventory_stream.ports.waiting_room import Room
from inventory_stream.settings import GatewaySettings, RedisSettings
from tests.fakes.sale_stocks import FakeStocks

WAIT_SECONDS_MAX = 30.0
ROOM = "/v1/waiting-rooms/drop"


class PlainHasher:
    """Hides nobody: the test names its customers."""

    def hash(self, customer: str) -> str:
        """See `routes.waiting_room.Hasher`."""
        return customer


class Gateway:
    """A gateway that listens and runs its loops, until it is crashed."""

    def __init__(self, url: str, stocks: FakeStocks) -> None:
        self.rooms = RedisWaitingRooms.connect(RedisSettings(url=url, timeout_seconds=2.0), 30.0)
        self.parts = WaitingRoomParts(
            self.rooms, stocks, PlainHasher(), GatewaySettings(token_key=SecretStr("k" * 32)), now_ms
        )
        app = new_app(self.parts.endpoints(), self.parts.routes(), authenticate=self._anybody)
        self.client: TestClient[Any, Any] = TestClient(TestServer(app))
        self._stack = AsyncExitStack()

    async def _anybody(self, _request: object) -> Caller:
        return Caller("shop", frozenset(Scope))

    async def start(self) -> None:
        """Listen and run."""
        self._stack.push_async_callback(self.rooms.close)
        await self._stack.enter_async_context(self.client)
        await self._stack.enter_async_context(self.parts.running())

    async def stop(self) -> None:
        """End; may be called twice."""
        await self._stack.aclose()

    async def join(self, customer: str) -> tuple[int, Any]:
        """Ask for a ticket."""
        async with self.client.post(f"{ROOM}/tickets", json={"customer": customer}) as answer:
            return answer.status, orjson.loads(await answer.read())

    async def standing(self, ticket: str) -> Any:  # noqa: ANN401  # JSON
        """Ask how a ticket stands."""
        async with self.client.get(f"{ROOM}/tickets/{ticket}") as answer:
            return orjson.loads(await answer.read())


class Stream:
    """One shopper's stream, read to its newest event by a task."""

    def __init__(self, gateway: Gateway, ticket: str) -> None:
        self.newest: dict[str, Any] = {}
        self.task = asyncio.create_task(self._read(gateway, ticket))

    async def _read(self, gateway: Gateway, ticket: str) -> None:
        async with gateway.client.get(f"{ROOM}/tickets/{ticket}/events") as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    self.newest = orjson.loads(line[6:])


@pytest.fixture
async def valkey(valkey_server: ValkeyServer, tmp_path: Path) -> AsyncIterator[ValkeyServer]:
    """Give a server that this test may kill; the shared one proves that Valkey is installed."""
    del valkey_server
    server = ValkeyServer(tmp_path / "own")
    server.start()
    yield server
    server.stop()


async def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS_MAX} s: {what}"
        await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("is_data_kept", [True, False])
async def test_order_and_admissions_outlive_valkey_and_a_gateway(
    valkey: ValkeyServer,
    is_data_kept: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Joining says that it cannot, who is in goes on, and all come back in their order and go in by it."""
    stocks = FakeStocks(SaleStock(1))
    gateways = [Gateway(valkey.url, stocks) for _ in range(2)]
    again = ValkeyServer(valkey.data_dir, ValkeySettings(port=valkey.port))
    streams: list[Stream] = []
    try:
        await gateways[0].rooms.open_room(Room("drop", now_ms() - 1_000, now_ms() + 3_600_000, 600, 100, "1"))
        for gateway in gateways:
            await gateway.start()
        await until(lambda: all(one.parts.directory.find("drop") for one in gateways), "room known")
        names = [f"c{number}" for number in range(6)]
        tickets = {}
        for at, name in enumerate(names):
            status, shown = await gateways[at % 2].join(name)
            assert status == 201
            tickets[name] = shown["ticket"]
        # c2 is not connected: the place waits for it.
        streams = [Stream(gateways[at % 2], tickets[name]) for at, name in enumerate(names) if name != "c2"]
        await until(lambda: streams[0].newest.get("state") == "admitted", "the first is in")
        await until(lambda: all(one.newest for one in streams), "all heard")
        admission = streams[0].newest["admission"]

        await asyncio.to_thread(valkey.kill)
        if not is_data_kept:
            shutil.rmtree(valkey.data_dir)
        await until(lambda: not any(one.newest["is_current"] for one in streams), "told that it is gone")
        status, problem = await gateways[1].join("c9")
        assert (status, problem["type"]) == (503, "/problems/not-ready")
        held = await gateways[1].parts.admissions.check("drop", "c0", admission, "R1")
        assert held is not None
        await gateways[1].parts.admissions.settle(held, is_granted=True)

        await asyncio.to_thread(again.start)
        await until(lambda: all(one.newest["is_current"] for one in streams), "told that it is back")
        status, newcomer = await gateways[1].join("c9")
        assert status == 201
        # The gateway that lets people in may be the one that dies; the other takes the door.
        await gateways[0].stop()
        order = [*(tickets[name] for name in names[1:]), newcomer["ticket"]]
        shown = [await gateways[1].standing(ticket) for ticket in order]
        assert [one["position"] for one in shown] == [1, 2, 3, 4, 5, 6]
        # The use of the first admission could not be noted: it is in flight still, unless all was lost.
        stocks.now = SaleStock(3 + is_data_kept)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while sum(one["state"] == "admitted" for one in shown) < 3:
            assert time.monotonic() < deadline, "nobody was let in"
            shown = [await gateways[1].standing(ticket) for ticket in order]
        assert [one["state"] for one in shown] == [*["admitted"] * 3, *["waiting"] * 3]
    finally:
        for stream in streams:
            stream.task.cancel()
        await asyncio.gather(*(stream.task for stream in streams), return_exceptions=True)
        for gateway in gateways:
            await gateway.stop()
        await asyncio.to_thread(again.stop)
