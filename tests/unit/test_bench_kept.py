"""The loads behind memory and recovery: they must leave in a ledger what their figures are about."""

import io

import pytest

from benchmarks.memory_load import Decider, Kind, MemoryLoad, read_rows, write_rows
from benchmarks.recovery_load import kept_after, order_values, reserve, stock_values
from benchmarks.scenarios import Recovery
from inventory_stream.flows.owner_snapshot import kept_of
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState, StateLoader
from models.codec import ORDER_DECODER, STOCK_DECODER
from models.rows import decode_row

ITEMS = 1_205
"""No multiple of a batch, and more than the receipts that a state may be told to keep."""


@pytest.mark.parametrize("kind", Kind)
def test_load_leaves_as_many_items_as_it_says(kind: Kind) -> None:
    """The divisor of a figure must be what is kept, decided as well as recovered."""
    load = MemoryLoad(kind, ITEMS, 10)
    decider = Decider(load.new_state())
    file = io.BytesIO()
    for commands in (load.opening(), load.items_commands()):
        for sealed in decider.decide(commands):
            write_rows(sealed, load, file)
    assert load.kept(decider.state) == ITEMS
    file.seek(0)
    state = load.new_state()
    loader = StateLoader(state)
    for key, value in read_rows(file):
        loader.load(key, None if value is None else decode_row(key, value))
    loader.finish(decider.state.term)
    assert load.kept(state) == ITEMS
    assert state.progress_row() == decider.state.progress_row()
    if kind is not Kind.RECEIPT:
        assert len(state.receipts) <= 1_000 + 100  # positions and reservations are measured without them


def test_recovery_load_leaves_what_its_check_expects() -> None:
    """An owner is compared with `kept_after`: that must be what the ledger decides of the load."""
    scenario = Recovery(
        name="x",
        title="x",
        about_seconds=1,
        skus=7,
        till_sales=40,
        reservations=100,
        confirmed=30,
        released=20,
    )
    state = PartitionState()
    for offset, value in enumerate(stock_values(scenario)):
        commands, poison = STOCK_DECODER.decode(value)
        assert not poison
        now_ms = 2**41  # after the times of the load
        list(decide_batch(state, [DecodedRecord(offset, now_ms, commands)], (), now_ms))
    for offset, value in enumerate(order_values(scenario)):
        commands, poison = ORDER_DECODER.decode(value)
        assert not poison
        list(decide_batch(state, (), [DecodedRecord(offset, now_ms, commands)], now_ms))
    expected = kept_after(scenario, 0)
    assert {kind: kept_of(state)[kind] for kind in expected} == expected
    assert reserve(scenario, scenario.reservations).reservation_id not in state.reservations
