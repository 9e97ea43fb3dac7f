"""A worker process from its start to its end: event loop, signals, one clear line, exit status."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
import uvloop

from inventory_stream.adapters.kafka.client_internals import survive_broken_writes
from inventory_stream.adapters.kafka.process_end import EXIT_CODE, EndProcess, end_process
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

    async def why_not_ready(self) -> Sequence[str]:
        """Name what is missing before the process does its work; nothing when it does."""

    async def close(self) -> None:
        """Stop handing over and close every partition; bounded."""


class App(Protocol):
    """The two calls of a Faust app that matter here."""

    async def start(self) -> None:
        """Start; returns when the first assignment is ready."""

    async def stop(self) -> None:
        """Stop everything and leave the group."""


class Watched(Protocol):
    """How others see the process: adapters/monitoring/endpoint.py."""

    async def start(self) -> None:
        """Be there, before anything else is; raises what a user should read in one line."""

    def working(self, why_not_ready: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Ask the work whether it is ready, from now on."""

    def stopping(self) -> None:
        """Say from now on that it is not."""

    async def close(self) -> None:
        """Be gone; bounded."""


async def _nothing() -> None:
    """Close nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker process does."""

    host: Host
    background: tuple[Callable[[], Awaitable[None]], ...] = ()
    """Run beside the host until the end; one that ends or raises ends the process."""

    close: Callable[[], Awaitable[None]] = _nothing
    """Lets go of what the host's partitions share; called after the host has closed."""

    why_not_ready: Callable[[], Awaitable[Sequence[str]]] | None = None
    """Names what is missing beside what the host says."""

    async def all_missing(self) -> Sequence[str]:
        """Name what the host and the rest of the work still miss."""
        more = () if self.why_not_ready is None else await self.why_not_ready()
        return [*await self.host.why_not_ready(), *more]


def failing(end: EndProcess) -> Callable[[BaseException], None]:
    """Make what ends the process at once (P7): one line for what we raised, a traceback for the rest."""

    def fail(error: BaseException) -> None:
        if not isinstance(error, InventoryStreamError):
            log.critical("worker_failed", exc_info=error)
        end(EXIT_CODE, str(error) or repr(error))

    return fail


fail: Final = failing(end_process)


async def run(
    check: Callable[[], Awaitable[None]],
    new_work: Callable[[], Work],
    watched: Watched | None = None,
    fail: Callable[[BaseException], None] = fail,
) -> None:
    """Check, start, wait for SIGTERM or SIGINT, stop.

    Args:
        check: Raises what a user should read in one line; nothing has been started then.
        new_work: Builds the work on the running event loop.
        watched: How others see the process, from before the check to the very end.
        fail: Ends the process.
    """
    if watched is None:
        await _run(check, new_work, None, fail)
        return
    await watched.start()
    try:
        await _run(check, new_work, watched, fail)
    finally:
        await watched.close()


async def _run(
    check: Callable[[], Awaitable[None]],
    new_work: Callable[[], Work],
    watched: Watched | None,
    fail: Callable[[BaseException], None],
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    stop_seen = asyncio.ensure_future(stopping.wait())
    checking = asyncio.ensure_future(check())
    await asyncio.wait([checking, stop_seen], return_when=asyncio.FIRST_COMPLETED)
    if not checking.done():
        checking.cancel()
        return
    checking.result()
    work = new_work()
    if watched is not None:
        watched.working(work.all_missing)
    starting = asyncio.create_task(_start(work.host, fail))
    beside = [asyncio.create_task(_guard(task, fail)) for task in work.background]
    await stop_seen
    if watched is not None:
        watched.stopping()
    log.info("stopping")
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await work.host.close()
            await work.host.app.stop()
            for task in (starting, *beside):
                task.cancel()
            await asyncio.gather(starting, *beside, return_exceptions=True)
            await work.close()
    except TimeoutError:
        # Every acknowledged decision is in the log; what hangs is Faust or the network.
        log.warning("not_everything_stopped_in_time", seconds=STOP_SECONDS_MAX)
        os._exit(0)


async def _start(host: Host, fail: Callable[[BaseException], None]) -> None:
    try:
        await host.app.start()
    except Exception as error:  # noqa: BLE001  # a worker that has not started is of no use
        fail(error)


async def _guard(task: Callable[[], Awaitable[None]], fail: Callable[[BaseException], None]) -> None:
    try:
        await task()
    except Exception as error:  # noqa: BLE001  # nobody else would hear of it
        fail(error)
    fail(RuntimeError(f"{task} ended by itself"))


def run_worker(
    check: Callable[[], Awaitable[None]],
    new_work: Callable[[], Work],
    watched: Watched | None = None,
    fail: Callable[[BaseException], None] = fail,
) -> None:
    """Run a worker until it is asked to stop; returns then, and raises what `check` raised."""
    # uvloop: 10.4 us of CPU for a round trip over loopback where asyncio takes 17.3; a batch makes three.
    survive_broken_writes()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(check, new_work, watched, fail))
