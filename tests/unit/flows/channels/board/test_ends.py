"""What follows from how an item ended."""

from typing import Any

import pytest

from inventory_stream.flows.channels.board.again import TRIES_AS_ONE, TRIES_MAX
from inventory_stream.ports.channel import Ended, Result
from inventory_stream.ports.projection import Version
from models.channels import ListingRow
from tests.unit.flows.channels.board.told import HOLD_MS, NOW_MS, REQUEST_MS, SETTLE_MS, Told, told

LONG_MS = 60_000


def cut(listings: str = "ab", **caps: Any) -> Told:  # noqa: ANN401  # of Caps
    """Give an account whose listings were all just cut to 5, and told so."""
    account = told(dict.fromkeys(listings, 9), **caps)
    for listing in listings:
        account.want(listing, 5)
    account.sent()
    return account


def test_applied_is_acknowledged() -> None:
    """The row that is kept says which version and units the channel took, of which SKU, and when."""
    account = cut("a")
    row = account.end(at=7)["a"]
    assert (row.generation_ms, row.offset, row.units, row.acknowledged_ms) == (1, 2, 5, NOW_MS + 7)
    assert (row.sku, row.dead) == ("A", None)
    assert account.board.in_step == 1


@pytest.mark.parametrize("result", ["retryable", "throttled"])
def test_a_refused_batch_comes_again_as_it_was(result: str) -> None:
    """The same bytes under the same key, after a wait."""
    account = cut()
    before = account.batch
    assert account.end(result) == {}
    assert account.take() is None
    due_ms = account.board.next_due_ms(NOW_MS)
    assert due_ms is not None
    assert 250 <= due_ms - NOW_MS <= 500
    assert account.board.take(due_ms) is before


@pytest.mark.parametrize("can_read_back", [True, False])
@pytest.mark.parametrize(("units", "exposed"), [(12, 3), (5, 0), (0, 0)])
def test_what_failed_may_be_shown_until_something_is_taken(
    units: int, exposed: int, *, can_read_back: bool
) -> None:
    """A proxy says 5xx of what was applied: a wish that returns to what was acknowledged is told again."""
    account = told({"a": 9}, can_read_back=can_read_back)
    account.want("a", units)
    assert account.sent(3_000) == {"a": units}
    account.end("retryable", 3_100)
    account.want("a", 9, 3_200)
    assert (account.board.in_step, account.board.exposure_units) == (0, exposed)
    assert account.sent(9_000) == {"a": 9}
    account.end(at=9_100)
    assert (account.board.in_step, account.board.exposure_units) == (1, 0)
    assert account.take(LONG_MS) is None


def test_what_failed_in_flight_of_an_older_wish_may_be_shown_too() -> None:
    """The wish had returned before the answer came; the repeat has another key, whatever it says."""
    account = told({"a": 9}, takes_orders=False)
    account.want("a", 5)
    account.sent()
    account.want("a", 9, 10)
    account.end("retryable", 20)
    assert account.sent(30) == {"a": 9}
    assert account.batch is not None
    account.end("retryable", 40)
    account.board.zeros_for_all(NOW_MS + 50)
    account.sent(50)
    zeros = account.batch
    account.end("retryable", 60)
    account.board.end_zeros(NOW_MS + 70)
    account.sent(70)
    account.end("retryable", 80)
    account.board.zeros_for_all(NOW_MS + 90)
    assert account.sent(90) == {"a": 0}
    assert account.batch.key != zeros.key


def test_a_look_that_agrees_ends_what_failed() -> None:
    """Once it has settled: before that, the request may still take effect."""
    account = told({"a": 9}, takes_orders=False)
    account.want("a", 5)
    account.sent(3_000)
    account.end("retryable", 3_100)
    account.want("a", 9, 3_200)
    assert account.board.observed("a", 9, NOW_MS + 3_100 + SETTLE_MS - 1) is None
    assert account.board.in_step == 0
    account.board.observed("a", 9, NOW_MS + 3_100 + SETTLE_MS)
    assert account.board.in_step == 1
    assert account.take(LONG_MS) is None


def test_a_refused_batch_dissolves_when_a_listing_changes() -> None:
    """The changed one goes at once, as a newer request; the other one with its own key when it is due."""
    account = cut()
    before = account.batch
    account.end("retryable")
    account.want("a", 3, 1)
    assert account.sent(1) == {"a": 3, "b": 5}
    assert account.batch is not before


def test_throttled_waits_as_long_as_the_channel_says() -> None:
    """A time that has passed says no more than none."""
    account = cut("a")
    account.end("throttled", retry_at_ms=NOW_MS + 900)
    assert account.take(899) is None
    assert account.sent(900) == {"a": 5}
    account.end("throttled", 900, retry_at_ms=NOW_MS)
    assert account.take(901) is None


