"""Where each listing belongs: the one rule that says it, and the moves."""

from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Final

from inventory_stream.flows.channels.board.batch import Batch
from inventory_stream.flows.channels.board.checks import NO_VERSION
from inventory_stream.flows.channels.board.columns import UNKNOWN
from inventory_stream.flows.channels.board.facts import Facts
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
    KEPT_BACK,
    LANES,
    MASS,
    RAISE,
    RESTING,
    STOPPED,
    ZERO,
)
from inventory_stream.ports.channel import Caps
from inventory_stream.ports.projection import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

SORTED_AT_ONCE: Final = 1_000
"""Listings looked at again in one go when all have to be: 10 ms, so that a kill of a million does not stop
the worker's heart."""


class State(Facts):
    """Facts, and every listing in the state that follows from them."""

    def __init__(self, caps: Caps, raise_hold_ms: int, mass_change_share: float) -> None:
        super().__init__(caps, raise_hold_ms, mass_change_share)
        self._alarms: Final[list[tuple[int, int]]] = []
        self._unsorted: Iterator[int] | None = None

    def sort(self, place: int, now_ms: int, *, is_first: bool = False) -> None:
        """Put a listing where it belongs now; called after anything about it has changed."""
        columns = self.columns
        if columns.state[place] == FLIGHT:
            self.weigh(place)
            return
        state = self._state_of(place, now_ms)
        was = columns.state[place]
        if state != was:
            self._enter(place, was, state, now_ms)
        if state == RAISE:
            self.looked_ms.pop(place, None)  # orders of its time are in, or waited for long enough
        if state in LANES:
            self.lanes.put(place, state, is_first=is_first)
        elif state == HELD:
            self.holds.put(place, self.at_ms(place), now_ms)
        elif state == DUE and was != DUE:
            self.alarm(place, self.due_ms[place])
        elif state == BUDGET and was != BUDGET:
            self.alarm(place, self.days.next_ms(now_ms))
        elif state == IDLE and place in self.undead and self.target(place) != UNKNOWN:
            self.undead.discard(place)
            self.in_step_again.add(place)
        if state in RESTING:
            self.ages.end(place)
        else:
            self.ages.begin(place, now_ms)
        self.weigh(place)

    def _enter(self, place: int, was: int, state: int, now_ms: int) -> None:
        self.columns.enter(place, state)
        if was == HELD:
            self.holds.drop(place)
        if was in KEPT_BACK and state not in RESTING:
            self.released_ms[place] = now_ms

    def sort_all(self, now_ms: int) -> None:
        """Put every listing where it belongs, since what is wanted of each has changed: by and by.

        What waits to be sent as it was is taken apart at once; everything else says what is wanted now when
        it is sent, sorted or not.
        """
        for place in self.repeats.places():
            self.wish_changed(place, now_ms)
            self.sort(place, now_ms)
        self._unsorted = iter(range(len(self.columns.names)))
        self.advance(now_ms)

    def _sort_some(self, now_ms: int) -> None:
        places = list(islice(self._unsorted, SORTED_AT_ONCE)) if self._unsorted is not None else []
        if not places:
            self._unsorted = None
        for place in places:
            if self.columns.names[place]:
                self.wish_changed(place, now_ms)
                self.sort(place, now_ms)

    def advance(self, now_ms: int) -> None:
        """Look again at all whose time has come."""
        if self._unsorted is not None:
            self._sort_some(now_ms)
        self.repeats.advance(now_ms)
        for place in self.holds.due(now_ms):
            if self.columns.state[place] == HELD:
                self.sort(place, now_ms)
        while self._alarms and self._alarms[0][0] <= now_ms:
            place = heappop(self._alarms)[1]
            if self.columns.state[place] in {DUE, BUDGET}:
                self.sort(place, now_ms)

    def next_ms(self) -> int | None:
        """When `advance` or a read back may have something to do."""
        if self._unsorted is not None:
            return 0
        found = [self.repeats.next_ms(), self.holds.next_ms(), self.checks.next_ms()]
        if self._alarms:
            found.append(self._alarms[0][0])
        return min((at_ms for at_ms in found if at_ms is not None), default=None)

    def alarm(self, place: int, at_ms: int) -> None:
        """Look at a listing again at a time."""
        heappush(self._alarms, (at_ms, place))

    def fly(self, batch: Batch) -> None:
        """Note that a batch is on its way."""
        for push in batch.pushes:
            place = self.columns.index[push.listing]
            if self.columns.state[place] == HELD:
                self.holds.drop(place)
            self.columns.enter(place, FLIGHT)
            self.flights[place] = batch, push
            self.weigh(place)

    def land(self, place: int) -> None:
        """Note that a listing's request has ended; `sort` is to follow."""
        del self.flights[place]
        self.columns.enter(place, IDLE)

    def dissolve(self, place: int, now_ms: int) -> None:
        """Take apart the batch in which a listing waits to be sent again."""
        for other in self.repeats.dissolve(place, self.columns.index.get):
            if other != place:
                self.sort(other, now_ms)

    def wish_changed(self, place: int, now_ms: int) -> None:
        """Note that something else is wanted: what befell the former wish does not matter any more."""
        self.dissolve(place, now_ms)
        if self.due_ms and self.target(place) < self.shown_most(place):
            self.due_ms.pop(place, None)
        if self.dead and self.dead.pop(place, None) is not None:
            self.undead.add(place)
        for rare in (self.tries, self.repairs):
            if rare:
                rare.pop(place, None)
        self.drift.held.discard(place)

    def remap(self, place: int, sku: str, now_ms: int) -> None:
        """Have a listing show another SKU: what was told counts, the versions of it do not."""
        columns = self.columns
        columns.skus[place] = sku
        columns.forget_wanted(place)
        columns.acknowledged_generation[place] = columns.acknowledged_offset[place] = 0
        self.wish_changed(place, now_ms)
        check = self.checks.get(place)
        if check is not None:
            check.version = NO_VERSION
        flight = self.flights.get(place)
        if flight is not None:
            self.flights[place] = flight[0], flight[1]._replace(version=NO_VERSION)
        self.sort(place, now_ms)

    def acknowledge(self, place: int, version: Version, units: int, now_ms: int) -> None:
        """Note what the channel shows for sure, or says that it will."""
        self.columns.acknowledge(place, version, units, now_ms)
        self.blind.discard(place)
        self.undead.discard(place)
        for rare in (self.observed, self.repairs, self.failed, self.tries, self.due_ms):
            if rare:
                rare.pop(place, None)
        self.released_ms.pop(place, None)
        self.drift.held.discard(place)
        # What was in flight when an operator refused the wish after it says nothing of that one.
        if self.dead and place in self.dead and version >= self.dead_version(place):
            del self.dead[place]

    def forget(self, place: int) -> None:
        """Take a listing out that is not in flight."""
        self.holds.drop(place)
        self.ages.end(place)
        self.checks.drop(place)
        self.guard.drop(place)
        self.drift.drop(place)
        self.days.drop(place)
        self.failed.pop(place, None)
        self.released_ms.pop(place, None)
        for rare in (self.observed, self.repairs, self.looked_ms, self.dead, self.tries, self.due_ms):
            rare.pop(place, None)
        for some in (self.stopped, self.blind, self.undead, self.in_step_again):
            some.discard(place)
        self.exposure_units -= self.columns.exposed_units[place]
        self.columns.remove(place)

    def _state_of(self, place: int, now_ms: int) -> int:  # noqa: C901, PLR0911, PLR0912  # one line of rules
        if self.is_in_step(place):
            return IDLE
        units = self.target(place)
        if not self.is_killed:
            if place in self.stopped:
                return STOPPED
            if place in self.guard.held or place in self.drift.held:
                return MASS
        if place in self.dead:
            return DEAD
        check = self.checks.get(place)
        # What was taken after a doubtful request is what a raise is meant against.
        is_taken = (check is not None and check.is_told_since) or place in self.blind
        shown = self.taken_most(place) if is_taken else self.shown_most(place)
        is_cut = units < shown
        if check is not None and (check.is_blocking or check.units != UNKNOWN):
            # A newer cut need not know what the older request did; the look comes all the same.
            is_newer = self.columns.wanted(place) > check.version or units < check.least_units
            is_told = units == self.columns.acknowledged_units[place]
            if check.is_blocking or is_told or not (is_cut and is_newer):
                return CHECK
        if self.repeats.holds(place):
            return AGAIN
        if self.due_ms and self.due_ms.get(place, 0) > now_ms:
            return DUE
        if not self.days.allows(place, units, shown, now_ms):
            return BUDGET
        if units == 0:
            return ZERO
        if is_cut and not self.is_above_seen(place, units, check):
            return CUT
        if self.caps.takes_orders and self.holds.holds(place, self.at_ms(place), now_ms):
            return HELD
        return RAISE
