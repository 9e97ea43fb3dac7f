"""R20 at its bounds: where an outside order is taken from, when it is short, what is kept of it."""

from inventory_stream.ledger.rules import Rules
from tests.unit.ledger.table import Ledger


def test_outside_order_of_a_group_is_taken_where_it_fits_exactly() -> None:
    """R20: the first location that has all of it, though a later one has more."""
    Ledger().run("""
        given on_hand=3 at=L1
        given on_hand=9 at=L2
        group G locations=L0+L1+L2
        record R1 units=3 group=G              -> RECORDED at=L1 allocated=3
    """)


def test_outside_order_that_fits_nowhere_is_taken_from_the_fullest_that_has_the_sku() -> None:
    """R20: never refused; and where nobody ever had it, from the first of the group."""
    ledger = Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=3 at=L2
        group G locations=L0+L1+L2
        record R1 units=9 group=G              -> RECORDED_SHORT said.units=9 at=L2 allocated=9
        record R2 units=1 group=G sku=other    -> RECORDED_SHORT
    """)
    assert list(ledger.state.skus["other"]) == ["L0"]
    assert "L0" not in ledger.state.skus["SKU1"]


def test_outside_order_is_short_from_the_first_unit_that_is_missing() -> None:
    """R20: the last unit there is makes no shortfall; safety stock may be taken."""
    Ledger().run("""
        given on_hand=5 safety_stock=2
        record R1 units=5                      -> RECORDED short=0
        record R2 units=1                      -> RECORDED_SHORT short=1
    """)


def test_outside_order_is_not_short_where_reserved_units_can_be_taken_back_for_it() -> None:
    """R11, R20: with revocation paid orders go first; without, reserved units count like any other."""
    table = """
        given on_hand=5
        reserve R1 units=2 ttl=600s            -> GRANTED
        reserve R2 units=2 ttl=600s            -> GRANTED
        record R3 units=3                      -> """
    Ledger().run(table + "RECORDED short=0 R1.reserved=2 R2.revoked=2")
    Ledger(Rules(revoke_on_shortfall=False)).run(table + "RECORDED_SHORT short=2 R2.reserved=2")


def test_outside_order_under_a_refused_id_keeps_the_answers_of_the_refusals() -> None:
    """R20, R27: each id hears its own again, those of which only a hash is left too."""
    ledger = Ledger().run("given on_hand=1\n group G locations=L1+L2")
    for number in range(17):
        ledger.run(f"reserve R1 units=9 id=x{number} -> SOLD_OUT")
    ledger.run("""
        reserve R2 units=9                     -> SOLD_OUT
        reserve R3 units=9                     -> SOLD_OUT
        record R1 units=1                      -> RECORDED said.units=1
        again x0                               -> ALREADY_APPLIED
        again x5                               -> SOLD_OUT
    """)
    assert ledger.state.refused_kept == 2


def test_outside_order_is_no_reservation_that_a_reserve_could_ask_for() -> None:
    """R20, R28: whatever it says alike, it was recorded and not granted."""
    ledger = Ledger().run("""
        given on_hand=9
        record R1 units=2 channel=web order=O1 -> RECORDED
        reserve R1 units=2 channel=web order=O1 -> RESERVATION_ID_REUSED
        record R1 units=2 sku=other            -> RESERVATION_ID_REUSED
    """)
    row = ledger.state.reservations["R1"]
    assert (row.recorded, row.channel, row.order_id, row.location, row.group) == (
        True,
        "web",
        "O1",
        "L1",
        None,
    )
    assert (row.strategy, row.allow_partial, row.path, row.customer) == ("first_fit", False, "common", None)
    assert (row.ttl_seconds, row.deadline_ms, row.ended_ms) == (0, 0, 0)


def test_outside_order_that_a_netting_count_knew_tells_what_it_adds() -> None:
    """R9, R20: of lost units that it takes back, and of new ones, each a movement of its answer."""
    ledger = Ledger().run("""
        given on_hand=10
        reserve R1 units=2 ttl=10s             -> GRANTED
        tick 60s, sweep
        sync 5 nets=yes through=-5s            -> APPLIED on_hand=5
        record R1 units=3 ordered=-20s id=X    -> RECORDED on_hand=8 allocated=3
    """)
    assert [movement.delta for movement in ledger.answers["X"].movements] == [2, 1]
