"""Sale pools: units of a SKU at a location that only one sale may grant (R3, R4, R22).

They are set aside at `fence_from`, sold from the start to the end by the arrival time of the reserves,
and the rest is common after the end. Times happen as deadlines do (R18): see `expiry.sweep`.
"""

from heapq import heapify, heappush
from typing import Final

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.claims import CLOSE, times_of
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.movements import epoch_ms
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from models.commands import ClosePool, OpenPool
from models.ids import ID_CHARACTERS_MAX
from models.outcomes import Outcome
from models.paths import SALE
from models.rows import PoolRow, pool_key

# Stale times that may be kept beyond twice as many as pools can have, two each, before a walk drops them.
_STALE_MIN: Final = 1_024


def open_pool(state: PartitionState, command: OpenPool, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Set units aside for a sale, or state an open pool anew: the newest statement stands.

    Returns the outcome; the first match wins:
        SALE_CLOSED   the sale is over: closed, or its end is past
        UNKNOWN_SKU   the SKU has no position at the location
        POOL_SHORT    fewer units were promised to nobody than asked: the pool has those (R4)
        APPLIED       it has as many as asked, or as many as it has sold; or it will be set aside later

    Raises:
        ImpossibleCommandError: it ends before it starts, or is set aside after its start, or has a name that
            the path of no reserve can hold.
    """
    if len(SALE) + len(command.sale_id) > ID_CHARACTERS_MAX:
        raise ImpossibleCommandError("open_pool names a sale too long for a path: `sale:` and 123 characters")
    starts_ms, ends_ms = epoch_ms(command.starts_at), epoch_ms(command.ends_at)
    fence_ms = 0 if command.fence_from is None else epoch_ms(command.fence_from)
    if ends_ms <= starts_ms:
        raise ImpossibleCommandError("open_pool ends before it starts")
    if fence_ms > starts_ms:
        raise ImpossibleCommandError("open_pool sets units aside only after the sale starts (R4)")
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    asked = asked_positions(state, command.sku, command.location, None)
    if not asked:
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_SKU, sku=command.sku)
    (position,) = asked
    pool = position.claims.pools.get(command.sale_id) if position.claims is not None else None
    # A stock command has no arrival of its own: by the owner's clock, which here can only refuse.
    if (pool is not None and pool.closed_ms) or ends_ms <= batch.now_ms:
        return keep_receipt(
            state, batch, command, Outcome.SALE_CLOSED, sku=command.sku, breakdown=breakdown_of(asked)
        )

    key = pool_key(command.sale_id, command.sku, command.location)
    if pool is None:
        pool = PoolRow(
            state.term,
            command.sale_id,
            position.sku,
            position.location,
            command.units,
            0,
            0,
            starts_ms,
            ends_ms,
            fence_ms,
            command.checkout_grace_seconds,
            command.late_from_common,
            batch.now_ms,
        )
        state.pools[key] = pool
        position.claims_made().pools[command.sale_id] = pool
    else:
        pool.asked = command.units
        pool.starts_ms, pool.ends_ms, pool.fence_from_ms = starts_ms, ends_ms, fence_ms
        pool.checkout_grace_seconds = command.checkout_grace_seconds
        pool.late_from_common = command.late_from_common
    is_set_aside = pool.is_fenced or fence_ms <= batch.now_ms
    if is_set_aside:
        set_aside(batch, position, pool)
    timed = state.timed
    if len(timed) > 4 * len(state.pools) + _STALE_MIN:
        timed[:] = state.pool_times()
        heapify(timed)
    for at_ms, step in times_of(pool):
        heappush(timed, (at_ms, step, key))
    if not is_set_aside:
        batch.claim(position, key, pool)
        return keep_receipt(state, batch, command, Outcome.APPLIED, sku=command.sku)
    is_short = pool.units < command.units
    return keep_receipt(
        state,
        batch,
        command,
        Outcome.POOL_SHORT if is_short else Outcome.APPLIED,
        sku=command.sku,
        units=pool.units,
        breakdown=breakdown_of(asked) if is_short else None,
    )


def close_pool(state: PartitionState, command: ClosePool, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """End a sale: APPLIED, with the units that became common; UNKNOWN_SALE, or SALE_CLOSED before (R22)."""
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    key = pool_key(command.sale_id, command.sku, command.location)
    pool = state.pools.get(key)
    if pool is None or pool.closed_ms:
        outcome = Outcome.UNKNOWN_SALE if pool is None else Outcome.SALE_CLOSED
        why_not = breakdown_of(asked_positions(state, command.sku, command.location, None))
        return keep_receipt(state, batch, command, outcome, sku=command.sku, breakdown=why_not)
    freed = pool.unsold
    close(state, batch, key, pool)
    return keep_receipt(state, batch, command, Outcome.APPLIED, sku=command.sku, units=freed)


def set_aside(batch: Batch, position: Position, pool: PoolRow) -> None:
    """Give a pool the total that was asked, as far as there are units; never less than it has sold (R4)."""
    unsold = pool.unsold
    pool.is_fenced = True
    free = max(0, position.available_to_promise)
    pool.units = max(pool.drawn, min(pool.asked, pool.drawn + unsold + free))
    position.fenced += pool.unsold - unsold
    batch.claim(position, pool_key(pool.sale_id, pool.sku, pool.location), pool)


def close(state: PartitionState, batch: Batch, key: bytes, pool: PoolRow) -> None:
    """End a pool: what is unsold is common now, and so is what is freed later (R22)."""
    position = state.position(pool.sku, pool.location)
    claims = position.claims_made()
    position.fenced -= pool.unsold
    pool.closed_ms = batch.now_ms
    claims.held.pop(SALE + pool.sale_id, None)
    heappush(state.ended_documents, (pool.closed_ms, key))
    state.ended_documents_kept += 1
    batch.claim(position, key, pool)


def is_due(state: PartitionState, entry: tuple[int, int, bytes]) -> bool:
    """Whether a time (ms, step, key) still stands for a pool: it may be closed, or stated anew."""
    at_ms, step, key = entry
    pool = state.pools.get(key)
    return pool is not None and (at_ms, step) in times_of(pool)


def happen(state: PartitionState, batch: Batch, entry: tuple[int, int, bytes]) -> None:
    """Do what a pool has to do at a time that stands."""
    _, step, key = entry
    pool = state.pools[key]
    if step == CLOSE:
        close(state, batch, key, pool)
    else:
        set_aside(batch, state.position(pool.sku, pool.location), pool)
