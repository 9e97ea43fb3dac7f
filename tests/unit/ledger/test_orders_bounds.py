"""R16, R17 and R19 at their bounds: what answers say, which ms and which line decide; found by mutation."""

import pytest

from inventory_stream.ledger.rules import Rules
from tests.unit.ledger.table import NOON, Ledger


def test_extension_runs_from_its_own_decision_to_the_ms() -> None:
    """R19: 60 s are 60,000 ms after the extension was decided, not after the reserve."""
    ledger = Ledger().run("""
        given on_hand=1
        reserve R1 units=1 ttl=60s             -> GRANTED
        tick 10s, extend R1 ttl=60s            -> EXTENDED
    """)
    assert ledger.state.reservations["R1"].deadline_ms == NOON + 70_000


def test_asking_for_exactly_the_longest_life_is_no_refusal() -> None:
    """R19: the limit itself is allowed, also when it is reached already; a second more is not."""
    ledger = Ledger(Rules(reservation_ms_max=100_000)).run("""
        given on_hand=1
        reserve R1 units=1 ttl=60s             -> GRANTED
        tick 40s, extend R1 ttl=60s            -> EXTENDED
        extend R1 ttl=60s                      -> EXTENDED
        extend R1 ttl=61s                      -> EXTEND_LIMIT
    """)
    assert ledger.state.reservations["R1"].deadline_ms == NOON + 100_000


def test_confirm_of_what_is_confirmed_or_shipped_says_so() -> None:
    """R17: ALREADY_CONFIRMED for as long as anything of it is allocated or shipped, else NOT_LIVE."""
    Ledger().run("""
        given on_hand=9
        reserve R1 units=2                     -> GRANTED
        confirm R1                             -> CONFIRMED said.units=2
        confirm R1                             -> ALREADY_CONFIRMED
        fulfil R1                              -> FULFILLED
        confirm R1                             -> ALREADY_CONFIRMED
        reserve R2 units=2                     -> GRANTED
        confirm R2                             -> CONFIRMED
        cancel R2                              -> CANCELLED said.units=2
        confirm R2                             -> NOT_LIVE
        reserve R3 units=2                     -> GRANTED
        release R3                             -> RELEASED said.units=2
        confirm R3                             -> NOT_LIVE
    """)


def test_confirm_keeps_the_order_that_paid() -> None:
    """R11, R17: shortfalls name it; a confirm without an order id does not forget it."""
    Ledger().run("""
        given on_hand=9
        reserve R1 units=3 order=cart          -> GRANTED
        confirm R1 units=1 order=O9            -> CONFIRMED R1.paid_order_id=O9
        confirm R1 units=1                     -> CONFIRMED R1.paid_order_id=O9
        confirm R1 units=1 order=O7            -> CONFIRMED R1.paid_order_id=O7
    """)


def test_refused_late_confirm_tells_what_there_is_where_it_asked() -> None:
    """R15, R17: a confirm of one line shows the breakdown of that location alone."""
    Ledger().run("""
        given on_hand=1 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2
        reserve R1 units=6 group=G strategy=split ttl=10s -> GRANTED
        tick 11s, sweep                        -> R1.expired=6
        reserve R2 units=1 at=L1               -> GRANTED
        confirm R1 at=L1                       -> RESERVATION_EXPIRED breakdown.on_hand=1 breakdown.reserved=1
        confirm R1                             -> RESERVATION_EXPIRED breakdown.on_hand=6
    """)


def test_cancel_takes_the_line_that_it_names() -> None:
    """R16: only without a location the last sourced line goes first."""
    Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=2 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G strategy=split -> GRANTED
        confirm R1                             -> CONFIRMED
        cancel R1 units=1 at=L1                -> CANCELLED allocated=1
        show                                   -> at=L2 allocated=2
        cancel R1 units=2 at=L1                -> MORE_THAN_HELD
        cancel R1 units=1                      -> CANCELLED allocated=1
        show                                   -> at=L2 allocated=1
    """)


@pytest.mark.parametrize(("when", "on_hand", "moved"), [("-10s", 6, -2), ("-9999ms", 8, 0)])
def test_cancel_is_dated_by_when_it_happened(when: str, on_hand: int, moved: int) -> None:
    """R9: one before a netting count, to the ms, takes back what that added, and its answer tells so."""
    ledger = Ledger().run(f"""
        given on_hand=8
        reserve R1 units=2                     -> GRANTED
        confirm R1                             -> CONFIRMED
        tick 60s, sync 6 nets=yes through=-30s -> APPLIED on_hand=8
        tick 10s, cancel R1 eff={when} id=X    -> CANCELLED on_hand={on_hand}
    """)
    assert sum(movement.delta for movement in ledger.answers["X"].movements) == moved


def test_cancel_ahead_of_the_clock_is_counted() -> None:
    """R7: it is dated by its arrival, and somebody's clock is wrong."""
    ledger = Ledger().run("""
        given on_hand=8
        reserve R1 units=2                     -> GRANTED
        confirm R1                             -> CONFIRMED
        cancel R1 eff=+6s                      -> CANCELLED
    """)
    assert ledger.sealed[-1].clock_ahead == 1


@pytest.mark.parametrize(("late", "outcome"), [("", "CONFIRMED"), (", sweep", "CONFIRMED_LATE")])
def test_confirm_that_a_netting_count_knew_tells_what_it_adds(late: str, outcome: str) -> None:
    """R9: arrived before orders_through, decided after the count: on_hand rises, and the answer says so."""
    Ledger().run(f"""
        given on_hand=10
        reserve R1 units=2 ttl=10s             -> GRANTED
        tick 60s{late}
        sync 8 nets=yes through=-5s            -> APPLIED on_hand=8
        confirm R1 arrival={"-55s" if not late else "-20s"} -> {outcome} on_hand=10 move.delta=2
    """)


@pytest.mark.parametrize("verb", ["extend R1 ttl=60s", "confirm R1 units=1", "release R1 units=1"])
def test_seventeenth_answer_leaves_the_first_as_a_hash(verb: str) -> None:
    """R27: whatever the command, the row keeps 16 answers."""
    outcome = {"e": "EXTENDED", "c": "CONFIRMED", "r": "RELEASED"}[verb[0]]
    ledger = Ledger().run("given on_hand=99\n reserve R1 units=40 ttl=60s id=first -> GRANTED")
    for number in range(16):
        ledger.run(f"{verb} id=x{number} -> {outcome}")
    ledger.run("again first -> ALREADY_APPLIED")
    assert ledger.state.reservations["R1"].commands == 17
