"""Drift: a few are mended at once, a mass waits for somebody, counted as exposure meanwhile."""

import pytest

from tests.unit.flows.channels.board.told import NOW_MS, Told, told

MANY = [f"l{number:02}" for number in range(40)]
HOUR_MS = 3_600_000


def shop() -> Told:
    """Give forty listings that show 9, as the channel took them ten minutes ago."""
    return told(dict.fromkeys(MANY, 9))


def drift(account: Told) -> tuple[int, int] | None:
    """Give what awaits approval, and of how many."""
    return account.board.mass_drift


def seen(account: Told, count: int, units: int, at: int = 0) -> None:
    """Somebody looks at so many, and they show this."""
    for listing in MANY[:count]:
        account.board.observed(listing, units, NOW_MS + at)


def test_some_that_drifted_are_mended_at_once() -> None:
    """Fewer than twenty within a minute are no mass; twenty over two minutes are none either."""
    account = shop()
    seen(account, 19, 55)
    assert drift(account) is None
    assert account.board.exposure_units == 19 * 46
    account.board.observed(MANY[20], 55, NOW_MS + 60_000)
    assert drift(account) is None
    assert account.sent(60_000).keys() <= {*MANY[:19], MANY[20]}


def test_a_mass_drift_is_exposure_and_is_not_mended_before_somebody_approves() -> None:
    """Single looks add up: the first ones are kept back as well, and what is found after it."""
    account = shop()
    seen(account, 25, 55)
    assert account.take() is None
    assert drift(account) == (25, 40)
    assert (account.board.exposure_units, account.board.in_step) == (25 * 46, 15)
    account.board.approve(NOW_MS)
    assert drift(account) is None
    assert set(account.sent().values()) == {9}


def test_a_drift_that_is_gone_or_overtaken_is_not_kept_back() -> None:
    """A look that agrees ends it; a new quantity of the ledger goes out as any."""
    account = shop()
    seen(account, 25, 55)
    account.board.observed(MANY[0], 9, NOW_MS)
    account.want(MANY[1], 4)
    assert account.sent() == {MANY[1]: 4}
    account.end()
    assert account.board.exposure_units == 23 * 46


def test_going_on_forgets_what_was_seen_and_guards_the_next_look() -> None:
    """Who resumes without approving has nothing mended; the next comparison asks again."""
    account = shop()
    seen(account, 25, 55)
    account.board.forget_drift(NOW_MS)
    assert (drift(account), account.board.exposure_units, account.board.in_step) == (None, 0, 40)
    assert account.take() is None
    seen(account, 25, 55, HOUR_MS)
    assert drift(account) == (25, 40)
    assert account.take(HOUR_MS) is None


def test_a_comparison_that_found_a_mass_keeps_back_whatever_it_hands_over() -> None:
    """Two of two compared are few of all: the comparison knows better."""
    account = shop()
    account.board.hold_drift()
    seen(account, 2, 55)
    assert account.take() is None
    assert account.board.exposure_units == 2 * 46


@pytest.mark.parametrize("why", ["young", "killed", "approved"])
def test_what_is_our_own_doing_or_approved_is_no_drift(why: str) -> None:
    """A late request of ours, zeros for all under way, and what somebody has looked at."""
    account = shop()
    if why == "young":
        for listing in MANY:
            account.want(listing, 8)
        for _ in range(4):
            account.sent()
            account.end()
        seen(account, 25, 55, 60_000)
    elif why == "killed":
        account.board.zeros_for_all(NOW_MS)
        for _ in range(4):
            account.sent()
            account.end()
        seen(account, 25, 55, HOUR_MS)
    else:
        for listing in MANY[:25]:
            account.board.observed(listing, 55, NOW_MS, is_guarded=False)
    assert drift(account) is None
    assert account.take(HOUR_MS) is not None
