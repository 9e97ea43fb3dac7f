"""Leaves a channel alone that does not answer (docs/channels/worker.md).

Not by `purgatory`: it counts exceptions of a block by a clock of its own and lets any one call through when
it half-opens, where ours are results of items, and only zeros or a read back may try.
"""

from enum import StrEnum
from typing import Final

FAILURES_TO_OPEN: Final = 5
"""Failed requests in a row that open it. Fewer and one reset connection with its neighbours in flight stops
an account; more and a channel that is down costs so many requests of the full time bound."""

PAUSE_MS: Final = 1_000
"""First pause, doubled with each probe that fails."""

PAUSE_MS_MAX: Final = 30_000
"""Longest pause: an account is at most so much later back than its channel."""


class Breaker(StrEnum):
    """How it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class AccountBreaker:
    """One account's; told how each request ended."""

    def __init__(self) -> None:
        self._failures = 0
        self._pause_ms = PAUSE_MS
        self._until_ms: int | None = None
        self.answers = 0
        """Requests that were answered so far, but for those with "not now" or "not you"."""

    def state(self, now_ms: int) -> Breaker:
        """Say whether anything may be sent: all, nothing, or one request that finds out."""
        if self._until_ms is None:
            return Breaker.CLOSED
        return Breaker.OPEN if now_ms < self._until_ms else Breaker.HALF_OPEN

    @property
    def until_ms(self) -> int | None:
        """When it half-opens, or did; None while closed."""
        return self._until_ms

    def answered(self, *, is_let_in: bool = True) -> None:
        """Hear that the channel answered, whatever it said; not `is_let_in`: only that it does not let us."""
        self.answers += is_let_in
        self._failures = 0
        self._pause_ms = PAUSE_MS
        self._until_ms = None

    def failed(self, now_ms: int) -> None:
        """Hear that it did not."""
        self._failures += 1
        if self._until_ms is not None:
            if now_ms >= self._until_ms:  # the probe; what was in flight when it opened says nothing new
                self._pause_ms = min(self._pause_ms * 2, PAUSE_MS_MAX)
                self._until_ms = now_ms + self._pause_ms
        elif self._failures >= FAILURES_TO_OPEN:
            self._until_ms = now_ms + self._pause_ms

    def open(self, now_ms: int) -> None:
        """Stop everything for the longest pause: what the channel shows cannot be right."""
        self._pause_ms = PAUSE_MS_MAX
        self._until_ms = now_ms + PAUSE_MS_MAX
