"""Which reservation a command means, or the answer that ends the command before it is decided."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.breakdown import asked_positions, breakdown_of
from inventory_stream.ledger.early import EARLY_COMMANDS, remember
from inventory_stream.ledger.identity import (
    answer,
    bind_nothing,
    is_full,
    repeated_answer,
    repeated_receipt,
)
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.telling import off_as_of
from models.commands import (
    Cancel,
    Confirm,
    Extend,
    Fulfil,
    Inspect,
    RecordOrder,
    Release,
    Reroute,
    Return,
    SetUnits,
)
from models.outcomes import Outcome
from models.rows import NO_ANSWER, ReservationRow

OrderCommand = (
    Extend | Confirm | Release | Cancel | Fulfil | Return | RecordOrder | Reroute | SetUnits | Inspect
)


def known_reservation(
    state: PartitionState, command: OrderCommand, arrival_ms: int, batch: Batch
) -> ReservationRow | int:
    """Give the reservation that a command names, or the outcome that ends the command here."""
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        return unknown(state, batch, command, arrival_ms)
    known = repeated_answer(state, batch, reservation, command)
    if known is not None:
        return known
    if reservation.sku != command.sku:
        return answer(state, batch, reservation, command, Outcome.RESERVATION_ID_REUSED)
    if not reservation.lines:
        is_timed = isinstance(command, Cancel) and command.as_of is not None
        if isinstance(command, Cancel) and command.units is None and (reservation.released_early or is_timed):
            # Off once more: what is told as of before that takes nothing (R20).
            reservation.told_ms = max(reservation.told_ms, off_as_of(command))
        return answer(state, batch, reservation, command, Outcome.NOT_LIVE)
    return reservation


def known_for_fact(
    state: PartitionState, command: Fulfil | Return, batch: Batch
) -> ReservationRow | int | None:
    """As `known_reservation`, but a fact goes on without a reservation: None, unless it was applied once."""
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        return repeated_receipt(state, batch, command, command.reservation_id)
    known = repeated_answer(state, batch, reservation, command, is_fact=True)
    if known is not None:
        return known
    # Units of another SKU than the reservation's, or of one that was refused, or one fact too many for
    # its row: nothing to match.
    is_theirs = reservation.sku == command.sku and reservation.lines and not is_full(reservation)
    return reservation if is_theirs else None


def unknown(state: PartitionState, batch: Batch, command: OrderCommand, arrival_ms: int) -> int:
    """Answer a command without its reservation: kept until that comes, if it can wait (R21)."""
    wrong = state.misplaced(command.sku)
    if (
        wrong is None
        and isinstance(command, EARLY_COMMANDS)
        and command.reservation_id not in state.reservations
    ):
        return remember(state, batch, command, arrival_ms)
    outcome = wrong or Outcome.UNKNOWN_RESERVATION
    location = getattr(command, "location", None)
    group = command.group if isinstance(command, RecordOrder) else None
    why_not = breakdown_of(asked_positions(state, command.sku, location, group))
    return bind_nothing(state, batch, command, outcome, command.sku, command.reservation_id, why_not)


def inspect(state: PartitionState, command: Inspect, arrival_ms: int, batch: Batch) -> int:
    """Write a reservation's row again as it is: INSPECTED, or UNKNOWN_RESERVATION. Binds nothing."""
    reservation = state.reservations.get(command.reservation_id)
    if reservation is None:
        return unknown(state, batch, command, arrival_ms)
    batch.write_reservation(reservation, -1, NO_ANSWER)
    return Outcome.INSPECTED
