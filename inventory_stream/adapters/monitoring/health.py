"""Whether a process lives, and whether it is ready: what its two probes answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

# Longest that one look may take; probes of Kubernetes wait 1 s by default, and no answer in time
# is an answer too.
LOOK_SECONDS_MAX: Final = 0.8

Reasons = Callable[[], Awaitable[Sequence[str]]]
"""Asks why something is not ready; nothing when it is."""


class Health:
    """Where a process is between its start and its end.

    Args:
        why_not_alive: Names what only a restart mends; nothing while all is well.
    """

    def __init__(self, why_not_alive: Callable[[], Sequence[str]] = tuple) -> None:
        self._why_not_alive = why_not_alive
        self._why_not_ready: Reasons | None = None
        self._is_stopping = False

    def working(self, why_not_ready: Reasons) -> None:
        """The process works from now on; whether it is ready it says itself."""
        self._why_not_ready = why_not_ready

    def stopping(self) -> None:
        """The end begins: not ready, whatever else."""
        self._is_stopping = True

    def why_not_alive(self) -> Sequence[str]:
        """Name what only a restart mends. That this is answered at all says that the event loop turns."""
        return self._why_not_alive()

    async def why_not_ready(self) -> Sequence[str]:
        """Name what is missing; bounded."""
        if self._is_stopping:
            return ("stopping",)
        if self._why_not_ready is None:
            return ("starting: servers and topics are being checked",)
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                return await self._why_not_ready()
        except TimeoutError:
            return (f"no answer about itself within {LOOK_SECONDS_MAX:g} s",)
