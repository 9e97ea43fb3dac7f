"""R9 at its bounds: which ms decides, and what telling allocations as one may change; found by mutation."""

from random import Random

import pytest

from inventory_stream.ledger.netting import ALLOCATIONS_MAX, note_allocated, open_units
from inventory_stream.ledger.position import Position
from models.rows import Line
from tests.unit.ledger.table import Ledger


@pytest.mark.parametrize(("through", "on_hand"), [("-10000ms", 10), ("-10001ms", 8)])
def test_order_counts_from_the_very_ms_up_to_which_the_source_knew(through: str, on_hand: int) -> None:
    """R9: confirmed at orders_through is known there; a ms later is not."""
    Ledger().run(f"""
        given on_hand=10
        reserve R1 units=2                     -> GRANTED
        confirm R1                             -> CONFIRMED
        tick 10s, sync 8 nets=yes through={through} -> APPLIED on_hand={on_hand}
    """)


@pytest.mark.parametrize(("counted", "on_hand"), [("-10000ms", 8), ("-10001ms", 8)])
def test_order_that_left_at_the_count_is_not_on_the_shelf(counted: str, on_hand: int) -> None:
    """R8, R9: shipped at T is not there at T; shipped a ms later it was, and the movement takes it off."""
    Ledger().run(f"""
        given on_hand=10
        reserve R1 units=2                     -> GRANTED
        confirm R1                             -> CONFIRMED
        tick 60s, fulfil R1                    -> FULFILLED on_hand=8
        tick 10s, sync 8 nets=yes eff={counted} through=-60s -> APPLIED on_hand={on_hand}
    """)


def test_telling_allocations_as_one_never_makes_more_units_open() -> None:
    """R9: for the last count nothing changes, for any other too few units are open rather than too many."""
    random = Random(9)
    for _ in range(3_000):
        position = Position("SKU1", "L1")
        position.orders_through_ms, position.sync_at_ms = random.randint(1, 20), random.randint(1, 20)
        line = Line("L1", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        entries = [
            (random.randint(1, 20), random.choice((-3, -2, -1, 1, 1, 2, 3)))
            for _ in range(ALLOCATIONS_MAX + 1)
        ]
        for when, units in entries:
            note_allocated(position, line, when, units)
        told = line.allocations
        assert len(told) == ALLOCATIONS_MAX
        for sign in (-1, 1):
            assert sum(units for _, units in told if units * sign > 0) == sum(
                units for _, units in entries if units * sign > 0
            )
        last = position.orders_through_ms, position.sync_at_ms
        assert open_units(told, *last) == open_units(tuple(entries), *last) == position.on_hand
        for through_ms in range(1, 21):
            at_ms = random.randint(1, 20)
            assert open_units(told, through_ms, at_ms) <= open_units(tuple(entries), through_ms, at_ms)
