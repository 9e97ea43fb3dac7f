"""The guard against a mistake that would empty a shop, or fill it with stock that is not there."""

from collections import deque
from typing import Final, NamedTuple

WINDOW_MS: Final = 60_000
"""The sliding time of channels' mass-change guard (issue 6)."""
LISTINGS_MIN: Final = 20
"""Fewer are no mass, whatever share they are: a small shop sells out."""
JUMP_FACTOR: Final = 10
"""More than so many times what the channel shows is a jump. A feed with a wrong unit (boxes for pieces) or a
shifted column makes such ones; deliveries of a day hardly do it to a third of a shop in a minute. Upward
only: that is what sells units that are not there. Downward, only zero is asked about; any other cut goes."""


class MassChange(NamedTuple):
    """What awaits approval: of `acknowledged` listings, `zeros` would go to zero and `jumps` would jump."""

    at_ms: int
    zeros: int
    jumps: int
    acknowledged: int


def is_drastic(acknowledged_units: int, units: int) -> bool:
    """Say whether a change of one listing counts. One that was never acknowledged makes no change."""
    if acknowledged_units < 0:
        return False
    if units == 0:
        return acknowledged_units > 0
    return units > JUMP_FACTOR * max(1, acknowledged_units)


class MassGuard:
    """Counts drastic changes of the last minute, and says when they are too many.

    Those before it trips have gone: a cut that waits for a census would sell units that are not there.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._noted: Final[dict[int, tuple[int, bool]]] = {}
        self._order: Final[deque[tuple[int, int]]] = deque()
        self.held: Final[set[int]] = set()
        self._tripped_ms: int | None = None
        self._acknowledged: int = 0

    @property
    def is_tripped(self) -> bool:
        """Whether approval is awaited."""
        return self._tripped_ms is not None

    @property
    def change(self) -> MassChange | None:
        """What awaits approval."""
        if self._tripped_ms is None:
            return None
        zeros = sum(is_zero for _, is_zero in self._noted.values())
        return MassChange(self._tripped_ms, zeros, len(self._noted) - zeros, self._acknowledged)

    def trip(self, acknowledged_count: int, now_ms: int) -> None:
        """Keep every drastic change back from now on: the count is full, or was at the former owner."""
        self._tripped_ms = now_ms
        self._acknowledged = acknowledged_count
        self.held.update(self._noted)

    def note(
        self, place: int, acknowledged_units: int, units: int, acknowledged_count: int, now_ms: int
    ) -> list[int]:
        """Hear of a change, and keep it back if it is part of a mass.

        Returns:
            Places that are to be looked at again: when it trips, all of the minute.
        """
        self.held.discard(place)
        if not is_drastic(acknowledged_units, units):
            self._noted.pop(place, None)
            return []
        self._noted[place] = now_ms, units == 0
        if self._tripped_ms is not None:
            self.held.add(place)
            return []
        self._order.append((now_ms, place))
        while self._order[0][0] <= now_ms - WINDOW_MS:
            at_ms, gone = self._order.popleft()
            if self._noted.get(gone, (None, False))[0] == at_ms:
                del self._noted[gone]
        if len(self._noted) < LISTINGS_MIN or len(self._noted) <= self._share * acknowledged_count:
            return []
        self.trip(acknowledged_count, now_ms)
        return list(self._noted)

    def drop(self, place: int) -> None:
        """Forget a listing."""
        self.held.discard(place)
        self._noted.pop(place, None)

    def approve(self) -> list[int]:
        """Let it go, and count anew; gives the places that were kept back."""
        freed = self.take_held(len(self.held))
        self.end()
        return freed

    def take_held(self, most: int) -> list[int]:
        """Keep some back no longer, so many at most."""
        return [self.held.pop() for _ in range(min(most, len(self.held)))]

    def end(self) -> None:
        """Count anew."""
        self._noted.clear()
        self._order.clear()
        self._tripped_ms = None
