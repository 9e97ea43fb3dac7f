"""When a channel that does not answer is left alone, and for how long."""

from inventory_stream.flows.channels.breaker import (
    FAILURES_TO_OPEN,
    PAUSE_MS,
    PAUSE_MS_MAX,
    AccountBreaker,
    Breaker,
)


def opened(now_ms: int = 0) -> AccountBreaker:
    """Give a breaker that has just opened."""
    breaker = AccountBreaker()
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed(now_ms)
    return breaker


def test_it_opens_after_failures_in_a_row_alone() -> None:
    """One answer between them begins the count anew."""
    breaker = AccountBreaker()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed(0)
    breaker.answered()
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed(0)
    assert breaker.state(0) is Breaker.CLOSED
    breaker.failed(0)
    assert breaker.state(0) is Breaker.OPEN


def test_a_probe_that_fails_doubles_the_pause_up_to_a_bound_and_an_answer_closes() -> None:
    """1 s, 2 s, 4 s ... and never more than the longest pause."""
    breaker = opened()
    now_ms, pauses = 0, []
    for _ in range(8):
        assert breaker.until_ms is not None
        pauses.append(breaker.until_ms - now_ms)
        now_ms = breaker.until_ms
        assert breaker.state(now_ms - 1) is Breaker.OPEN
        assert breaker.state(now_ms) is Breaker.HALF_OPEN
        breaker.failed(now_ms)
    assert pauses == [min(PAUSE_MS << number, PAUSE_MS_MAX) for number in range(8)]
    breaker.answered()
    assert breaker.state(now_ms) is Breaker.CLOSED


def test_requests_that_were_in_flight_when_it_opened_say_nothing_new() -> None:
    """Their failures come after the opening, and do not lengthen the pause."""
    breaker = opened()
    breaker.failed(10)
    assert breaker.until_ms == PAUSE_MS
