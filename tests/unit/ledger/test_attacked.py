"""What an attack on the rules found: each case sold, lost or told something twice before it was mended."""

import pytest

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.reservations import each
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from models.commands import Adjust, RecordOrder, Release, Reserve, SetLocationGroup
from models.ids import partition_of
from models.outcomes import Outcome
from tests.unit.ledger.table import SKU, Ledger, recover


def test_telling_allocations_as_one_never_turns_on_hand() -> None:
    """R9, I2: sixteen edits after a netting count, and the next grant is still covered."""
    ledger = Ledger().run(
        """
        given on_hand=100
        record X units=5 ordered=-30m -> RECORDED
        sync 95 nets=yes through=-1m -> APPLIED on_hand=100 atp=95
        """
    )
    for number in range(40):
        ledger.run(f"tick 1s\n set_units X units={6 + number} -> UNITS_SET on_hand=100")
    ledger.run("set_units X units=100 -> UNITS_SET on_hand=100 atp=0")


def test_shipments_in_many_parts_after_a_netting_count_move_once() -> None:
    """R8, R9, I8: memory and rows keep the same movements however many parts an order goes in."""
    ledger = Ledger().run(
        """
        given on_hand=100
        record X units=20 ordered=-30m -> RECORDED
        fulfil X units=1            -> FULFILLED
        tick 1m
        sync 80 nets=yes through=-1s -> APPLIED on_hand=99
        """
    )
    for number in range(19):
        ledger.run(f"tick 1s\n fulfil X units=1 -> FULFILLED on_hand={98 - number}")


def test_order_shipped_before_it_came_is_among_those_a_late_count_asks() -> None:
    """R9, R21, I8: it is listed at its position, in memory as after a recovery."""
    Ledger().run(
        """
        given on_hand=10
        tick 10m
        fulfil R1 units=2 at=L1     -> REMEMBERED on_hand=8
        record R1 units=2 ordered=-30m -> RECORDED
        sync 8 eff=-5m nets=yes through=-6m -> APPLIED on_hand=8
        """
    )


def test_reservation_that_lives_again_elsewhere_is_still_asked_by_a_late_count() -> None:
    """R9, I8: what a reservation was at a location outlives its being forgotten by the lists there."""
    ledger = Ledger().run(
        "given on_hand=1000\n given on_hand=1000 at=L2\n record X units=5 ordered=-30m -> RECORDED"
    )
    ledger.run("tick 2m\n fulfil X -> FULFILLED on_hand=995")
    _churn(ledger, "A", 130)
    ledger.run("record X units=7 at=L2 -> RECORDED")
    ledger.run("record Y units=1 -> RECORDED\n fulfil Y -> FULFILLED on_hand=994")
    _churn(ledger, "B", 300)
    fresh = recover(ledger.log, ledger.state.rules)
    table = "sync 995 eff=-1m nets=yes through=-1m -> APPLIED"
    in_memory = ledger.run(table).state.skus[SKU]["L1"].on_hand
    again = Ledger()
    again.state, again.now_ms, again._stock, again._orders = (
        fresh,
        ledger.now_ms,
        ledger._stock,
        ledger._orders,
    )
    again._ids, again.log = 10_000, list(ledger.log)
    assert again.run(table.replace("->", "id=again ->")).state.skus[SKU]["L1"].on_hand == in_memory == 994


def _churn(ledger: Ledger, name: str, times: int) -> None:
    for number in range(times):
        ledger.run(f"reserve {name}{number} units=1 -> GRANTED\n release {name}{number} -> RELEASED")


def test_count_by_a_clock_that_runs_ahead_swallows_nothing() -> None:
    """R8: nobody has counted what happens after the count arrived."""
    Ledger().run(
        """
        given on_hand=10
        reserve R1 units=5, confirm R1 -> CONFIRMED
        sync 10 eff=+4s             -> APPLIED on_hand=10 atp=5
        tick 1s
        fulfil R1                   -> FULFILLED on_hand=5 atp=5
        sync 5 eff=+5s nets=yes through=+5s -> APPLIED on_hand=5
        tick 1s
        reserve R2 units=2, confirm R2 -> CONFIRMED on_hand=5 atp=3
        """
    )


def test_order_recorded_again_after_its_cancel_is_not_added_back_twice() -> None:
    """R9: units that take the place of cancelled ones were not open before."""
    Ledger().run(
        """
        given on_hand=10
        record X units=2 ordered=-30m -> RECORDED
        tick 10m
        sync 8 nets=yes through=-1m -> APPLIED on_hand=10
        tick 1m
        cancel X                    -> CANCELLED atp=10
        record X units=2 ordered=-41m -> RECORDED on_hand=10 atp=8
        """
    )


def test_recorded_order_of_another_partitions_sku_is_refused_whatever_its_id_was() -> None:
    """R30: else two partitions would sell the SKU."""
    partitions = 64
    state = PartitionState(partition_of(SKU, partitions), partitions)
    state.term = 7
    ledger = Ledger()
    ledger.state = state
    ledger.run("given on_hand=1\n reserve R1 units=5 -> SOLD_OUT")
    other = next(name for name in map(str, range(99)) if partition_of(name, partitions) != state.partition)
    assert ledger.send(RecordOrder("x", "R1", other, 1, location="L1")) is Outcome.WRONG_PARTITION
    assert other not in state.skus