def test_a_batch_that_fails_often_goes_in_halves() -> None:
    """So that one listing that a channel fails over does not take its neighbours with it."""
    account = cut("ab")
    for _ in range(TRIES_AS_ONE):
        account.end("retryable")
        due_ms = account.board.next_due_ms(NOW_MS)
        assert due_ms is not None
        last = account.sent(due_ms - NOW_MS)
    assert last in ({"a": 5}, {"b": 5})


def test_after_many_tries_a_push_is_dead_until_a_newer_revision() -> None:
    """Bounded: then a dead push with code and hash is kept, and only another wish or a replay revives it."""
    account = cut("a")
    at = 0
    for _ in range(TRIES_MAX - 1):
        assert account.end("retryable", at, code="boom") == {}
        at += LONG_MS
        account.sent(at)
    dead = account.end("retryable", at, code="boom")["a"].dead
    assert dead is not None
    assert (dead.code, dead.units, dead.offset, dead.attempts) == ("boom", 5, 2, TRIES_MAX)
    assert len(dead.request_hash) == 64
    assert account.take(at + 10 * LONG_MS) is None
    assert (account.board.dead, account.board.exposure_units) == (1, 4)
    account.want("a", 4, at)
    assert account.sent(at) == {"a": 4}
    assert account.end(at=at)["a"].dead is None


def test_a_replay_sends_what_is_wanted_today() -> None:
    """Never the units of the dead push."""
    account = cut("a")
    assert account.end("permanent", code="unknown")["a"].dead is not None
    assert account.take(LONG_MS) is None
    assert account.board.replay(["a"], NOW_MS) == 1
    assert account.board.replay(None, NOW_MS) == 0
    assert account.sent() == {"a": 5}


def test_a_refusal_of_all_is_halved_until_the_guilty_one_is_found() -> None:
    """A channel that refuses all for one listing loses one listing."""
    account = cut("abcd")
    told_apart: dict[str, int] = {}
    while account.batch is not None:
        is_guilty = any(push.listing == "c" for push in account.batch.pushes)
        rows = account.end("permanent" if is_guilty else "applied")
        told_apart.update({listing: row.units for listing, row in rows.items() if row.dead is None})
        account.batch = account.take()
    assert told_apart == {"a": 5, "b": 5, "d": 5}
    assert account.board.dead == 1


def test_access_refused_changes_nothing() -> None:
    """The caller parks the account; what waits goes when it is back."""
    account = cut("a")
    assert account.end("auth") == {}
    assert account.sent() == {"a": 5}


def test_what_the_answer_does_not_name_is_read_back_after_the_settle_time() -> None:
    """And sent under a new key if it shows something else: the channel may know the old one as done."""
    account = cut()
    assert account.batch is not None
    key = account.batch.key
    rows = account.board.ended(account.batch, [Ended("a", Result.APPLIED)], NOW_MS)
    assert [listing for listing, _ in rows] == ["a"]
    assert account.take(1) is None
    assert account.board.to_read_back(NOW_MS + SETTLE_MS - 1) == []
    assert account.board.to_read_back(NOW_MS + SETTLE_MS) == ["b"]
    assert account.board.observed("b", 9, NOW_MS + SETTLE_MS) is None
    assert account.sent(SETTLE_MS) == {"b": 5}
    assert account.batch.key != key


def test_an_unknown_end_that_was_fine_is_acknowledged_by_the_look() -> None:
    """What is wanted is shown: that is as good as an answer, and is kept."""
    account = cut("a")
    account.end("ambiguous")
    kept = account.board.observed("a", 5, NOW_MS + SETTLE_MS)
    assert kept is not None
    assert (kept[0], kept[1].units, kept[1].offset) == ("a", 5, 2)
    assert account.board.in_step == 1


def test_after_an_unknown_end_a_newer_cut_goes_at_once_and_the_look_follows() -> None:
    """A buyer may see the most of both until then."""
    account = cut("a")
    account.end("ambiguous")
    account.want("a", 2, 1)
    assert account.board.exposure_units == 7
    assert account.sent(1) == {"a": 2}
    account.end(at=2)
    assert account.take(2) is None
    assert account.board.exposure_units == 3
    assert account.board.to_read_back(NOW_MS + 2 + SETTLE_MS) == ["a"]


def test_after_an_unknown_end_a_raise_waits_for_the_look() -> None:
    """Above what was taken since, nobody may be told before it is known what is shown."""
    account = cut("a")
    account.end("ambiguous")
    account.want("a", 20, -LONG_MS)
    assert account.take(1) is None
    account.board.observed("a", 5, NOW_MS + SETTLE_MS)
    assert account.sent(LONG_MS) == {"a": 20}


