"""R13: ATP by day, and whose days they are."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.ledger.promise import after_backorders, day_of, days_until, promises
from models.commands import EPOCH_MS_MAX
from tests.unit.ledger.table import NOON

DAY_MS = 86_400_000


def test_promises_are_the_forward_minimum() -> None:
    """R13, its vector: a promise for a day may take nothing that a later day needs."""
    changes = [(1, -3), (3, 10), (4, -15), (5, 1), (6, 3)]
    assert promises(20, changes, 7) == [12, 12, 12, 12, 12, 13, 16, 16]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], [5, 5, 5, 5]),
        ([(2, 4)], [5, 5, 9, 9]),
        ([(-1, 4)], [5, 5, 5, 5]),
        ([(0, 4)], [5, 9, 9, 9]),
        ([(9, -4)], [1, 1, 1, 1]),
        ([(9, 4)], [5, 5, 5, 5]),
        ([(1, 2), (1, 2)], [5, 9, 9, 9]),
    ],
    ids=["nothing", "the day itself", "overdue", "today", "a later need", "later goods", "twice a day"],
)
def test_what_is_expected_counts_from_its_day_on(changes: list[tuple[int, int]], expected: list[int]) -> None:
    """R12, R13: overdue goods count 0, those of today from tomorrow on, needs beyond the window count."""
    assert promises(5, changes, 3) == expected


@given(
    units=st.integers(-20, 50),
    changes=st.lists(st.tuples(st.integers(-3, 12), st.integers(-20, 20)), max_size=8),
    days=st.integers(0, 10),
)
def test_promises_agree_with_the_definition(units: int, changes: list[tuple[int, int]], days: int) -> None:
    """R13: min over all days from d on of what is there and has come by then, written out."""
    far = 20
    balances = [units] + [
        units + sum(more for day, more in changes if 0 <= day <= at) for at in range(1, far)
    ]
    assert promises(units, changes, days) == [min(balances[day:]) for day in range(days + 1)]


@pytest.mark.parametrize(
    ("time_zone", "today", "until_11_hours_later"),
    [
        ("UTC", date(2026, 1, 1), 0),
        ("Asia/Tokyo", date(2026, 1, 1), 1),
        ("Pacific/Kiritimati", date(2026, 1, 2), 0),
    ],
)
def test_days_are_those_of_the_location(time_zone: str, today: date, until_11_hours_later: int) -> None:
    """R13: the same moment lies in different days of Tokyo and Greenwich."""
    assert day_of(NOON, time_zone) == today
    assert days_until(NOON + 11 * 3_600_000, NOON, time_zone) == until_11_hours_later


def test_day_is_counted_by_the_calendar_when_clocks_change() -> None:
    """R13: the day on which Berlin's clocks go forward has 23 hours, and is one day all the same."""
    before, after = NOON + 86 * DAY_MS, NOON + 87 * DAY_MS + 11 * 3_600_000  # 28 and 29 March 2026
    assert day_of(before, "Europe/Berlin") == date(2026, 3, 28)
    assert days_until(after - 2 * 3_600_000, before, "Europe/Berlin") == 1
    assert days_until(after, before, "Europe/Berlin") == 2


def test_the_last_moment_that_the_wire_allows_has_a_day() -> None:
    """R6, R13: the far end of time is an answer, not an exception, wherever the location is."""
    assert day_of(EPOCH_MS_MAX, "Pacific/Kiritimati").year == 9999
    assert day_of(1, "Pacific/Honolulu") == date(1969, 12, 31)


@pytest.mark.parametrize(
    ("arrivals", "waiting", "expected"),
    [
        ([(3, 10)], 0, [(3, 10)]),
        ([(3, 10)], 4, [(3, 6)]),
        ([(5, 10), (3, 4)], 6, [(3, 0), (5, 8)]),
        ([(-1, 10), (3, 4)], 1, [(3, 3)]),
        ([(3, 4)], 9, [(3, 0)]),
    ],
    ids=["nobody waits", "some wait", "the earliest fills first", "overdue fills nobody", "more than comes"],
)
def test_what_waits_gets_the_goods_first(
    arrivals: list[tuple[int, int]], waiting: int, expected: list[tuple[int, int]]
) -> None:
    """R13, R24: units backordered are filled by what arrives first, and only the rest can be promised."""
    assert after_backorders(arrivals, waiting) == expected
