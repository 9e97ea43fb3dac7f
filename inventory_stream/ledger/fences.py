"""Ring-fences: unused units that only one channel may take at a location (R3, R4)."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.claims import held_of
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from inventory_stream.ledger.stock import answered_before
from models.commands import SetChannelFence
from models.outcomes import Outcome
from models.paths import CHANNEL
from models.rows import FenceRow, fence_key


def set_channel_fence(
    state: PartitionState,
    command: SetChannelFence,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """State how many unused units a channel has for itself; the newest statement stands.

    A fence of no units that spills over is none: its row goes, and what its reservations free is common.

    Returns the outcome; the first match wins:
        UNKNOWN_SKU   the SKU has no position at the location
        POOL_SHORT    fewer units were promised to nobody than asked: the fence has those (R4)
        APPLIED       it has as many as asked
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    asked = asked_positions(state, command.sku, command.location, None)
    if not asked:
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_SKU, sku=command.sku)
    (position,) = asked
    claims = position.claims_made()
    fence = claims.fences.get(command.channel)
    unused = fence.units if fence is not None else 0
    units = min(command.units, unused + max(0, position.available_to_promise))
    key = fence_key(command.channel, command.sku, command.location)
    if not command.units and command.spill_over:
        claims.fences.pop(command.channel, None)
        claims.held.pop(CHANNEL + command.channel, None)
        fence = None
    elif fence is None:
        fence = FenceRow(
            state.term,
            command.channel,
            position.sku,
            position.location,
            command.units,
            units,
            command.spill_over,
            batch.now_ms,
        )
        claims.fences[command.channel] = fence
        _find_held(position, CHANNEL + command.channel)
    else:
        fence.asked, fence.units, fence.spill_over = command.units, units, command.spill_over
    position.fenced += units - unused
    batch.claim(position, key, fence)
    is_short = units < command.units
    return keep_receipt(
        state,
        batch,
        command,
        Outcome.POOL_SHORT if is_short else Outcome.APPLIED,
        sku=command.sku,
        units=units,
        breakdown=breakdown_of(asked) if is_short else None,
    )


def _find_held(position: Position, path: str) -> None:
    """Count what a fence that existed before still has reserved: the new one gets it back."""
    claims = position.claims_made()
    # By id: one that left and came back is listed twice. Short ones are all on the common path.
    for reservation in {row.reservation_id: row for row in position.long_rows()}.values():
        line = line_at(reservation, position.location)
        if line is not None and reservation.path == path:
            claims.note_held(reservation, held_of(line))
