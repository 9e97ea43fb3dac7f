"""Records of one command each that came at once are decided as each would be alone."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from models import commands as c
from models.rows import PROGRESS_KEY, ProgressRow, decode_row
from tests.unit.ledger.scripts import Call, fresh_state
from tests.unit.ledger.table import NOON, SKU
from tests.unit.ledger.test_plain import rush
from tests.unit.ledger.test_properties import RULES, sealed_at

APART = 2
"""Between the offsets of records that are not joined."""


def singles(calls: list[Call], step: int, ahead_ms: int) -> Iterator[tuple[Call, list[DecodedRecord]]]:
    """Give each call with its orders as records of one command, `step` offsets from one to the next."""
    offset = 0
    for call in calls:
        records = []
        for record in call.orders:
            arrival_ms = call.now_ms + ahead_ms if ahead_ms else min(record.arrival_ms, call.now_ms)
            for command in (*record.commands, None):
                records.append(DecodedRecord(offset, arrival_ms, [command]))
                offset += step
        yield call, records


def decided(rules: Rules, calls: list[Call], step: int, ahead_ms: int) -> list[Any]:
    """Decide a script; give what every batch said, offsets counted in records."""
    state = fresh_state(rules)
    said = []
    for call, records in singles(calls, step, ahead_ms):
        for sealed in decide_batch(state, call.stock, records, call.now_ms, call.sweep_before_ms):
            rows = [(key, value) for key, value in sealed.rows if key != PROGRESS_KEY]
            (progress,) = (value for key, value in sealed.rows if key == PROGRESS_KEY)
            assert progress is not None
            at = decode_row(PROGRESS_KEY, progress)
            assert isinstance(at, ProgressRow)
            assert at.orders_done in (0, 1), "of a record that holds one command"
            # A record that is done and the one behind it that is not begun are the same place.
            place = -(-at.orders_next // step) + at.orders_done
            refused = [
                (one.source, one.offset // step, one.pack_index, one.reason)
                for one in sealed.refused
                if one.source == "orders"
            ]
            said.append((rows, place, at.orders_arrival_ms, at.swept_ms, refused, list(sealed.outcomes)))
    return said


@given(RULES, st.integers(0, 2**32), st.sampled_from((0, 0, 30_000)), st.sampled_from((600, 2_000, 1 << 20)))
def test_a_run_is_decided_as_its_records_are_alone(
    rules: Rules, seed: int, ahead_ms: int, bytes_max: int
) -> None:
    """Same rows, same batches, same refusals, also by a broker whose clock is ahead."""
    calls = rush(seed)
    with sealed_at(bytes_max):
        joined = decided(rules, calls, 1, ahead_ms)
        alone = decided(rules, calls, APART, ahead_ms)
    assert joined == alone


def test_a_record_behind_one_that_is_done_is_swept_before() -> None:
    """Whoever goes on behind a record that filled a batch expires first what is due before the next (R18)."""
    state = fresh_state()
    count = c.Sync("count", SKU, "L1", 5, NOON)
    first = DecodedRecord(0, NOON, [c.Reserve("c1", "R1", SKU, 5, 1, "L1")])
    for _ in decide_batch(state, [DecodedRecord(0, NOON, [count])], [first], NOON):
        pass
    state.orders_done = 1  # of the record at offset 1, which filled its batch
    later_ms = NOON + 10_000
    asked = [c.Reserve(f"c{number}", f"R{number}", SKU, 1, 60, "L1") for number in (2, 3)]
    records = [DecodedRecord(number, later_ms, [one]) for number, one in enumerate(asked, 1)]
    for _ in decide_batch(state, (), records, later_ms):
        pass
    assert state.reservations.get("R2") is None
    third = state.reservations.get("R3")
    assert third is not None
    assert [line.reserved for line in third.lines] == [1]
    assert state.orders_next == 3
