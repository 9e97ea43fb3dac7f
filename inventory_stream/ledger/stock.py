"""Commands of stock-events: movements, counts, and what is held back (R6-R8, R10, R11, R14)."""

from typing import Final

from inventory_stream.ledger.authority import may_count
from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.identity import keep_receipt, repeated_receipt
from inventory_stream.ledger.movements import count, effective_ms, epoch_ms, is_stale, move, settle
from inventory_stream.ledger.rules import GROUP_BYTES_MAX
from inventory_stream.ledger.state import PartitionState
from models.commands import (
    Adjust,
    Command,
    SetLocationGroup,
    SetSafetyStock,
    SetUnavailable,
    Sync,
    TillSale,
)
from models.outcomes import Outcome
from models.rows import LocationGroupRow, Movement, encode_row, location_group_key

_APPLIED: Final = int(Outcome.APPLIED)
_STALE: Final = int(Outcome.STALE_SYNC)


def adjust(state: PartitionState, command: Adjust, arrival_ms: int, batch: Batch) -> int:
    """Change on_hand by a delta: APPLIED, whatever is left (R10)."""
    if command.delta == 0:
        raise ImpossibleCommandError("adjust by 0 units says nothing (R6)")
    return _move(state, batch, command, command.delta, arrival_ms)


def till_sale(state: PartitionState, command: TillSale, arrival_ms: int, batch: Batch) -> int:
    """Take sold units off on_hand: APPLIED, even below zero (R10)."""
    return _move(state, batch, command, -command.units, arrival_ms)


def sync(state: PartitionState, command: Sync, arrival_ms: int, batch: Batch) -> int:
    """Set on_hand to what was counted, plus the movements since: APPLIED or STALE_SYNC (R8).

    NOT_AUTHORITY: another source counts there; the answer holds its count and ours, to compare (R14).
    """
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    if not may_count(state, command.location, command.source):
        asked = asked_positions(state, command.sku, command.location, None)
        return keep_receipt(
            state,
            batch,
            command,
            Outcome.NOT_AUTHORITY,
            sku=command.sku,
            units=command.on_hand,
            breakdown=breakdown_of(asked),
        )
    counted_at, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    # Nobody has counted what happens later: a fast clock would swallow the movements of its lead (R8).
    counted_at = min(counted_at, arrival_ms)
    orders_through = _orders_through_ms(state, command, counted_at)
    # Not made by a count that says nothing: only what is written may be known (I8).
    known = state.skus.get(command.sku, {}).get(command.location)
    if is_stale(state, batch, known, counted_at, orders_through):
        return keep_receipt(state, batch, command, _STALE, sku=command.sku)
    position = state.position(command.sku, command.location)
    on_hand = command.on_hand + (position.unavailable if command.excludes_unavailable else 0)
    movement = count(state, batch, position, on_hand, counted_at, orders_through)
    movement.clock_ahead = ahead
    return keep_receipt(
        state, batch, command, _APPLIED, sku=command.sku, units=command.on_hand, movements=(movement,)
    )


def _orders_through_ms(state: PartitionState, command: Sync, counted_at_ms: int) -> int:
    """Up to when a count had taken off open orders; 0 if it had not (R9).

    Never after the count itself: too few orders added back undersell, too many oversell.
    """
    if not command.nets_orders:
        if command.orders_through is not None:
            raise ImpossibleCommandError("sync names orders_through without nets_orders (R9)")
        return 0
    if command.orders_through is None:
        return max(1, counted_at_ms - state.rules.order_lag_ms)
    return max(1, min(counted_at_ms, epoch_ms(command.orders_through)))


def set_unavailable(state: PartitionState, command: SetUnavailable, arrival_ms: int, batch: Batch) -> int:
    """Set the units that are damaged or held back: APPLIED, or STALE_SYNC if older than the last (R8)."""
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    position = state.position(command.sku, command.location)
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if effective < position.unavailable_at_ms:
        return keep_receipt(state, batch, command, _STALE, sku=command.sku)
    position.unavailable = command.unavailable
    position.unavailable_at_ms = effective
    batch.touch(position)
    movement = settle(state, batch, position, 0, effective, clock_ahead=ahead)
    return _applied(state, batch, command, command.sku, command.unavailable, movement)


def set_safety_stock(state: PartitionState, command: SetSafetyStock, arrival_ms: int, batch: Batch) -> int:
    """Set the units that are never promised: APPLIED, or STALE_SYNC if older than the last (R8)."""
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    position = state.position(command.sku, command.location)
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    if effective < position.safety_stock_at_ms:
        return keep_receipt(state, batch, command, _STALE, sku=command.sku)
    position.safety_stock = command.safety_stock
    position.safety_stock_at_ms = effective
    batch.touch(position)
    movement = Movement(
        position.location, 0, effective, position.on_hand, position.version, clock_ahead=ahead
    )
    return _applied(state, batch, command, command.sku, command.safety_stock, movement)


def set_location_group(
    state: PartitionState,
    command: SetLocationGroup,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """Name the locations of a group: APPLIED. Live reservations keep the lines that they have."""
    known = repeated_receipt(state, batch, command)
    if known is not None:
        return known
    if len(set(command.locations)) != len(command.locations):
        raise ImpossibleCommandError("location_group names a location twice")
    if sum(len(name.encode()) for name in command.locations) > GROUP_BYTES_MAX:
        raise ImpossibleCommandError(f"location_group: names of more than {GROUP_BYTES_MAX} bytes in all")
    state.groups[command.group] = command.locations
    row = LocationGroupRow(state.term, command.group, command.locations)
    batch.write(location_group_key(command.group), encode_row(row))
    return keep_receipt(state, batch, command, _APPLIED, sku=None)


def _move(
    state: PartitionState, batch: Batch, command: Adjust | TillSale, units: int, arrival_ms: int
) -> int:
    early = answered_before(state, batch, command, command.sku)
    if early is not None:
        return early
    position = state.position(command.sku, command.location)
    effective, ahead = effective_ms(state, batch, command.effective_at, arrival_ms)
    movement = move(state, batch, position, units, effective, clock_ahead=ahead)
    return _applied(state, batch, command, command.sku, abs(units), movement)


def _applied(
    state: PartitionState,
    batch: Batch,
    command: Command,
    sku: str,
    units: int,
    movement: Movement,
) -> int:
    return keep_receipt(state, batch, command, _APPLIED, sku=sku, units=units, movements=(movement,))


def answered_before(state: PartitionState, batch: Batch, command: Command, sku: str) -> int | None:
    """Answer a command about stock that is not new, or not ours; None when it is to be decided."""
    known = repeated_receipt(state, batch, command)
    if known is not None:
        return known
    misplaced = state.misplaced(sku)
    if misplaced is not None:
        return keep_receipt(state, batch, command, misplaced, sku=sku)
    return None
