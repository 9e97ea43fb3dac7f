"""A raise waits until the channel's orders of its time are in; a cut waits for nothing."""

from tests.unit.flows.channels.board.told import HOLD_MS, NOW_MS, SETTLE_MS, told


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
