"""An order and the commands that came before it, decided in one batch (R21)."""

from collections.abc import Callable, Sequence
from heapq import heappush
from typing import Any, Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.early import EarlyCommand, command_of, settle_alone
from inventory_stream.ledger.identity import answer, id_hash
from inventory_stream.ledger.lines import Shipped
from inventory_stream.ledger.orders import cancel, confirm, is_of_an_order, release
from inventory_stream.ledger.shipping import fulfil, return_units, take_back
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.telling import off_as_of, told_as_of
from models.commands import Cancel, Confirm, Fulfil, RecordOrder, Release, Reserve, Return
from models.outcomes import Outcome
from models.rows import ID_REUSED_ANSWER, ReceiptRow, ReservationRow, receipt_key

Order = Reserve | RecordOrder
_Decide = Callable[[PartitionState, Any, int, Batch], int]
_DecideOrder = Callable[[PartitionState, Any, int, Batch, Shipped], int]

_DECISIONS: Final[tuple[tuple[type[EarlyCommand], _Decide], ...]] = (
    (Confirm, confirm),
    (Release, release),
    (Cancel, cancel),
    (Fulfil, fulfil),
    (Return, return_units),
)


def decide_together(
    state: PartitionState,
    batch: Batch,
    order: Order,
    arrival_ms: int,
    decide: _DecideOrder,
    new_row: Callable[[], ReservationRow],
) -> int:
    """Decide an order for which commands wait, then those, in the order in which they came.

    Units that were shipped already need no stock: the order is granted them as fulfilled, and asks
    for the rest. An answer that binds nothing (TOO_LATE) leaves the others waiting.

    Args:
        state: The partition.
        batch: Takes the rows.
        order: What came at last.
        arrival_ms: When.
        decide: Decides the order, given what of it was shipped.
        new_row: Makes and registers the order's reservation, holding nothing.

    Returns:
        The order's outcome: RELEASED_EARLY if it was called off before it came, COMMAND_ID_REUSED if a
        fact that waits has its id.
    """
    reservation_id = order.reservation_id
    waiting = state.early.pop(reservation_id)
    same_id = next((receipt for receipt in waiting if receipt.command_id == order.id), None)
    if same_id is not None and same_id.movements:
        state.early[reservation_id] = waiting
        batch.write_receipt(same_id, ID_REUSED_ANSWER)
        return Outcome.COMMAND_ID_REUSED
    commands = [command_of(receipt) for receipt in waiting]
    shipped, matched = _shipped(order, waiting, commands)
    if _is_called_off(order, [command for command in commands if command.id != order.id]):
        reservation = new_row()
        cancels = [one for one in commands if isinstance(one, Cancel) and one.units is None]
        # A telling that is newer than these has the order on again (R20).
        reservation.told_ms = max(map(off_as_of, cancels), default=0)
        outcome = _release_early(state, batch, order, reservation)
    else:
        try:
            outcome = decide(state, order, arrival_ms, batch, shipped)
        finally:
            if reservation_id not in state.reservations:
                _wait_on(state, reservation_id, waiting)
        if reservation_id not in state.reservations:
            return outcome
    state.early_kept -= len(waiting)
    for receipt, command, units in zip(waiting, commands, matched, strict=True):
        if receipt is same_id:
            _forget(state, batch, receipt)  # it bound nothing, and its id is the order's now
        else:
            batch.outcomes[_decide_waiting(state, batch, receipt, command, units)] += 1
    return outcome


def _wait_on(state: PartitionState, reservation_id: str, waiting: Sequence[ReceiptRow]) -> None:
    """Let the others wait on, but not one whose receipt the order's answer took the place of."""
    standing = [
        row for row in waiting if state.receipts.find(receipt_key(row.command_id, reservation_id)) is row
    ]
    state.early_kept -= len(waiting) - len(standing)
    if standing:
        state.early[reservation_id] = standing


