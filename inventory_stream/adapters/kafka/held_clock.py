"""The decisions' clock: the machine's own, and the broker's where the two disagree (R18, R26)."""

from collections.abc import Callable

from inventory_stream.adapters.kafka.lease import boottime_seconds
from inventory_stream.adapters.system_clock import now_ms as system_now_ms


class HeldClock:
    """The wall clock as long as the broker's stamps agree with it, else what they say.

    Deadlines are set by the owner's clock and judged by the broker's, which stamps every order
    record. An owner an hour behind would grant holds that are over before they begin; one an hour
    ahead would end an idle partition's at once. Setting a machine's clock is an operator's slip, and
    must cost no shopper a cart.

    Each acknowledgement bounds the broker's clock: its stamp was given after the append was sent and
    before the answer came, by a clock of ours that nobody can set. All bounds together count; one
    that contradicts them (the broker's clock was set, or ours drifted over days) replaces them.

    Args:
        limit_ms: How far the two clocks may differ before ours is not believed.
        wall_clock_ms: The machine's clock, ms since the Unix epoch.
        steady_seconds: A clock that counts sleep and cannot be set; the one that `note` is told.
    """

    def __init__(
        self,
        limit_ms: int,
        wall_clock_ms: Callable[[], int] = system_now_ms,
        steady_seconds: Callable[[], float] = boottime_seconds,
    ) -> None:
        self._limit_ms = limit_ms
        self._wall_clock_ms = wall_clock_ms
        self._steady_seconds = steady_seconds
        # What to add to our steady clock, in ms, to get the broker's: no less and no more.
        self._bounds_ms: tuple[float, float] | None = None

    def note(self, sent_seconds: float, stamped_ms: int, acked_seconds: float) -> None:
        """Take an acknowledgement in: our steady clock before and after, and the broker's stamp between."""
        least, most = stamped_ms - acked_seconds * 1_000, stamped_ms - sent_seconds * 1_000
        if self._bounds_ms is not None:
            both = max(least, self._bounds_ms[0]), min(most, self._bounds_ms[1])
            # A stamp is whole milliseconds, cut off: bounds may miss each other by one.
            if both[0] <= both[1] + 1:
                least, most = min(both), max(both)
        self._bounds_ms = least, most

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch; where the machine's clock is wrong, at most the broker's."""
        wall_ms = self._wall_clock_ms()
        if self._bounds_ms is None:
            return wall_ms
        steady_ms = self._steady_seconds() * 1_000
        least_ms, most_ms = steady_ms + self._bounds_ms[0], steady_ms + self._bounds_ms[1]
        if least_ms - self._limit_ms <= wall_ms <= most_ms + self._limit_ms:
            return wall_ms
        return int(least_ms)
