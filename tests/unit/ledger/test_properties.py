"""I1-I5, I7, I8 over random input: invariants, other batches, crashes, compaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.ledger import batch as batch_module
from inventory_stream.ledger.decide import DecodedRecord
from inventory_stream.ledger.invariants import assert_sound, version_violations
from inventory_stream.ledger.limits import standing_limit
from inventory_stream.ledger.rules import BATCH_BYTES, Rules
from inventory_stream.ledger.state import PartitionState, row_of
from models import commands as c
from models.outcomes import NOT_FINAL, Outcome
from models.rows import (
    PositionRow,
    backorder_key,
    count_authority_key,
    decode_row,
    fence_key,
    limit_use_key,
    purchase_limit_key,
    time_zone_key,
)
from tests.unit.ledger.scripts import PLACES, Call, Rows, answers_in, decide, fresh_state, scripts
from tests.unit.ledger.table import NOON, SKU, recover

TIGHT = Rules(
    movement_window_ms=80_000,
    movements_max=3,
    reservation_ms_max=100_000,
    receipt_window_ms=70_000,
    return_window_ms=90_000,
    receipts_max=6,
    ended_reservations_max=2,
    ended_documents_max=1,
    early_window_ms=70_000,
    early_max=2,
)
"""Windows so short that all of them pass, by time and by count, within one script."""
SIZES = st.sampled_from((1, 700, 2_500, BATCH_BYTES))
"""Bytes that close a batch: after each command, each few, or never."""
RULES = st.sampled_from((Rules(), TIGHT, Rules(revoke_on_shortfall=False)))


@contextmanager
def sealed_at(size_bytes: int) -> Iterator[None]:
    """Close batches at another size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "BATCH_BYTES", size_bytes)
        yield


def run(state: PartitionState, calls: list[Call]) -> list[Rows]:
    """Decide calls; gives the rows of each sealed batch."""
    return [sealed.rows for call in calls for sealed in decide(state, call)]


def flat(sealed: list[Rows]) -> Rows:
    """Join batches."""
    return [row for rows in sealed for row in rows]


def assert_recovers(calls: list[Call], size: int, *, compacted: bool, rules: Rules | None = None) -> None:
    """Crash after each sealed batch of the calls: what follows must be the same bytes (I8).

    `compacted` feeds the recovery only the newest row of each key.
    """
    with sealed_at(size):
        state = fresh_state(rules)
        boundaries = []
        sealed: list[Rows] = []
        for number, call in enumerate(calls):
            for batch in decide(state, call):
                sealed.append(batch.rows)
                boundaries.append((len(sealed), number))
        for after, number in boundaries:
            recovered = recover(flat(sealed[:after]), rules, compacted=compacted)
            is_last_of_call = after == len(sealed) or boundaries[after][1] != number
            again = run(recovered, calls[number + is_last_of_call :])
            assert again == sealed[after:]


def everything(state: PartitionState) -> dict[bytes, bytes | None]:
    """Encode all rows that a state stands for."""
    keys = [position.key for position in state.positions()]
    keys += [f"r/{name}".encode() for name in state.reservations]
    keys += [*state.receipts, b"s/group/G", *(key for key, _ in state.documents())]
    # Not those that are over: which batch folds them is no matter, they count for nothing.
    decided_ms = max(state.orders_arrival_ms, state.swept_ms)
    for of_sku in state.purchase_limits.values():
        keys += [
            purchase_limit_key(one.limit_id, one.sku) for one in of_sku.values() if one.ends_ms >= decided_ms
        ]
    for use in state.limit_uses.values():
        limit = standing_limit(state, use.limit_id)
        if limit is not None and limit.opened_ms == use.opened_ms:
            keys.append(limit_use_key(use.limit_id, use.customer))
    for position in state.positions():
        if position.claims is not None:
            spot = position.sku, position.location
            keys += [fence_key(channel, *spot) for channel in position.claims.fences]
            keys += [backorder_key(*spot)]
    for place in PLACES:
        keys += [count_authority_key(place), time_zone_key(place)]
    return {key: row_of(state, key) for key in sorted(keys)}


@given(calls=scripts(), size=SIZES, rules=RULES)
def test_every_prefix_of_sealed_batches_is_sound_by_its_rows_alone(
    calls: list[Call], size: int, rules: Rules
) -> None:
    """I1, I3-I5, R16: whatever append was the last, a reader of the rows finds a consistent partition."""
    with sealed_at(size):
        state = fresh_state(rules)
        rows: Rows = []
        versions: dict[bytes, PositionRow] = {}
        for call in calls:
            for sealed in decide(state, call):
                rows.extend(sealed.rows)
                assert sealed.rows[-1][0] == b"@progress"
                assert_sound(recover(rows, rules))
                assert_sound(recover(rows, rules, compacted=True))
                for key, value in sealed.rows:
                    if key.startswith(b"p/"):
                        row = decode_row(key, value or b"")
                        assert isinstance(row, PositionRow)
                        assert not list(version_violations(versions.get(key), row))
                        versions[key] = row
            assert_sound(state)


def _without_inspects(call: Call) -> Call:
    """Leave out what is heard only as a row that answers nothing."""
    orders = [
        record._replace(commands=[one for one in record.commands if not isinstance(one, c.Inspect)])
        for record in call.orders
    ]
    return replace(call, orders=orders)


