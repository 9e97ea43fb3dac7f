"""R20: an outside order that is told again with other units, as of another time."""

from itertools import permutations

import pytest

from inventory_stream.ledger.identity import content_hash
from inventory_stream.ledger.invariants import assert_sound
from models.commands import Cancel, RecordOrder
from models.outcomes import Outcome
from tests.unit.ledger.table import NOON, SKU, Ledger

TOLD = {
    "two": RecordOrder("taken-1", "O1", SKU, 2, location="L1", ordered_at=NOON, as_of=NOON),
    "five": RecordOrder("taken-2", "O1", SKU, 5, location="L1", ordered_at=NOON, as_of=NOON + 1_000),
    "four": RecordOrder("taken-3", "O1", SKU, 4, location="L1", ordered_at=NOON, as_of=NOON + 2_000),
    "refund": Cancel("refund", "O1", SKU, units=2, effective_at=NOON + 1_500),
    "off": Cancel("off", "O1", SKU, effective_at=NOON + 3_000),
    "off for now": Cancel("pause", "O1", SKU, effective_at=NOON + 1_500, as_of=NOON + 1_500),
    "off, told": RecordOrder("taken-4", "O1", SKU, 5, location="L1", ordered_at=NOON, as_of=NOON + 1_500),
    "off again": Cancel("pause-2", "O1", SKU, effective_at=NOON + 2_500, as_of=NOON + 2_500),
    "off again, told": RecordOrder(
        "taken-5", "O1", SKU, 5, location="L1", ordered_at=NOON, as_of=NOON + 2_500
    ),
    "a ms later": RecordOrder("taken-6", "O1", SKU, 3, location="L1", ordered_at=NOON, as_of=NOON + 1_501),
}


@pytest.mark.parametrize(
    ("names", "allocated"),
    [
        (("two", "five", "four"), 4),
        (("two", "five", "four", "refund"), 2),
        (("two", "five", "refund"), 3),
        (("two", "five", "four", "off"), 0),
        (("two", "five", "refund", "off"), 0),
        (("two", "five", "off for now"), 0),
        (("two", "five", "off for now", "off, told"), 0),
        (("two", "off for now", "off, told", "four"), 4),
        (("two", "five", "off for now", "off, told", "four"), 4),
        (("off for now", "off, told"), 0),
        (("off for now", "off, told", "four"), 4),
        (("off for now", "off, told", "off again", "off again, told"), 0),
        (("off for now", "off, told", "four", "off again"), 0),
        (("off for now", "off, told", "off again", "off"), 0),
        (("two", "off for now", "a ms later"), 3),
        (("off for now", "off, told", "a ms later"), 3),
    ],
)
def test_the_newest_telling_counts_in_any_order(names: tuple[str, ...], allocated: int) -> None:
    """Raised, lowered, in part or wholly cancelled: every order, with a repeat of all, ends alike."""
    for order in permutations(names):
        ledger = Ledger().run("given on_hand=9")
        for name in (*order, *order):
            ledger.decide(orders=[[TOLD[name]]])
            assert_sound(ledger.state)
        lines = ledger.state.reservations["O1"].lines
        assert sum(line.allocated for line in lines) == allocated, order
        assert ledger.state.position(SKU, "L1").on_hand == 9
        assert ledger.state.position(SKU, "L1").allocated == allocated, order


def test_a_difference_is_taken_and_freed_with_what_was_shipped_in_mind() -> None:
    """Only what is not shipped is freed; what is told more is taken, short or not."""
    Ledger().run(
        """
        given on_hand=4
        record O1 units=3 at=L1 asof=-60s     -> RECORDED allocated=3
        fulfil O1 units=2                     -> FULFILLED allocated=1 on_hand=2
        record O1 units=1 at=L1 asof=-50s     -> CANCELLED allocated=0 on_hand=2 said.units=1
        record O1 units=1 at=L1 asof=-40s     -> ALREADY_CONFIRMED allocated=0
        record O1 units=2 at=L1 asof=-55s     -> ALREADY_CONFIRMED allocated=0
        record O1 units=4 at=L1 asof=-30s     -> RECORDED allocated=2 on_hand=2
        record O1 units=5 at=L1 asof=-20s     -> RECORDED_SHORT allocated=3 on_hand=2
        """
    )


def test_an_order_recorded_before_tellings_had_a_time_is_told_again() -> None:
    """Its own units are what was told; one without a time that comes after one with it says nothing new."""
    Ledger().run(
        """
        given on_hand=9
        record O1 units=2 at=L1               -> RECORDED allocated=2
        cancel O1 units=1                     -> CANCELLED allocated=1
        record O1 units=2 at=L1 asof=-60s     -> ALREADY_CONFIRMED allocated=1
        record O1 units=3 at=L1 asof=-50s     -> RECORDED allocated=2
        record O1 units=9 at=L1               -> ALREADY_CONFIRMED allocated=2
        """
    )


def test_a_reservation_that_an_order_confirms_is_raised_by_it_too() -> None:
    """The first telling is its confirm; what a later one states more is recorded."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2                    -> GRANTED
        record R1 units=2 asof=-60s           -> CONFIRMED allocated=2
        record R1 units=3 asof=-50s           -> RECORDED allocated=3
        record R1 units=1 asof=-40s           -> CANCELLED allocated=1
        cancel R1                             -> CANCELLED allocated=0
        record R1 units=4 asof=-30s           -> ALREADY_CONFIRMED allocated=0
        """
    )


