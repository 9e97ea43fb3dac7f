import asyncio

import pytest

from inventory_stream.sandbox.account import KEYS_MAX, Done, FakeAccount, KeyReusedError, Keys, Set
from inventory_stream.sandbox.budget import Budget
from inventory_stream.sandbox.faults import Fault
from tests.unit.sandbox.test_faults import Clock

A, B, C = "a", "b", "c"
SETS = [Set(A, 5), Set(B, 6), Set(C, 7)]


@pytest.fixture
def account() -> FakeAccount:
    """Show one of each."""
    return FakeAccount({A: 1, B: 1, C: 1})


def test_what_is_set_is_shown_and_kept_in_the_history(account: FakeAccount) -> None:
    """Without a fault, all is applied at once."""
    assert account.apply(SETS) == [Done.APPLIED] * 3
    assert account.shown == {A: 5, B: 6, C: 7}
    assert [(change.listing, change.units, change.cause) for change in account.history] == [
        (A, 5, "push"),
        (B, 6, "push"),
        (C, 7, "push"),
    ]


def test_unknown_listing_is_not_invented(account: FakeAccount) -> None:
    """A listing that the channel has not is said to be unknown."""
    assert account.apply([Set("x", 1)]) == [Done.UNKNOWN]
    assert "x" not in account.shown


def test_set_that_compares_is_refused_when_something_else_is_shown(account: FakeAccount) -> None:
    """Compare-and-set holds what it says."""
    assert account.apply([Set(A, 5, expected=2)]) == [Done.STALE]
    assert account.apply([Set(A, 5, expected=1)]) == [Done.APPLIED]


@pytest.mark.parametrize(
    ("fault", "ends", "shown"),
    [
        (Fault.ERRORS_IN_200, [Done.REFUSED] * 3, [1, 1, 1]),
        (Fault.HALF_APPLIED, [Done.APPLIED, Done.APPLIED, Done.UNNAMED], [5, 6, 1]),
        (Fault.ITEM_ABSENT, [Done.APPLIED, Done.APPLIED, Done.UNNAMED], [5, 6, 7]),
        (Fault.ITEM_REFUSED, [Done.APPLIED, Done.APPLIED, Done.REFUSED], [5, 6, 1]),
        (Fault.LATE, [Done.APPLIED] * 3, [1, 1, 1]),
        (Fault.TWICE, [Done.APPLIED] * 3, [5, 6, 7]),
    ],
)
async def test_fault_changes_what_is_applied(
    account: FakeAccount, fault: Fault, ends: list[Done], shown: list[int]
) -> None:
    """Each fault of the catalogue does what it says, once."""
    account.faults.next(fault)
    assert account.apply(SETS) == ends
    assert list(account.shown.values()) == shown
    account.close()


async def test_late_change_comes_over_what_was_set_since(account: FakeAccount) -> None:
    """A change that comes twice puts the older value over the newer one: what a read back must find."""
    account.late_seconds = 0.01
    account.faults.next(Fault.TWICE)
    account.apply([Set(A, 5)])
    account.apply([Set(A, 0)])
    async with asyncio.timeout(5):
        while not account.is_settled:  # noqa: ASYNC110  # a fake is looked at, it does not call
            await asyncio.sleep(0)
    assert account.shown[A] == 5


def test_read_back_lags_behind_what_is_shown() -> None:
    """What was set is read only after the lag."""
    clock = Clock()
    account = FakeAccount({A: 1}, lag_seconds=10, clock=clock)
    account.apply([Set(A, 5)])
    assert (account.shown[A], account.read(A)) == (5, 1)
    clock.now = 10.0
    assert account.read(A) == 5


def test_sale_of_the_channel_never_goes_below_nothing(account: FakeAccount) -> None:
    """A channel does not show less than none."""
    account.add(A, -3, "sale")
    assert account.shown[A] == 0


def test_key_is_answered_as_before_and_only_for_the_same_content() -> None:
    """An idempotency key gives its answer again, and refuses other content."""
    keys = Keys()
    assert keys.answer_of("k", b"one") is None
    keys.keep("k", b"done")
    assert keys.answer_of("k", b"one") == b"done"
    with pytest.raises(KeyReusedError):
        keys.answer_of("k", b"two")


def test_keys_are_bounded() -> None:
    """The oldest key is forgotten when there are too many."""
    keys = Keys()
    for number in range(KEYS_MAX + 1):
        keys.answer_of(str(number), b"")
    assert len(keys) == KEYS_MAX
    assert keys.answer_of("0", b"other") is None


def test_expired_token_lets_nobody_in(account: FakeAccount) -> None:
    """Only tokens given out since count."""
    token = account.new_token()
    assert account.is_valid(token)
    account.expire_tokens()
    assert not account.is_valid(token)


def test_mended_channel_lets_its_standing_token_in_again(account: FakeAccount) -> None:
    """A token that does not expire by itself counts again; one that was given out does not."""
    account.allow_token("standing")
    given = account.new_token()
    account.faults.next(Fault.HTML)
    account.expire_tokens()
    assert not account.is_valid("standing")
    account.mend()
    assert (account.is_valid("standing"), account.is_valid(given)) == (True, False)
    assert account.faults.now == []


def test_budget_refuses_what_is_over_it_and_says_how_long() -> None:
    """A bucket of two with one a second refuses the third, for a second."""
    clock = Clock()
    budget = Budget(1.0, 2.0, clock)
    assert [budget.take() for _ in range(3)] == [0.0, 0.0, 1.0]
    assert (budget.taken, budget.refused) == (2.0, 1)
    clock.now = 1.0
    assert budget.take() == 0.0
