"""What goes on by itself in a gateway: reading the list of rooms, letting people in, looking at tickets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog

from inventory_stream.errors import InventoryStreamError, RetryableError
from inventory_stream.flows.waiting_room.admitter import Admitter
from inventory_stream.flows.waiting_room.crowd import Crowd
from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.lobby import Lobby
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor

log = structlog.get_logger(__name__)

Pause = Callable[[], Awaitable[None]]

_REFRESH_SECONDS: Final = 1.0
"""How soon a gateway knows a new room, or notices that Redis lost one."""

_SOONEST_SECONDS: Final = 0.1
"""How soon the list is read again when a ticket speaks of a room that is not on it."""

_ADMIT_SECONDS: Final = 0.25
"""How long a unit that became free waits for the next person; 500 of them go in at each step."""

_LOOK_SECONDS: Final = 0.5
"""How old a position may be. A look at 2,000 tickets takes Redis 18 ms (docs/http/waiting-room.md)."""

_STOCK_SECONDS: Final = 0.05
"""How soon everybody hears "sold out" after the gateway's shelf knows; a look at memory."""

_COUNT_SECONDS: Final = 5.0
"""How old the counts for whoever watches may be: a third of a usual scrape, one small question a room."""


class Keeper:
    """Runs the steps of one gateway until the block ends. A server that is gone stops none of them."""

    def __init__(
        self,
        directory: RoomDirectory,
        admitter: Admitter,
        crowd: Crowd,
        lobby: Lobby,
        monitor: SaleMonitor = SILENT_SALE,
    ) -> None:
        self._directory = directory
        self._admitter = admitter
        self._crowd = crowd
        self._lobby = lobby
        self._monitor = monitor

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run inside the block; at its end every stream is ended."""
        steps: tuple[tuple[str, Callable[[], Awaitable[object]], Pause], ...] = (
            ("refresh", self._directory.refresh, self._until_wanted),
            ("admit", self._admit, partial(asyncio.sleep, _ADMIT_SECONDS)),
            ("look", self._crowd.look, partial(asyncio.sleep, _LOOK_SECONDS)),
            ("stock", self._look_at_stock, partial(asyncio.sleep, _STOCK_SECONDS)),
            ("count", self.count, partial(asyncio.sleep, _COUNT_SECONDS)),
        )
        tasks = [asyncio.create_task(_again(*step), name=f"waiting room {step[0]}") for step in steps]
        try:
            yield
        finally:
            self._crowd.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def count(self) -> None:
        """Tell the monitor how many wait and how many are in, of all rooms that are not over.

        Raises:
            UnreachableError: the server does not answer.
        """
        self._lobby.tidy()
        states = [await self._lobby.state(room) for room in self._directory.rooms()]
        self._monitor.rooms(sum(one.waiting for one in states), sum(one.in_flight for one in states))

    async def _until_wanted(self) -> None:
        wanted = self._directory.is_wanted
        await asyncio.sleep(_SOONEST_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REFRESH_SECONDS - _SOONEST_SECONDS):
                await wanted.wait()
        wanted.clear()

    async def _admit(self) -> None:
        self._monitor.admitted(await self._admitter.step())

    async def _look_at_stock(self) -> None:
        self._crowd.look_at_stock()


async def _again(name: str, step: Callable[[], Awaitable[object]], pause: Pause) -> None:
    is_failing = False
    while True:
        try:
            await step()
            is_failing = False
        except InventoryStreamError as error:
            # Once, not every time: a server that is gone is gone for many steps.
            if not is_failing:
                log.warning(
                    "waiting_room_step_failed",
                    step=name,
                    reason=str(error),
                    is_passing=isinstance(error, RetryableError),
                )
            is_failing = True
        except Exception:  # a bug in one step must not end the room for all who wait
            log.exception("waiting_room_step_broke", step=name)
        await pause()
