"""R12: units planned at one location, shipped, and received at another."""

import pytest

from inventory_stream.ledger.rules import Rules
from models import commands as c
from models.outcomes import Outcome
from tests.unit.ledger.table import NOON, SKU, Ledger


def test_transfer_moves_units_from_source_over_the_road_to_the_target() -> None:
    """R12: planned units leave the source's ATP, shipped ones its on_hand; only received ones can be sold."""
    Ledger().run(
        """
        given on_hand=10 safety_stock=2
        plan_transfer T1 from=L1 to=L2 units=6    -> TRANSFER_PLANNED allocated=6 on_hand=10 atp=2
        ship_transfer T1 units=6                  -> APPLIED allocated=0 on_hand=4 atp=2 T1.planned=0
        show                                      -> at=L2 in_transit=6 on_hand=0 atp=0 version=1
        receive_transfer T1 units=6               -> APPLIED at=L2 in_transit=0 on_hand=6 atp=6 version=2
        show                                      -> T1.shipped=6 T1.lost=0 version=4
        """
    )


def test_plan_is_refused_when_the_source_has_less_to_promise() -> None:
    """R12, R15: a plan needs ATP at the source; the refusal says why, and whether waiting may help."""
    Ledger().run(
        """
        plan_transfer T1 from=L1 to=L2 units=1    -> UNKNOWN_SKU breakdown.on_hand=0
        given on_hand=10 safety_stock=3
        reserve R1 units=4 ttl=60s                -> GRANTED atp=3
        plan_transfer T1 from=L1 to=L2 units=4    -> ALL_RESERVED breakdown.reserved=4 allocated=0
        plan_transfer T1 from=L1 to=L2 units=8    -> SOLD_OUT breakdown.available_to_promise=3
        plan_transfer T1 from=L9 to=L2 units=1    -> SOLD_OUT breakdown.on_hand=0
        plan_transfer T1 from=L1 to=L2 units=3    -> TRANSFER_PLANNED atp=0
        reserve R2 units=1                        -> ALL_RESERVED
        """
    )


def test_plan_under_a_new_command_id_sets_nothing_aside_twice() -> None:
    """R12, R27: the same transfer is planned once; other content under its id is refused by name."""
    Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=3    -> TRANSFER_PLANNED
        again c2                                  -> TRANSFER_PLANNED allocated=3 version=2
        plan_transfer T1 from=L1 to=L2 units=3 exp=+24h -> ALREADY_PLANNED allocated=3 version=2
        plan_transfer T1 from=L1 to=L2 units=4    -> DOCUMENT_ID_REUSED allocated=3
        plan_transfer T1 from=L1 to=L3 units=3    -> DOCUMENT_ID_REUSED allocated=3
        ship_transfer T1 units=1                  -> APPLIED
        plan_transfer T1 from=L1 to=L2 units=3    -> ALREADY_PLANNED allocated=2
        """
    )


def test_expected_time_of_a_plan_is_noted_when_it_is_stated_again() -> None:
    """R12, R13: a plan repeated with another date moves no unit, but the outlook follows it."""
    ledger = Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=3    -> TRANSFER_PLANNED T1.expected_at_ms=0
        plan_transfer T1 from=L1 to=L2 units=3 exp=+24h -> ALREADY_PLANNED
        """
    )
    assert ledger.state.transfers["T1"].expected_at_ms == NOON + 86_400_000
    ledger.run("ship_transfer T1 units=3 exp=+48h -> APPLIED")
    assert ledger.state.transfers["T1"].expected_at_ms == NOON + 2 * 86_400_000


