"""How fast people go in, as one gateway saw it: the estimate that those who wait are told."""

from collections import deque
from typing import Final

# Estimates rest on the last minute: shorter they jump with each burst, longer they lag behind a sale
# that slows down.
_WINDOW_MS: Final = 60_000
# Looks closer together say nothing new; so a minute is 60 entries.
_STEP_MS: Final = 1_000
# Less than this was seen: no estimate rather than a wild one.
_SEEN_MS_MIN: Final = 5_000


class Pace:
    """Admissions of one room over the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=_WINDOW_MS // _STEP_MS + 1)

    def note(self, now_ms: int, admitted_total: int) -> None:
        """Hear how many were let in so far."""
        if self._seen and admitted_total < self._seen[-1][1]:
            self._seen.clear()  # the room was lost and counts anew
        if self._seen and now_ms - self._seen[-1][0] < _STEP_MS:
            return
        self._seen.append((now_ms, admitted_total))
        while now_ms - self._seen[0][0] > _WINDOW_MS:
            self._seen.popleft()

    def seconds(self, ahead: int) -> int | None:
        """Estimate when one goes in who has so many present people ahead; None: nothing to tell by."""
        if not self._seen:
            return None
        (first_ms, first_total), (last_ms, last_total) = self._seen[0], self._seen[-1]
        admitted, passed_ms = last_total - first_total, last_ms - first_ms
        if passed_ms < _SEEN_MS_MIN or admitted <= 0:
            return None
        return round((ahead + 1) * passed_ms / admitted / 1_000)