def test_a_look_that_was_asked_too_early_proves_nothing() -> None:
    """Before the settle time is over the channel may show what was; it is asked again then."""
    account = cut("a")
    account.end(at=10)
    assert account.board.observed("a", 9, NOW_MS + 20) is None
    assert account.take(30) is None
    assert account.board.to_read_back(NOW_MS + 10 + SETTLE_MS) == ["a"]


def test_a_push_that_follows_another_closely_is_looked_at_once() -> None:
    """The earlier one may take effect after it; where the channel compares it cannot."""
    for caps, looks in (({}, ["a"]), ({"has_cas": True}, [])):
        account = cut("a", **caps)
        account.end(at=1)
        account.want("a", 0, 2)
        account.sent(2)
        account.end(at=3)
        assert account.board.to_read_back(NOW_MS + 3 + SETTLE_MS) == looks


def test_a_channel_that_cannot_be_read_is_told_once_more() -> None:
    """Absolute units do no harm twice; under a new key, as the old one may be known as done."""
    account = cut("a", can_read_back=False)
    assert account.batch is not None
    key = account.batch.key
    account.end("ambiguous")
    assert account.board.to_read_back(NOW_MS + SETTLE_MS) == []
    assert account.sent(SETTLE_MS + LONG_MS) == {"a": 5}
    assert account.batch.key != key


def test_two_ends_for_one_listing_are_no_end() -> None:
    """An answer that names an item twice, differently, does not say what happened."""
    account = cut("a")
    assert account.batch is not None
    both = [Ended("a", Result.APPLIED), Ended("a", Result.PERMANENT)]
    assert account.board.ended(account.batch, both, NOW_MS) == []
    assert account.board.to_read_back(NOW_MS + SETTLE_MS) == ["a"]


def test_a_late_end_of_a_batch_that_is_no_more_is_ignored() -> None:
    """Ended once, a batch cannot end again."""
    account = cut("a")
    account.end()
    assert account.end("permanent") == {}
    assert account.board.in_step == 1


def test_a_sale_there_right_after_a_push_holds_up_nothing_where_the_channel_compares() -> None:
    """A look that was due when the push has settled is made at once: what is shown now is compared anyway."""
    account = cut("a", has_cas=True)
    account.end()
    assert account.board.observed("a", 4, NOW_MS + 20, asked_ms=NOW_MS + 10) is None
    account.want("a", 3, 30)
    assert account.sent(30) == {"a": 3}
    account.end("stale", 40)
    assert account.board.to_read_back(NOW_MS + 40) == ["a"]
    account.board.observed("a", 4, NOW_MS + 50, asked_ms=NOW_MS + 40)
    assert account.sent(50) == {"a": 3}
    assert account.batch is not None
    assert account.batch.pushes[0].expected_units == 4


def test_a_request_that_nobody_answered_for_is_looked_after_where_the_channel_compares() -> None:
    """The first units of a listing are compared with nothing: the lost request may land on top of a cut."""
    account = Told("a", has_cas=True)
    account.want("a", 10, -LONG_MS)
    account.sent()
    account.end("ambiguous")
    account.want("a", 3, 500)
    account.sent(500)
    account.end(at=600)
    assert (account.board.in_step, account.board.exposure_units) == (0, 7)
    assert account.board.to_read_back(NOW_MS + 600 + SETTLE_MS) == ["a"]
    account.board.observed("a", 10, NOW_MS + 600 + SETTLE_MS)
    assert account.sent(600 + SETTLE_MS) == {"a": 3}
    assert account.batch is not None
    assert account.batch.pushes[0].expected_units == 10


def test_a_lost_request_finds_what_it_compares_with_again() -> None:
    """Cut and raised back to that number within the settle time: the raise waits for the look."""
    account = told({"a": 5}, has_cas=True)
    account.want("a", 8)
    account.sent()
    account.end("ambiguous", 10)
    account.want("a", 2, 100)
    assert account.sent(100) == {"a": 2}
    account.end(at=110)
    account.want("a", 5, 200)
    assert account.take(200) is None
    assert account.board.to_read_back(NOW_MS + 110 + SETTLE_MS) == ["a"]
    account.board.observed("a", 2, NOW_MS + 110 + SETTLE_MS)
    assert account.sent(110 + SETTLE_MS) == {"a": 5}


def test_a_request_that_failed_may_land_as_late_as_one_that_nobody_answered_for() -> None:
    """A proxy's 5xx says nothing of the server behind it: one look, though what followed was compared."""
    account = told({"a": 5}, has_cas=True)
    account.want("a", 8)
    account.sent()
    account.end("retryable", 10)
    account.want("a", 2, 100)
    assert account.sent(100) == {"a": 2}
    account.end(at=110)
    assert account.board.to_read_back(NOW_MS + 110 + SETTLE_MS) == ["a"]


