"""What a ledger row answers to a command: one reading of rows, for whoever waits for one."""

from inventory_stream.ledger.identity import content_hash, reserve_content
from inventory_stream.ports.desk import Decision
from inventory_stream.ports.projection import Version
from models.commands import Command, Inspect
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    NO_ANSWER,
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
    if (kept.content or reserve_content(row)) != content_hash(command):
        outcome = Outcome.COMMAND_ID_REUSED
    else:
        outcome = Outcome(kept.outcome)
    is_repeat = row.repeat != FIRST_ANSWER
    return Decision(outcome, kept.units, kept.at_ms, kept.breakdown, row, version, is_repeat)
