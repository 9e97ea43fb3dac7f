"""What a ledger row answers to a command: one reading of rows, for whoever waits for one."""

from inventory_stream.ledger.identity import content_hash, reserve_content
from inventory_stream.ports.desk import Decision
from inventory_stream.ports.projection import Version
from models.commands import Command, Inspect, Reserve
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    NO_ANSWER,
    Answer,
    ReceiptRow,
    ReservationRow,
    Row,
    receipt_key,
    reservation_key,
)


def answer_keys(command: Command) -> tuple[bytes, ...]:
    """Give the keys of the rows in which the answer to a command may come (R27)."""
    reservation_id: str | None = getattr(command, "reservation_id", None)
    if reservation_id is None:
        return (receipt_key(command.id),)
    return reservation_key(reservation_id), receipt_key(command.id, reservation_id)


def answer_in(row: Row, command: Command, version: Version | None) -> Decision | None:
    """Give what a row under one of the command's keys says of it; None: it answers something else.

    A row that gives the answer of the same id with other content says COMMAND_ID_REUSED, whether it was
    written for this command or for the other (R27): this one can have no other answer any more.
    """
    if isinstance(row, ReservationRow):
        return _of_reservation(row, command, version)
    if isinstance(row, ReceiptRow) and row.command_id == command.id:
        is_other = row.content != content_hash(command)
        if is_other and not Outcome(row.outcome).is_final:
            return None
        outcome = Outcome.COMMAND_ID_REUSED if is_other else Outcome(row.outcome)
        is_repeat = row.repeat != FIRST_ANSWER
        return Decision(outcome, row.units, row.at_ms, row.breakdown, row, version, is_repeat)
    return None


def _of_reservation(row: ReservationRow, command: Command, version: Version | None) -> Decision | None:
    if isinstance(command, Inspect):
        # Of whoever asked: the row says how the reservation stands.
        if row.repeat != NO_ANSWER:
            return None
        return Decision(Outcome.INSPECTED, 0, 0, None, row, version, is_repeat=False)
    if row.answered < 0:
        return None
    kept = row.answers[row.answered]
    if kept.command_id != command.id:
        return None
    is_ours = _is_content(row, kept, command)
    outcome = Outcome(kept.outcome) if is_ours else Outcome.COMMAND_ID_REUSED
    is_repeat = row.repeat != FIRST_ANSWER
    return Decision(outcome, kept.units, kept.at_ms, kept.breakdown, row, version, is_repeat)


def _is_content(row: ReservationRow, kept: Answer, command: Command) -> bool:
    """Whether an answer is one to what a command asks, and not only to its id (R27)."""
    if kept.content or not isinstance(command, Reserve):
        return (kept.content or reserve_content(row)) == content_hash(command)
    # The row itself says what was asked: 1 us, where two hashes take 10.
    return (
        row.sku == command.sku
        and row.units == command.units
        and row.ttl_seconds == command.ttl_seconds
        and row.location == command.location
        and row.group == command.group
        and row.strategy == command.strategy
        and row.channel == command.channel
        and row.order_id == command.order_id
        and row.allow_partial == command.allow_partial
        and row.path == command.path
        and row.customer == command.customer
        and row.allow_backorder == command.allow_backorder
    )
