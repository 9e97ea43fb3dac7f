"""R25: what a channel is shown of the units that it may sell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.ledger.channel_policy import policy_units, raw_units
from models.rows import ChannelPolicyRow


def policy(
    percent: int = 100, cap: int | None = None, buffer: int = 0, floor: int = 0, *, preorder: bool = False
) -> ChannelPolicyRow:
    """Give the policy of a channel for any SKU."""
    return ChannelPolicyRow(0, "web", None, percent, cap, buffer, floor, preorder, 1)


@pytest.mark.parametrize(
    ("raw", "of", "expected"),
    [
        (10, None, 10),
        (-1, None, 0),
        (10, policy(), 10),
        (10, policy(percent=55), 5),
        (1, policy(percent=99), 0),
        (10, policy(percent=0), 0),
        (10, policy(buffer=3), 7),
        (2, policy(buffer=3), 0),
        (10, policy(cap=4), 4),
        (10, policy(cap=0), 0),
        (10, policy(percent=50, cap=4, buffer=2), 3),
        (5, policy(floor=5), 0),
        (6, policy(floor=5), 6),
        (10, policy(cap=3, floor=3), 0),
        (-3, policy(percent=50), 0),
        (999_999_999_999, policy(percent=33), 329_999_999_999),
    ],
)
def test_percent_then_buffer_then_cap_then_floor(
    raw: int, of: ChannelPolicyRow | None, expected: int
) -> None:
    """R25: max(0, min(cap, trunc(raw x percent) - buffer)), 0 unless above the floor."""
    assert policy_units(raw, of) == expected


@given(
    raw=st.integers(-10, 10**12),
    percent=st.integers(0, 100),
    cap=st.none() | st.integers(0, 10**9),
    buffer=st.integers(0, 10**9),
    floor=st.integers(0, 10**9),
)
def test_no_channel_is_shown_more_than_there_is(
    raw: int, percent: int, cap: int | None, buffer: int, floor: int
) -> None:
    """R25: whatever the policy, 0 <= shown <= raw and shown <= cap, and one unit less is never more."""
    of = policy(percent, cap, buffer, floor)
    units = policy_units(raw, of)
    assert 0 <= units <= max(0, raw)
    assert cap is None or units <= cap
    assert not units or units > floor
    assert policy_units(raw - 1, of) <= units


def test_only_a_preorder_policy_adds_what_is_not_there_yet() -> None:
    """R25: raw is own fence and common, and the free backorder units where the policy says preorder."""
    assert raw_units(2, 3, 7, None) == 5
    assert raw_units(2, 3, 7, policy()) == 5
    assert raw_units(2, 3, 7, policy(preorder=True)) == 12
