"""How many streams each client has open."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from inventory_stream.gateway.problems import Problem

RETRY_AFTER_SECONDS: Final = 10
"""Streams last for minutes: asking sooner would mostly hear the same."""


class Streams:
    """Counts open streams by client. There are never more names than streams, which are bounded elsewhere."""

    def __init__(self, per_client_max: int) -> None:
        """Take the bound."""
        self._per_client_max = per_client_max
        self._open = Counter[str]()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def holding(self, client: str) -> Iterator[None]:
        """Count one while the block runs.

        Raises:
            Problem: `too-many-requests`: the client has as many as it may.
        """
        if self._open[client] >= self._per_client_max:
            raise Problem(
                "too-many-requests",
                f"an address may have {self._per_client_max} streams open at once "
                "(gateway.streams_per_client_max): close one, or follow more with one",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
