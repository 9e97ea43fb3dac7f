"""Listings of which nobody knows what the channel shows, and when to read them back."""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from inventory_stream.ports.projection import Version

READ_BACK_TRIES_MAX: Final = 5
"""A channel that tells nothing so often is told what is wanted all the same: the quantity is absolute."""
READ_BACK_WAIT_MS_MAX: Final = 60_000
"""Between two tries, doubled from the settle time on."""

NO_VERSION: Final = Version(0, 0)


@dataclass(slots=True)
class Check:
    """One listing to be read back from `ready_ms` on.

    `units`: the most that requests whose end nobody knows may have made it show, `least_units` the least,
    `version` the newest of them; -1: there is no such request, and a look is enough. Until `settles_ms` they
    may take effect. `is_blocking`: nothing is sent before the look. `is_told_since`: the channel took
    something after that request.
    """

    ready_ms: int
    due_ms: int
    units: int = -1
    least_units: int = -1
    version: Version = NO_VERSION
    is_blocking: bool = False
    is_told_since: bool = False
    settles_ms: int = 0
    tries: int = 0


class Checks:
    """At most one per listing."""

    def __init__(self, settle_ms: int) -> None:
        self._settle_ms = settle_ms
        self._checks: Final[dict[int, Check]] = {}
        self._heap: Final[list[tuple[int, int]]] = []

    def get(self, place: int) -> Check | None:
        """Give a listing's."""
        return self._checks.get(place)

    def look(self, place: int, ready_ms: int) -> None:
        """Have a listing read back at a time, or later if it is to be then."""
        check = self._checks.get(place)
        if check is None:
            check = self._checks[place] = Check(ready_ms, ready_ms)
        elif check.ready_ms >= ready_ms:
            return
        check.ready_ms = check.due_ms = ready_ms
        heappush(self._heap, (ready_ms, place))

    def doubt(self, place: int, version: Version, units: int, now_ms: int) -> None:
        """Note a request whose end nobody knows."""
        self.look(place, now_ms + self._settle_ms)
        check = self._checks[place]
        check.least_units = units if check.units < 0 else min(check.least_units, units)
        check.units = max(check.units, units)
        check.version = max(check.version, version)
        check.settles_ms = now_ms + self._settle_ms
        check.is_told_since = False

    def block(self, place: int, now_ms: int) -> None:
        """Note that the channel shows something else than thought: look at once, send nothing before.

        What it shows now counts, also where a look was due later: it compares the next request, too.
        """
        check = self._checks.setdefault(place, Check(now_ms, now_ms))
        check.is_blocking = True
        check.ready_ms = min(check.ready_ms, now_ms)
        check.due_ms = now_ms
        heappush(self._heap, (now_ms, place))

    def seen(self, place: int, asked_ms: int) -> None:
        """Hear that somebody looked: that ends a check, unless a request may take effect after the look."""
        check = self._checks.pop(place, None)
        if check is not None and asked_ms < check.settles_ms:
            check.is_blocking = False
            check.tries = 0
            check.ready_ms = check.settles_ms
            self._checks[place] = check
            self.postpone(place, check.settles_ms)

    def drop(self, place: int) -> Check | None:
        """Take a listing's away."""
        return self._checks.pop(place, None)

    def due(self, now_ms: int, most: int) -> list[int]:
        """Give those whose time has come; each comes again later, until it is dropped."""
        found: list[int] = []
        while self._heap and self._heap[0][0] <= now_ms and len(found) < most:
            due_ms, place = heappop(self._heap)
            check = self._checks.get(place)
            if check is None or check.due_ms != due_ms:
                continue
            check.tries += 1
            wait_ms = max(1_000, self._settle_ms) << min(check.tries - 1, 10)
            self.postpone(place, now_ms + min(wait_ms, READ_BACK_WAIT_MS_MAX))
            found.append(place)
        return found

    def postpone(self, place: int, due_ms: int) -> None:
        """Look at a listing later."""
        self._checks[place].due_ms = due_ms
        heappush(self._heap, (due_ms, place))

    def next_ms(self) -> int | None:
        """When `due` may give one."""
        return self._heap[0][0] if self._heap else None
