"""Decide a run's recorded batches once more, and rebuild its state from what compaction leaves (I8).

The one judge that uses the ledger itself: the promise is about it.
"""

from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.invariants import violations
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState, StateLoader, row_of
from inventory_stream.ports.inputs import Input
from models.codec import ORDER_DECODER, STOCK_DECODER
from models.rows import (
    ALIVE_KEY,
    CLAIM_PREFIX,
    PoolRow,
    ProgressRow,
    ReceiptRow,
    ReservationRow,
    count_authority_key,
    decode_held,
    decode_row,
    location_group_key,
    pool_key,
    time_zone_key,
)
from tests.simulation.audit_batches import LiveBatch, Sifted, progress_steps
from tests.simulation.evidence import Evidence, Violation
from tests.simulation.workload import PARTITIONS

FOREVER_MS: Final = 2**53


def redecide(evidence: Evidence, sifted: Sifted, rules: Rules) -> tuple[list[Violation], PartitionState]:
    """Decide every append that counts again, by its recorded bounds and time; gives the state at the end."""
    state = PartitionState(0, PARTITIONS, rules)
    StateLoader(state).finish(0)
    for before, batch, progress in progress_steps(sifted.live):
        state.term = batch.term
        stock = _records(
            evidence,
            Input.STOCK,
            before.stock_next,
            progress.stock_next,
            is_beyond=_is_part_new(
                before.stock_next, before.stock_done, progress.stock_next, progress.stock_done
            ),
        )
        orders = _records(
            evidence,
            Input.ORDERS,
            before.orders_next,
            progress.orders_next,
            # A sweep that filled the append before the record whose arrival it went by.
            is_beyond=_is_part_new(
                before.orders_next, before.orders_done, progress.orders_next, progress.orders_done
            )
            or _is_swept_for_next(evidence, state, batch, before, progress),
        )
        # A record that goes on where an append ended sweeps no more.
        arrived = max(
            (
                record.arrival_ms
                for record in orders
                if not before.orders_done or record.offset > before.orders_next
            ),
            default=0,
        )
        sweep_ms = progress.swept_ms if progress.swept_ms > before.swept_ms else 0
        # What a late confirm expires itself is told right before its answer, under the same key.
        swept = [row for (key, row), (after, _) in pairwise((*batch.rows, (None, None))) if key != after]
        if not sweep_ms and any(_due_ms(state, batch, row) >= max(1, arrived) for row in swept):
            sweep_ms = FOREVER_MS  # cut short by a full append: to where is not written yet
        deciding = decide_batch(state, stock, orders, progress.now_ms, sweep_ms)
        again = next(deciding).rows
        deciding.close()  # type: ignore[attr-defined]  # a generator: the rest belongs to later appends
        if again != batch.stored:
            return [_difference(batch, again)], state
    return [], state


def recovered(evidence: Evidence, rules: Rules) -> PartitionState:
    """Load what a finished compaction would leave: the newest row of each key (P12)."""
    state = PartitionState(0, PARTITIONS, rules)
    loader = StateLoader(state)
    newest = {record.key: record for record in evidence.rows}
    for record in sorted(newest.values(), key=lambda record: record.offset):
        if record.key == ALIVE_KEY or record.key.startswith(CLAIM_PREFIX):
            continue
        loader.load(record.key, None if record.value is None else decode_held(record.key, record.value))
    loader.finish(0)
    return state


def compare_states(name: str, state: PartitionState, other: PartitionState) -> list[Violation]:
    """Tell where two states stand for different rows or indexes."""
    mine, theirs = _everything(state), _everything(other)
    found = [
        Violation("I8", f"{name}, {key}", f"{mine.get(key)} is not {theirs.get(key)}")
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]
    found += [Violation(rule, f"{name}, {where}", detail) for rule, where, detail in violations(other)]
    return found[:20]


def _everything(state: PartitionState) -> dict[str, object]:
    """All that a state knows: its rows without terms, and the indexes that decide what comes next."""
    keys = [position.key for position in state.positions()]
    keys += [f"r/{name}".encode() for name in state.reservations]
    keys += [*state.receipts, *(key for key, _ in state.documents())]
    keys += [location_group_key(name) for name in state.groups]
    keys += [count_authority_key(name) for name in state.authorities]
    keys += [time_zone_key(name) for name in state.time_zones]
    term, state.term = state.term, 0
    known: dict[str, object] = {key.decode(): _unanswered(key, row_of(state, key)) for key in keys}
    state.term = term
    for position in state.positions():
        name = position.key.decode()
        known[f"movements {name}"] = sorted(position.movements)
        known[f"holds {name}"] = position.holds
        known[f"claims {name}"] = _claims_of(position)
    known["progress"] = state.progress_row().stock_next, state.progress_row().orders_next, state.now_ms
    known["early"] = {name: [row.command_id for row in rows] for name, rows in state.early.items()}
    known["kept"] = state.ended_kept, state.refused_kept, state.early_kept, state.ended_documents_kept
    known["limits"] = sorted(str(replace(use, term=0)) for use in state.limit_uses.values())
    known["to revoke"] = sorted(position.key for position in state.to_revoke)
    return known


