"""R20 at its bounds: where an outside order is taken from, when it is short, what is kept of it."""

from inventory_stream.ledger.rules import Rules
from tests.unit.ledger.table import SKU, Ledger, recover


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


def test_outside_order_counts_what_is_allocated_and_what_is_shipped_already() -> None:
    """R20: it is the confirm of its reservation: only what is missing is taken; the paid order is kept."""
    Ledger().run("""
        given on_hand=9
        reserve R1 units=3                     -> GRANTED
        confirm R1 units=2                     -> CONFIRMED
        fulfil R1 units=1                      -> FULFILLED
        record R1 units=2 order=O1             -> ALREADY_CONFIRMED allocated=1
        record R1 units=3 order=O2             -> CONFIRMED said.units=1 allocated=2 R1.paid_order_id=O2
        record R1 units=4                      -> RECORDED said.units=1 allocated=3 R1.paid_order_id=O2
    """)


def test_outside_order_without_a_place_takes_what_its_reservation_lacks_from_its_first_line() -> None:
    """R20: where the reservation was, first of all; told as what was allocated there."""
    ledger = Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=9 at=L2
        group G locations=L1+L2
        reserve R1 units=3 group=G strategy=split -> GRANTED
        record R1 units=5 group=G              -> RECORDED_SHORT said.units=5 allocated=4
        show                                   -> at=L2 allocated=1
        record R2 units=1 group=G              -> RECORDED at=L2 allocated=2
    """)
    assert ledger.state.reservations["R2"].group == "G"


def test_outside_order_takes_lost_units_of_every_line_and_tells_each() -> None:
    """R9, R20: each location's count had the order taken off."""
    ledger = Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=2 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G strategy=split ttl=10s -> GRANTED
        tick 60s, sweep
        sync 1 nets=yes through=-5s            -> APPLIED
        sync 1 nets=yes through=-5s at=L2      -> APPLIED
        record R1 units=4 group=G ordered=-20s id=X -> RECORDED
    """)
    assert [(one.location, one.delta) for one in ledger.answers["X"].movements] == [("L1", 2), ("L2", 2)]


def test_outside_order_that_confirms_tells_what_a_netting_count_adds() -> None:
    """R9, R20: also where all of it was reserved."""
    Ledger().run("""
        given on_hand=10
        reserve R1 units=2 ttl=300s            -> GRANTED
        tick 60s, sync 8 nets=yes through=-5s  -> APPLIED on_hand=8
        record R1 units=2 ordered=-20s         -> CONFIRMED on_hand=10 move.delta=2
    """)


def test_order_dated_ahead_of_the_clock_is_counted() -> None:
    """R7: and dated by its arrival."""
    ledger = Ledger().run("given on_hand=9\n record R1 units=1 ordered=+6s -> RECORDED")
    assert ledger.sealed[-1].clock_ahead == 1


def test_outside_order_of_a_product_that_moved_tells_what_there_is() -> None:
    """R30: PRODUCT_CHANGED with the breakdown of where it asked."""
    before = Ledger().run("given on_hand=9 at=L1\n given on_hand=4 at=L2\n group G locations=L1+L2")
    ledger = Ledger()
    ledger.state = recover(before.log, products={SKU: "P1"})
    ledger.log = before.log
    ledger._stock = before._stock
    ledger.run("""
        record R1 units=1 at=L1                -> PRODUCT_CHANGED breakdown.on_hand=9 said.sku=SKU1
        record R1 units=1 group=G              -> PRODUCT_CHANGED breakdown.on_hand=13
    """)
