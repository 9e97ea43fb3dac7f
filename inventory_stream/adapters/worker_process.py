"""A worker process from its start to its end: event loop, signals, one clear line, exit status."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog
import uvloop

from inventory_stream.adapters.kafka.process_end import EXIT_CODE, end_process
from inventory_stream.errors import InventoryStreamError

log = structlog.get_logger(__name__)

# From the signal to the end of the process (issue: 10 s, of which Python's own exit is one).
# Closing takes up to 2 s for decisions under way, then leaves the group.
STOP_SECONDS_MAX: Final = 8.0


class Host(Protocol):
    """What runs: a Faust app and the partitions in it."""

    @property
    def app(self) -> "App":
        """The Faust app."""

    async def close(self) -> None:
        """Stop handing over and close every partition; bounded."""


class App(Protocol):
    """The two calls of a Faust app that matter here."""

    async def start(self) -> None:
        """Start; returns when the first assignment is ready."""

    async def stop(self) -> None:
        """Stop everything and leave the group."""


def fail(error: BaseException) -> None:
    """End the process at once (P7), with one line for what we raised and a traceback for the rest."""
    if not isinstance(error, InventoryStreamError):
        log.critical("worker failed", exc_info=error)
    end_process(EXIT_CODE, str(error) or repr(error))


async def run(check: Callable[[], Awaitable[None]], new_host: Callable[[], Host]) -> None:
    """Check, start, wait for SIGTERM or SIGINT, stop.

    Args:
        check: Raises what a user should read in one line; nothing has been started then.
        new_host: Builds the host on the running event loop.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    stop_seen = asyncio.create_task(stopping.wait())
    checking = asyncio.ensure_future(check())
    await asyncio.wait([checking, stop_seen], return_when=asyncio.FIRST_COMPLETED)
    if not checking.done():
        checking.cancel()
        return
    checking.result()
    host = new_host()
    starting = asyncio.create_task(_start(host))
    await stop_seen
    log.info("stopping")
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await host.close()
            await host.app.stop()
    except TimeoutError:
        # Every acknowledged decision is in the log; what hangs is Faust or the network.
        log.warning("not all services stopped in time; leaving anyway", seconds=STOP_SECONDS_MAX)
        os._exit(0)
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting


async def _start(host: Host) -> None:
    try:
        await host.app.start()
    except Exception as error:  # noqa: BLE001  # a worker that has not started is of no use
        fail(error)


def run_worker(check: Callable[[], Awaitable[None]], new_host: Callable[[], Host]) -> None:
    """Run a worker until it is asked to stop; returns then, and raises what `check` raised."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(check, new_host))