def _claims_of(position: Position) -> object:
    """What is set aside or waits at a position, without who wrote it."""
    claims = position.claims
    if claims is None:
        return None
    rows = [*claims.pools.values(), *claims.fences.values(), *filter(None, [claims.backorder])]
    return (sorted(str(replace(row, term=0)) for row in rows), claims.held) if rows else None


def _unanswered(key: bytes, value: bytes | None) -> object:
    """A row without what only its reader is told: which command it answers, and who wrote it."""
    row = decode_row(key, value or b"")
    row.term = 0
    if isinstance(row, ReservationRow):
        row.answered = row.repeat = 0
    elif hasattr(row, "repeat"):
        row.repeat = 0
    return row


def _records(
    evidence: Evidence, source: Input, first: int, last: int, *, is_beyond: bool
) -> list[DecodedRecord]:
    """Give the records from `first` up to `last`; `is_beyond`: and the next one that is no control record."""
    decoder = STOCK_DECODER if source is Input.STOCK else ORDER_DECODER
    all_sent = evidence.sent[source]
    sent = [record for record in all_sent[first:last] if not record.is_marker]
    if is_beyond:
        sent.append(next(record for record in all_sent[last:] if not record.is_marker))
    return [
        DecodedRecord(record.offset, record.arrival_ms, decoder.decode(record.value)[0]) for record in sent
    ]


def _is_part_new(was_next: int, was_done: int, now_next: int, now_done: int) -> bool:
    """Whether commands of a record that is not passed yet were decided in this append."""
    return bool(now_done) and (now_next, now_done) != (was_next, was_done)


def _is_swept_for_next(
    evidence: Evidence, state: PartitionState, batch: LiveBatch, before: ProgressRow, progress: ProgressRow
) -> bool:
    """Whether a record that is not passed yet was near enough for its arrival to expire something."""
    passed = evidence.sent[Input.ORDERS][: progress.orders_next]
    newest_ms = max((one.arrival_ms for one in passed if not one.is_marker), default=0)
    if progress.orders_arrival_ms <= newest_ms:
        return False
    is_first = progress.orders_arrival_ms > before.orders_arrival_ms
    return is_first or any(
        max(1, newest_ms) <= _due_ms(state, batch, row) < progress.orders_arrival_ms for _, row in batch.rows
    )


def _due_ms(state: PartitionState, batch: LiveBatch, row: object) -> int:
    """When the deadline or the step of a sale pool was that a row tells of; 0: it tells of none.

    `state` is that before the append.
    """
    if isinstance(row, PoolRow):
        return _step_ms(state, batch, row)
    if not isinstance(row, ReservationRow) or row.answered >= 0:
        return 0
    known = state.reservations.get(row.reservation_id)
    before = sum(line.expired for line in known.lines) if known is not None else 0
    return row.deadline_ms if sum(line.expired for line in row.lines) > before else 0


def _step_ms(state: PartitionState, batch: LiveBatch, row: PoolRow) -> int:
    """As `_due_ms`, of a pool that no command of the append opened or closed."""
    known = state.pools.get(pool_key(row.sale_id, row.sku, row.location))
    by_command = any(
        isinstance(one, ReceiptRow) and one.kind in {"open_pool", "close_pool"} and one.sku == row.sku
        for _, one in batch.rows
    )
    if known is None or by_command:
        return 0
    if row.closed_ms and not known.closed_ms:
        return row.ends_ms
    return row.fence_from_ms - 1 if row.is_fenced and not known.is_fenced else 0


def _difference(batch: LiveBatch, again: list[tuple[bytes, bytes | None]]) -> Violation:
    where = f"offset {batch.base}, by {batch.by}"
    for one, other in zip(batch.stored, again, strict=False):
        if one != other:
            rows = [decode_row(key, value) if value is not None else None for key, value in (one, other)]
            return Violation("I8", where, f"{one[0]!r} {rows[0]}, decided again {other[0]!r} {rows[1]}")
    return Violation("I8", where, f"{len(batch.stored)} rows, decided again {len(again)}")
