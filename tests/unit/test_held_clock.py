"""The decisions' clock: the machine's, held to the broker's."""

import pytest

from inventory_stream.adapters.kafka.held_clock import HeldClock

LIMIT_MS = 2_000
BROKER_MS = 1_800_000_000_000
"""The broker's clock when our steady one shows 0."""


class World:
    """Time as it passes, and how far the machine's clock is from the broker's."""

    seconds = 0.0
    ahead_ms = 0

    def __init__(self) -> None:
        self.clock = HeldClock(LIMIT_MS, self.wall_ms, lambda: self.seconds)

    def wall_ms(self) -> int:
        """The machine's clock."""
        return self.broker_ms() + self.ahead_ms

    def broker_ms(self) -> int:
        """The broker's clock."""
        return BROKER_MS + int(self.seconds * 1_000)

    def append(self, out_seconds: float = 0.01, back_seconds: float = 0.01) -> None:
        """Send an append and get its acknowledgement."""
        sent = self.seconds
        self.seconds += out_seconds
        stamped_ms = self.broker_ms()
        self.seconds += back_seconds
        self.clock.note(sent, stamped_ms, self.seconds)


@pytest.fixture
def world() -> World:
    """Give a world at its beginning."""
    return World()


def test_clock_is_the_machines_before_the_broker_was_heard(world: World) -> None:
    """Nothing better is known yet; nothing is decided before the claim's acknowledgement either."""
    world.ahead_ms = 3_600_000
    assert world.clock.now_ms() == world.wall_ms()


@pytest.mark.parametrize("ahead_ms", [-1_900, 0, 1_900])
def test_clock_is_the_machines_while_it_agrees(world: World, ahead_ms: int) -> None:
    """Within the limit both are right."""
    world.append()
    world.ahead_ms = ahead_ms
    world.seconds += 60
    assert world.clock.now_ms() == world.wall_ms()


@pytest.mark.parametrize("ahead_ms", [-3_600_000, 3_600_000])
def test_clock_is_the_brokers_when_the_machines_was_set(world: World, ahead_ms: int) -> None:
    """It is never ahead of the broker's, and behind it by no more than an answer takes."""
    world.append()
    world.ahead_ms = ahead_ms
    world.seconds += 60
    assert 0 <= world.broker_ms() - world.clock.now_ms() <= 20


def test_slow_answer_is_no_fault_of_the_clock(world: World) -> None:
    """A broker that took ten seconds says little about the time, so ours is believed."""
    world.append(out_seconds=0, back_seconds=10)
    assert world.clock.now_ms() == world.wall_ms()


def test_quick_answer_before_a_slow_one_still_counts(world: World) -> None:
    """What is known once stays known."""
    world.append()
    world.append(out_seconds=5, back_seconds=5)
    world.ahead_ms = 4_000
    assert 0 <= world.broker_ms() - world.clock.now_ms() <= 20


def test_new_stamps_replace_the_old_when_the_brokers_clock_was_set(world: World) -> None:
    """Order records are judged by the broker's clock, so deadlines follow it."""
    world.append()
    sent = world.seconds
    world.seconds += 0.02
    world.clock.note(sent, world.broker_ms() - 600_000, world.seconds)
    assert 0 <= world.broker_ms() - 600_000 - world.clock.now_ms() <= 20