def test_cancel_frees_what_has_not_left() -> None:
    """R12: planned units become free again, those on the truck stay there; the id can be planned anew."""
    Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=5    -> TRANSFER_PLANNED atp=5
        ship_transfer T1 units=2                  -> APPLIED atp=5
        cancel_transfer T1                        -> APPLIED said.units=3 atp=8 allocated=0
        show                                      -> at=L2 in_transit=2
        cancel_transfer T1                        -> UNKNOWN_TRANSFER
        plan_transfer T1 from=L1 to=L2 units=5    -> TRANSFER_PLANNED said.units=3 allocated=3
        cancel_transfer T2                        -> UNKNOWN_TRANSFER
        """
    )


def test_ship_applies_when_it_does_not_match_the_plan() -> None:
    """R10, R12: more than planned, from elsewhere, or unplanned: units left all the same, by another name."""
    Ledger().run(
        """
        given on_hand=10
        given on_hand=10 at=L3
        plan_transfer T1 from=L1 to=L2 units=2    -> TRANSFER_PLANNED
        ship_transfer T1 units=1 from=L3          -> SHIP_UNMATCHED on_hand=10 allocated=2
        show                                      -> at=L3 on_hand=9 allocated=0
        ship_transfer T1 units=1 to=L4            -> SHIP_UNMATCHED on_hand=9 allocated=1
        ship_transfer T1 units=4                  -> SHIP_UNMATCHED on_hand=5 allocated=0
        show                                      -> at=L2 in_transit=6
        ship_transfer T2 units=3                  -> UNKNOWN_TRANSFER on_hand=5
        ship_transfer T2 units=7 from=L1 to=L2    -> SHIP_UNMATCHED on_hand=-2 short=2 T2.in_transit=7
        show                                      -> at=L2 in_transit=13
        ship_transfer T3 units=1 from=L1          -> SHIP_UNMATCHED on_hand=-3
        """
    )
    assert Outcome.SHIP_UNMATCHED.is_exception


def test_plan_that_comes_after_its_ship_sets_only_the_rest_aside() -> None:
    """R12: units that left already are not held back a second time."""
    Ledger().run(
        """
        given on_hand=10
        ship_transfer T1 units=2 from=L1 to=L2    -> SHIP_UNMATCHED on_hand=8
        plan_transfer T1 from=L1 to=L2 units=5    -> TRANSFER_PLANNED said.units=3 allocated=3
        ship_transfer T2 units=2 from=L1 to=L2    -> SHIP_UNMATCHED on_hand=6
        plan_transfer T2 from=L1 to=L2 units=2    -> ALREADY_PLANNED allocated=3
        plan_transfer T2 from=L1 to=L2 units=3    -> DOCUMENT_ID_REUSED allocated=3
        """
    )


def test_rest_is_lost_when_the_final_receipt_is_short() -> None:
    """R12: in transit until somebody confirms that no more will come; then lost, and an exception."""
    Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=6    -> TRANSFER_PLANNED
        ship_transfer T1 units=6                  -> APPLIED
        receive_transfer T1 units=4               -> APPLIED at=L2 on_hand=4 in_transit=2 T1.lost=0
        receive_transfer T1 units=0 final=yes     -> RECEIVED_SHORT at=L2 on_hand=4 in_transit=0 T1.lost=2
        receive_transfer T1 units=1               -> RECEIVE_UNMATCHED at=L2 on_hand=5 T1.lost=2
        receive_transfer T1 units=0 final=yes     -> APPLIED at=L2 on_hand=5
        """
    )
    assert Outcome.RECEIVED_SHORT.is_exception


def test_receive_applies_when_it_does_not_match_what_is_in_transit() -> None:
    """R10, R12: more than sent, elsewhere, or unknown: on_hand rises where the units are."""
    Ledger().run(
        """
        given on_hand=10
        ship_transfer T1 units=3 from=L1 to=L2    -> SHIP_UNMATCHED
        receive_transfer T1 units=1 at=L3         -> RECEIVE_UNMATCHED at=L3 on_hand=1
        show                                      -> at=L2 on_hand=0 in_transit=2
        receive_transfer T1 units=5               -> RECEIVE_UNMATCHED at=L2 on_hand=5 in_transit=0
        receive_transfer T9 units=5               -> UNKNOWN_TRANSFER
        receive_transfer T9 units=0 final=yes at=L2 -> UNKNOWN_TRANSFER
        receive_transfer T9 units=5 at=L2         -> RECEIVE_UNMATCHED at=L2 on_hand=10
        """
    )


def test_both_legs_leave_on_hand_when_their_position_was_counted_since() -> None:
    """R8, R12: each leg is judged by the last count of its own position; in_transit moves all the same."""
    Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=4    -> TRANSFER_PLANNED
        tick 60s
        sync 6                                    -> APPLIED on_hand=6 allocated=4
        ship_transfer T1 units=4 eff=-5s          -> APPLIED on_hand=6 allocated=0
        show                                      -> at=L2 in_transit=4
        sync 4 at=L2                              -> APPLIED
        receive_transfer T1 units=4 eff=-1s       -> APPLIED at=L2 on_hand=4 in_transit=0
        """
    )


def test_shortfall_at_the_source_takes_no_planned_units() -> None:
    """R11, R12: soft reservations are revoked, what is set aside for a transfer stays."""
    Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=6    -> TRANSFER_PLANNED
        reserve R1 units=4                        -> GRANTED
        till_sale 6                               -> APPLIED R1.revoked=4 allocated=6 short=2 T1.planned=6
        """
    )


