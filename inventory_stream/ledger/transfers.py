"""Transfers: units planned at one location, shipped, and received at another (R10, R12).

Planned units are part of the source's `allocated`, so nobody else is promised them. Units on the way
are part of the target's `in_transit`, which no promise counts (R2). Ship and receive are facts: what
does not match the transfer is applied all the same and named.
"""

from typing import Final

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.documents import write_document
from inventory_stream.ledger.identity import keep_receipt
from inventory_stream.ledger.movements import effective_ms, epoch_ms, move
from inventory_stream.ledger.paths import hoped
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from models.commands import CancelTransfer, PlanTransfer, ReceiveTransfer, ShipTransfer
from models.outcomes import Outcome
from models.paths import COMMON
from models.rows import Movement, TransferRow

_APPLIED: Final = int(Outcome.APPLIED)


def plan_transfer(state: PartitionState, command: PlanTransfer, arrival_ms: int, batch: Batch) -> int:
    """Set units aside at the source for another location.

    What already left under this id, unannounced, is not set aside again: only the rest is.

    Returns the outcome; the first match wins:
        DOCUMENT_ID_REUSED    the id stands for another SKU, route or number of units
        ALREADY_PLANNED       planned before by another command, or all of it left already; no unit
                              moved, an `expected_at` is noted
        UNKNOWN_SKU           the SKU has no position here
        TRANSFER_PLANNED      the source's allocated grew
        ALL_RESERVED, SOLD_OUT  the source's ATP is less, with the breakdown

    Raises:
        ImpossibleCommandError: source and target are one location.
    """
    if command.from_location == command.to_location:
        raise ImpossibleCommandError("plan_transfer from a location to itself moves nothing (R12)")
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = state.transfers.get(command.transfer_id)
    if row is not None and (
        (row.sku, row.from_location, row.to_location)
        != (command.sku, command.from_location, command.to_location)
        or row.asked not in {0, command.units}
    ):
        return keep_receipt(state, batch, command, Outcome.DOCUMENT_ID_REUSED, sku=command.sku)
    rest = command.units - (row.shipped if row is not None else 0)
    if row is not None and (row.asked or rest <= 0):
        row.asked = command.units
        _expect_at(row, command)
        write_document(state, batch, row, is_over=_is_over(row))
        return keep_receipt(state, batch, command, Outcome.ALREADY_PLANNED, sku=command.sku)

    asked = asked_positions(state, command.sku, command.from_location, None)
    offered = asked[0].available_to_promise if asked else 0
    if rest > offered:
        refusal = Outcome.UNKNOWN_SKU
        if command.sku in state.skus:
            hope = hoped(asked[0], COMMON, arrival_ms) if asked else 0
            refusal = Outcome.ALL_RESERVED if hope >= rest else Outcome.SOLD_OUT
        why_not = breakdown_of(asked)
        return keep_receipt(state, batch, command, refusal, sku=command.sku, breakdown=why_not)

    # From here on nothing can fail: quantities, row.
    (source,) = asked
    source.allocated += rest
    assert source.uncommitted >= 0, "I2: units set aside without physical cover"
    if row is None:
        row = _new_transfer(state, command, command.from_location, command.to_location)
    row.planned += rest
    row.asked = command.units
    _expect_at(row, command)
    write_document(state, batch, row, is_over=False)
    planned = _noted(batch, source, arrival_ms)
    return keep_receipt(
        state,
        batch,
        command,
        Outcome.TRANSFER_PLANNED,
        sku=command.sku,
        units=rest,
        movements=(planned,),
    )


def ship_transfer(state: PartitionState, command: ShipTransfer, arrival_ms: int, batch: Batch) -> int:
    """Take units off the source's on_hand and put them on the way to the target: a fact.

    A transfer that nobody planned begins here, if the command says from where to where. Where it says
    only from where, or its id stands for another SKU, units leave and are on no known way. A known
    transfer keeps its target; its receive may name another.

    Returns the outcome; the first match wins:
        UNKNOWN_TRANSFER  not known, and no source is named: nothing moved
        SHIP_UNMATCHED    more than was planned, unplanned, or another source or target; applied
        APPLIED           all of it was planned

    Raises:
        ImpossibleCommandError: it names one location as source and target.
    """
    if command.from_location is not None and command.from_location == command.to_location:
        raise ImpossibleCommandError("ship_transfer from a location to itself moves nothing (R12)")
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = _known(state, command)
    where = command.from_location or (row.from_location if row is not None else None)
    if where is None:
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_TRANSFER, sku=command.sku)
    if command.to_location is not None and command.transfer_id not in state.transfers:
        row = _new_transfer(state, command, where, command.to_location)

    source = state.position(command.sku, where)
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    matched = 0
    if row is not None:
        matched = min(command.units, row.planned) if where == row.from_location else 0
        row.planned -= matched
        source.allocated -= matched
        row.shipped += command.units
        row.in_transit += command.units
        _expect_at(row, command)
        write_document(state, batch, row, is_over=False)
    movements = [move(state, batch, source, -command.units, effective, clock_ahead=ahead)]
    if row is not None:
        target = state.position(command.sku, row.to_location)
        target.in_transit += command.units
        movements.append(_noted(batch, target, effective))
    is_matched = (
        row is not None and matched == command.units and command.to_location in {None, row.to_location}
    )
    return keep_receipt(
        state,
        batch,
        command,
        _APPLIED if is_matched else Outcome.SHIP_UNMATCHED,
        sku=command.sku,
        units=command.units,
        movements=tuple(movements),
    )


