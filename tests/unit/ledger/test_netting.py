"""R9: counts of a source that has already taken off its open orders."""

from inventory_stream.ledger.netting import ALLOCATIONS_MAX, open_units
from tests.unit.ledger.table import Ledger


def test_vector_of_rule_9() -> None:
    """R9: 10 physical, X of 2 known to the source, Y of 3 later: it says 8, we say 10 and 5 free."""
    Ledger().run(
        """
        given on_hand=0
        record X units=2 ordered=-30m -> RECORDED_SHORT
        record Y units=3 ordered=-5m -> RECORDED_SHORT
        sync 8 nets=yes through=-10m -> APPLIED on_hand=10 uncommitted=5 atp=5
        """
    )


def test_count_without_netting_adds_no_orders() -> None:
    """R8, R9: what lies on the shelf lies there, whoever ordered it."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        tick 1s
        sync 10                     -> APPLIED on_hand=10 atp=8
        """
    )


def test_soft_reservations_are_never_added_back() -> None:
    """R9: no source knows of a basket."""
    Ledger().run(
        """
        given on_hand=10
        reserve R1 units=4 ttl=1h   -> GRANTED
        tick 1m
        sync 10 nets=yes through=+0s -> APPLIED on_hand=10 atp=6
        """
    )


def test_order_counts_as_open_through_the_default_lag_of_the_feed() -> None:
    """R9: orders_through defaults to the count's time less the feed's order lag (5 minutes)."""
    Ledger().run(
        """
        given on_hand=10
        reserve R1 units=2 ttl=1h, confirm R1 -> CONFIRMED
        tick 4m
        sync 8 nets=yes             -> APPLIED on_hand=8
        tick 2m
        sync 8 nets=yes             -> APPLIED on_hand=10 atp=8
        """
    )


def test_shipment_before_the_count_that_arrives_after_it_takes_back_what_was_added() -> None:
    """R9: the source no longer had the order open, and its count already misses the units."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        tick 10m
        sync 8 nets=yes through=-1m -> APPLIED on_hand=10 atp=8
        tick 1m
        fulfil X eff=-5m            -> FULFILLED on_hand=8 allocated=0 atp=8 move.delta=-2
        """
    )


def test_shipment_after_the_count_moves_as_any() -> None:
    """R8, R9: added by the count, shipped later: off on_hand once."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        sync 8 nets=yes through=-1m -> APPLIED on_hand=10
        tick 1m
        fulfil X                    -> FULFILLED on_hand=8 atp=8
        tick 1m
        sync 8 nets=yes through=+0s -> APPLIED on_hand=8 atp=8
        """
    )


def test_cancel_before_the_count_that_arrives_after_it_takes_back_what_was_added() -> None:
    """R9: units of a cancelled order were back in the source's figure."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        tick 10m
        sync 10 nets=yes through=-1m -> APPLIED on_hand=12 atp=10
        cancel X eff=-5m            -> CANCELLED on_hand=10 allocated=0 atp=10
        """
    )


def test_cancel_after_the_count_leaves_on_hand() -> None:
    """R9: the count's orders were open when it was made."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        tick 10m
        sync 8 nets=yes through=-1m -> APPLIED on_hand=10 atp=8
        tick 1s
        cancel X                    -> CANCELLED on_hand=10 atp=10
        """
    )


def test_order_of_before_the_count_that_arrives_after_it_raises_on_hand() -> None:
    """R9, R20: a recorded order counts by when it was placed."""
    Ledger().run(
        """
        given on_hand=10
        tick 10m
        sync 8 nets=yes through=-1m -> APPLIED on_hand=8
        record X units=2 ordered=-5m -> RECORDED on_hand=10 allocated=2 atp=8
        record Y units=2 ordered=-10s -> RECORDED on_hand=10 allocated=4 atp=6
        """
    )


def test_order_shipped_before_the_count_is_not_among_those_added() -> None:
    """R9: what had left at T is in the count already, though it is settled and forgotten by the lists."""
    ledger = Ledger().run("given on_hand=300")
    for number in range(200):
        ledger.run(f"record X{number} units=1 ordered=-30m -> RECORDED\n fulfil X{number} -> FULFILLED")
    ledger.run(
        """
        tick 1m
        record Z units=1 ordered=-30m -> RECORDED
        sync 99 nets=yes through=-1m -> APPLIED on_hand=100 atp=99
        """
    )


def test_order_shipped_after_a_late_count_is_added_though_it_has_ended() -> None:
    """R9: the count knew it as open; its shipment is a movement after the count."""
    ledger = Ledger().run(
        "given on_hand=100\n record X units=5 ordered=-30m -> RECORDED\n tick 10m\n fulfil X"
    )
    for number in range(200):  # enough for the position's list to forget what ended
        ledger.run(f"reserve R{number} units=1 -> GRANTED\n release R{number} -> RELEASED")
    ledger.run("sync 95 eff=-5m nets=yes through=-6m -> APPLIED on_hand=95 atp=95")


def test_netting_count_of_long_ago_is_stale() -> None:
    """R9: orders that ended more than a day ago are no longer told apart."""
    Ledger().run(
        """
        given on_hand=10
        tick 25h
        sync 8 eff=-24h nets=yes    -> STALE_SYNC on_hand=10
        sync 8 eff=-24h             -> APPLIED on_hand=8
        """
    )


def test_orders_through_is_never_after_the_count() -> None:
    """R9: too few orders added back undersell, too many oversell."""
    Ledger().run(
        """
        given on_hand=10
        tick 1m
        record X units=2            -> RECORDED
        sync 10 eff=-30s nets=yes through=+0s -> APPLIED on_hand=10 atp=8
        """
    )


def test_changes_that_are_told_as_one_never_count_more_open_units() -> None:
    """R9: a line tells 16 changes apart; older ones merge to the side of underselling."""
    ledger = Ledger().run("given on_hand=100\n record X units=20 ordered=-30m -> RECORDED")
    for number in range(20):
        ledger.run(f"tick 1m\n fulfil X units=1 -> FULFILLED on_hand={99 - number}")
    (line,) = ledger.state.reservations["X"].lines
    assert len(line.allocations) == ALLOCATIONS_MAX
    for minutes in range(-40, 40):
        exact = max(0, 20 * (minutes >= -30) - min(20, max(0, minutes)))
        at_ms = ledger.now_ms - 20 * 60_000 + minutes * 60_000
        assert open_units(line.allocations, at_ms, at_ms) <= exact


def test_stale_count_makes_no_position() -> None:
    """R9, I8: a count that is refused leaves nothing that its rows do not tell, so nothing is known there."""
    ledger = Ledger().run("""
        sync 5 nets=yes eff=-2d               -> STALE_SYNC
        reserve R1 units=1                    -> UNKNOWN_SKU
    """)
    assert not ledger.state.skus
