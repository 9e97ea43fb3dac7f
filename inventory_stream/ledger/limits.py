"""Purchase limits: what one customer may have, in all carts and orders together (R23).

Units count from the reserve on, until they expire or are released, revoked or cancelled; what was
shipped counts for good. Limits and uses go when no order from before the end can come any more.
"""

from heapq import heappush

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.identity import keep_receipt
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

    What was reserved before the limit was first stated does not count.
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = PurchaseLimitRow(
        state.term,
        command.limit_id,
        command.sku,
        command.units,
        max(1, epoch_ms(command.ends_at)),
        command.sale_id,
    )
    state.purchase_limits.setdefault(command.sku, {})[command.limit_id] = row
    key = purchase_limit_key(command.limit_id, command.sku)
    heappush(state.limits_over, (row.ends_ms, key))
    batch.write(key, encode_row(row))
    return keep_receipt(state, batch, command, Outcome.APPLIED, sku=command.sku, units=command.units)
