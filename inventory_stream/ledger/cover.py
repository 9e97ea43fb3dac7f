"""After a command: what is set aside stays covered, and what waits gets what is free (R4, R24)."""

from inventory_stream.ledger.backorders import fill
from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from models.rows import FenceRow, PoolRow, fence_key, pool_key


def settle_claims(state: PartitionState, batch: Batch) -> None:
    """Put the claims of the positions that changed in order; part of the command that changed them."""
    unsettled = batch.unsettled
    while unsettled:
        position = next(iter(unsettled))
        del unsettled[position]
        if position.uncommitted < position.fenced:
            shrink(batch, position)
        if position.claims is not None and position.claims.waiting:
            fill(state, batch, position)


def shrink(batch: Batch, position: Position) -> None:
    """Let pools and fences hold no more than there is uncommitted: the last opened gives up first (R4)."""
    claims = position.claims
    assert claims is not None, "units are set aside for nobody"
    excess = position.fenced - max(0, position.uncommitted)
    claimants: list[tuple[int, bytes, PoolRow | FenceRow]] = [
        (pool.opened_ms, pool_key(pool.sale_id, pool.sku, pool.location), pool)
        for pool in claims.pools.values()
        if pool.unsold
    ]
    claimants += [
        (fence.opened_ms, fence_key(fence.channel, fence.sku, fence.location), fence)
        for fence in claims.fences.values()
        if fence.units
    ]
    # Those of one ms by key: a recovery does not know which came first (I8).
    claimants.sort(key=lambda claimant: claimant[:2], reverse=True)
    for _, key, claimant in claimants:
        taken = min(excess, claimant.unsold if isinstance(claimant, PoolRow) else claimant.units)
        if taken:
            claimant.units -= taken
            excess -= taken
            position.fenced -= taken
            batch.claim(position, key, claimant)
