"""Waits for what only looking can tell: each with a bound, and a word for what did not come."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from inventory_stream.demo.errors import DemoError

LOOK_SECONDS: Final = 0.02
"""Between two looks at our own tally: far below anything that is measured with it."""
ASK_SECONDS: Final = 0.25
"""Between two questions to a server."""


async def until(is_true: Callable[[], bool], seconds_max: float, what: str) -> None:
    """Wait for something that the watch will notice.

    Raises:
        DemoError: it did not come true in time; names `what`.
    """
    deadline = time.monotonic() + seconds_max
    while not is_true():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds_max:.0f} s in vain for {what}")
        await asyncio.sleep(LOOK_SECONDS)


async def ask_until(
    is_true: Callable[[], Awaitable[bool]], seconds_max: float, what: str, explain: Callable[[], str]
) -> None:
    """Ask a server until it says yes.

    Raises:
        DemoError: it did not in time; names `what`, and adds what `explain` says then.
    """
    deadline = time.monotonic() + seconds_max
    while not await is_true():
        if time.monotonic() > deadline:
            raise DemoError(f"waited {seconds_max:.0f} s in vain for {what}\n{explain()}")
        await asyncio.sleep(ASK_SECONDS)
