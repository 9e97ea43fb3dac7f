"""Any story of one account; its channel does at once what it says, and sometimes loses the answer."""

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inventory_stream.ports.channel import Ended, Result
from tests.unit.flows.channels.board.told import NOW_MS, Told

if TYPE_CHECKING:
    from inventory_stream.flows.channels.board import Batch

LISTINGS = "abcd"
DAY_MS = 86_400_000

results = st.sampled_from([*Result, None])


class AnyStory(RuleBasedStateMachine):
    """A board of four listings, and what buyers see."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Told(LISTINGS, batch_max=3)
        self.wanted: dict[str, int] = {}
        self.shown: dict[str, int] = {}
        self.flying: list[Batch] = []
        self.at = 0

    @rule(
        listing=st.sampled_from(LISTINGS), units=st.sampled_from([0, 0, 1, 5, 200]), age=st.integers(0, 3_000)
    )
    def want(self, listing: str, units: int, age: int) -> None:
        """The ledger changes."""
        self.wanted[listing] = units
        self.account.offset += 1
        self.account.want(listing, units, self.at - age)

    @rule(zeros_only=st.booleans())
    def send(self, *, zeros_only: bool) -> None:
        """A batch leaves: nothing that is in flight already, only what is wanted now."""
        batch = self.account.take(self.at, zeros_only=zeros_only)
        if batch is None:
            return
        for push in batch.pushes:
            assert all(push.listing != other.listing for one in self.flying for other in one.pushes)
            assert push.units == self.wanted[push.listing]
        self.flying.append(batch)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A batch ends; what ended AMBIGUOUS or RETRYABLE, or is not named, was applied, or was not."""
        batch = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        ends: list[Ended] = []
        for push in batch.pushes:
            result = data.draw(results)
            is_unclear = result in {None, Result.AMBIGUOUS, Result.RETRYABLE}
            if result is Result.APPLIED or (is_unclear and data.draw(st.booleans())):
                self.shown[push.listing] = push.units
            if result is not None:
                ends.append(Ended(push.listing, result))
        self.account.board.ended(batch, ends, NOW_MS + self.at)

    @rule(by_ms=st.sampled_from([1, 500, 2_000, 60_000]))
    def wait(self, by_ms: int) -> None:
        """Time passes."""
        self.at += by_ms

    @rule(is_told=st.booleans())
    def look(self, *, is_told: bool) -> None:
        """The channel tells what it shows, or does not."""
        for listing in self.account.board.to_read_back(NOW_MS + self.at):
            if is_told:
                self.account.board.observed(listing, self.shown.get(listing), NOW_MS + self.at)

    @rule(listing=st.sampled_from(LISTINGS), units=st.integers(0, 9))
    def drift(self, listing: str, units: int) -> None:
        """Somebody changes what the channel shows, and a reconcile finds out."""
        if all(push.listing != listing for batch in self.flying for push in batch.pushes):
            self.shown[listing] = units
            self.account.board.observed(listing, units, NOW_MS + self.at + 10_000)
            self.at += 10_000

    @invariant()
    def exposure_covers_what_buyers_see(self) -> None:
        """No buyer is shown more beyond what is wanted than the board says, looks that are due left out."""
        board = self.account.board
        counts = (*board.waiting, board.held, board.deferred, board.in_flight, board.dead, board.in_step)
        assert sum(counts) == len(self.wanted)
        assert board.exposure_units >= sum(
            max(0, self.shown.get(listing, 0) - units) for listing, units in self.wanted.items()
        )

    def teardown(self) -> None:
        """When all goes well again, the channel shows what is wanted within a day."""
        for _ in range(100):
            self.account.board.replay(None, NOW_MS + self.at)
            while (batch := self.account.take(self.at)) is not None:
                self.flying.append(batch)
            for batch in self.flying:
                self.shown.update({push.listing: push.units for push in batch.pushes})
                ends = [Ended(push.listing, Result.APPLIED) for push in batch.pushes]
                self.account.board.ended(batch, ends, NOW_MS + self.at)
            self.flying.clear()
            self.look(is_told=True)
            self.at += 60_000
        assert {listing: self.shown.get(listing, 0) for listing in self.wanted} == self.wanted
        assert self.account.board.in_step == len(self.wanted)
        assert self.account.board.exposure_units == 0


TestAnyStory = AnyStory.TestCase
TestAnyStory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