def _shipped(
    order: Order, waiting: Sequence[ReceiptRow], commands: Sequence[EarlyCommand]
) -> tuple[Shipped, list[int]]:
    """Match what was shipped early with the units ordered: by place and time, and units of each command."""
    left = order.units
    shipped = []
    matched = []
    for receipt, command in zip(waiting, commands, strict=True):
        units = 0
        if isinstance(command, Fulfil) and receipt.movements and command.sku == order.sku:
            units = min(left, receipt.units)
            left -= units
        matched.append(units)
        if units:
            movement = receipt.movements[0]
            shipped.append((movement.location, units, movement.effective_at_ms))
    return tuple(shipped), matched


def _is_called_off(order: Order, commands: Sequence[EarlyCommand]) -> bool:
    """Whether what waits leaves nothing of the order: a cancel, or a release that no confirm preceded.

    What was shipped was wanted: then the order is decided, and the rest in its turn. So it is where units
    are cancelled of an order that may be told again with more of them. What a release gives back is
    only held: an order that says as of when it was taken is not called off by one, whoever asked it.
    """
    told_ms = told_as_of(order) if isinstance(order, RecordOrder) else 0
    is_told = told_ms > 0
    confirmed = called_off = False
    for command in commands:
        if isinstance(command, Fulfil):
            return False
        confirmed = confirmed or isinstance(command, Confirm)
        whole = (
            (isinstance(command, Cancel) or (isinstance(command, Release) and not is_told))
            and command.location in {None, order.location}
            and (command.units is None or (not is_told and command.units >= order.units))
            and not (isinstance(command, Cancel) and _is_apart(command, order, told_ms))
            and command.sku == order.sku
        )
        called_off = called_off or (whole and (isinstance(command, Cancel) or not confirmed))
    return called_off


def _is_apart(command: Cancel, order: Order, told_ms: int) -> bool:
    """Whether a cancel is older than what the order tells, or of another order (R20)."""
    if isinstance(order, RecordOrder):
        is_of_another = command.order_id is not None and order.order_id not in {None, command.order_id}
    else:
        # Of the order that is yet to confirm what is reserved: it is decided behind the reserve.
        is_of_another = is_of_an_order(command)
    return is_of_another or off_as_of(command) <= told_ms


def _release_early(state: PartitionState, batch: Batch, order: Order, reservation: ReservationRow) -> int:
    reservation.released_early = True
    reservation.created_ms = reservation.ended_ms = batch.now_ms
    state.refused_kept += 1
    heappush(state.refused, (batch.now_ms, order.reservation_id))
    return answer(state, batch, reservation, order, Outcome.RELEASED_EARLY)


def _decide_waiting(
    state: PartitionState, batch: Batch, receipt: ReceiptRow, command: EarlyCommand, matched_units: int
) -> int:
    """Decide a command that waited. One that moved units keeps its receipt, which now says how it ended."""
    reservation = state.reservations[command.reservation_id]
    if not receipt.movements:
        _forget(state, batch, receipt)
        if reservation.released_early and isinstance(command, Release | Cancel):
            done = Outcome.RELEASED if isinstance(command, Release) else Outcome.CANCELLED
            return answer(state, batch, reservation, command, done)
        decide = next(decide for kind, decide in _DECISIONS if isinstance(command, kind))
        return decide(state, command, receipt.arrival_ms, batch)
    is_theirs = bool(reservation.lines) and reservation.sku == command.sku
    if isinstance(command, Return):
        left = command.units
        if is_theirs:
            left, _ = take_back(reservation, command)
        outcome = Outcome.RETURN_UNMATCHED if left else Outcome.RETURNED
    else:
        is_all = is_theirs and matched_units == receipt.units
        outcome = Outcome.FULFILLED if is_all else Outcome.FULFIL_UNMATCHED
    if is_theirs:
        # Past the receipt's window a repeat still finds that it was applied (R27).
        reservation.older += id_hash(command.id)
        reservation.commands += 1
        batch.write_reservation(reservation, -1)
    settle_alone(state, batch, receipt, outcome)
    return outcome


def _forget(state: PartitionState, batch: Batch, receipt: ReceiptRow) -> None:
    key = receipt_key(receipt.command_id, receipt.reservation_id)
    del state.receipts[key]
    batch.write(key, None)