def receive_transfer(state: PartitionState, command: ReceiveTransfer, arrival_ms: int, batch: Batch) -> int:
    """Put units that came off a truck on_hand where they arrived: a fact.

    They leave the target's in_transit as far as they are in it; `final` confirms that the rest of it is lost.

    Returns the outcome; the first match wins:
        UNKNOWN_TRANSFER   not known, and no location is named, or no units: nothing moved
        RECEIVE_UNMATCHED  more than is in transit, or at another location than the target; applied
        RECEIVED_SHORT     final, and units are lost
        APPLIED            all else

    Raises:
        ImpossibleCommandError: 0 units that are not final.
    """
    if not command.units and not command.final:
        raise ImpossibleCommandError("receive_transfer of 0 units that is not final says nothing (R12)")
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = _known(state, command)
    where = command.location or (row.to_location if row is not None else None)
    if where is None or (row is None and not command.units):
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_TRANSFER, sku=command.sku)

    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    arrived = lost = 0
    movements = []
    if row is not None:
        arrived = min(command.units, row.in_transit)
        lost = row.in_transit - arrived if command.final else 0
        row.in_transit -= arrived + lost
        row.lost += lost
        write_document(state, batch, row, is_over=_is_over(row))
        if arrived + lost:
            target = state.position(command.sku, row.to_location)
            target.in_transit -= arrived + lost
            if where != row.to_location or not command.units:
                movements.append(_noted(batch, target, effective))
    if command.units:
        position = state.position(command.sku, where)
        movements.append(move(state, batch, position, command.units, effective, clock_ahead=ahead))
    outcome = _APPLIED
    if arrived < command.units or (row is not None and where != row.to_location):
        outcome = Outcome.RECEIVE_UNMATCHED
    elif lost:
        outcome = Outcome.RECEIVED_SHORT
    return keep_receipt(
        state,
        batch,
        command,
        outcome,
        sku=command.sku,
        units=command.units,
        movements=tuple(movements),
    )


def cancel_transfer(state: PartitionState, command: CancelTransfer, arrival_ms: int, batch: Batch) -> int:
    """Free what is planned and has not left: APPLIED, or UNKNOWN_TRANSFER when there is no such unit.

    What is on the way stays so. The transfer may then be planned anew under the same id.
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    row = _known(state, command)
    if row is None or not row.planned:
        return keep_receipt(state, batch, command, Outcome.UNKNOWN_TRANSFER, sku=command.sku)
    units = row.planned
    source = state.position(row.sku, row.from_location)
    source.allocated -= units
    row.planned = row.asked = 0
    write_document(state, batch, row, is_over=_is_over(row))
    freed = _noted(batch, source, arrival_ms)
    return keep_receipt(state, batch, command, _APPLIED, sku=row.sku, units=units, movements=(freed,))


def _known(
    state: PartitionState, command: ShipTransfer | ReceiveTransfer | CancelTransfer
) -> TransferRow | None:
    """Give the transfer that a command names; one of another SKU is not the one that is meant."""
    row = state.transfers.get(command.transfer_id)
    return row if row is not None and row.sku == command.sku else None


def _new_transfer(
    state: PartitionState, command: PlanTransfer | ShipTransfer, from_location: str, to_location: str
) -> TransferRow:
    row = TransferRow(state.term, command.transfer_id, command.sku, from_location, to_location, 0, 0, 0, 0, 0)
    state.transfers[command.transfer_id] = row
    return row


def _expect_at(row: TransferRow, command: PlanTransfer | ShipTransfer) -> None:
    if command.expected_at is not None:
        row.expected_at_ms = max(1, epoch_ms(command.expected_at))


def _is_over(row: TransferRow) -> bool:
    return not row.planned and not row.in_transit


def _noted(batch: Batch, position: Position, at_ms: int) -> Movement:
    """Give a position its new version after a change that left on_hand alone, and name it (I5)."""
    batch.touch(position)
    return Movement(position.location, 0, at_ms, position.on_hand, position.version)
