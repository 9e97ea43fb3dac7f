"""A raise waits until the channel's orders of its time are in; a cut waits for nothing."""

import pytest

from models.channels import ListingRow
from tests.unit.flows.channels.board.told import HOLD_MS, NOW_MS, SETTLE_MS, Told, told


def test_a_raise_waits_for_the_orders_of_its_time() -> None:
    """It goes once orders through the row's time have come in."""
    account = told({"a": 5})
    account.want("a", 9)
    assert account.take() is None
    assert account.board.held == 1
    account.board.orders_through(NOW_MS - 1)
    assert account.take(1) is None
    account.board.orders_through(NOW_MS)
    assert account.sent(1) == {"a": 9}


def test_a_raise_waits_no_longer_than_the_bound() -> None:
    """Counted from the first raise that waited: one that changes every second goes all the same."""
    account = told({"a": 5})
    for at in (0, 900, 1_800):
        account.want("a", 9 + at, at)
        assert account.take(at) is None
    assert account.board.next_due_ms(NOW_MS + 1_900) == NOW_MS + HOLD_MS
    assert account.take(HOLD_MS - 1) is None
    assert account.sent(HOLD_MS) == {"a": 1_809}


def test_a_cut_does_not_wait() -> None:
    """Neither for orders nor for the settle time of the push before it."""
    account = told({"a": 9})
    account.want("a", 5)
    account.sent()
    account.end(at=1)
    account.want("a", 4, 2)
    assert account.sent(2) == {"a": 4}


def test_a_held_raise_that_becomes_a_cut_goes() -> None:
    """Held is the raise, not the listing."""
    account = told({"a": 5})
    account.want("a", 9)
    assert account.take() is None
    account.want("a", 2, 1)
    assert account.sent(1) == {"a": 2}
    assert account.board.held == 0


def test_a_channel_that_compares_or_takes_no_orders_holds_nothing() -> None:
    """The comparison guards the raise; where nobody buys there is nothing to wait for."""
    for caps in ({"has_cas": True}, {"takes_orders": False}):
        account = told({"a": 5}, **caps)
        account.want("a", 9)
        assert account.sent() == {"a": 9}


def test_a_channel_that_compares_hears_what_it_is_believed_to_show() -> None:
    """What was read back counts before what was acknowledged; a second look, a second key."""
    account = told({"a": 5}, has_cas=True)
    account.want("a", 9)
    account.sent()
    assert account.batch is not None
    assert account.batch.pushes[0].expected_units == 5
    first = account.batch.key
    account.end("stale", 1)
    assert account.take(1) is None
    assert account.board.to_read_back(NOW_MS + 1) == ["a"]
    account.board.observed("a", 3, NOW_MS + 2, NOW_MS + 1)
    account.board.orders_through(NOW_MS + 2)
    assert account.sent(2) == {"a": 9}
    assert account.batch.pushes[0].expected_units == 3
    assert account.batch.key != first


def test_a_repair_upward_waits_for_orders_too() -> None:
    """A channel that shows less than was acknowledged may have sold it a moment ago."""
    account = told({"a": 5})
    assert account.board.observed("a", 3, NOW_MS + SETTLE_MS) is None
    assert account.take(SETTLE_MS) is None
    account.board.orders_through(NOW_MS + SETTLE_MS)
    assert account.sent(SETTLE_MS + 1) == {"a": 5}


@pytest.mark.parametrize("has_cas", [True, False])
def test_what_a_look_showed_to_be_sold_is_not_put_on_sale_again(has_cas: bool) -> None:  # noqa: FBT001
    """The look's number has the sale in it, so comparing with it guards nothing: its order is waited for."""
    account = told({"a": 1}, has_cas=has_cas)
    account.board.observed("a", 0, NOW_MS + 10)
    assert account.take(11) is None
    assert account.board.held == 1
    account.want("a", 0, 20)
    account.sent(20)
    account.end(at=30)
    account.want("a", 2, 40)
    assert account.take(50) is None
    account.board.orders_through(NOW_MS + 40)
    assert account.sent(60) == {"a": 2}


@pytest.mark.parametrize("has_cas", [True, False])
def test_less_than_was_told_but_more_than_was_seen_is_a_raise(has_cas: bool) -> None:  # noqa: FBT001
    """The channel sold six that we have not heard of: seven cannot go out before their orders are in."""
    account = told({"a": 10}, has_cas=has_cas)
    account.board.observed("a", 4, NOW_MS + 10)
    account.want("a", 7, 20)
    assert account.take(30) is None
    account.want("a", 3, 40)
    assert account.sent(40) == {"a": 3}


def test_a_number_that_a_former_owner_may_only_have_seen_guards_no_raise() -> None:
    """Its row does not say whether it was told or looked up, a moment ago."""
    account = Told("a", has_cas=True)
    account.board.known("a", ListingRow(1, 1, 3, NOW_MS - 500, sku="A"), NOW_MS)
    account.offset = 1
    account.want("a", 4)
    assert account.take(1) is None
    assert account.sent(HOLD_MS - 500) == {"a": 4}


def test_the_first_units_of_a_listing_are_compared_with_nothing() -> None:
    """So they wait for the orders of their time, though the channel could compare."""
    account = Told("a", has_cas=True)
    account.want("a", 4)
    assert account.take() is None
    account.board.orders_through(NOW_MS)
    assert account.sent(1) == {"a": 4}
