"""Whether updates are as fresh as promised: now, and over the day."""

import pytest

from inventory_stream.flows.channels.sla import DAY_MS, Sla
from tests.unit.adapters.specs import entry

NOW_MS = 20_000 * DAY_MS


def sla() -> Sla:
    """Begin a day: 30 s are promised, one of a hundred may be later."""
    return Sla(entry("shop"), NOW_MS)


def test_nothing_to_do_is_met() -> None:
    """An account without updates keeps its promise."""
    assert sla().look(0, NOW_MS).text == "met"


def test_update_that_waits_too_long_is_a_breach_until_it_is_gone() -> None:
    """Freshness is of now: 30 s is in time, more is not, and it ends with the wait."""
    watched = sla()
    assert watched.look(30_000, NOW_MS).is_met
    standing = watched.look(30_001, NOW_MS + 1)
    assert (standing.is_met, standing.since_ms) == (False, NOW_MS + 1)
    assert standing.text == "breached: an update waits for 30 s, promised are 30 s"
    assert watched.look(31_000, NOW_MS + 999).since_ms == NOW_MS + 1
    assert watched.look(0, NOW_MS + 2_000).is_met


@pytest.mark.parametrize(
    ("good", "late", "is_met"), [(0, 1, True), (0, 2, False), (198, 2, True), (197, 3, False)]
)
def test_budget_is_a_share_of_the_day(good: int, late: int, is_met: bool) -> None:  # noqa: FBT001  # a column
    """One of a hundred may be late, and the first of a day is not all of them."""
    watched = sla()
    for _ in range(good):
        watched.acknowledged(30_000, NOW_MS)
    for _ in range(late):
        watched.acknowledged(30_001, NOW_MS)
    assert watched.look(0, NOW_MS).is_met is is_met


def test_dead_updates_count_as_late() -> None:
    """What is never told is not fresh."""
    watched = sla()
    for _ in range(5):
        watched.died(NOW_MS)
    assert watched.look(0, NOW_MS).why == "5 of 5 updates of the day late or dead, allowed are 1.00%"


def test_next_day_begins_with_a_full_budget() -> None:
    """The budget is a day's, by UTC."""
    watched = sla()
    for _ in range(5):
        watched.died(NOW_MS)
    assert not watched.look(0, NOW_MS + DAY_MS - 1).is_met
    assert watched.look(0, NOW_MS + DAY_MS).is_met
