"""Hundreds of seeds of an account's life, and bugs that they must find."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from inventory_stream.flows.channels.board.again import Repeats
from inventory_stream.flows.channels.board.board import Board
from inventory_stream.flows.channels.board.checks import Checks
from inventory_stream.flows.channels.board.ends import Ends
from inventory_stream.flows.channels.board.lanes import Holds
from inventory_stream.flows.channels.board.state import State
from inventory_stream.flows.channels.board.states import FLIGHT, IDLE
from inventory_stream.ports.channel import Result
from tests.simulation.channels.world import World

SEEDS: Final = int(os.environ.get("CHANNEL_SEEDS", "400"))
"""About 15 ms each on one core; CHANNEL_SEEDS asks for more, CHANNEL_FIRST_SEED for others."""
FIRST_SEED: Final = int(os.environ.get("CHANNEL_FIRST_SEED", "0"))
PARTS: Final = 4
"""Tests that share them, so that they spread over workers."""
SEEDS_PER_BUG: Final = 400
"""Tries per planted bug. The rarest, a failed request that counts as never sent, needs 270."""

EVENTS: Final = {
    *("effect", "answer", "read", "die", "takeover", "orders", "mass", "approve", "remap", "bulk"),
    *("stop", "kill", "replay", "refuse"),
    *(result.value for result in Result),
}


@pytest.mark.parametrize("part", range(PARTS))
def test_every_seed_ends_with_the_ledgers_value_everywhere(part: int) -> None:
    """The channel shows what the ledger says in the end, zeros went first, nothing older followed newer."""
    met: Counter[str] = Counter()
    for seed in range(FIRST_SEED + part, FIRST_SEED + SEEDS, PARTS):
        story = World(seed).run()
        assert not story.violations, f"seed {seed}: {story.violations[:3]}"
        met += story.met
    assert set(met) >= EVENTS, f"never met: {sorted(EVENTS - set(met))}"


def test_equal_seeds_tell_equal_stories() -> None:
    """What a seed found yesterday it finds today."""
    assert World(7).run().notes == World(7).run().notes


def _unnamed_is_applied(patch: pytest.MonkeyPatch) -> None:
    """An item that the answer does not name counts as taken."""
    patch.setattr(Checks, "doubt", lambda *_: None)
    real = State.land

    def land(self: State, place: int) -> None:
        push = self.flights[place][1]
        real(self, place)
        self.acknowledge(place, push.version, push.units, self.columns.acknowledged_ms[place] or 1)

    patch.setattr(State, "land", land)


def _failed_is_not_applied(patch: pytest.MonkeyPatch) -> None:
    """A request that is said to have failed counts as one that was never sent."""
    patch.setattr(Ends, "_may_be_applied", lambda *_: None)


def _raises_first(patch: pytest.MonkeyPatch) -> None:
    """The lanes are emptied in the wrong order."""
    patch.setattr("inventory_stream.flows.channels.board.sending.LANES", (3, 2, 1))


def _nothing_is_held(patch: pytest.MonkeyPatch) -> None:
    """A raise does not wait for orders."""
    patch.setattr(Holds, "holds", lambda *_: False)


def _old_batches_live(patch: pytest.MonkeyPatch) -> None:
    """A batch is sent again although a newer revision concerns it."""
    patch.setattr(Repeats, "dissolve", lambda *_: [])
    patch.setattr(Repeats, "holds", lambda *_: False)


def _successor_trusts(patch: pytest.MonkeyPatch) -> None:
    """A new owner does not look at what the former one may have told."""
    patch.setattr(Board, "begin", lambda *_, **__: None)


def _nothing_is_looked_at(patch: pytest.MonkeyPatch) -> None:
    """What follows another request closely is taken for what the channel shows."""
    patch.setattr(Checks, "look", lambda *_: None)
    patch.setattr(Checks, "doubt", lambda *_: None)


def _one_key(patch: pytest.MonkeyPatch) -> None:
    """What was told before and is not true any more is told again under the same key."""
    real = State.push
    patch.setattr(State, "repair_ms", lambda *_: None)
    patch.setattr(State, "push", lambda self, place: real(self, place)._replace(after_ms=0))


def _two_in_flight(patch: pytest.MonkeyPatch) -> None:
    """A listing goes into a lane while its request is in flight."""
    real: Any = State.sort

    def sort(self: State, place: int, now_ms: int, **how: bool) -> None:
        if self.columns.state[place] == FLIGHT:
            self.columns.enter(place, IDLE)
        real(self, place, now_ms, **how)

    patch.setattr(State, "sort", sort)


def _dead_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A newer revision does not revive a dead push, nor does a replay."""
    real = State.wish_changed

    def wish_changed(self: State, place: int, now_ms: int) -> None:
        kept = self.dead.get(place)
        real(self, place, now_ms)
        if kept is not None:
            self.dead[place] = kept

    patch.setattr(State, "wish_changed", wish_changed)
    patch.setattr(Board, "replay", lambda *_: 0)


def _any_version(patch: pytest.MonkeyPatch) -> None:
    """A listing that shows another SKU keeps the revision of the former one as its guard."""
    real: Any = State.remap

    def remap(self: State, place: int, sku: str, now_ms: int) -> None:
        version = self.columns.acknowledged(place)
        real(self, place, sku, now_ms)
        self.columns.acknowledged_generation[place], self.columns.acknowledged_offset[place] = version

    patch.setattr(State, "remap", remap)


BUGS: Final[tuple[Callable[[pytest.MonkeyPatch], None], ...]] = (
    _unnamed_is_applied,
    _failed_is_not_applied,
    _raises_first,
    _nothing_is_held,
    _old_batches_live,
    _successor_trusts,
    _nothing_is_looked_at,
    _one_key,
    _two_in_flight,
    _dead_for_ever,
    _any_version,
)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__.strip("_"))
def test_planted_bug_is_found(plant: Callable[[pytest.MonkeyPatch], None]) -> None:
    """A simulation that cannot find a bug proves nothing: some seed breaks a rule over each of these."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        for seed in range(SEEDS_PER_BUG):
            if World(seed).run().violations:
                return
    pytest.fail(f"{plant.__doc__}: not found in {SEEDS_PER_BUG} seeds")