def test_a_look_over_a_stale_push_does_not_end_a_doubt() -> None:
    """It is made at once; the lost request may still land after it, and is looked after when it cannot."""
    account = Told("a", has_cas=True)
    account.want("a", 10, -LONG_MS)
    account.sent()
    account.end("ambiguous")
    account.want("a", 3, 100)
    account.sent(100)
    account.end(at=110)
    account.want("a", 2, 120)
    account.sent(120)
    account.end("stale", 130)
    assert account.board.to_read_back(NOW_MS + 130) == ["a"]
    account.board.observed("a", 1, NOW_MS + 140, asked_ms=NOW_MS + 130)
    assert account.board.exposure_units == 8
    assert account.sent(HOLD_MS) == {"a": 2}
    account.end(at=HOLD_MS)
    assert account.board.to_read_back(NOW_MS + HOLD_MS + SETTLE_MS) == ["a"]


def test_a_hint_is_looked_into_and_never_believed() -> None:
    """A webhook of five minutes ago that shows what is wanted now does not cancel the cut."""
    account = told({"a": 10, "b": 4})
    account.want("a", 3)
    account.board.hinted("a", 3, NOW_MS - 300_000, NOW_MS + 100)
    account.board.hinted("b", 4, NOW_MS, NOW_MS + 100)
    account.board.hinted("elsewhere", 4, NOW_MS, NOW_MS + 100)
    account.board.hinted("b", 5, NOW_MS - 700_000, NOW_MS + 100)
    assert account.board.exposure_units == 7
    assert account.board.to_read_back(NOW_MS + 100) == ["a"]
    assert account.sent(100) == {"a": 3}
    account.board.hinted("a", 3, NOW_MS + 105, NOW_MS + 110)
    account.end(at=120)
    account.board.hinted("a", 10, NOW_MS + 90, NOW_MS + 130)
    assert account.board.to_read_back(NOW_MS + 119 + SETTLE_MS) == []
    assert account.board.to_read_back(NOW_MS + 120 + SETTLE_MS) == ["a"]


def test_what_a_former_owner_told_of_another_sku_is_looked_at() -> None:
    """It may have told more of it right before it died, and the rows of the new SKU are old."""
    account = Told("ab")
    for listing, sku in (("a", "FORMER"), ("b", "B")):
        account.board.known(listing, ListingRow(1, 7, 10, NOW_MS - 3_600_000, sku=sku), NOW_MS)
    account.board.begin(NOW_MS)
    for listing in "ab":
        account.want(listing, 10, -3_600_000, offset=7)
    assert account.board.in_step == 2
    assert account.board.to_read_back(NOW_MS + REQUEST_MS + SETTLE_MS) == ["a"]


def test_a_sku_that_changed_its_product_is_told_on() -> None:
    """Its rows are in another partition, whose versions may be lower for ever (R30)."""
    account = Told("ab")
    for listing in "ab":
        row = ListingRow(1, 1_000_000, 0, NOW_MS - 600_000, sku=listing.upper(), partition=4)
        account.board.known(listing, row, NOW_MS)
    account.board.begin(NOW_MS)
    account.board.want("a", Version(1, 10), 50, NOW_MS, NOW_MS, partition=2)
    account.board.want("b", Version(1, 10), 50, NOW_MS, NOW_MS, partition=4)
    assert account.sent(HOLD_MS) == {"a": 50}
    row = account.end(at=HOLD_MS)["a"]
    assert (row.offset, row.partition) == (10, 2)
    account.board.want("a", Version(1, 9), 60, NOW_MS + HOLD_MS, NOW_MS + HOLD_MS, partition=2)
    assert account.board.in_step == 1


def test_a_row_does_not_say_dead_for_ever_of_what_is_in_step_again() -> None:
    """The ledger came back to what the channel shows, so that no push tells of it; the row is given once."""
    account = cut("ab")
    account.end("permanent")
    for _ in "ab":
        account.sent(LONG_MS)
        account.end("permanent", LONG_MS)
    assert account.board.dead == 2
    account.want("a", 9, LONG_MS + 1)
    account.want("b", 3, LONG_MS + 1)
    rows = dict(account.board.rows_in_step_again(NOW_MS + LONG_MS + 1))
    assert list(rows) == ["a"]
    assert (rows["a"].units, rows["a"].dead) == (9, None)
    assert account.board.rows_in_step_again(NOW_MS + LONG_MS + 1) == []
    account.sent(LONG_MS + 2)
    assert account.end(at=LONG_MS + 2)["b"].dead is None
    assert account.board.rows_in_step_again(NOW_MS + LONG_MS + 2) == []
