"""Incoming goods: expected, received, or called off (R10, R13).

What is expected is never part of on_hand or of ATP today; `promise` says what it adds on later days.
"""

from typing import Final

from inventory_stream.ledger.backorders import adjust_promises, youngest
from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.documents import write_document
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.movements import effective_ms, epoch_ms, move
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from models.commands import CancelIncoming, Expect, Receive
from models.outcomes import Outcome
from models.rows import IncomingRow, Movement

_APPLIED: Final = int(Outcome.APPLIED)


def expect(state: PartitionState, command: Expect, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Announce goods, or state anew how many, where and when: APPLIED.

    The last statement stands; it opens again what had ended, if it awaits more than was received.

    Returns the outcome; the first match wins:
        DOCUMENT_ID_REUSED   the id stands for another SKU
        PROMISE_SHORT        more units wait for it than it will bring now: names the youngest orders (R24)
        PROMISE_LATE         units wait for it, and it is expected later than was said: names theirs
        APPLIED              all else
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = state.incoming.get(command.incoming_id)
    if row is None:
        row = IncomingRow(state.term, command.incoming_id, command.sku, command.location, 0, 0, 0)
        state.incoming[command.incoming_id] = row
    elif row.sku != command.sku:
        return keep_receipt(state, batch, command, Outcome.DOCUMENT_ID_REUSED, sku=command.sku)
    where, said_ms = row.location, row.expected_at_ms
    row.location = command.location
    row.units = command.units
    row.expected_at_ms = max(1, epoch_ms(command.expected_at))
    write_document(state, batch, row, is_over=row.received >= row.units)
    outcome, told = _promise(state, batch, row, where, was_ms=said_ms)
    return keep_receipt(
        state, batch, command, outcome or _APPLIED, sku=command.sku, units=command.units, movements=told
    )


def receive(state: PartitionState, command: Receive, arrival_ms: int, batch: Batch) -> int:
    """Put goods that arrived on_hand: a fact. `final`: no more will come.

    Returns the outcome; the first match wins:
        UNKNOWN_INCOMING   not known, and no location is named, or no units: nothing moved
        RECEIVE_UNMATCHED  not known, more than awaited, or at another location; applied
        PROMISE_SHORT      units wait for it and no more of it will come: names the youngest orders (R24)
        RECEIVED_SHORT     final, and less came than was announced
        APPLIED            all else

    Raises:
        ImpossibleCommandError: 0 units that are not final.
    """
    if not command.units and not command.final:
        raise ImpossibleCommandError("receive of 0 units that is not final says nothing (R13)")
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = state.incoming.get(command.incoming_id)
    if row is not None and row.sku != command.sku:
        row = None  # an id of another SKU does not name these goods
    where = command.location or (row.location if row is not None else None)
    if where is None or (row is None and not command.units):
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_INCOMING, sku=command.sku)

    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    outcome = Outcome.RECEIVE_UNMATCHED
    if row is not None:
        awaited = row.open_units
        row.received += command.units
        if command.units <= awaited and where == row.location:
            is_short = command.final and command.units < awaited
            outcome = Outcome.RECEIVED_SHORT if is_short else Outcome.APPLIED
        is_over = bool(row.ended_ms) or command.final or row.received >= row.units
        write_document(state, batch, row, is_over=is_over)
    movements: tuple[Movement, ...] = ()
    if command.units:
        position = state.position(command.sku, where)
        movements = (move(state, batch, position, command.units, effective, clock_ahead=ahead),)
    if row is not None:
        short, told = _promise(state, batch, row, row.location)
        outcome, movements = short or outcome, movements + told
    return keep_receipt(
        state, batch, command, outcome, sku=command.sku, units=command.units, movements=movements
    )


def cancel_incoming(state: PartitionState, command: CancelIncoming, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Await no more of it: APPLIED, or UNKNOWN_INCOMING when nothing is awaited.

    PROMISE_SHORT where units wait for it; names their orders, and cancels nothing (R24).
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = state.incoming.get(command.incoming_id)
    if row is None or row.sku != command.sku or row.ended_ms:
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_INCOMING, sku=command.sku)
    units = row.open_units
    write_document(state, batch, row, is_over=True)
    outcome, told = _promise(state, batch, row, row.location)
    return keep_receipt(
        state, batch, command, outcome or _APPLIED, sku=command.sku, units=units, movements=told
    )


def _promise(
    state: PartitionState, batch: Batch, row: IncomingRow, where: str, *, was_ms: int = 0
) -> tuple[Outcome | None, tuple[Movement, ...]]:
    """Say what a change of an incoming does to the promises that are tied to it at a location (R24).

    Gives the exception, if it is one, and a movement of no units that names the orders: the youngest that
    no longer fit, or all that hear of a later date.
    """
    position = state.skus.get(row.sku, {}).get(where)
    if position is None:
        return None, ()
    waiting, missing = adjust_promises(batch, position, row)
    is_late = bool(was_ms) and row.expected_at_ms > was_ms
    if not missing and not (waiting and is_late):
        return None, ()
    orders = youngest(state, position, missing or waiting)
    told = Movement(where, 0, batch.now_ms, position.on_hand, position.version, 0, orders)
    return Outcome.PROMISE_SHORT if missing else Outcome.PROMISE_LATE, (told,)
