"""What is sent next, and how it ended."""

from collections.abc import Callable, Sequence
from typing import Final

from inventory_stream.flows.channels.board.asked import Asked
from inventory_stream.flows.channels.board.batch import Batch, batch_of
from inventory_stream.flows.channels.board.checks import READ_BACK_TRIES_MAX
from inventory_stream.flows.channels.board.columns import UNKNOWN
from inventory_stream.flows.channels.board.ends import Ends
from inventory_stream.flows.channels.board.state import State
from inventory_stream.flows.channels.board.states import (
    CUT,
    LANES,
    RAISE,
    ZERO,
)
from inventory_stream.ports.channel import Ended
from models.channels import ListingRow


class Sending(Asked):
    """The sender's side of the board."""

    def __init__(self, state: State, account: str) -> None:
        super().__init__(state)
        self._caps: Final = state.caps
        self._account = account
        self._ends: Final = Ends(state, account)

    def take(
        self, now_ms: int, *, zeros_only: bool = False, group_of: Callable[[str], str] | None = None
    ) -> Batch | None:
        """Give the most urgent batch, which is in flight from now on; None: nothing may be sent now.

        A batch that is to be sent again comes as it was. A new one begins in the most urgent lane, oldest
        first, and is filled up from the others.

        Args:
            now_ms: The time.
            zeros_only: Leave everything but zeros.
            group_of: Names what all listings of a request must share; None: nothing.
        """
        state = self._state
        state.advance(now_ms)
        for lane in (ZERO,) if zeros_only else LANES:
            batch = state.repeats.take(lane, state.columns.index.get)
            if batch is not None:
                state.fly(batch)
                return batch
            first = state.lanes.pop(lane)
            if first is not None:
                lanes = [other for other in LANES if other >= lane and (other == ZERO or not zeros_only)]
                return self._fly(self._fill([first], lanes, self._caps.batch_max, group_of))
        return None

    def take_bulk(self, now_ms: int) -> Batch | None:
        """Give a batch for the channel's slow way, if so many wait that it is the faster one.

        Zeros are left to the fast way: a listing in a bulk push is in flight until the bulk has ended.
        """
        state = self._state
        state.advance(now_ms)
        counts = state.columns.counts
        if not self._caps.bulk_max or counts[CUT] + counts[RAISE] < self._caps.bulk_from:
            return None
        places = self._fill([], [CUT, RAISE], self._caps.bulk_max, None)
        return self._fly(places, is_bulk=True) if places else None

    def ended(self, batch: Batch, ends: Sequence[Ended], now_ms: int) -> list[tuple[str, ListingRow]]:
        """Hear how a batch ended, and give the rows to keep.

        APPLIED is acknowledged. RETRYABLE and THROTTLED come again when due: the same batch if nothing else
        happened to it, its halves after `again.TRIES_AS_ONE` tries. PERMANENT is dead until a newer revision
        or a replay; a batch that was refused as a whole is halved first, since some channels refuse all for
        one. AUTH waits on; the caller parks the account. AMBIGUOUS is read back after the settle time, and a
        newer cut goes at once. STALE is read back first. What `ends` does not name is AMBIGUOUS.
        """
        return self._ends.take(batch, ends, now_ms)

    def give_back(self, batch: Batch, now_ms: int) -> None:
        """Hear that nothing of a batch was sent."""
        state = self._state
        for push in reversed(batch.pushes):
            place = state.columns.index.get(push.listing)
            if place is None or state.flights.get(place, (None,))[0] is not batch:
                continue
            state.land(place)
            if place in state.leaving:
                state.leaving.discard(place)
                state.forget(place)
            else:
                state.sort(place, now_ms, is_first=True)

    def to_read_back(self, now_ms: int) -> list[str]:
        """Name listings to read back, `caps.read_back_max` at most; each again later until `observed`.

        Where the channel cannot be read, or does not answer, what is wanted is sent once more.
        """
        state = self._state
        found: list[str] = []
        for place in state.checks.due(now_ms, self._caps.read_back_max):
            check = state.checks.get(place)
            if check is None or place in state.flights:
                continue
            if self._caps.can_read_back and check.tries <= READ_BACK_TRIES_MAX:
                found.append(state.columns.names[place])
            else:
                state.checks.drop(place)
                if state.target(place) != UNKNOWN:
                    state.observed[place] = max(check.units, state.shown_most(place))
                    state.repairs[place] = state.looked_ms[place] = now_ms
                    state.blind.add(place)
                state.sort(place, now_ms)
        return found

    def is_due(self, now_ms: int, *, zeros_only: bool = False) -> bool:
        """Say whether `take` would give a batch now; one group's may still be all in flight."""
        state = self._state
        state.advance(now_ms)
        return any(
            state.columns.counts[lane] or state.repeats.has_ready(lane)
            for lane in ((ZERO,) if zeros_only else LANES)
        )

    def next_due_ms(self, now_ms: int) -> int | None:
        """When `take` or `to_read_back` may give something that they do not give now; None: never.

        Not after now: more is to be read back at once.
        """
        self._state.advance(now_ms)
        return self._state.next_ms()

    def _fill(
        self, places: list[int], lanes: list[int], most: int, group_of: Callable[[str], str] | None
    ) -> list[int]:
        """Add listings from lanes to those taken, up to so many."""
        state = self._state
        names = state.columns.names
        for lane in lanes:
            if group_of is not None and places:
                if len(places) < most:
                    group = group_of(names[places[0]])
                    places += state.lanes.pop_of_group(
                        lane, group, lambda place: group_of(names[place]), most - len(places)
                    )
                continue
            while len(places) < most:
                place = state.lanes.pop(lane)
                if place is None:
                    break
                places.append(place)
        return places

    def _fly(self, places: list[int], *, is_bulk: bool = False) -> Batch:
        state = self._state
        pushes = [state.push(place) for place in places]
        repairs = [state.repair_ms(place) for place in places]
        batch = batch_of(self._account, pushes, repairs, is_bulk=is_bulk)
        state.fly(batch)
        return batch
