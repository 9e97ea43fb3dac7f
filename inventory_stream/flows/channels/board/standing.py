"""How an account's listings stand, in numbers."""

from collections.abc import Collection
from typing import Final, NamedTuple

from inventory_stream.flows.channels.board.columns import UNKNOWN
from inventory_stream.flows.channels.board.mass_change import MassChange
from inventory_stream.flows.channels.board.mass_drift import MassDrift
from inventory_stream.flows.channels.board.state import State
from inventory_stream.flows.channels.board.states import (
    AGAIN,
    BUDGET,
    CHECK,
    CUT,
    DEAD,
    DUE,
    FLIGHT,
    HELD,
    IDLE,
    MASS,
    RAISE,
    STOPPED,
    ZERO,
)
from inventory_stream.ports.projection import Version
from models.channels import ListingRow


class Waiting(NamedTuple):
    """Listings in each lane, to be taken."""

    zeros: int
    cuts: int
    raises: int


class Sides(NamedTuple):
    """Of one listing what is wanted and what the channel took last; None: nothing yet.

    `is_idle`: in step as far as is known, nothing under way, the settle time since the last acknowledgement
    over: what the channel shows now has to be what it took.
    """

    published: int | None
    acknowledged: int | None
    is_idle: bool


class Standing:
    """What the board tells of itself; nothing here changes anything."""

    def __init__(self, state: State) -> None:
        self._state: Final = state

    @property
    def listings(self) -> Collection[str]:
        """Names of all that are followed."""
        return self._state.columns.index.keys()

    @property
    def waiting(self) -> Waiting:
        """Listings per lane."""
        counts = self._state.columns.counts
        return Waiting(counts[ZERO], counts[CUT], counts[RAISE])

    @property
    def held(self) -> int:
        """Raises that wait for orders."""
        return self._state.columns.counts[HELD]

    @property
    def deferred(self) -> int:
        """Listings that wait for a time: to be sent again, read back, or for the next day."""
        counts = self._state.columns.counts
        return counts[AGAIN] + counts[DUE] + counts[CHECK] + counts[BUDGET]

    @property
    def in_flight(self) -> int:
        """Listings in batches that have not ended."""
        return self._state.columns.counts[FLIGHT]

    @property
    def dead(self) -> int:
        """Listings that were refused for good, by the channel or by an operator."""
        return self._state.columns.counts[DEAD]

    @property
    def stopped(self) -> int:
        """Listings that an operator stopped, or that await approval, out of step."""
        return self._state.columns.counts[STOPPED] + self._state.columns.counts[MASS]

    @property
    def in_step(self) -> int:
        """Listings that the channel took as wanted."""
        columns = self._state.columns
        return columns.counts[IDLE] - (len(columns.index) - columns.wanted_count)

    @property
    def unbacked(self) -> int:
        """Listings that the channel was told units of, while nobody said what they have to show."""
        return self._state.columns.unbacked_count

    @property
    def exposure_units(self) -> int:
        """Sum of max(0, the most that a buyer may still be shown - what is wanted) (design.md section 3)."""
        return self._state.exposure_units

    @property
    def mass_change(self) -> MassChange | None:
        """What awaits approval."""
        return self._state.guard.change

    @property
    def mass_drift(self) -> MassDrift | None:
        """What is not mended before somebody approves."""
        return self._state.drift.drift

    def oldest_waiting_ms(self, now_ms: int) -> int:
        """For how long the oldest is out of step that nobody keeps back."""
        since_ms = self._state.ages.oldest_ms()
        return 0 if since_ms is None else now_ms - since_ms

    def is_waiting(self, listing: str) -> bool:
        """Say whether the channel is to be told something of a listing, or was just now."""
        place = self._state.columns.index.get(listing)
        return place is not None and self._state.columns.state[place] != IDLE

    def released_ms(self, listing: str) -> int:
        """Say until when the wish that waits or flies was kept back; 0: it was not."""
        return self._state.released_ms.get(self._state.columns.index.get(listing, -1), 0)

    def row(self, listing: str, now_ms: int) -> ListingRow | None:
        """Give what was acknowledged of a listing; None: not followed."""
        place = self._state.columns.index.get(listing)
        return None if place is None else self._state.row(place, now_ms)

    def wanted(self, listing: str) -> tuple[Version, int] | None:
        """Give what is wanted of a listing; None: nothing."""
        columns = self._state.columns
        place = columns.index.get(listing)
        if place is None or columns.wanted_units[place] == UNKNOWN:
            return None
        return columns.wanted(place), self._state.target(place)

    def sides(self, listing: str, now_ms: int) -> Sides:
        """Say what a reconcile compares with what the channel shows."""
        columns = self._state.columns
        place = columns.index.get(listing)
        if place is None:
            return Sides(None, None, is_idle=False)
        published, acknowledged = self._state.target(place), columns.acknowledged_units[place]
        is_idle = (
            columns.state[place] == IDLE
            and published != UNKNOWN
            and self._state.checks.get(place) is None
            and now_ms >= columns.acknowledged_ms[place] + self._state.settle_ms
        )
        return Sides(
            None if published == UNKNOWN else published,
            None if acknowledged == UNKNOWN else acknowledged,
            is_idle,
        )
