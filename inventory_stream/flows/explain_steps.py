"""One step in the life of a reservation or a command: what a row says happened, in words."""

from dataclasses import dataclass
from typing import Final

from inventory_stream.flows.explain_words import (
    breakdown_words,
    outcome_name,
    outcome_words,
    span,
    units,
    utc,
)
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import Confirm, RecordOrder, Reserve, type_name
from models.rows import ID_REUSED_ANSWER, REPEATED_ANSWER, Answer, Movement, ReceiptRow, ReservationRow

RESERVE: Final = type_name(Reserve)
_STARTS: Final = frozenset({RESERVE, type_name(RecordOrder)})
_CONFIRM: Final = type_name(Confirm)
_REUSED: Final = (
    "its id was used before, by the command named here: one with other content came, was refused, and is a "
    "dead letter"
)


@dataclass(frozen=True, slots=True)
class Step:
    """What happened once.

    `what` is the command's type on the wire, or what the owner did by itself: expired, revoked,
    filled, deleted. `offset` and `at_ms` are the place and record time of the row that says so, None where
    that row was compacted away and a later one still has the answer. `decided_ms` is the `now` of
    the decision (R26). `units` were moved. `is_repeat`: the same command came again (R27).
    """

    partition: int
    offset: int | None
    at_ms: int | None
    what: str
    command_id: str | None
    reservation_id: str | None
    outcome: str | None
    is_repeat: bool
    decided_ms: int
    units: int
    text: str


def step_of_answer(
    partition: int, record: LedgerRecord | None, row: ReservationRow, answer: Answer, repeat: int
) -> Step:
    """Tell a command of a reservation. `record` None: its own row was compacted away."""
    name = outcome_name(answer.outcome)
    if repeat == ID_REUSED_ANSWER:
        name = "COMMAND_ID_REUSED"
        text = _REUSED
    elif repeat == REPEATED_ANSWER:
        text = f"it came again, nothing moved, and it heard its first answer again: {name}"
    else:
        text = ". ".join(_sentences(row, answer))
        if record is None:
            text += ". (Compaction took its own row; a later one still has this answer.)"
    return Step(
        partition=partition,
        offset=record.offset if record is not None else None,
        at_ms=record.timestamp_ms if record is not None else None,
        what=answer.kind,
        command_id=answer.command_id,
        reservation_id=row.reservation_id,
        outcome=name,
        is_repeat=repeat == REPEATED_ANSWER,
        decided_ms=answer.at_ms,
        units=answer.units,
        text=text,
    )


def step_of_receipt(partition: int, record: LedgerRecord, row: ReceiptRow) -> Step:
    """Tell a command that left a receipt."""
    name = outcome_name(row.outcome)
    if row.repeat == ID_REUSED_ANSWER:
        name = "COMMAND_ID_REUSED"
        text = _REUSED
    elif row.repeat == REPEATED_ANSWER:
        text = f"it came again, nothing moved, and it heard its first answer again: {name}"
    else:
        sentences = [outcome_words(row.outcome)]
        if row.breakdown is not None:
            sentences.append(breakdown_words(row.breakdown, None))
        sentences += [movement_words(one, row.at_ms) for one in row.movements]
        text = ". ".join(sentences)
    return Step(
        partition=partition,
        offset=record.offset,
        at_ms=record.timestamp_ms,
        what=row.kind,
        command_id=row.command_id,
        reservation_id=row.reservation_id,
        outcome=name,
        is_repeat=row.repeat == REPEATED_ANSWER,
        decided_ms=row.at_ms,
        units=row.units,
        text=text,
    )


def movement_words(movement: Movement, decided_ms: int) -> str:
    """Say what a fact did to one position."""
    at = movement.location
    said = f"on_hand at {at} {movement.delta:+d} to {movement.on_hand} (version {movement.version})"
    late_ms = decided_ms - movement.effective_at_ms
    said += f", in effect since {utc(movement.effective_at_ms)}"
    if late_ms > 0:
        said += f", decided {span(late_ms)} after that"
    if movement.delta == 0:
        said += "; on_hand stayed: a count has it already (R8), or it says nothing of on_hand"
    if movement.clock_ahead:
        said += "; its source's clock is ahead, so it counts from its arrival"
    if movement.shortfall_units:
        said += f"; {units(movement.shortfall_units)} promised beyond what there is"
        if movement.short_orders:
            said += f" (youngest orders: {', '.join(movement.short_orders)})"
    return said


def _sentences(row: ReservationRow, answer: Answer) -> list[str]:
    """Say what a decision was, why, and how it stood to the deadline."""
    sentences = [outcome_words(answer.outcome)]
    if answer.units:
        sentences.append(f"{units(answer.units)} moved")
    is_own_request = answer.kind in _STARTS and not answer.content
    if answer.breakdown is not None:
        sentences.append(breakdown_words(answer.breakdown, row.units if is_own_request else None))
    if answer.kind == RESERVE and row.deadline_ms > answer.at_ms and is_own_request:
        sentences.append(f"to be confirmed by {utc(row.deadline_ms)}")
    if answer.kind == _CONFIRM and row.deadline_ms:
        late_ms = answer.at_ms - row.deadline_ms
        if late_ms > 0:
            sentences.append(f"decided {span(late_ms)} after the deadline {utc(row.deadline_ms)}")
    sentences += [movement_words(one, answer.at_ms) for one in answer.movements]
    return sentences
