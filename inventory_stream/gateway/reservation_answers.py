"""A ledger's row as an answer about a reservation."""

from inventory_stream.gateway.outcomes import ANSWERS, numbers_of
from inventory_stream.gateway.words.reservations import (
    ExplainedStep,
    ExplanationAnswer,
    LineAnswer,
    ReservationAnswer,
    State,
)
from inventory_stream.ports.desk import Decision
from models.outcomes import Outcome
from models.rows import Answer, Line, ReservationRow


def state_of(row: ReservationRow) -> State:
    """Say in one word how a reservation stands; the furthest from over that any of its units is (R16)."""
    state: State = "over" if row.lines or row.released_early else "refused"
    for line in row.lines:
        if line.reserved or line.backordered:
            return "held"
        if line.allocated or line.backorders_confirmed:
            state = "confirmed"
        elif line.fulfilled and state == "over":
            state = "fulfilled"
    return state


def reservation_answer(decision: Decision) -> ReservationAnswer:
    """Give what a decision says of its reservation."""
    row = decision.row
    answer = ReservationAnswer(
        row.reservation_id or "",
        row.sku or "",
        decision.outcome.name,
        decision.units,
        decision.at_ms,
        decision.is_repeat,
        None if decision.version is None else str(decision.version),
    )
    if isinstance(row, ReservationRow):
        answer.state = state_of(row)
        answer.units = row.units
        answer.deadline_ms = row.deadline_ms
        answer.path = row.path
        answer.channel = row.channel
        answer.order_id = row.paid_order_id or row.order_id
        answer.lines = [_line(line) for line in row.lines]
    return answer


def explanation(row: ReservationRow) -> ExplanationAnswer:
    """Tell a reservation's last commands, with the numbers behind each refusal."""
    return ExplanationAnswer(
        row.reservation_id,
        row.sku,
        state_of(row),
        [_step(answer) for answer in row.answers],
        max(0, row.commands - len(row.answers)),
    )


def _line(line: Line) -> LineAnswer:
    return LineAnswer(
        line.location,
        line.granted,
        line.reserved,
        line.allocated,
        line.fulfilled,
        line.released,
        line.expired,
        line.cancelled,
        line.revoked,
        line.returned,
        line.backordered,
        line.backorders_confirmed,
    )


def _step(answer: Answer) -> ExplainedStep:
    outcome = Outcome(answer.outcome)
    numbers = numbers_of(answer.breakdown)
    return ExplainedStep(
        answer.kind,
        outcome.name,
        ANSWERS[outcome].way_out,
        answer.units,
        answer.at_ms,
        numbers.get("breakdown"),
        numbers.get("earliest_deadline_ms"),
    )
