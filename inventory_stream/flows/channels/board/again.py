"""Batches that are to be sent again as they are, and when."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from inventory_stream.flows.channels.board.batch import Batch
from inventory_stream.flows.channels.board.states import LANES

WAIT_MS_MIN: Final = 500
WAIT_MS_MAX: Final = 60_000
TRIES_MAX: Final = 20
"""Waits of 0.5 s, doubled, 60 s at most, make 10 to 14 minutes: longer than the ten that a channel may be
down (issue 6). Tries are counted only while the breaker lets requests through."""
TRIES_AS_ONE: Final = 4
"""So often the same batch; then its halves, so that one listing that a channel fails over does not take the
others with it."""
DEADLINE_MS: Final = 3_600_000
"""Of a revision: an hour later a dead push tells more than another try."""


def wait_ms(tries: int, key: str) -> int:
    """Give the wait before the next try: doubled each time, with a jitter that the batch's key decides.

    Workers that failed together do not come again together: their keys differ.
    """
    jitter = int(key[:8], 16) / 0xFFFFFFFF
    return int(min(WAIT_MS_MAX, WAIT_MS_MIN << min(tries - 1, 16)) * (0.5 + jitter / 2))


@dataclass(slots=True, eq=False)
class Repeat:
    """A batch that waits. `lane`: the most urgent of what it says."""

    batch: Batch
    lane: int
    is_live: bool = True


class Repeats:
    """Waiting batches by listing; one that a newer revision concerns is dissolved by the board."""

    def __init__(self) -> None:
        self._of_place: Final[dict[int, Repeat]] = {}
        self._heap: Final[list[tuple[int, int, Repeat]]] = []
        self._ready: Final[dict[int, deque[Repeat]]] = {lane: deque() for lane in LANES}
        self._count: int = 0

    def put(self, batch: Batch, places: list[int], lane: int, due_ms: int) -> None:
        """Keep a batch until its time."""
        repeat = Repeat(batch, lane)
        self._of_place.update(dict.fromkeys(places, repeat))
        self._count += 1
        heappush(self._heap, (due_ms, self._count, repeat))

    def dissolve(self, place: int, place_of: Callable[[str], int | None]) -> list[int]:
        """Take a listing's batch apart; gives the places of all its listings."""
        repeat = self._of_place.get(place)
        if repeat is None:
            return []
        repeat.is_live = False
        places = [
            found
            for push in repeat.batch.pushes
            if (found := place_of(push.listing)) is not None and self._of_place.get(found) is repeat
        ]
        for found in places:
            del self._of_place[found]
        return places

    def places(self) -> list[int]:
        """Give all listings in waiting batches."""
        return list(self._of_place)

    def holds(self, place: int) -> bool:
        """Say whether a listing is in a waiting batch."""
        return place in self._of_place

    def advance(self, now_ms: int) -> None:
        """Make ready what is due."""
        while self._heap and self._heap[0][0] <= now_ms:
            repeat = heappop(self._heap)[2]
            if repeat.is_live:
                self._ready[repeat.lane].append(repeat)

    def take(self, lane: int, place_of: Callable[[str], int | None]) -> Batch | None:
        """Take one that is ready."""
        ready = self._ready[lane]
        while ready:
            repeat = ready.popleft()
            if repeat.is_live:
                for push in repeat.batch.pushes:
                    place = place_of(push.listing)
                    if place is not None:
                        self._of_place.pop(place, None)
                return repeat.batch
        return None

    def has_ready(self, lane: int) -> bool:
        """Say whether one is ready."""
        return any(repeat.is_live for repeat in self._ready[lane])

    def next_ms(self) -> int | None:
        """When the next one is due."""
        while self._heap and not self._heap[0][2].is_live:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
