"""The lease of an owner: no append is sent when too long a time has passed without one acked (P3)."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

CHECK_SECONDS_MAX: Final = 1.0
"""Longest pause between two looks of the watchdog. It decides how late an idle process notices,
not safety: every append is checked right before its bytes leave."""

CHECKS_PER_LEASE: Final = 10
"""Looks per lease where that is shorter: an idle owner outlives its lease by a tenth at most."""


def boottime_seconds() -> float:
    """Seconds by the clock that counts the sleep of the machine too, unlike CLOCK_MONOTONIC (P3)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """The time until which an owner may believe that the broker still knows it (P3).

    The broker refuses a former owner only as long as it keeps that producer's state
    (`producer.id.expiration.ms`, at least one day by P12): an owner that slept longer could write
    again. The lease is far shorter and counts from the moment when an acked append was SENT:
    the broker's record time of it cannot be earlier.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = boottime_seconds) -> None:
        self.seconds = seconds
        self._clock = clock
        self._renewed_at = clock()

    def now(self) -> float:
        """Read the lease's clock, seconds."""
        return self._clock()

    def renew(self, sent_at: float) -> None:
        """Count from `sent_at`, the clock's time when a now acked append was sent."""
        self._renewed_at = max(self._renewed_at, sent_at)

    def end(self) -> None:
        """Expire now, until it is renewed."""
        self._renewed_at = float("-inf")

    @property
    def age_seconds(self) -> float:
        """Time since the newest acked append was sent."""
        return self._clock() - self._renewed_at

    @property
    def expired(self) -> bool:
        """Whether nothing may be sent any more."""
        return self.age_seconds > self.seconds

    async def watch(self, on_expired: Callable[[], None]) -> None:
        """Call `on_expired` once when the lease has run out, also if nobody appends."""
        pause = min(CHECK_SECONDS_MAX, self.seconds / CHECKS_PER_LEASE)
        # No event can wake us: the loop's own timers do not count the machine's sleep.
        while not self.expired:  # noqa: ASYNC110
            await asyncio.sleep(pause)
        on_expired()
