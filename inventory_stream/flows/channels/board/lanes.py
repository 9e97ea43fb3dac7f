"""What waits to be sent, in the order in which it goes; raises that wait for orders; and for how long."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from inventory_stream.flows.channels.board.columns import Columns
from inventory_stream.flows.channels.board.states import LANES

GROUP_SCAN_MAX: Final = 512
"""Listings of a lane that are looked at for one more of a group: 0.1 ms. More of the group follow in the
next request."""


class Lanes:
    """Three queues.

    A listing that changes its lane keeps its old place for when it comes back: so each queue names a listing
    once at most, however often it changes.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._queues: Final[dict[int, deque[int]]] = {lane: deque() for lane in LANES}

    def put(self, place: int, lane: int, *, is_first: bool = False) -> None:
        """Queue a listing that has just entered a lane."""
        bit = 1 << lane
        if self._columns.queued[place] & bit:
            return
        self._columns.queued[place] |= bit
        if is_first:
            self._queues[lane].appendleft(place)
        else:
            self._queues[lane].append(place)

    def pop(self, lane: int) -> int | None:
        """Take the listing that waits longest in a lane."""
        queue = self._queues[lane]
        state, queued = self._columns.state, self._columns.queued
        while queue:
            place = queue.popleft()
            queued[place] &= ~(1 << lane)
            if state[place] == lane:
                return place
        return None

    def pop_of_group(self, lane: int, group: str, group_of: Callable[[int], str], most: int) -> list[int]:
        """Take further listings of a group, out of the first `GROUP_SCAN_MAX` of a lane."""
        queue = self._queues[lane]
        state, queued = self._columns.state, self._columns.queued
        found: list[int] = []
        passed: list[int] = []
        for _ in range(min(len(queue), GROUP_SCAN_MAX)):
            if len(found) >= most:
                break
            place = queue.popleft()
            if state[place] != lane:
                queued[place] &= ~(1 << lane)
            elif group_of(place) == group:
                queued[place] &= ~(1 << lane)
                found.append(place)
            else:
                passed.append(place)
        queue.extendleft(reversed(passed))
        return found


class Holds:
    """Raises that wait until the orders of their time have come in, or for so long at most."""

    def __init__(self, hold_ms: int) -> None:
        self.hold_ms = hold_ms
        self.orders_through_ms: int = 0
        self._since_ms: Final[dict[int, int]] = {}
        self._heap: Final[list[tuple[int, int]]] = []

    def holds(self, place: int, at_ms: int, now_ms: int) -> bool:
        """Say whether a raise of this time waits.

        The bound counts from the first raise that waited: one that changes every second is not held for ever.
        """
        at_ms = min(at_ms, now_ms)
        since_ms = min(self._since_ms.get(place, at_ms), at_ms)
        return at_ms > self.orders_through_ms and now_ms < since_ms + self.hold_ms

    def put(self, place: int, at_ms: int, now_ms: int) -> None:
        """Keep a raise back."""
        at_ms = min(at_ms, now_ms)
        self._since_ms[place] = min(self._since_ms.get(place, at_ms), at_ms)
        heappush(self._heap, (at_ms, place))

    def drop(self, place: int) -> None:
        """Hear that a listing waits no more."""
        self._since_ms.pop(place, None)

    def due(self, now_ms: int) -> list[int]:
        """Give those that may have waited enough; each is to be looked at again."""
        through_ms = max(self.orders_through_ms, now_ms - self.hold_ms)
        found: list[int] = []
        while self._heap and self._heap[0][0] <= through_ms:
            place = heappop(self._heap)[1]
            if place in self._since_ms:
                found.append(place)
        return found

    def next_ms(self) -> int | None:
        """When `due` may give one."""
        return self._heap[0][0] + self.hold_ms if self._heap else None


class Ages:
    """From when on each listing is out of step, oldest first."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._places: deque[int] = deque()
        self._since_ms: deque[int] = deque()
        self._live: int = 0

    def begin(self, place: int, now_ms: int) -> None:
        """Note that a listing is out of step, if it was not."""
        if self._columns.since_ms[place]:
            return
        self._columns.since_ms[place] = now_ms
        self._places.append(place)
        self._since_ms.append(now_ms)
        self._live += 1
        # Those that came into step again behind one that does not stay in the queue. Twice as many as are
        # needed cost a constant share of what is noted.
        if len(self._places) > 2 * self._live + 1_024:
            self._tidy()

    def end(self, place: int) -> None:
        """Note that a listing is in step."""
        if self._columns.since_ms[place]:
            self._columns.since_ms[place] = 0
            self._live -= 1

    def oldest_ms(self) -> int | None:
        """From when on the oldest one waits."""
        since = self._columns.since_ms
        while self._places and since[self._places[0]] != self._since_ms[0]:
            self._places.popleft()
            self._since_ms.popleft()
        return self._since_ms[0] if self._since_ms else None

    def _tidy(self) -> None:
        since = self._columns.since_ms
        kept = [
            (place, at_ms)
            for place, at_ms in zip(self._places, self._since_ms, strict=True)
            if since[place] == at_ms
        ]
        self._places = deque(place for place, _ in kept)
        self._since_ms = deque(at_ms for _, at_ms in kept)
