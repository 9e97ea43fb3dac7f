"""The end of a client that says goodbye, within a bound."""

import asyncio
from typing import Protocol


class Stoppable(Protocol):
    """A client of aiokafka."""

    async def stop(self) -> None:
        """Flush or commit, tell the broker, let go."""


async def stop_within(client: Stoppable, seconds_max: float) -> None:
    """Stop a client; a broker that is gone would else hold the process for ever."""
    stopping = asyncio.ensure_future(client.stop())
    _done, pending = await asyncio.wait({stopping}, timeout=seconds_max)
    for task in pending:
        task.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
