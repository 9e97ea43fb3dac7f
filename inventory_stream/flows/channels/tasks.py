"""Tasks whose mistakes end the process instead of being forgotten."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Fail = Callable[[BaseException], None]
"""Ends the process (P7)."""


def begun(work: Coroutine[Any, Any, None], fail: Fail) -> asyncio.Task[None]:
    """Begin some work that nobody awaits; what it raises ends the process."""
    task = asyncio.create_task(work)

    def see(ended: asyncio.Task[None]) -> None:
        if not ended.cancelled() and (error := ended.exception()) is not None:
            fail(error)

    task.add_done_callback(see)
    return task
