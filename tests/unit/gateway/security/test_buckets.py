"""Token buckets: the rate holds over any time, and their number is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.gateway.security.buckets import BURST_SECONDS, Buckets, headers
from tests.unit.gateway.security.clock import Seconds


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    """20 at once of 10 a second; then one each tenth of a second, told to the caller."""
    clock = Seconds(1_000.0)
    buckets = Buckets(10, monotonic_seconds=clock)
    taken = [buckets.take("a") for _ in range(21)]
    assert [one.is_granted for one in taken] == [True] * 20 + [False]
    assert [one.remaining for one in taken[:3]] == [19, 18, 17]
    assert taken[-1].retry_after_seconds == pytest.approx(0.1)
    clock.now += 0.1
    assert buckets.take("a").is_granted
    assert not buckets.take("a").is_granted


def test_refused_takes_cost_nothing() -> None:
    """Whoever hammers is let in again as soon as who waits."""
    clock = Seconds()
    buckets = Buckets(1, monotonic_seconds=clock)
    for _ in range(1_000):
        buckets.take("a")
    clock.now += 1.0
    assert buckets.take("a").is_granted


def test_names_have_buckets_of_their_own() -> None:
    """One caller's haste is not another's."""
    buckets = Buckets(1, monotonic_seconds=Seconds())
    for _ in range(5):
        buckets.take("a")
    assert buckets.is_empty("a")
    assert not buckets.is_empty("b")
    assert buckets.take("b").is_granted


@given(
    st.integers(min_value=1, max_value=10_000),
    st.lists(st.floats(min_value=0, max_value=3, allow_nan=False), min_size=1, max_size=300),
)
def test_no_pattern_of_asking_gets_more_than_burst_and_rate(rate: int, pauses: list[float]) -> None:
    """Over the whole time at most what the bucket held and what flowed in; and no wait that is too short."""
    clock = Seconds()
    buckets = Buckets(rate, monotonic_seconds=clock)
    granted = 0
    for pause in pauses:
        clock.now += pause
        taken = buckets.take("a")
        granted += taken.is_granted
        assert taken.is_granted == (taken.retry_after_seconds == 0.0)
        assert 0 <= taken.remaining < taken.limit
        if not taken.is_granted:
            clock.now += taken.retry_after_seconds
            assert buckets.take("a").is_granted
            granted += 1
    assert granted <= rate * BURST_SECONDS + clock.now * rate + 1e-3


def test_the_number_of_buckets_is_bounded() -> None:
    """A crowd of addresses pushes out those longest unused, not those that are asking."""
    clock = Seconds()
    buckets = Buckets(1, buckets_max=100, monotonic_seconds=clock)
    for number in range(10_000):
        buckets.take("busy")
        buckets.take(f"stranger {number}")
        assert len(buckets) <= 100
    assert buckets.is_empty("busy")
    assert not buckets.is_empty("stranger 0")


def test_headers_say_limit_rest_and_wait() -> None:
    """Whole seconds, rounded up, so that who waits as told is let in."""
    buckets = Buckets(10, monotonic_seconds=Seconds())
    for _ in range(15):
        taken = buckets.take("a")
    assert headers("key", taken) == {"RateLimit-Policy": '"key";q=20;w=2', "RateLimit": '"key";r=5;t=2'}
