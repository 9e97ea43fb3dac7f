"""The guard against mending what somebody else, or a mistake of ours, changed at the channel."""

from collections import OrderedDict
from typing import Final, NamedTuple

from inventory_stream.flows.channels.board.mass_change import LISTINGS_MIN, WINDOW_MS

OWN_MS: Final = 120_000
"""For so long after the channel took something a look that shows another number may be our own doing: a
request that came late, or one of a former owner (`board.FORMER_OWNER_MS`)."""


class MassDrift(NamedTuple):
    """What awaits approval: of `acknowledged` listings so many show something else than they were told."""

    listings: int
    acknowledged: int


class DriftGuard:
    """Counts listings that looks of the last minute found changed, and says when they are too many.

    Whoever looks, a comparison or a single check: what was seen is exposure, and is not mended.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._seen: Final[OrderedDict[int, int]] = OrderedDict()
        self.held: Final[set[int]] = set()
        self.is_tripped = False
        self._acknowledged = 0

    @property
    def drift(self) -> MassDrift | None:
        """What awaits approval."""
        return MassDrift(len(self.held), self._acknowledged) if self.is_tripped else None

    def trip(self, acknowledged_count: int) -> None:
        """Keep back what was found changed, and what will be."""
        self.is_tripped = True
        self._acknowledged = acknowledged_count
        self.held.update(self._seen)
        self._seen.clear()

    def note(self, place: int, acknowledged_count: int, now_ms: int) -> list[int]:
        """Hear of a listing that shows something else, and keep it back if it is part of a mass.

        Returns:
            Places that are to be looked at again: when it trips, all of the minute.
        """
        if self.is_tripped:
            self.held.add(place)
            return []
        self._seen[place] = now_ms
        self._seen.move_to_end(place)
        while next(iter(self._seen.values())) <= now_ms - WINDOW_MS:
            self._seen.popitem(last=False)
        if len(self._seen) < LISTINGS_MIN or len(self._seen) <= self._share * acknowledged_count:
            return []
        self.trip(acknowledged_count)
        return list(self.held)

    def drop(self, place: int) -> None:
        """Forget a listing."""
        self.held.discard(place)
        self._seen.pop(place, None)

    def end(self) -> list[int]:
        """Count anew; gives the places that were kept back."""
        freed = list(self.held)
        self.held.clear()
        self._seen.clear()
        self.is_tripped = False
        return freed
