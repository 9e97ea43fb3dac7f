"""History at a multiple of its own speed."""

import asyncio
import time
from collections.abc import Callable

from models.commands import Command


def moment_of(command: Command) -> int | None:
    """Give when a command says that it happened, in ms since the Unix epoch; None: it does not."""
    for name in ("effective_at", "ordered_at"):
        value = getattr(command, name, None)
        if isinstance(value, int):
            return value
    return None


class Pacer:
    """Says how long to wait before a command, so that history runs `speed` times as fast as it did.

    The first command with a time starts the clock. Commands without one, and those that are late
    because rows are out of order, need no wait.
    """

    def __init__(self, speed: float, clock_seconds: Callable[[], float] = time.monotonic) -> None:
        """`speed` > 0: 60 plays a day in 24 minutes."""
        self._speed = speed
        self._clock_seconds = clock_seconds
        self._start: tuple[float, int] | None = None

    def seconds_until(self, command: Command) -> float:
        """Give the wait before `command`, 0 or less if it is due."""
        moment = moment_of(command)
        if moment is None:
            return 0.0
        if self._start is None:
            self._start = self._clock_seconds(), moment
        started, first_ms = self._start
        return started + (moment - first_ms) / 1_000 / self._speed - self._clock_seconds()


async def wait_unless_set(stop: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds, or less when `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