def test_a_cancel_of_as_many_units_that_came_before_its_order_ends_it() -> None:
    """R21: without times nothing may come after it; with one, the order may be told with more."""
    Ledger().run(
        """
        given on_hand=9
        cancel O1 units=2                     -> REMEMBERED
        record O1 units=2 at=L1               -> RELEASED_EARLY allocated=0
        cancel O2 units=2                     -> REMEMBERED
        record O2 units=2 at=L1 asof=-60s     -> RECORDED allocated=0
        record O2 units=3 at=L1 asof=-50s     -> RECORDED allocated=1
        """
    )


def test_a_record_without_a_time_keeps_its_hash() -> None:
    """R27: a repeat of what was recorded before `as_of` was a word is a repeat, not another content."""
    plain = RecordOrder("c", "O1", SKU, 2, location="L1", ordered_at=NOON)
    assert content_hash(plain).hex() == "a4df5da87be615ed"
    assert content_hash(plain) != content_hash(TOLD["two"])


def test_a_reservation_is_sold_to_one_order() -> None:
    """Another order that carries its id, and the cancel of that one, move nothing and are told."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2                          -> GRANTED
        confirm R1 order=H1                         -> CONFIRMED allocated=2
        record R1 units=2 order=O1 asof=-60s        -> ANOTHER_ORDER allocated=2 said.units=0
        record R1 units=5 order=O1 asof=-50s        -> ANOTHER_ORDER allocated=2
        cancel R1 order=O1                          -> ANOTHER_ORDER allocated=2
        record R1 units=2 order=H1                  -> ALREADY_CONFIRMED allocated=2
        cancel R1 order=H1                          -> CANCELLED allocated=0
        record R1 units=2 order=O1                  -> RECORDED allocated=2
        record O2 units=1 at=L1 order=O2            -> RECORDED allocated=3
        record O2 units=1 at=L1 order=O3            -> ANOTHER_ORDER allocated=3
        cancel R3 order=O4                          -> REMEMBERED
        record R3 units=1 at=L1 order=O3            -> RECORDED allocated=4
        """
    )
    assert Outcome.ANOTHER_ORDER.is_exception
    assert Outcome.ANOTHER_ORDER.is_final


def test_a_release_does_not_call_off_an_order_that_was_taken_elsewhere() -> None:
    """R20: whoever knows or invents its id, and whether a reserve of that id came between."""
    Ledger().run(
        """
        given on_hand=9
        release R1                                  -> REMEMBERED
        record R1 units=2 at=L1 asof=-60s           -> RECORDED allocated=2
        release R2                                  -> REMEMBERED
        reserve R2 units=2                          -> RELEASED_EARLY
        record R2 units=2 at=L1 asof=-60s           -> RECORDED allocated=4
        cancel R3 units=2                           -> REMEMBERED
        release R3                                  -> REMEMBERED
        cancel R3                                   -> REMEMBERED
        record R3 units=2 at=L1 asof=-60s           -> RELEASED_EARLY allocated=4
        record R3 units=2 at=L1 asof=-50s id=again  -> RELEASED_EARLY allocated=4
        """
    )


def test_a_cancel_without_an_order_keeps_its_hash() -> None:
    """R27: as cancels had before they could name a time or an order."""
    assert content_hash(Cancel("c", "O1", SKU)).hex() == "63f841399f95a723"
    assert (
        len(
            {
                content_hash(Cancel("c", "O1", SKU, as_of=when, order_id=order))
                for when in (None, NOON)
                for order in (None, "O")
            }
        )
        == 4
    )


def test_a_cancel_may_come_before_the_order_that_confirms_a_reservation() -> None:
    """R20, R21: what is off is not taken when the order comes; told as of later, it is on again."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2                          -> GRANTED
        cancel R1 order=O1 asof=-50s                -> RELEASED reserved=0
        record R1 units=2 order=O1 asof=-60s        -> ALREADY_CONFIRMED allocated=0 reserved=0
        reserve R2 units=2                          -> GRANTED
        cancel R2 order=O2 units=1 asof=-50s        -> RELEASED reserved=1
        record R2 units=2 order=O2 asof=-60s        -> CONFIRMED allocated=1
        cancel R2 order=O2                          -> CANCELLED allocated=0
        reserve R3 units=2                          -> GRANTED
        cancel R3 order=O3 asof=-60s                -> RELEASED
        record R3 units=2 order=O3 asof=-60s        -> ALREADY_CONFIRMED allocated=0
        record R3 units=2 order=O3 asof=-50s        -> RECORDED allocated=2
        cancel R4 order=O4 units=1 asof=-50s        -> REMEMBERED
        reserve R4 units=1                          -> GRANTED reserved=0
        record R4 units=1 order=O4 asof=-60s        -> ALREADY_CONFIRMED allocated=2
        """
    )


def test_an_off_of_an_order_without_a_time_is_its_first_telling() -> None:
    """One that was recorded before tellings had a time is off by one that has, and on again by a later."""
    Ledger().run(
        """
        given on_hand=9
        record O1 units=2 at=L1               -> RECORDED allocated=2
        cancel O1 asof=-40s                   -> CANCELLED allocated=0
        record O1 units=2 at=L1 asof=-50s     -> ALREADY_CONFIRMED allocated=0
        record O1 units=2 at=L1 asof=-30s     -> RECORDED allocated=2
        """
    )


def test_what_was_shipped_before_the_first_telling_is_not_allocated_again() -> None:
    """An off that comes ahead of the order counts what has left already."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2 at=L1 ttl=60s                -> GRANTED
        fulfil R1 units=2                               -> FULFILLED on_hand=7
        cancel R1 order=O1 asof=-60s                    -> NOT_LIVE
        record R1 units=2 at=L1 order=O1 asof=-50s      -> ALREADY_CONFIRMED allocated=0 on_hand=7
        """
    )
