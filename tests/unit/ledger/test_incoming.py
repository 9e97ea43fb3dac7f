"""R13: goods that are expected, received, and called off."""

import pytest

from inventory_stream.ledger.rules import Rules
from models import commands as c
from models.outcomes import Outcome
from tests.unit.ledger.table import NOON, SKU, Ledger


def test_expected_goods_can_be_sold_when_they_are_received() -> None:
    """R13: what is announced is no part of on_hand or ATP; each receipt is."""
    Ledger().run(
        """
        given on_hand=1
        expect PO1 units=10 exp=+24h              -> APPLIED on_hand=1 atp=1 version=1
        receive PO1 units=4                       -> APPLIED on_hand=5 PO1.received=4 PO1.open_units=6
        receive PO1 units=6                       -> APPLIED on_hand=11 PO1.open_units=0
        """
    )


def test_last_statement_stands_when_goods_are_expected_anew() -> None:
    """R13: units, time and location may change; what was received stays received."""
    ledger = Ledger().run(
        """
        expect PO1 units=10 exp=+24h              -> APPLIED
        receive PO1 units=4                       -> APPLIED on_hand=4
        expect PO1 units=6 exp=+48h at=L2         -> APPLIED PO1.open_units=2 PO1.location=L2
        receive PO1 units=2                       -> APPLIED at=L2 on_hand=2
        expect PO1 units=9 exp=+48h               -> APPLIED PO1.open_units=3
        expect PO1 units=5 exp=+48h               -> APPLIED PO1.open_units=0
        cancel_incoming PO1                       -> UNKNOWN_INCOMING
        """
    )
    assert ledger.send(c.Expect("x", "PO1", "SKU2", "L1", 1, NOON)) is Outcome.DOCUMENT_ID_REUSED


def test_goods_are_received_short_when_the_final_receipt_has_less() -> None:
    """R13: `final` ends the waiting; less than announced is an exception, all of it is not."""
    Ledger().run(
        """
        expect PO1 units=10 exp=+24h              -> APPLIED
        receive PO1 units=4 final=yes             -> RECEIVED_SHORT on_hand=4 PO1.open_units=0
        receive PO1 units=1                       -> RECEIVE_UNMATCHED on_hand=5
        expect PO2 units=3 exp=+24h               -> APPLIED
        receive PO2 units=3 final=yes             -> APPLIED on_hand=8
        receive PO2 units=0 final=yes             -> APPLIED on_hand=8 version=3
        """
    )


def test_goods_are_received_whatever_was_announced() -> None:
    """R10, R13: more than awaited, elsewhere or unknown: on_hand rises; without a place it cannot."""
    Ledger().run(
        """
        expect PO1 units=3 exp=+24h               -> APPLIED
        receive PO1 units=1 at=L2                 -> RECEIVE_UNMATCHED at=L2 on_hand=1 PO1.open_units=2
        receive PO1 units=5                       -> RECEIVE_UNMATCHED on_hand=5 PO1.received=6
        receive PO9 units=2 at=L1                 -> RECEIVE_UNMATCHED on_hand=7
        receive PO9 units=2                       -> UNKNOWN_INCOMING on_hand=7
        receive PO9 units=0 final=yes at=L1       -> UNKNOWN_INCOMING on_hand=7
        """
    )
    assert Outcome.RECEIVE_UNMATCHED.is_exception


def test_receipt_leaves_on_hand_when_the_position_was_counted_since() -> None:
    """R8, R13: the count saw the goods; the incoming is received all the same."""
    Ledger().run(
        """
        expect PO1 units=3 exp=+24h               -> APPLIED
        sync 8                                    -> APPLIED
        receive PO1 units=3 eff=-1s               -> APPLIED on_hand=8 PO1.open_units=0
        """
    )


def test_cancelled_goods_are_awaited_no_more() -> None:
    """R13: cancel ends the waiting once; what comes after all is a fact."""
    Ledger().run(
        """
        expect PO1 units=3 exp=+24h               -> APPLIED
        cancel_incoming PO1                       -> APPLIED said.units=3 PO1.open_units=0
        cancel_incoming PO1                       -> UNKNOWN_INCOMING
        cancel_incoming PO9                       -> UNKNOWN_INCOMING
        receive PO1 units=1                       -> RECEIVE_UNMATCHED on_hand=1 PO1.open_units=0
        receive PO1 units=1                       -> RECEIVE_UNMATCHED on_hand=2 PO1.open_units=0
        expect PO1 units=5 exp=+24h               -> APPLIED PO1.open_units=3
        """
    )


def test_receipt_of_nothing_is_a_dead_letter_unless_it_is_final() -> None:
    """R6, R13: 0 units only say something when no more will come."""
    ledger = Ledger().run("expect PO1 units=3 exp=+24h")
    (sealed,) = ledger.decide(stock=[[c.Receive("x", "PO1", SKU, 0, NOON)]])
    assert "0 units" in sealed.refused[0].reason


@pytest.mark.parametrize("ending", ["cancel_incoming PO{n}", "receive PO{n} units=1"])
def test_ended_incoming_is_bounded_by_time_and_count(ending: str) -> None:
    """R29, R13: the oldest ended go first past the bound, the others after 48 h; open ones stay."""
    ledger = Ledger(Rules(ended_documents_max=2))
    for number in range(5):
        ledger.run(f"expect PO{number} units=1 exp=+24h")
    for number in range(4):
        ledger.run(f"{ending.format(n=number)} -> APPLIED\n tick 1s")
    ledger.run("sweep")
    assert list(ledger.state.incoming) == ["PO2", "PO3", "PO4"]
    ledger.run("tick 49h, sweep")
    assert list(ledger.state.incoming) == ["PO4"]
    assert list(ledger.recovered(compacted=True).incoming) == ["PO4"]
