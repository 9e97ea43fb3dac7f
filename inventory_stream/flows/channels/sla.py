"""Whether an account's updates are as fresh as its entry in the registry promises. Pure."""

from typing import Final, NamedTuple

from inventory_stream.ports.integrations import Integration

DAY_MS: Final = 86_400_000
UPDATES_MIN: Final = 100
"""An error budget is a share of at least so many updates: the first one of a day, late, is not 100 %."""


class Standing(NamedTuple):
    """How it stands. `why` is one line for a person, "" while it is met; `since_ms` when it changed."""

    is_met: bool
    why: str
    since_ms: int

    @property
    def text(self) -> str:
        """`met`, or `breached: ...`; for `StatusRow.sla`."""
        return "met" if self.is_met else f"breached: {self.why}"


class Sla:
    """Counts the updates of one UTC day of one account: acknowledged in time, late, dead.

    Kept in memory only: a worker that takes the account over begins the day's count anew. A breach that goes
    on is found again by the oldest update that waits.
    """

    def __init__(self, integration: Integration, now_ms: int) -> None:
        self._freshness_ms = integration.freshness_seconds * 1_000
        self._budget = integration.error_budget
        self._day = now_ms // DAY_MS
        self._updates = 0
        self._bad = 0
        self._standing = Standing(is_met=True, why="", since_ms=now_ms)

    def acknowledged(self, age_ms: int, now_ms: int) -> None:
        """Count an update that the channel took `age_ms` after its row."""
        self._count(is_bad=age_ms > self._freshness_ms, now_ms=now_ms)

    def died(self, now_ms: int) -> None:
        """Count an update that will not be tried again."""
        self._count(is_bad=True, now_ms=now_ms)

    def _count(self, *, is_bad: bool, now_ms: int) -> None:
        self._turn(now_ms)
        self._updates += 1
        self._bad += is_bad

    def _turn(self, now_ms: int) -> None:
        if (day := now_ms // DAY_MS) != self._day:
            self._day, self._updates, self._bad = day, 0, 0

    def look(self, oldest_waiting_ms: int, now_ms: int) -> Standing:
        """Say how it stands now.

        Args:
            oldest_waiting_ms: Age of the oldest update that waits to be sent, 0 for none. Raises that are
                held for orders are not among them, nor what an operator keeps back, nor dead ones. What waits
                since the channel takes no more changes of it today is.
            now_ms: The time.
        """
        self._turn(now_ms)
        reasons = []
        if oldest_waiting_ms > self._freshness_ms:
            reasons.append(
                f"an update waits for {oldest_waiting_ms / 1_000:.0f} s, promised are "
                f"{self._freshness_ms / 1_000:g} s"
            )
        if self._bad > self._budget * max(self._updates, UPDATES_MIN):
            reasons.append(
                f"{self._bad:,} of {self._updates:,} updates of the day late or dead, allowed are "
                f"{self._budget:.2%}"
            )
        is_met = not reasons
        since_ms = self._standing.since_ms if is_met == self._standing.is_met else now_ms
        self._standing = Standing(is_met, "; ".join(reasons), since_ms)
        return self._standing