@given(calls=scripts(), size=SIZES, rules=RULES)
def test_every_command_is_answered_once(calls: list[Call], size: int, rules: Rules) -> None:
    """I3: each command leaves one row that answers it or is a dead letter, in order of the input."""
    with sealed_at(size):
        # What waits in vain is answered when nobody asks: not here.
        state = fresh_state(replace(rules, early_window_ms=10**9, early_max=10**9))
        early: dict[str, list[str]] = {}
        for call in map(_without_inspects, calls):
            sealed = list(decide(state, call))
            heard = answers_in([row for batch in sealed for row in batch.rows])
            lost = [
                letter for batch in sealed for letter in batch.refused if letter.reason != "COMMAND_ID_REUSED"
            ]
            assert not lost
            left = iter(heard)
            for command in call.commands:
                said = next(left)
                assert said[0] == command.id
                name = getattr(command, "reservation_id", "")
                if said[1] is Outcome.REMEMBERED and command.id not in early.setdefault(name, []):
                    early[name].append(command.id)
                elif said[1] not in {Outcome.REMEMBERED, Outcome.COMMAND_ID_REUSED}:
                    # What waited under this id waits no more: the id asked for something else.
                    early[name] = [one for one in early.get(name, ()) if one != command.id]
                if isinstance(command, c.Reserve | c.RecordOrder) and said[1] not in NOT_FINAL:
                    # R21: what waited for it is answered with it.
                    waited = early.pop(name, [])
                    assert [next(left)[0] for _ in waited] == waited
            assert not list(left)


@given(calls=scripts(max_calls=8), size=SIZES, rules=RULES, compacted=st.booleans())
def test_recovered_owner_goes_on_byte_for_byte_as_if_nothing_had_happened(
    calls: list[Call],
    size: int,
    rules: Rules,
    compacted: bool,  # noqa: FBT001  # hypothesis gives arguments by name
) -> None:
    """I8: from the rows of any sealed batch on, the same input gives the same rows, compacted or not."""
    assert_recovers(calls, size, compacted=compacted, rules=rules)


@given(calls=scripts(), size=SIZES, cuts=st.data())
def test_outcomes_are_the_same_however_input_is_cut_into_batches(
    calls: list[Call], size: int, cuts: st.DataObject
) -> None:
    """R26: with the same clock and order, bounds of batches decide nothing."""
    whole = fresh_state()
    expected = answers_in(flat(run(whole, calls)))
    with sealed_at(size):
        pieces = []
        for call in calls:
            at = cuts.draw(st.integers(0, len(call.orders)))
            pieces.append(Call(call.stock, call.orders[:at], call.now_ms))
            pieces.append(Call([], call.orders[at:], call.now_ms, call.sweep_before_ms))
        parts = fresh_state()
        heard = []
        for piece in pieces:
            for sealed in decide(parts, piece):
                heard += answers_in(sealed.rows)
                if parts.to_revoke:
                    return  # a shortfall larger than its batch (R11): what came with it saw a part of it
        assert heard == expected
        assert everything(parts) == everything(whole)


@given(
    calls=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from((c.Reserve, c.Reserve, c.Reserve, c.Confirm, c.Fulfil, c.Extend)),
                st.integers(0, 20),
                st.integers(1, 4),
            ),
            max_size=12,
        ),
        max_size=12,
    ),
    stock=st.integers(0, 15),
    passed_ms=st.sampled_from((0, 900, 30_500)),
)
def test_never_more_is_granted_than_there_is_in_a_flash_sale(
    calls: list[list[tuple[type[c.Command], int, int]]], stock: int, passed_ms: int
) -> None:
    """I2: with no facts but shipping, what was promised and shipped never exceeds the stock."""
    state = fresh_state()
    run(state, [Call([DecodedRecord(0, NOON, [c.Sync("s", SKU, "L1", stock, NOON)])], [], NOON)])
    serial = 0
    for number, steps in enumerate(calls):
        now_ms = NOON + 1 + number * passed_ms
        pack: list[c.Command] = []
        for kind, name, units in steps:
            serial += 1
            fields: dict[str, Any] = {"id": f"c{serial}", "reservation_id": f"R{name}", "sku": SKU}
            fields |= {"ttl_seconds": units} if kind in {c.Reserve, c.Extend} else {}
            fields |= {"units": units, "location": "L1"} if kind is c.Reserve else {}
            pack.append(kind(**fields))
        run(state, [Call([], [DecodedRecord(number, now_ms, pack)], now_ms)])
        lines = [line for row in state.reservations.values() for line in row.lines]
        assert sum(line.reserved + line.allocated + line.fulfilled for line in lines) <= stock
        assert_sound(state)


def test_a_reservation_is_not_refused_while_units_are_free() -> None:
    """I7: the first reserve after the last unit came free is granted."""
    state = fresh_state()
    for number in range(40):
        now_ms = NOON + number * 1_001
        pack = [c.Reserve(f"c{number}", f"R{number}", SKU, 1, 1, location="L1")]
        stock = [DecodedRecord(0, NOON, [c.Sync("s", SKU, "L1", 1, NOON)])] if not number else []
        (rows,) = run(state, [Call(stock, [DecodedRecord(number, now_ms, pack)], now_ms)])
        assert answers_in(rows)[-1] == (f"c{number}", Outcome.GRANTED)
