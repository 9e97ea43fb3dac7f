"""Plain reserves, nearly all that a flash sale consists of: many at once, and kept as short as written.

What this module decides, `reserve` would decide the same: it only leaves out all looks at what a plain
reserve has nothing to do with.
"""

from collections.abc import Sequence
from heapq import heappush
from typing import Any, Final

from inventory_stream.ledger.batch import ROW_OVERHEAD_BYTES, Batch
from inventory_stream.ledger.breakdown import figures_of
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.reservations import SHELF_BITS, SHELF_SHIFT, Held, together
from inventory_stream.ledger.state import PartitionState
from models.commands import POSITIONAL, Reserve
from models.outcomes import Outcome
from models.paths import COMMON
from models.rows import ROW_SCHEMA, Fresh, encode_row, receipt_key

_POSITIONAL_RESERVE: Final = POSITIONAL[Reserve]
RESERVES: Final = frozenset({Reserve, _POSITIONAL_RESERVE})
"""What may be a plain reserve."""
_GRANTED: Final = int(Outcome.GRANTED)
_ALL_RESERVED: Final = int(Outcome.ALL_RESERVED)
_SOLD_OUT: Final = int(Outcome.SOLD_OUT)
# Of a run: what escaped ids add is counted behind it, 0.4 MB at most for so many ids of 128 characters.
_RUN_COMMANDS_MAX: Final = 1_000
# What a row adds to a record batch beside its value and its id, of which `write_fresh` tells more.
_OVERHEAD_BYTES: Final = ROW_OVERHEAD_BYTES + len("r/")


def decide_plain(  # noqa: PLR0915  # one loop over locals: a call for each command would cost a tenth
    state: PartitionState, batch: Batch, commands: Sequence[Any], at: int
) -> int:
    """Decide commands from index `at` on for as long as they are plain reserves and the batch has room.

    Plain: a new reservation, all or nothing, of the common path at one location of a known SKU that has
    neither claims nor limits, without `answer_by`. What grants one after another at one position add up
    to is written down there once: a hot SKU takes 1.4 us a grant instead of 4.0 (`benchmarks.core_loop`).

    Returns:
        The index of the first command that is not decided; `at` itself if that is not plain.
    """
    shelves = state.reservations.shelves
    early = state.early
    receipts = state.receipts if state.receipts.of_orders else None
    now_ms, term, bytes_max, size_bytes = batch.now_ms, batch.term, batch.bytes_max, batch.size_bytes
    ids: list[str] = []
    values: list[bytes] = []
    skus, moved_skus, limited = state.skus, state.moved_skus, state.purchase_limits
    touched = batch.touched
    position: Position | None = None
    sku = location = ""
    # Of the position, as the grants of this run leave it; and what these add up to.
    free = on_hand = version = 0
    why_not: tuple[int, ...] | None = None
    taken = ttl_seconds = deadline_ms = 0
    run: list[Held] = []
    end = min(len(commands), at + _RUN_COMMANDS_MAX)
    while at < end and size_bytes < bytes_max:
        command = commands[at]
        kind = type(command)
        if kind is not _POSITIONAL_RESERVE and kind is not Reserve:
            break
        reservation_id = command.reservation_id
        shelf = shelves[hash(reservation_id) >> SHELF_SHIFT & SHELF_BITS]
        if (
            reservation_id in shelf
            or reservation_id in early
            or command.group is not None
            or command.answer_by is not None
            or command.allow_partial
            or command.allow_backorder
            or command.path != COMMON
            or command.strategy != "first_fit"
            or (receipts is not None and receipt_key(command.id, reservation_id) in receipts)
        ):
            break
        if command.sku != sku or command.location != location or position is None:
            if position is not None and run:
                _write_down(state, batch, position, version, taken, run, deadline_ms)
                run = []
            position = None
            sku, location = command.sku, command.location
            by_location = skus.get(sku)
            if by_location is None or sku in moved_skus or sku in limited:
                break
            position = by_location.get(location)
            if position is None or position.is_claimed or position.short:
                position = None
                break
            # The position's own words, not the command's equal ones: what that was decoded to goes.
            sku, location = position.sku, position.location
            on_hand, version = position.on_hand, position.version
            free = (
                on_hand
                - position.unavailable
                - position.reserved
                - position.allocated
                - position.safety_stock
                - position.fenced
            )
            why_not = None
        units = command.units
        if units <= free:
            if command.ttl_seconds != ttl_seconds:
                if run:
                    _write_down(state, batch, position, version, taken, run, deadline_ms)
                    run = []
                ttl_seconds = command.ttl_seconds
                deadline_ms = now_ms + ttl_seconds * 1_000
            if not run:
                if position not in touched:
                    batch.size_bytes = size_bytes
                    batch.rewrite(position)
                    size_bytes = batch.size_bytes
                taken = 0
            free -= units
            taken += units
            version += 1
            why_not = None
            value = encode_row(
                (
                    ROW_SCHEMA,
                    term,
                    command.id,
                    _GRANTED,
                    sku,
                    location,
                    units,
                    ttl_seconds,
                    now_ms,
                    command.channel,
                    command.order_id,
                    command.customer,
                    on_hand,
                    version,
                )
            )
            fresh = Fresh(reservation_id, value, now_ms, deadline_ms)
            run.append(fresh)
        else:
            if run:
                _write_down(state, batch, position, version, taken, run, deadline_ms)
                run = []
            if why_not is None:
                why_not = figures_of(position)
            outcome = _ALL_RESERVED if free + position.reserved >= units else _SOLD_OUT
            value = encode_row(
                (
                    ROW_SCHEMA,
                    term,
                    command.id,
                    outcome,
                    sku,
                    location,
                    units,
                    command.ttl_seconds,
                    now_ms,
                    command.channel,
                    command.order_id,
                    command.customer,
                    0,
                    0,
                    why_not,
                )
            )
            fresh = Fresh(reservation_id, value, now_ms, 0)
            batch.outcomes[outcome] += 1
            state.refused_kept += 1
            heappush(state.refused, (now_ms, reservation_id))
        shelf[reservation_id] = fresh
        ids.append(reservation_id)
        values.append(value)
        size_bytes += len(value) + len(reservation_id) + _OVERHEAD_BYTES
        at += 1
    if position is not None and run:
        _write_down(state, batch, position, version, taken, run, deadline_ms)
    if ids:
        batch.size_bytes = size_bytes
        batch.write_fresh(ids, values)
    return at


def _write_down(
    state: PartitionState,
    batch: Batch,
    position: Position,
    version: int,
    taken: int,
    run: list[Held],
    deadline_ms: int,
) -> None:
    """Have a position be as a run of grants leaves it: `taken` units by all of them, with one deadline."""
    grants = len(run)
    position.reserved += taken
    position.version = version
    assert position.reserved + position.allocated + position.unavailable <= position.on_hand, "I2"
    listed = together(run)
    position.attach_run(listed, grants, deadline_ms, batch.now_ms)
    state.due_at(deadline_ms).extend(listed)
    state.due_entries += grants
    batch.outcomes[_GRANTED] += grants
