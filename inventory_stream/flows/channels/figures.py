"""What is counted of one account: latencies, requests, the last error; the newest of each."""

from collections import deque
from typing import Final

SAMPLES_MAX: Final = 1_000
"""Latencies kept: p99 then rests on ten. Older ones go first."""

WINDOW_MS: Final = 10_000
"""Over which requests a second are counted."""


class Latencies:
    """The newest latencies in ms, and their quantiles."""

    def __init__(self) -> None:
        self._samples: Final[deque[int]] = deque(maxlen=SAMPLES_MAX)

    def add(self, ms: int) -> None:
        """Take one."""
        self._samples.append(ms)

    def quantile(self, share: float) -> int | None:
        """Give what so large a share of them does not exceed; None: there is none."""
        if not self._samples:
            return None
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Figures:
    """Of one account since its worker took it up."""

    def __init__(self) -> None:
        self.push_ms: Final = Latencies()
        self.zero_ms: Final = Latencies()
        self.requests: Final[deque[int]] = deque()
        self.sent = 0
        """Items that were sent, in whatever request."""
        self.failed = 0
        """Items that ended otherwise than applied."""
        self.last_acknowledged_ms = 0
        self.last_error = ""
        self.last_error_ms = 0

    def requested(self, items: int, now_ms: int) -> None:
        """Count a request."""
        self.sent += items
        self.requests.append(now_ms)
        while self.requests and self.requests[0] < now_ms - WINDOW_MS:
            self.requests.popleft()

    def requests_per_second(self, now_ms: int) -> float:
        """Say how many there were a second."""
        while self.requests and self.requests[0] < now_ms - WINDOW_MS:
            self.requests.popleft()
        return len(self.requests) * 1_000 / WINDOW_MS

    def erred(self, what: str, now_ms: int) -> None:
        """Keep what went wrong last."""
        self.last_error, self.last_error_ms = what, now_ms
