"""How often each listing was told of a change today, where a channel limits that."""

from typing import Final

DAY_MS: Final = 86_400_000
SPARED_SHARE: Final = 0.8
"""Past this share of a day's changes only those that begin or end a listing's sale go (channels.md 3.10)."""


class Days:
    """Counts per UTC day; keeps nothing where there is no limit."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._sent: Final[dict[int, tuple[int, int]]] = {}

    def add(self, place: int, now_ms: int) -> None:
        """Count one request."""
        if self._most is not None:
            self._sent[place] = now_ms // DAY_MS, self.of(place, now_ms)[1] + 1

    def of(self, place: int, now_ms: int) -> tuple[int, int]:
        """Give the day, in days since the epoch, and the requests of it."""
        day = now_ms // DAY_MS
        kept_day, count = self._sent.get(place, (day, 0))
        return (day, count) if kept_day == day else (day, 0)

    def restore(self, place: int, day: int, count: int) -> None:
        """Take over what a former owner counted."""
        if self._most is not None and count:
            self._sent[place] = day, count

    def drop(self, place: int) -> None:
        """Forget a listing."""
        self._sent.pop(place, None)

    def allows(self, place: int, units: int, shown_units: int, now_ms: int) -> bool:
        """Say whether one more may go today: zero always, the first unit after zero until all are used."""
        if self._most is None or units == 0:
            return True
        count = self.of(place, now_ms)[1]
        return count < self._most * SPARED_SHARE or (shown_units == 0 and count < self._most)

    @staticmethod
    def next_ms(now_ms: int) -> int:
        """When the next day begins."""
        return (now_ms // DAY_MS + 1) * DAY_MS
