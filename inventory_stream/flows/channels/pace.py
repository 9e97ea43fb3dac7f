"""The budgets of one account: a token bucket for each limit, corrected by what the channel says."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from inventory_stream.ports.channel import Limit

USED_SHARE: Final = 0.97
"""Of a limit's flow. Requests arrive a little closer together than they were sent: at 100 % one in some
hundreds came before its token; a stated limit has to be used by 90 % at least."""

SHARE_FLOOR: Final = 0.02
"""Least share of the seed that refusals can halve the flow to: a way back without an operator."""

HALVE_MS: Final = 1_000
"""Refusals within this halve once: they are requests that were in flight together."""

REGAIN_PER_SECOND: Final = 0.05
"""Share of the seed that is added back a second: after one halving the full flow is there in 10 s."""

PAUSE_MS_MAX: Final = 15 * 60_000
"""Longest pause that a channel can ask for (channels.md 3.7)."""

OTHERS_EVERY: Final = 5
"""One token of so many goes to the other calls while pushes wait all the time: zeros have the 80 % that is
left, more than the 20 % they are guaranteed, and nothing is held back for them while none waits."""

Sleep = Callable[[float], Awaitable[object]]


class Bucket:
    """One limit. All times in ms of the clock that is given."""

    def __init__(self, limit: Limit, now_ms: int) -> None:
        self.limit = limit
        self.per_second = limit.per_second
        self.burst = max(1.0, limit.burst)
        self.share = 1.0
        """Of `per_second`, less than 1 after refusals."""
        self.tokens = self.burst
        self.paused_until_ms = 0
        self.taken = 0.0
        self._at_ms = now_ms
        self._halved_ms: int | None = None

    @property
    def flow(self) -> float:
        """Tokens a second that flow in now."""
        return self.per_second * self.share * USED_SHARE

    def refill(self, now_ms: int) -> None:
        """Let flow in what came since the last look."""
        seconds = max(0, now_ms - max(self._at_ms, min(now_ms, self.paused_until_ms))) / 1_000
        self._at_ms = max(self._at_ms, now_ms)
        if seconds:
            self.tokens = min(self.burst, self.tokens + self.flow * seconds)
            self.share = min(1.0, self.share + REGAIN_PER_SECOND * seconds)

    def wait_ms(self, cost: float, now_ms: int) -> float:
        """Say how long until so many tokens are there; 0: they are."""
        self.refill(now_ms)
        if now_ms < self.paused_until_ms:
            return self.paused_until_ms - now_ms
        # A cost above the burst would never be there: the full bucket is then enough, and goes into debt.
        missing = min(cost, self.burst) - self.tokens
        return 0.0 if missing <= 1e-9 else max(1.0, missing / self.flow * 1_000)  # rounding

    def take(self, cost: float) -> None:
        """Take tokens."""
        self.tokens -= cost
        self.taken += cost

    def give_back(self, cost: float) -> None:
        """Put tokens back that nothing was sent for."""
        self.tokens = min(self.burst, self.tokens + cost)
        self.taken -= cost

    def note(self, per_second: float | None, burst: float | None, left: float | None) -> None:
        """Believe the channel where it says what it allows and what is left."""
        if per_second is not None and per_second > 0:
            self.per_second = per_second
        if burst is not None and burst > 0:
            self.burst = max(1.0, burst)
        if left is not None:
            self.tokens = min(self.tokens, max(0.0, left))

    def throttled(self, retry_at_ms: int | None, now_ms: int) -> None:
        """Halve, and pause where the channel said until when."""
        self.refill(now_ms)
        self.tokens = min(self.tokens, 0.0)
        if retry_at_ms is not None:
            self.paused_until_ms = max(self.paused_until_ms, min(retry_at_ms, now_ms + PAUSE_MS_MAX))
        if self._halved_ms is None or now_ms - self._halved_ms >= HALVE_MS:
            self._halved_ms = now_ms
            self.share = max(SHARE_FLOOR, self.share / 2)


class AccountPace:
    """Implements `ports.channel.Pace`; the sender takes by `take_first`, all other calls by `take`.

    Args:
        now_ms: The clock.
        sleep: Waits so many seconds.
    """

    def __init__(self, now_ms: Callable[[], int], sleep: Sleep = asyncio.sleep) -> None:
        self._now_ms = now_ms
        self._sleep = sleep
        self.buckets: Final[dict[str, Bucket]] = {}
        self._others: Final[dict[str, deque[asyncio.Event]]] = {}
        self._is_first_waiting: Final[dict[str, bool]] = {}
        self._firsts_taken: Final[dict[str, int]] = {}

    def begin(self, limits: Sequence[Limit]) -> None:
        """Take the limits of the account's channel, which is built with this pace; before anything else.

        A call that names none of them is a mistake of its adapter.
        """
        for limit in limits:
            self.buckets[limit.name] = Bucket(limit, self._now_ms())
            self._others[limit.name] = deque()
            self._is_first_waiting[limit.name] = False
            self._firsts_taken[limit.name] = 0

    async def take(self, limit: str, cost: float = 1.0) -> None:
        """Wait in turn behind other calls, and behind all but one of `OTHERS_EVERY` pushes."""
        turns = self._others[limit]
        turn = asyncio.Event()
        turns.append(turn)
        if turns[0] is turn:
            turn.set()
        try:
            await turn.wait()
            while (wait := self._wait_of_other_ms(limit, cost)) > 0:
                await self._sleep(wait / 1_000)
            self._firsts_taken[limit] = 0
            self.buckets[limit].take(cost)
        finally:
            turns.remove(turn)
            if turns:
                turns[0].set()

    def _wait_of_other_ms(self, limit: str, cost: float) -> float:
        bucket = self.buckets[limit]
        wait = bucket.wait_ms(cost, self._now_ms())
        if wait or not self._is_first_waiting[limit] or self._firsts_taken[limit] >= OTHERS_EVERY - 1:
            return wait
        return max(1.0, 1_000 / max(bucket.flow, 1.0))  # the waiting push has this token

    async def take_first(self, limit: str, cost: float = 1.0) -> None:
        """Take before all other calls; for the one sender of an account."""
        bucket = self.buckets[limit]
        self._is_first_waiting[limit] = True
        try:
            while (wait := self._wait_of_first_ms(limit, cost)) > 0:
                await self._sleep(wait / 1_000)
            self._firsts_taken[limit] += 1
            bucket.take(cost)
        finally:
            self._is_first_waiting[limit] = False

    def _wait_of_first_ms(self, limit: str, cost: float) -> float:
        bucket = self.buckets[limit]
        wait = bucket.wait_ms(cost, self._now_ms())
        if wait or not self._others[limit] or self._firsts_taken[limit] < OTHERS_EVERY - 1:
            return wait
        return max(1.0, 1_000 / max(bucket.flow, 1.0))  # the other call that waits has this token

    def try_first(self, limit: str, cost: float = 1.0) -> bool:
        """Take at once, without a turn of the event loop, if that is possible."""
        if self._wait_of_first_ms(limit, cost) > 0:
            return False
        self._firsts_taken[limit] += 1
        self.buckets[limit].take(cost)
        return True

    def give_back(self, limit: str, cost: float = 1.0) -> None:
        """Put tokens back that nothing was sent for."""
        self.buckets[limit].give_back(cost)

    def note(
        self,
        limit: str,
        *,
        per_second: float | None = None,
        burst: float | None = None,
        left: float | None = None,
    ) -> None:
        """Hear what an answer tells of a limit; see the port."""
        bucket = self.buckets[limit]
        bucket.refill(self._now_ms())
        bucket.note(per_second, burst, left)

    def throttled(self, limit: str, retry_at_ms: int | None) -> None:
        """Hear that the channel refused for how often; see the port."""
        self.buckets[limit].throttled(retry_at_ms, self._now_ms())