def test_units_of_another_sku_do_not_touch_the_transfer_of_that_id() -> None:
    """R10, R12: an id stands for one SKU; facts of another apply to their own position only."""
    ledger = Ledger().run("given on_hand=10\n plan_transfer T1 from=L1 to=L2 units=5 -> TRANSFER_PLANNED")
    assert ledger.send(c.PlanTransfer("x1", "T1", "SKU2", "L1", "L2", 5)) is Outcome.DOCUMENT_ID_REUSED
    assert ledger.send(c.ShipTransfer("x2", "T1", "SKU2", 5, NOON)) is Outcome.UNKNOWN_TRANSFER
    shipped = c.ShipTransfer("x3", "T1", "SKU2", 5, NOON, from_location="L1", to_location="L2")
    assert ledger.send(shipped) is Outcome.SHIP_UNMATCHED
    received = c.ReceiveTransfer("x4", "T1", "SKU2", 5, NOON, location="L2")
    assert ledger.send(received) is Outcome.RECEIVE_UNMATCHED
    assert ledger.send(c.CancelTransfer("x5", "T1", "SKU2")) is Outcome.UNKNOWN_TRANSFER
    assert {name: at.on_hand for name, at in ledger.state.skus["SKU2"].items()} == {"L1": -5, "L2": 5}
    ledger.run("show -> T1.planned=5 T1.in_transit=0 allocated=5")


@pytest.mark.parametrize(
    "command",
    [
        c.PlanTransfer("x", "T1", SKU, "L1", "L1", 1),
        c.ShipTransfer("x", "T1", SKU, 1, NOON, from_location="L1", to_location="L1"),
        c.ReceiveTransfer("x", "T1", SKU, 0, NOON),
    ],
    ids=["plan to itself", "ship to itself", "receive nothing"],
)
def test_transfer_command_that_means_nothing_is_a_dead_letter(command: c.Command) -> None:
    """R6, R12: what can never succeed is refused by name, with no answer and no change."""
    ledger = Ledger().run("given on_hand=10")
    (sealed,) = ledger.decide(stock=[[command]])
    assert "R12" in sealed.refused[0].reason
    ledger.run("show -> on_hand=10 version=1")


def test_ended_transfers_fold_when_the_window_has_passed_and_open_ones_stay() -> None:
    """R29, R12: 48 h after its end a transfer is a tombstone; I4 holds by the receipts' deltas."""
    ledger = Ledger().run(
        """
        given on_hand=10
        plan_transfer T1 from=L1 to=L2 units=1    -> TRANSFER_PLANNED
        plan_transfer T2 from=L1 to=L2 units=1    -> TRANSFER_PLANNED
        cancel_transfer T1                        -> APPLIED
        tick 47h, sweep                           -> T1.planned=0
        plan_transfer T1 from=L1 to=L2 units=1    -> TRANSFER_PLANNED
        tick 2h, sweep                            -> T1.planned=1
        cancel_transfer T1                        -> APPLIED
        tick 49h, sweep                           -> on_hand=10 allocated=1 T2.planned=1
        """
    )
    assert list(ledger.state.transfers) == ["T2"]
    assert dict(ledger.log)[b"s/transfer/T1"] is None
    assert list(ledger.recovered(compacted=True).transfers) == ["T2"]


def test_ended_transfers_are_bounded_by_count() -> None:
    """R29: past the bound the oldest go first, however young; those still open are not counted."""
    ledger = Ledger(Rules(ended_documents_max=2)).run("given on_hand=10")
    for number in range(5):
        ledger.run(f"plan_transfer T{number} from=L1 to=L2 units=1\n tick 1s")
    for number in range(4):
        ledger.run(f"cancel_transfer T{number} -> APPLIED\n tick 1s")
    ledger.run("sweep")
    assert list(ledger.state.transfers) == ["T2", "T3", "T4"]


def test_nothing_received_makes_no_position() -> None:
    """R12, I8: a final receipt of nothing that was on its way leaves the target as unknown as it was."""
    ledger = Ledger().run("""
        given on_hand=3
        plan_transfer T1 from=L1 to=L2 units=3      -> TRANSFER_PLANNED
        receive_transfer T1 units=0 final=yes       -> APPLIED
    """)
    assert "L2" not in ledger.state.skus["SKU1"]
