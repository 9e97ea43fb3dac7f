"""What goes first, and what goes together."""

import pytest

from inventory_stream.ports.channel import Result
from tests.unit.flows.channels.board.told import NOW_MS, Told, told


def test_zeros_go_before_cuts_and_cuts_before_raises() -> None:
    """However they came in: 0 first, then less, then more."""
    account = told({"a": 5, "b": 5, "c": 5}, batch_max=1)
    account.want("a", 9, -60_000)
    account.want("b", 3)
    account.want("c", 0)
    assert [account.sent(), account.sent(), account.sent()] == [{"c": 0}, {"b": 3}, {"a": 9}]


def test_a_zero_takes_others_along_when_there_is_room() -> None:
    """A request that goes anyway carries what else waits; `zeros_only` leaves it."""
    account = told({"a": 5, "b": 5, "c": 5})
    account.want("a", 9, -60_000)
    account.want("c", 0)
    assert account.sent(zeros_only=True) == {"c": 0}
    assert account.take(zeros_only=True) is None
    assert account.sent() == {"a": 9}


def test_in_a_lane_the_oldest_goes_first_and_the_newest_wish_counts() -> None:
    """A listing that changes again keeps its place, and only its last units are ever sent."""
    account = told({"a": 9, "b": 9}, batch_max=1)
    account.want("a", 8)
    account.want("b", 7)
    account.want("a", 6)
    assert [account.sent(), account.sent(), account.take()] == [{"a": 6}, {"b": 7}, None]


def test_one_request_of_a_listing_is_in_flight() -> None:
    """What changes meanwhile waits for its end, and then goes if it still differs."""
    account = told({"a": 9})
    account.want("a", 5)
    assert account.sent() == {"a": 5}
    account.want("a", 0)
    assert account.take() is None
    account.end()
    assert account.sent() == {"a": 0}
    account.want("a", 0)
    account.end()
    assert account.take() is None
    assert account.board.in_step == 1


def test_an_older_row_is_never_sent() -> None:
    """Below what is wanted or was acknowledged, a row changes nothing; the same one with other units does."""
    account = told({"a": 9})
    account.want("a", 4, offset=7)
    account.want("a", 6, offset=6)
    assert account.sent() == {"a": 4}
    account.end()
    account.want("a", 2, offset=6)
    assert account.take() is None
    account.want("a", 3, offset=7)
    assert account.sent() == {"a": 3}


def test_a_request_tells_of_one_group() -> None:
    """Others of the first one's group are found behind those that are not, and these keep their order."""
    account = told(dict.fromkeys(["a1", "b1", "a2", "c1", "a3"], 9), batch_max=2)
    for listing in ("a1", "b1", "a2", "c1", "a3"):
        account.want(listing, 5)
    batches = [account.sent(group_of=lambda listing: listing[0]) for _ in range(4)]
    assert batches == [{"a1": 5, "a2": 5}, {"b1": 5}, {"c1": 5}, {"a3": 5}]


def test_equal_content_has_an_equal_key_in_whatever_order_it_waited() -> None:
    """The key and the bytes follow from the content; other units, another key."""
    one, other, third = (told({"a": 9, "b": 9}) for _ in range(3))
    for account, order in ((one, "ab"), (other, "ba"), (third, "ab")):
        for listing in order:
            account.want(listing, 4 if account is third else 5, offset=9)
    batches = [account.take() for account in (one, other, third)]
    assert batches[0] == batches[1]
    assert batches[2] is not None
    assert batches[0] is not None
    assert batches[2].key != batches[0].key


def test_many_go_the_slow_way_and_zeros_do_not() -> None:
    """From `bulk_from` on; a zero does not wait for the end of a feed."""
    account = told(dict.fromkeys("abcd", 9), bulk_max=100, bulk_from=3)
    account.want("a", 5)
    account.want("b", 5)
    account.want("d", 0)
    assert account.board.take_bulk(NOW_MS) is None
    account.want("c", 20, -60_000)
    batch = account.board.take_bulk(NOW_MS)
    assert batch is not None
    assert batch.is_bulk
    assert {push.listing for push in batch.pushes} == {"a", "b", "c"}
    assert account.sent() == {"d": 0}


def test_what_was_not_sent_goes_first_again() -> None:
    """A batch that is given back costs nothing: no try, no place in the queue."""
    account = told({"a": 9, "b": 9}, batch_max=1)
    account.want("a", 5)
    account.want("b", 5)
    assert account.sent() == {"a": 5}
    assert account.batch is not None
    account.board.give_back(account.batch, NOW_MS)
    assert [account.sent(), account.sent()] == [{"a": 5}, {"b": 5}]


@pytest.mark.parametrize("is_gone_in_flight", [False, True])
def test_a_listing_that_is_not_mapped_any_more_is_forgotten(is_gone_in_flight: bool) -> None:  # noqa: FBT001
    """Its request ends and changes nothing; mapped again it begins anew."""
    account = told({"a": 9, "b": 9})
    account.want("a", 5)
    if is_gone_in_flight:
        account.sent()
    account.board.set_listings({"b": "B"}, NOW_MS)
    if is_gone_in_flight:
        assert account.end() == {}
    assert account.take() is None
    assert list(account.board.listings) == ["b"]
    account.board.set_listings({"a": "A", "b": "B"}, NOW_MS)
    account.want("a", 5, -60_000, offset=1)
    assert account.sent() == {"a": 5}


def test_a_listing_of_another_sku_is_told_whatever_the_versions_are() -> None:
    """Versions of two SKUs cannot be compared: the newest of the new one counts, under a key of its own."""
    account = told({"a": 9})
    account.want("a", 5, offset=50)
    account.sent()
    account.board.set_listings({"a": "Z"}, NOW_MS)
    account.want("a", 3, offset=4)
    rows = account.end(Result.APPLIED, 10)
    assert (rows["a"].offset, rows["a"].units, rows["a"].sku) == (0, 5, "Z")
    assert account.sent(20) == {"a": 3}
    assert account.end()["a"].offset == 4


def test_nothing_is_told_before_the_ledger_said_anything() -> None:
    """A listing whose SKU is not known yet is neither in step nor waiting."""
    account = Told("ab")
    assert account.take() is None
    assert (account.board.in_step, account.board.oldest_waiting_ms(NOW_MS + 99)) == (0, 0)
    account.want("a", 0)
    assert account.sent() == {"a": 0}
    assert account.board.oldest_waiting_ms(NOW_MS + 99) == 99
