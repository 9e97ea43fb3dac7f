"""Commands that come before their order: kept until it comes (R21).

A producer of its own topic or thread may be faster than the one that reserves. What it said waits as a
receipt with the command inside; a fact has moved on_hand at once. `together` decides order and
waiting commands in one batch.
"""

from heapq import heappush
from typing import Final, cast

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.identity import bind_nothing, content_hash, repeated_receipt
from inventory_stream.ledger.rules import EARLY_PER_RESERVATION_MAX
from inventory_stream.ledger.state import PartitionState
from models.codec import ORDER_DECODER, encode_pack
from models.commands import Cancel, Confirm, Fulfil, Release, Return, type_name
from models.outcomes import Outcome
from models.rows import Movement, ReceiptRow, receipt_key

EarlyCommand = Confirm | Release | Cancel | Fulfil | Return
EARLY_COMMANDS: Final = (Confirm, Release, Cancel, Fulfil, Return)
"""What may come before its order; an extension or an edit of nothing yet is refused."""

_UNMATCHED: Final = {"fulfil": Outcome.FULFIL_UNMATCHED, "return": Outcome.RETURN_UNMATCHED}


def has_room(state: PartitionState, reservation_id: str) -> bool:
    """Whether one more command may wait for an order."""
    return len(state.early.get(reservation_id, ())) < EARLY_PER_RESERVATION_MAX


def remember(
    state: PartitionState,
    batch: Batch,
    command: EarlyCommand,
    arrival_ms: int,
    movement: Movement | None = None,
) -> int:
    """Keep a command until its order comes; `movement` is what a fact has done to on_hand already.

    REMEMBERED binds nothing: the same id may ask for something else, unless it has moved units. One
    that finds as many waiting as may: TOO_MANY_COMMANDS.
    """
    reservation_id = command.reservation_id
    known = repeated_receipt(state, batch, command, reservation_id)
    if known is not None:
        return known
    key = receipt_key(command.id, reservation_id)
    waiting = state.early.get(reservation_id, [])
    replaced = next((receipt for receipt in waiting if receipt.command_id == command.id), None)
    if replaced is not None:
        index = replaced.early_index
        waiting.remove(replaced)
        state.early_kept -= 1
    elif not has_room(state, reservation_id):
        asked = asked_positions(state, command.sku, command.location, None)
        why_not = breakdown_of(asked)
        return bind_nothing(
            state, batch, command, Outcome.TOO_MANY_COMMANDS, command.sku, reservation_id, why_not
        )
    else:
        index = waiting[-1].early_index + 1 if waiting else 0
    receipt = ReceiptRow(
        state.term,
        0,
        command.id,
        reservation_id,
        type_name(type(command)),
        content_hash(command),
        Outcome.REMEMBERED,
        command.sku,
        0 if movement is None or not isinstance(command, Fulfil | Return) else command.units or 0,
        batch.now_ms,
        None,
        () if movement is None else (movement,),
        encode_pack([command]),
        arrival_ms,
        index,
    )
    key, value = batch.write_receipt(receipt)
    state.receipts.keep(key, receipt, value)
    state.remember(receipt)
    heappush(state.early_order, (batch.now_ms, key))
    return Outcome.REMEMBERED


def command_of(receipt: ReceiptRow) -> EarlyCommand:
    """Give the command that waits in a receipt."""
    commands, poison = ORDER_DECODER.decode(receipt.command)
    assert not poison, f"a command that was decoded once: {poison}"
    return cast("EarlyCommand", commands[0])


def drop(state: PartitionState, batch: Batch, receipt: ReceiptRow) -> None:
    """Give up waiting: a fact that moved units stays as unmatched, all else is forgotten; both exceptions."""
    state.forget_early(receipt)
    batch.dropped_memories += 1
    outcome = _UNMATCHED[receipt.kind] if receipt.movements else Outcome.MEMORY_DROPPED
    settle_alone(state, batch, receipt, outcome)


def settle_alone(state: PartitionState, batch: Batch, receipt: ReceiptRow, outcome: Outcome) -> None:
    """End a waiting receipt by an outcome of its own; from now on it is a receipt like any other."""
    receipt.outcome = outcome
    receipt.command = b""
    receipt.at_ms = batch.now_ms
    key, value = batch.write_receipt(receipt)
    state.receipts.keep(key, receipt, value)
