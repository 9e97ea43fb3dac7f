"""How long a shopper waits for the rooms' server, and what is said when it does not answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from inventory_stream.errors import RetryableError, UnreachableError

T = TypeVar("T")

ANSWER_SECONDS_MAX: Final = 0.5
"""Longest wait for one step: fifty times what 250 tickets take. Shorter, a pause of a busy server would turn
a crowd away; longer, a server that hangs would hold each request of the crowd open."""

_ILL_SECONDS: Final = 1.0
"""After a wait in vain nobody waits for so long: the pause between two tries to read the list of rooms."""

# The address of the server is for the log, not for shoppers.
_TEXT: Final = "the waiting room does not answer now; a place that was taken is kept"


class Reach:
    """One gateway's patience with the server."""

    def __init__(self) -> None:
        self._ill_until = 0.0

    async def ask(self, step: Callable[[], Awaitable[T]]) -> T:
        """Take a step.

        Raises:
            UnreachableError: it failed, took too long, or another one took too long a moment ago.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._ill_until:
            raise UnreachableError(_TEXT)
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await step()
        except TimeoutError:
            self._ill_until = loop.time() + _ILL_SECONDS
            raise UnreachableError(_TEXT) from None
        except RetryableError as error:
            raise UnreachableError(_TEXT) from error
