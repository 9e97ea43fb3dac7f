"""Token buckets by name: a rate, twice that at once, and a bound on how many there are."""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

BURST_SECONDS: Final = 2
"""A full bucket holds what the rate gives in this time: a page loads its parts at once, a shop reconnects."""

BUCKETS_MAX: Final = 100_000
"""120 bytes each, 12 MB. When full, the one longest unused goes: it is full again, or its owner asks seldom.
Somebody with more addresses than that gets past a limit by address anyway."""


class Taken(NamedTuple):
    """What came of taking one: whether it was there, how many are left, and the waits in seconds."""

    is_granted: bool
    limit: int
    remaining: int
    retry_after_seconds: float
    """Until there is one again; 0 when granted."""
    reset_seconds: float
    """Until the bucket is full."""


class Buckets:
    """Buckets of one kind, each kept as one number: the moment at which it will be full (GCRA)."""

    def __init__(
        self,
        per_second: int,
        *,
        buckets_max: int = BUCKETS_MAX,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the usual rate."""
        self._per_second = per_second
        self._buckets_max = buckets_max
        self._monotonic_seconds = monotonic_seconds
        self._full_at_seconds: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at_seconds)

    def take(self, name: str, per_second: int | None = None) -> Taken:
        """Take one from a bucket, or say how long to wait; refused takes cost nothing. 1 us."""
        rate = per_second or self._per_second
        now = self._monotonic_seconds()
        limit = rate * BURST_SECONDS
        # Taken out and put back: the order of the dict is the order of use.
        full_at = max(self._full_at_seconds.pop(name, now), now)
        after = full_at + 1 / rate
        wait = after - now - BURST_SECONDS
        if wait > _ROUNDING_SECONDS:
            self._full_at_seconds[name] = full_at
            return Taken(
                is_granted=False,
                limit=limit,
                remaining=0,
                retry_after_seconds=wait,
                reset_seconds=full_at - now,
            )
        if len(self._full_at_seconds) >= self._buckets_max:
            del self._full_at_seconds[next(iter(self._full_at_seconds))]
        self._full_at_seconds[name] = after
        remaining = int((BURST_SECONDS - (after - now)) * rate + 0.5)
        return Taken(
            is_granted=True,
            limit=limit,
            remaining=max(0, remaining),
            retry_after_seconds=0.0,
            reset_seconds=after - now,
        )

    def is_empty(self, name: str) -> bool:
        """Say whether taking one would be refused, without taking it."""
        full_at = self._full_at_seconds.get(name, 0.0)
        return full_at + 1 / self._per_second - self._monotonic_seconds() - BURST_SECONDS > _ROUNDING_SECONDS


_ROUNDING_SECONDS: Final = 1e-9
"""What sums of fractions are off by."""


def headers(policy: str, taken: Taken) -> dict[str, str]:
    """Give the headers by which a caller can pace itself (draft-ietf-httpapi-ratelimit-headers-10)."""
    reset = math.ceil(taken.reset_seconds)
    return {
        "RateLimit-Policy": f'"{policy}";q={taken.limit};w={BURST_SECONDS}',
        "RateLimit": f'"{policy}";r={taken.remaining};t={reset}',
    }
