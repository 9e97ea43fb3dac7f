"""Our clock against the broker's (R18)."""

import pytest
import structlog

from inventory_stream.adapters.kafka.clock_skew import ClockSkew


@pytest.mark.parametrize(
    ("sent_ms", "stamped_ms", "acked_ms", "ahead_ms"),
    [
        (1_000, 1_000, 1_010, 0),
        (1_000, 1_010, 1_010, 0),
        (1_000, 995, 1_010, 5),
        (1_000, 1_017, 1_010, -7),
        (3_601_000, 1_000, 3_601_010, 3_600_000),
    ],
)
def test_skew_is_what_no_round_trip_explains(
    sent_ms: int, stamped_ms: int, acked_ms: int, ahead_ms: int
) -> None:
    """A stamp between sending and acknowledgement tells of no skew; outside it tells the least there is."""
    assert ClockSkew("ledger[0]").ahead_ms(sent_ms, stamped_ms, acked_ms) == ahead_ms


def test_alarm_is_one_line_at_its_beginning_and_one_at_its_end() -> None:
    """An hour of skew must not be an hour of lines."""
    skew = ClockSkew("ledger[0]", limit_ms=2_000)
    with structlog.testing.capture_logs() as lines:
        for ahead_ms in (0, 2_000, 2_001, 9_000, 9_000, 10):
            skew.ahead_ms(100_000 + ahead_ms, 100_000, 100_000 + ahead_ms)
        skew.ahead_ms(100_000, 105_000, 100_001)
    assert [(line["event"], line["ahead_ms"]) for line in lines] == [
        ("owner_clock_skewed", 2_001),
        ("owner_clock_agrees_again", 10),
        ("owner_clock_skewed", -4_999),
    ]
