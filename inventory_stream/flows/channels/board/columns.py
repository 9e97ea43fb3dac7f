"""All listings of an account as columns of numbers: a million of them take 100 MB, names included."""

from array import array
from typing import Final

from inventory_stream.flows.channels.board.states import IDLE, STATES
from inventory_stream.ports.projection import Version

UNKNOWN: Final = -1
"""In a column of units: nothing is known."""


class Columns:
    """One place of every column for a listing. Places of listings that went are used again.

    `wanted_*`: what the ledger says now. `acknowledged_*`: what the channel took last. `since_ms`: from when
    on the channel is not known to show what is wanted; 0: it does, or nothing can be done. `exposed_units`:
    its share of the account's exposure. `partition`: the ledger's that both versions are of.
    """

    def __init__(self) -> None:
        self.index: Final[dict[str, int]] = {}
        self.names: Final[list[str]] = []
        self.skus: Final[list[str]] = []
        self.state: Final = array("B")
        self.queued: Final = array("B")
        self.wanted_generation: Final = array("q")
        self.wanted_offset: Final = array("q")
        self.wanted_units: Final = array("q")
        self.wanted_at_ms: Final = array("q")
        self.acknowledged_generation: Final = array("q")
        self.acknowledged_offset: Final = array("q")
        self.acknowledged_units: Final = array("q")
        self.acknowledged_ms: Final = array("q")
        self.since_ms: Final = array("q")
        self.exposed_units: Final = array("q")
        self.partition: Final = array("i")
        self.counts: Final = [0] * STATES
        self.acknowledged_count: int = 0
        self.wanted_count: int = 0
        self.unbacked_count: int = 0
        """Nothing is wanted, but units were acknowledged."""
        self._free: Final[list[int]] = []
        self._numbers: Final = (
            (self.state, IDLE),
            (self.queued, 0),
            (self.wanted_generation, 0),
            (self.wanted_offset, 0),
            (self.wanted_units, UNKNOWN),
            (self.wanted_at_ms, 0),
            (self.acknowledged_generation, 0),
            (self.acknowledged_offset, 0),
            (self.acknowledged_units, UNKNOWN),
            (self.acknowledged_ms, 0),
            (self.since_ms, 0),
            (self.exposed_units, 0),
            (self.partition, 0),
        )

    def add(self, listing: str, sku: str) -> int:
        """Make a place for a listing that has none."""
        if self._free:
            place = self._free.pop()
            self.names[place], self.skus[place] = listing, sku
        else:
            place = len(self.names)
            self.names.append(listing)
            self.skus.append(sku)
            for column, value in self._numbers:
                column.append(value)
        self.index[listing] = place
        self.counts[IDLE] += 1
        return place

    def remove(self, place: int) -> None:
        """Give a place back. Lanes may still name it: `queued` stays, so that nothing is queued twice."""
        self.forget_wanted(place)
        if self.acknowledged_units[place] != UNKNOWN:
            self.acknowledged_count -= 1
        self.unbacked_count -= self._is_unbacked(place)
        self.counts[self.state[place]] -= 1
        queued = self.queued[place]
        for column, value in self._numbers:
            column[place] = value
        self.queued[place] = queued
        del self.index[self.names[place]]
        self.names[place] = self.skus[place] = ""
        self._free.append(place)

    def wanted(self, place: int) -> Version:
        """The version that is wanted."""
        return Version(self.wanted_generation[place], self.wanted_offset[place])

    def acknowledged(self, place: int) -> Version:
        """The version that was acknowledged; 0:0 if none ever was, or it was of another SKU."""
        return Version(self.acknowledged_generation[place], self.acknowledged_offset[place])

    def want(self, place: int, version: Version, units: int, at_ms: int) -> None:
        """Note what the ledger says."""
        self.unbacked_count -= self._is_unbacked(place)
        if self.wanted_units[place] == UNKNOWN:
            self.wanted_count += 1
        self.wanted_generation[place], self.wanted_offset[place] = version
        self.wanted_units[place] = units
        self.wanted_at_ms[place] = at_ms

    def forget_wanted(self, place: int) -> None:
        """Forget what the ledger said."""
        if self.wanted_units[place] != UNKNOWN:
            self.wanted_count -= 1
            self.wanted_units[place] = UNKNOWN
            self.wanted_generation[place] = self.wanted_offset[place] = 0
            self.unbacked_count += self._is_unbacked(place)

    def acknowledge(self, place: int, version: Version, units: int, now_ms: int) -> None:
        """Note what the channel took."""
        if self.acknowledged_units[place] == UNKNOWN:
            self.acknowledged_count += 1
        self.unbacked_count -= self._is_unbacked(place)
        self.acknowledged_generation[place], self.acknowledged_offset[place] = version
        self.acknowledged_units[place] = units
        self.acknowledged_ms[place] = now_ms
        self.unbacked_count += self._is_unbacked(place)

    def _is_unbacked(self, place: int) -> bool:
        return self.wanted_units[place] == UNKNOWN and self.acknowledged_units[place] > 0

    def enter(self, place: int, state: int) -> None:
        """Move a listing into a state."""
        self.counts[self.state[place]] -= 1
        self.counts[state] += 1
        self.state[place] = state
