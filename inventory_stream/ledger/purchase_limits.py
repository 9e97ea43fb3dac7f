"""Stating a purchase limit (R23); `limits` counts what customers have of it."""

from heapq import heapify, heappush

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.limits import standing_limit
from inventory_stream.ledger.movements import epoch_ms
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from models.commands import SetPurchaseLimit
from models.outcomes import Outcome
from models.rows import PurchaseLimitRow, encode_row, purchase_limit_key


def set_purchase_limit(
    state: PartitionState,
    command: SetPurchaseLimit,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """State what one customer may have of a SKU: APPLIED; the newest statement stands.

    What was reserved before the limit was first stated does not count. Once all limits of an id are over,
    the id may be used for another one, which begins anew.
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    ends_ms = max(1, epoch_ms(command.ends_at))
    standing = standing_limit(state, command.limit_id)
    row = PurchaseLimitRow(
        state.term,
        command.limit_id,
        command.sku,
        command.units,
        ends_ms,
        command.sale_id,
        batch.now_ms if standing is None else standing.opened_ms,
    )
    before = state.limited.get(command.limit_id, {}).get(command.sku)
    state.limit(row)
    key = purchase_limit_key(command.limit_id, command.sku)
    if before is not None and ends_ms < before.ends_ms:
        # Uses may be queued for the later end, which a recovery never hears of (I8). Rare, so all anew.
        state.limits_over[:] = state.limit_ends()
        heapify(state.limits_over)
    else:
        heappush(state.limits_over, (ends_ms, key))
    batch.write(key, encode_row(row))
    return keep_receipt(state, batch, command, Outcome.APPLIED, sku=command.sku, units=command.units)
