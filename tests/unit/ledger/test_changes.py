"""R19: edits of an open reservation, R29: what is kept of one that ended, R30: products."""

from inventory_stream.ledger.state import PartitionState
from models.commands import Adjust, Reserve
from models.ids import partition_of
from models.outcomes import Outcome
from tests.unit.ledger.table import NOON, SKU, Ledger, recover


def test_reroute_moves_reserved_units_to_a_location_that_can_promise_them() -> None:
    """R19: atomic: the source is free, the target holds, nothing in between."""
    Ledger().run(
        """
        given on_hand=5
        given on_hand=3 at=L2
        reserve R1 units=3          -> GRANTED
        reroute R1 from=L1 to=L2    -> REROUTED at=L2 reserved=3 atp=0
        show                        -> at=L1 reserved=0 atp=5
        confirm R1                  -> CONFIRMED at=L2 allocated=3
        """
    )


def test_reroute_of_more_than_the_target_promises_moves_nothing() -> None:
    """R19, R3: a reroute is a grant at the target."""
    Ledger().run(
        """
        given on_hand=5
        given on_hand=2 at=L2
        reserve R1 units=3          -> GRANTED
        reroute R1 from=L1 to=L2    -> SOLD_OUT reserved=3 breakdown.on_hand=2
        reroute R1 from=L1 to=L2 units=2 -> REROUTED at=L2 reserved=2
        reroute R1 from=L1 to=L2    -> SOLD_OUT at=L2 reserved=2
        reroute R1 from=L1 to=L9    -> SOLD_OUT
        reroute R1 from=L3 to=L2    -> NOT_LIVE
        reroute R1 from=L1 to=L2 units=2 -> MORE_THAN_HELD
        """
    )


def test_confirmed_units_may_take_safety_stock_and_reserved_ones_never() -> None:
    """R19: with the flag a confirmed reroute goes down to physical cover."""
    Ledger().run(
        """
        given on_hand=9
        given on_hand=4 safety_stock=3 at=L2
        reserve R1 units=2          -> GRANTED
        reroute R1 from=L1 to=L2 use_safety_stock=yes -> ALL_RESERVED_OR_SOLD_OUT
        """.replace("ALL_RESERVED_OR_SOLD_OUT", "SOLD_OUT at=L2 reserved=0")
        + """
        confirm R1                  -> CONFIRMED
        reroute R1 from=L1 to=L2    -> SOLD_OUT
        reroute R1 from=L1 to=L2 use_safety_stock=yes -> REROUTED at=L2 allocated=2 atp=-1
        record R2 units=3           -> RECORDED
        reroute R2 from=L1 to=L2 use_safety_stock=yes -> SOLD_OUT at=L2 allocated=2
        """
    )


def test_fewer_units_free_the_rest_and_more_are_a_new_grant() -> None:
    """R19: set_units edits what is reserved, or what is allocated where nothing is reserved."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=3          -> GRANTED
        set_units R1 units=2        -> UNITS_SET reserved=2 R1.released=1 atp=3
        set_units R1 units=6        -> SOLD_OUT reserved=2
        set_units R1 units=5        -> UNITS_SET reserved=5 R1.granted=6 atp=0
        confirm R1                  -> CONFIRMED
        set_units R1 units=1        -> UNITS_SET allocated=1 R1.cancelled=4 atp=4
        set_units R1 units=2        -> UNITS_SET allocated=2 atp=3
        set_units R1 units=2        -> UNITS_SET allocated=2
        fulfil R1                   -> FULFILLED
        set_units R1 units=1        -> NOT_LIVE
        set_units R9 units=1        -> UNKNOWN_RESERVATION
        """
    )


def test_edit_after_the_deadline_finds_nothing_reserved() -> None:
    """R18, R19: what has expired is no live line."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=3 ttl=60s  -> GRANTED
        tick 61s
        set_units R1 units=4        -> NOT_LIVE reserved=0
        """
    )


def test_ended_reservation_keeps_quantities_and_the_hashes_of_its_commands() -> None:
    """R29, R27: a slim row for the rest of the return window; an old command is ALREADY_APPLIED."""
    ledger = Ledger().run(
        """
        given on_hand=5
        reserve R1 units=2 id=A     -> GRANTED
        confirm R1 id=B             -> CONFIRMED
        fulfil R1 id=C              -> FULFILLED on_hand=3
        tick 47h, sweep
        """
    )
    assert len(ledger.state.reservations["R1"].answers) == 3
    ledger.run("tick 2h, sweep")
    row = ledger.state.reservations["R1"]
    assert (row.answers, len(row.older), row.lines[0].allocations) == ((), 24, ())
    ledger.run(
        """
        again C                     -> ALREADY_APPLIED on_hand=3
        return R1 units=1 id=D      -> RETURNED on_hand=4
        again D                     -> RETURNED on_hand=4
        tick 49h, sweep
        again D                     -> ALREADY_APPLIED on_hand=4
        """
    )


def test_sku_belongs_to_the_partition_of_its_product() -> None:
    """R30: sizes of one product share a partition; the owner recomputes it."""
    partitions = 64
    home = partition_of("shirt", partitions)
    assert home != partition_of(SKU, partitions)
    state = PartitionState(home, partitions, products={SKU: "shirt"})
    assert state.misplaced(SKU) is None
    assert state.position(SKU, "L1").product == "shirt"
    assert PartitionState(home, partitions).misplaced(SKU) is Outcome.WRONG_PARTITION


def test_position_keeps_its_product_when_the_catalog_names_another() -> None:
    """R30: PRODUCT_CHANGED, before a second partition could sell the same units."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=1 -> GRANTED")
    ledger.state = recover(ledger.log, products={SKU: "shirt"})
    assert ledger.send(Reserve("s", "R3", SKU, 1, 60, location="L1")) is Outcome.PRODUCT_CHANGED
    assert ledger.send(Adjust("t", SKU, "L1", 1, NOON)) is Outcome.PRODUCT_CHANGED
    ledger.run("confirm R1 -> CONFIRMED on_hand=5")
