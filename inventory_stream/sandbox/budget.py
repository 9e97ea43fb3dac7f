"""A budget of requests as channels keep it: a token bucket that refuses instead of waiting."""

from collections.abc import Callable


class Budget:
    """`per_second` tokens flow in, up to `burst`.

    `taken` and `refused` count costs and requests since the start, for tests of how well a budget is used.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self.per_second = per_second
        self.burst = burst
        self.taken = 0.0
        self.refused = 0
        self._clock = clock
        self._left = burst
        self._at = clock()

    @property
    def left(self) -> float:
        """Tokens there now."""
        now = self._clock()
        self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
        self._at = now
        return self._left

    def take(self, cost: float = 1.0) -> float:
        """Take tokens; 0.0, or, where too few are there, the seconds until they would be, and none taken."""
        left = self.left
        if left >= cost:
            self._left = left - cost
            self.taken += cost
            return 0.0
        self.refused += 1
        return (cost - left) / self.per_second
