"""R10 and R22 at their bounds: lines, dates, and what the answers tell; found by mutation."""

import pytest

from tests.unit.ledger.table import Ledger

SPLIT = """
    given on_hand=2 at=L1
    given on_hand=2 at=L2
    group G locations=L1+L2
    reserve R1 units=4 group=G strategy=split -> GRANTED
"""


def test_shipment_of_reserved_units_takes_no_more_than_it_says_over_all_lines() -> None:
    """R10: three of two and two: the first line whole, of the second one."""
    ledger = (
        Ledger()
        .run(SPLIT)
        .run("""
        fulfil R1 units=3 id=X                 -> FULFILLED said.units=3 reserved=0 on_hand=0
        show                                   -> at=L2 reserved=1 on_hand=1
    """)
    )
    told = [(movement.location, movement.delta) for movement in ledger.answers["X"].movements]
    assert told == [("L1", -2), ("L2", -1)]


def test_shipment_beyond_all_lines_leaves_from_the_last_one() -> None:
    """R10: nobody said where from; the last sourced line is where it is most likely."""
    Ledger().run(SPLIT).run("""
        confirm R1                             -> CONFIRMED
        fulfil R1 units=5                      -> FULFIL_UNMATCHED said.units=5 on_hand=0
        show                                   -> at=L2 on_hand=-1
    """)


@pytest.mark.parametrize(
    ("verb", "delta", "outcome"), [("fulfil", -1, "FULFILLED"), ("return", 1, "RETURNED")]
)
@pytest.mark.parametrize(("when", "moves"), [("-10s", 0), ("-9999ms", 1)])
def test_fact_of_an_order_is_dated_by_when_it_happened(
    verb: str, delta: int, outcome: str, when: str, moves: int
) -> None:
    """R8: one that the last count saw, to the ms, leaves on_hand alone."""
    moved = delta * moves
    Ledger().run(f"""
        given on_hand=9
        reserve R1 units=3 ttl=300s            -> GRANTED
        fulfil R1 units=1                      -> FULFILLED
        tick 60s, sync 9                       -> APPLIED
        tick 10s, {verb} R1 units=1 eff={when} -> {outcome} on_hand={9 + moved} move.delta={moved}
    """)


@pytest.mark.parametrize("verb", ["fulfil", "return"])
@pytest.mark.parametrize("given", ["", "reserve R1 units=3", "reserve R1 units=99"])
def test_fact_ahead_of_the_clock_is_dated_by_its_arrival(verb: str, given: str) -> None:
    """R7: counted, and told with the movement, whether its order is there, refused, or not there."""
    ledger = Ledger().run("given on_hand=9")
    if given:
        ledger.run(f"{given} -> {'GRANTED' if given[-1] == '3' else 'SOLD_OUT'}")
    ledger.run(f"{verb} R1 units=1 at=L1 eff=+6s id=X")
    assert ledger.sealed[-1].clock_ahead == 1
    (movement,) = ledger.answers["X"].movements
    assert movement.clock_ahead
    assert movement.effective_at_ms == ledger.now_ms


@pytest.mark.parametrize(
    ("given", "verb"), [("SOLD_OUT", "reserve R1 units=99"), ("GRANTED", "reserve R1 units=1")]
)
def test_damaged_returns_add_up_unless_they_were_counted_among_the_damaged(given: str, verb: str) -> None:
    """R8, R22: each is held back; one from the very ms of the last statement is part of that already."""
    Ledger().run(f"""
        given on_hand=9
        {verb}                                            -> {given}
        unavailable 2                                     -> APPLIED unavailable=2
        return R1 units=1 at=L1 sellable=no eff=+0s       -> RETURN_UNMATCHED unavailable=2
        tick 1s, return R1 units=1 at=L1 sellable=no      -> RETURN_UNMATCHED unavailable=3
        return R1 units=2 at=L1 sellable=no               -> RETURN_UNMATCHED unavailable=5 on_hand=13
    """)


def test_fact_about_a_refused_order_tells_the_units_that_moved() -> None:
    """R10: those of its command where a place is known, else none."""
    Ledger().run("""
        given on_hand=9
        group G locations=L1+L2
        reserve R1 units=99 group=G            -> SOLD_OUT
        fulfil R1 units=2 at=L1                -> FULFIL_UNMATCHED said.units=2 on_hand=7
        return R1 units=3 at=L1                -> RETURN_UNMATCHED said.units=3 on_hand=10
        fulfil R1 units=2                      -> FULFIL_UNMATCHED said.units=0 on_hand=10
        fulfil R1 at=L1                        -> FULFIL_UNMATCHED said.units=0 on_hand=10
    """)
