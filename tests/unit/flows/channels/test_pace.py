"""Budgets of an account: nothing beyond them, nothing left unused, zeros and other calls side by side."""

import asyncio
from collections.abc import Callable

import pytest

from inventory_stream.flows.channels.pace import OTHERS_EVERY, PAUSE_MS_MAX, USED_SHARE, AccountPace
from inventory_stream.ports.channel import Limit


class Clock:
    """Time that passes while everybody sleeps."""

    def __init__(self) -> None:
        self.ms = 1_000_000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        """Give the time."""
        return int(self.ms)

    async def sleep(self, seconds: float) -> None:
        """Wait until so much time has passed."""
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.ms + max(1.0, seconds * 1_000), waking))
        await waking

    async def run(self, seconds: float, is_over: Callable[[], bool] = bool) -> None:
        """Let time pass, from one sleeper's end to the next."""
        end_ms = self.ms + seconds * 1_000
        while not is_over():
            for _ in range(5):
                await asyncio.sleep(0)
            due = min(self._sleepers, default=None, key=lambda one: one[0])
            if due is None or due[0] > end_ms:
                break
            self._sleepers.remove(due)
            if due[1].cancelled():
                continue
            self.ms = max(self.ms, due[0])
            due[1].set_result(None)
        self.ms = end_ms


def new_pace(clock: Clock, *limits: Limit) -> AccountPace:
    """Give the budgets of an account."""
    pace = AccountPace(clock.now_ms, clock.sleep)
    pace.begin(limits)
    return pace


async def taken_in(clock: Clock, pace: AccountPace, seconds: float) -> list[float]:
    """Take for so long, one after the other; give when."""
    times: list[float] = []

    async def take() -> None:
        while True:
            await pace.take_first("calls")
            times.append(clock.ms)

    task = asyncio.create_task(take())
    await clock.run(seconds)
    task.cancel()
    return times


async def test_a_stated_limit_is_used_to_nine_tenths_and_never_exceeded_by_more_than_one() -> None:
    """A bucket of the same size at the other end, fed by its own clock, would refuse none."""
    clock = Clock()
    limit = Limit("calls", 20.0, 5.0, is_stated=True)
    times = await taken_in(clock, new_pace(clock, limit), 60)
    assert len(times) >= 0.9 * 20 * 60
    tokens, last = limit.burst, times[0]
    for at_ms in times:
        tokens = min(limit.burst, tokens + (at_ms - last) / 1_000 * limit.per_second) - 1
        last = at_ms
        assert tokens > -1.0


async def test_refusals_halve_the_flow_once_and_it_comes_back() -> None:
    """Requests that were in flight together are one sign, and half a minute later all is as it was."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 20.0, 1.0))
    for _ in range(4):
        pace.throttled("calls", None)
    assert pace.buckets["calls"].flow == pytest.approx(10 * USED_SHARE)
    assert len(await taken_in(clock, pace, 5)) <= 20 * 5 * 0.75
    await clock.run(30)
    pace.buckets["calls"].refill(clock.now_ms())
    assert pace.buckets["calls"].flow == pytest.approx(20 * USED_SHARE)


@pytest.mark.parametrize(("after_ms", "waits_ms"), [(3_000, 3_000), (-5_000, 0), (86_400_000, PAUSE_MS_MAX)])
async def test_nothing_is_sent_before_the_time_that_the_channel_named(after_ms: int, waits_ms: int) -> None:
    """A date in the past pauses nothing, one that is far away no longer than 15 minutes."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 20.0, 5.0))
    began_ms = clock.ms
    pace.throttled("calls", clock.now_ms() + after_ms)
    times = await taken_in(clock, pace, waits_ms / 1_000 + 2)
    assert times[0] >= began_ms + waits_ms
    assert times[0] <= began_ms + waits_ms + 500


async def test_what_the_channel_says_of_its_limit_counts() -> None:
    """Its numbers replace ours, and what it says is left is all that there is."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 2.0, 40.0))
    pace.note("calls", per_second=50.0, left=0.0)
    times = await taken_in(clock, pace, 10)
    assert 0.9 * 500 <= len(times) <= 500


async def test_other_calls_get_their_share_and_pushes_the_rest() -> None:
    """While both wait all the time one token of five is for other calls, the rest for the sender."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 50.0, 1.0))
    others = 0

    async def read_back() -> None:
        nonlocal others
        while True:
            await pace.take("calls")
            others += 1

    task = asyncio.create_task(read_back())
    pushes = len(await taken_in(clock, pace, 20))
    task.cancel()
    share = others / (others + pushes)
    assert 0.5 / OTHERS_EVERY <= share <= 1.3 / OTHERS_EVERY
    assert others + pushes >= 0.85 * 50 * 20


async def test_the_whole_budget_is_lent_out_while_no_push_waits() -> None:
    """Nothing is held back for zeros that do not wait."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 50.0, 1.0))
    others = 0

    async def read_back() -> None:
        nonlocal others
        while True:
            await pace.take("calls")
            others += 1

    task = asyncio.create_task(read_back())
    await clock.run(20)
    task.cancel()
    assert others >= 0.9 * 50 * 20


async def test_a_cost_above_the_burst_is_paid_for_afterwards() -> None:
    """A call that costs more than the bucket holds goes when it is full, and the debt is waited for."""
    clock = Clock()
    pace = new_pace(clock, Limit("points", 10.0, 20.0))
    began_ms = clock.ms
    await pace.take_first("points", 50.0)
    assert clock.ms == began_ms
    done = asyncio.create_task(pace.take_first("points", 1.0))
    await clock.run(10, done.done)
    assert done.done()
    assert clock.ms >= began_ms + 3_000


async def test_tokens_that_nothing_was_sent_for_come_back() -> None:
    """A token that was taken for nothing costs nothing."""
    clock = Clock()
    pace = new_pace(clock, Limit("calls", 1.0, 1.0))
    assert pace.try_first("calls")
    assert not pace.try_first("calls")
    pace.give_back("calls")
    assert pace.try_first("calls")
