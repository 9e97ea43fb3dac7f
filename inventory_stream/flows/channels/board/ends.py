"""How a batch ended, and what follows: nothing here waits or decides when."""

from collections.abc import Sequence
from typing import Final

from inventory_stream.flows.channels.board.again import (
    DEADLINE_MS,
    TRIES_AS_ONE,
    TRIES_MAX,
    wait_ms,
)
from inventory_stream.flows.channels.board.batch import Batch, batch_of
from inventory_stream.flows.channels.board.columns import UNKNOWN
from inventory_stream.flows.channels.board.state import State
from inventory_stream.flows.channels.board.states import CUT, RAISE, ZERO
from inventory_stream.ports.channel import Ended, Push, Result
from models.channels import DeadPush, ListingRow

UNNAMED: Final = "unnamed"
"""Code of an item that the answer does not name, or names with two ends (channels.md 3.5)."""


class Ends:
    """Takes the ends of one account's batches into its state."""

    def __init__(self, state: State, account: str) -> None:
        self._state = state
        self._account = account

    def take(self, batch: Batch, ends: Sequence[Ended], now_ms: int) -> list[tuple[str, ListingRow]]:
        """Take a batch's ends; gives the rows that are to be kept."""
        state = self._state
        landed: list[tuple[int, Push, Ended]] = []
        for push, end in zip(batch.pushes, _by_push(batch, ends), strict=True):
            place = state.columns.index.get(push.listing)
            if place is None or state.flights.get(place, (None,))[0] is not batch:
                continue
            told = state.flights[place][1]
            state.land(place)
            if place in state.leaving:
                state.leaving.discard(place)
                state.forget(place)
            else:
                landed.append((place, told, end))
                if end.result is Result.RETRYABLE:
                    self._may_be_applied(place, told, now_ms)
        if self._sends_again(batch, landed, now_ms):
            return []
        rows: list[tuple[str, ListingRow]] = []
        for place, push, end in landed:
            if self._take_one(place, push, end, batch, now_ms):
                rows.append((push.listing, state.row(place, now_ms)))
            state.sort(place, now_ms)
        return rows

    def _take_one(self, place: int, push: Push, end: Ended, batch: Batch, now_ms: int) -> bool:
        """Take one item's end; says whether its row has changed."""
        state = self._state
        result = end.result
        if result is Result.APPLIED:
            self._applied(place, push, now_ms)
            return True
        if result is Result.AMBIGUOUS:
            state.days.add(place, now_ms)
            state.checks.doubt(place, push.version, push.units, now_ms)
        elif result is Result.STALE:
            tries = self._failed_again(place, now_ms)
            if self._is_current(place, push) and self._is_enough(place, now_ms):
                self._bury(place, push, end, batch, now_ms)
                return True
            # The first time at once; a channel that never shows what it compares with is not asked for ever.
            if tries > 1:
                state.due_ms[place] = now_ms + wait_ms(tries - 1, batch.key)
            state.checks.block(place, now_ms)
        elif self._is_current(place, push):
            return self._failed(place, push, end, batch, now_ms)
        return False

    def _failed(self, place: int, push: Push, end: Ended, batch: Batch, now_ms: int) -> bool:
        """Take the end of an item that is not said to be applied; says whether it is dead."""
        state = self._state
        tries = 1
        is_dead = end.result is Result.PERMANENT
        if end.result is Result.RETRYABLE:
            tries = self._failed_again(place, now_ms)
            is_dead = self._is_enough(place, now_ms)
        if is_dead:
            self._bury(place, push, end, batch, now_ms)
        elif end.result is not Result.AUTH:
            state.due_ms[place] = _retry_at_ms(end, tries, batch, now_ms)
        return is_dead

    def _applied(self, place: int, push: Push, now_ms: int) -> None:
        state = self._state
        columns = state.columns
        state.days.add(place, now_ms)
        # An earlier request may still take effect, and then after this one: a look when all have settled.
        last_ms = max(columns.acknowledged_ms[place], state.failed.get(place, (0, 0))[1])
        is_crowded = now_ms < last_ms + 2 * state.settle_ms or place in state.repairs
        check = state.checks.get(place)
        if check is not None:
            check.is_told_since = True
        # Where the channel compared, none can but those whose end nobody knows: late, they may find what they
        # compare with shown again.
        is_compared = state.caps.has_cas and push.expected_units is not None
        is_sure = place not in state.failed and (check is None or check.units == UNKNOWN)
        if is_compared and is_sure:
            state.checks.drop(place)
        elif check is not None or (state.caps.can_read_back and is_crowded):
            state.checks.look(place, now_ms + state.settle_ms)
        if now_ms < state.looks_until_ms:
            state.checks.look(place, state.looks_until_ms + state.settle_ms)
        state.acknowledge(place, push.version, push.units, now_ms)

    def _may_be_applied(self, place: int, push: Push, now_ms: int) -> None:
        """Note what a failed request told: its repeat need not wait, but something has to be taken."""
        failed = self._state.failed
        failed[place] = max(push.units, failed.get(place, (UNKNOWN, 0))[0]), now_ms

    def _is_current(self, place: int, push: Push) -> bool:
        """Say whether a push still says what is wanted; what befell an older one does not matter."""
        state = self._state
        return state.push(place)[1:3] == push[1:3]

    def _failed_again(self, place: int, now_ms: int) -> int:
        count, first_ms = self._state.tries.get(place, (0, now_ms))
        self._state.tries[place] = count + 1, first_ms
        return count + 1

    def _is_enough(self, place: int, now_ms: int) -> bool:
        count, first_ms = self._state.tries[place]
        return count >= TRIES_MAX or now_ms >= first_ms + DEADLINE_MS

    def _bury(self, place: int, push: Push, end: Ended, batch: Batch, now_ms: int) -> None:
        state = self._state
        tries, _ = state.tries.pop(place, (0, 0))
        state.dead[place] = DeadPush(
            push.version.generation_ms,
            push.version.offset,
            push.units,
            end.code,
            batch.request_hash,
            now_ms,
            max(1, tries),
        )

    def _sends_again(self, batch: Batch, landed: list[tuple[int, Push, Ended]], now_ms: int) -> bool:
        """Keep a batch that was refused as a whole, to be sent again as it is, or its halves."""
        if batch.is_bulk or len(landed) < len(batch.pushes):
            return False
        results = {end.result for _, _, end in landed}
        if not all(self._is_current(place, push) for place, push, _ in landed):
            return False
        if results == {Result.PERMANENT} and len(landed) > 1:
            # Some channels refuse all for one: its neighbours are found out by halves.
            self._keep_halves(landed, now_ms)
            return True
        if not results <= {Result.RETRYABLE, Result.THROTTLED}:
            return False
        tries = 1
        if Result.RETRYABLE in results:
            tries = max([self._failed_again(place, now_ms) for place, _, _ in landed])
            if any(self._is_enough(place, now_ms) for place, _, _ in landed):
                for place, _, _ in landed:
                    count, first_ms = self._state.tries[place]
                    self._state.tries[place] = count - 1, first_ms
                return False
        due_ms = max(_retry_at_ms(end, tries, batch, now_ms) for _, _, end in landed)
        if Result.RETRYABLE in results and len(landed) > 1 and tries >= TRIES_AS_ONE:
            self._keep_halves(landed, due_ms)
        else:
            self._keep(batch, landed, due_ms)
        self._sort(landed, now_ms)
        return True

    def _keep_halves(self, landed: list[tuple[int, Push, Ended]], due_ms: int) -> None:
        middle = len(landed) // 2
        for half in (landed[:middle], landed[middle:]):
            repairs = [self._state.repair_ms(place) for place, _, _ in half]
            self._keep(batch_of(self._account, [push for _, push, _ in half], repairs), half, due_ms)
        self._sort(landed, due_ms)

    def _keep(self, batch: Batch, landed: list[tuple[int, Push, Ended]], due_ms: int) -> None:
        state = self._state
        if batch.is_zeros:
            lane = ZERO
        elif any(push.units < state.shown_most(place) for place, push, _ in landed):
            lane = CUT
        else:
            lane = RAISE
        state.repeats.put(batch, [place for place, _, _ in landed], lane, due_ms)

    def _sort(self, landed: list[tuple[int, Push, Ended]], now_ms: int) -> None:
        for place, _, _ in landed:
            self._state.sort(place, now_ms)


def _by_push(batch: Batch, ends: Sequence[Ended]) -> list[Ended]:
    """Give each push's end, in the order of the batch."""
    found: dict[str, Ended] = {}
    for end in ends:
        before = found.get(end.listing)
        is_unclear = before is not None and before.result is not end.result
        found[end.listing] = Ended(end.listing, Result.AMBIGUOUS, UNNAMED) if is_unclear else end
    return [found.get(push.listing, Ended(push.listing, Result.AMBIGUOUS, UNNAMED)) for push in batch.pushes]


def _retry_at_ms(end: Ended, tries: int, batch: Batch, now_ms: int) -> int:
    # A time that has passed says no more than none.
    if end.result is Result.THROTTLED and end.retry_at_ms is not None and end.retry_at_ms > now_ms:
        return end.retry_at_ms
    return now_ms + wait_ms(tries, batch.key)