def test_nothing_new_is_granted_of_a_sku_whose_product_changed() -> None:
    """R30: its stock is promised by another partition now; what is confirmed here stays."""
    ledger = Ledger().run(
        """
        given on_hand=9
        given on_hand=9 at=L2
        reserve R1 units=1 ttl=1h   -> GRANTED
        reserve R2 units=1 ttl=1s   -> GRANTED
        tick 2s, sweep
        """
    )
    ledger.state = recover(ledger.log, products={SKU: "shirt"})
    ledger.run(
        """
        set_units R1 units=2        -> PRODUCT_CHANGED reserved=1
        reroute R1 from=L1 to=L2    -> PRODUCT_CHANGED reserved=1
        confirm R2                  -> RESERVATION_EXPIRED
        confirm R1                  -> CONFIRMED
        """
    )


def test_position_made_later_has_the_product_of_its_siblings() -> None:
    """R30: a return at a new location never splits a SKU over two products."""
    ledger = Ledger().run("given on_hand=5\n record R1 units=1 -> RECORDED\n fulfil R1 -> FULFILLED")
    ledger.state = recover(ledger.log, products={SKU: "shirt"})
    ledger.run("return R1 units=1 at=L9 -> RETURNED")
    ledger.state = recover(ledger.log)
    assert ledger.send(Reserve("r", "R2", SKU, 1, 60, location="L1")) is Outcome.GRANTED


def test_names_of_a_group_are_bounded_in_bytes() -> None:
    """P6: an order split over all of them, with all that waited for it, fits one append."""
    names = tuple(f"{number:03d}" + "\N{GRINNING FACE}" * 125 for number in range(256))
    sealed = Ledger().decide(stock=[[SetLocationGroup("g", "G", names)]])
    assert "bytes" in sealed[0].refused[0].reason


def test_early_fact_is_known_for_as_long_as_its_reservation() -> None:
    """R27: past the receipt's window a repeat moves nothing again."""
    Ledger().run(
        """
        given on_hand=9
        fulfil R1 units=2 at=L1 id=X -> REMEMBERED on_hand=7
        record R1 units=3           -> RECORDED allocated=1
        again X                     -> FULFILLED
        tick 49h, sweep
        again X                     -> ALREADY_APPLIED on_hand=7
        """
    )


@pytest.mark.parametrize("order", ["reserve", "record"])
def test_order_never_takes_the_id_of_a_fact_that_was_answered(order: str) -> None:
    """I3: one final outcome for each id within a reservation."""
    Ledger(Rules(early_window_ms=3_600_000)).run(
        f"""
        given on_hand=5
        fulfil R1 units=1 at=L1 id=X -> REMEMBERED
        tick 61m, sweep
        again X                     -> FULFIL_UNMATCHED
        {order} R1 units=1 id=X     -> COMMAND_ID_REUSED on_hand=4 atp=4
        """
    )


def test_deadlines_of_what_ended_do_not_pile_up() -> None:
    """R29: what waits for deadlines is bounded by the reservations that are kept."""
    state = PartitionState(rules=Rules(ended_reservations_max=2))
    stock = [Adjust("a", SKU, "L1", 5, 1)]
    for number in range(3_000):
        pack = [
            Reserve("r", f"R{number}", SKU, 1, 600_000, location="L1"),
            Release("x", f"R{number}", SKU),
        ]
        now_ms = 1_000_000 + number
        first = [DecodedRecord(0, now_ms, stock)]
        assert list(decide_batch(state, first, [DecodedRecord(number, now_ms, pack)], now_ms))
    assert len(state.reservations) < 10
    assert state.due_entries == sum(1 for due in state.due.values() for _ in each(due)) <= 1_100


def test_fact_about_a_refused_order_is_unmatched_where_that_asked() -> None:
    """R10: never refused for state, and never lost without an exception."""
    Ledger().run(
        """
        given on_hand=5
        fulfil R1 units=2 id=X      -> REMEMBERED
        reserve R1 units=9          -> SOLD_OUT
        again X                     -> FULFIL_UNMATCHED on_hand=3
        fulfil R1                   -> FULFIL_UNMATCHED on_hand=3
        """
    )


def test_allocated_units_ship_before_reserved_ones_wherever_they_lie() -> None:
    """R10: a paid unit goes first, also from another location."""
    Ledger().run(
        """
        given on_hand=3
        given on_hand=3 at=L2
        group G locations=L1+L2
        reserve R1 units=6 group=G strategy=split -> GRANTED
        confirm R1 at=L1            -> CONFIRMED
        fulfil R1 units=3 at=L2     -> FULFILLED R1.allocated=0 R1.fulfilled=3 R1.revoked=3
        """
    )


def test_confirmed_units_take_safety_stock_down_to_what_is_uncommitted() -> None:
    """R19: however little the common path may promise there."""
    Ledger().run(
        """
        given on_hand=5
        given on_hand=2 safety_stock=5 at=L2
        record R1 units=2           -> RECORDED
        reroute R1 from=L1 to=L2 use_safety_stock=yes -> REROUTED at=L2 allocated=2
        """
    )


def test_early_call_off_may_name_the_orders_location() -> None:
    """R21: the same order, the same place."""
    Ledger().run(
        """
        given on_hand=5
        cancel R1 at=L1             -> REMEMBERED
        reserve R1 units=2          -> RELEASED_EARLY atp=5
        """
    )


def test_fact_beyond_a_reservations_thousand_commands_still_moves_units() -> None:
    """R10, R27: never refused; the row can tell it apart no more, so it is unmatched."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=1 -> GRANTED")
    ledger.state.reservations["R1"].commands = 1_000
    ledger.state.reservations["R1"].older = bytes(8 * 999)
    ledger.run("confirm R1 -> TOO_MANY_COMMANDS\n fulfil R1 units=1 -> FULFIL_UNMATCHED on_hand=4")
