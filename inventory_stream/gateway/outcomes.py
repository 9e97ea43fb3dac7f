"""What each answer of the ledger is over HTTP: the one table of status and problem by outcome."""

from typing import Any, Final, NamedTuple

import msgspec

from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.desk import Decision
from models.outcomes import Outcome
from models.rows import Breakdown

VERSION_HEADER: Final = "Inventory-Version"
"""Of an answer to a write: reads that name it in this header show the write, or say that they cannot yet."""
REPEAT_HEADER: Final = "Idempotent-Replay"
"""Of an answer that was decided before and is heard again (R27)."""


class Answer(NamedTuple):
    """The status of an outcome that is no refusal, or the problem and what the caller can do."""

    status: int
    slug: str | None = None
    way_out: str = ""


_CREATED: Final = Answer(201)
_DONE: Final = Answer(200)

ANSWERS: Final[dict[Outcome, Answer]] = {
    Outcome.GRANTED: _CREATED,
    Outcome.PARTIALLY_GRANTED: _CREATED,
    Outcome.EXTENDED: _DONE,
    Outcome.CONFIRMED: _DONE,
    Outcome.CONFIRMED_LATE: _DONE,
    Outcome.RELEASED: _DONE,
    Outcome.CANCELLED: _DONE,
    Outcome.RECORDED: _CREATED,
    Outcome.RECORDED_SHORT: _CREATED,
    Outcome.ALREADY_GRANTED: _DONE,
    Outcome.ALREADY_CONFIRMED: _DONE,
    Outcome.PARTIALLY_CONFIRMED: _DONE,
    Outcome.TRANSFER_PLANNED: _CREATED,
    Outcome.REROUTED: _DONE,
    Outcome.UNITS_SET: _DONE,
    Outcome.ALREADY_PLANNED: _DONE,
    Outcome.BACKORDERED: _CREATED,
    Outcome.POOL_SHORT: _DONE,
    Outcome.INSPECTED: _DONE,
    # Facts apply whatever is known: the outcome in the body says what did not match (R10).
    Outcome.APPLIED: _DONE,
    Outcome.FULFILLED: _DONE,
    Outcome.RETURNED: _DONE,
    Outcome.FULFIL_UNMATCHED: _DONE,
    Outcome.RETURN_UNMATCHED: _DONE,
    Outcome.SHIP_UNMATCHED: _DONE,
    Outcome.RECEIVE_UNMATCHED: _DONE,
    Outcome.RECEIVED_SHORT: _DONE,
    Outcome.PROMISE_SHORT: _DONE,
    Outcome.PROMISE_LATE: _DONE,
    # Counts that were heard and do not apply: a feed cannot do anything about them (R8, R14).
    Outcome.STALE_SYNC: _DONE,
    Outcome.NOT_AUTHORITY: _DONE,
    Outcome.ALL_RESERVED: Answer(
        409, "all-reserved", "all units are held by others: ask again after `earliest_deadline_ms`"
    ),
    Outcome.SOLD_OUT: Answer(409, "sold-out", "there are not enough units: ask for fewer, or elsewhere"),
    Outcome.NO_SINGLE_LOCATION: Answer(
        409, "no-single-location", "only together do the locations have the units: ask with strategy split"
    ),
    Outcome.UNKNOWN_SKU: Answer(422, "invalid", "the ledger has no such SKU there: state its stock first"),
    Outcome.UNKNOWN_GROUP: Answer(422, "invalid", "the ledger has no such group of locations"),
    Outcome.UNKNOWN_SALE: Answer(422, "invalid", "that sale has no units of this SKU there"),
    Outcome.CUSTOMER_REQUIRED: Answer(
        422, "invalid", "a purchase limit holds: name the customer, of whom only a keyed hash is kept"
    ),
    Outcome.RESERVATION_EXPIRED: Answer(
        409, "expired", "the time to pay is over and the units are gone: refund the payment"
    ),
    Outcome.NOT_LIVE: Answer(409, "not-live", "nothing of the reservation is left that this could act on"),
    Outcome.RELEASED_EARLY: Answer(409, "not-live", "it was released or cancelled before it came"),
    Outcome.EXTEND_LIMIT: Answer(409, "conflict", "the reservation lives as long as it may already"),
    Outcome.MORE_THAN_HELD: Answer(409, "conflict", "the reservation has fewer units in that state"),
    Outcome.UNKNOWN_TRANSFER: Answer(404, "not-found", "no such transfer, or nothing of it is planned"),
    Outcome.UNKNOWN_INCOMING: Answer(404, "not-found", "no such incoming, or nothing of it is awaited"),
    Outcome.ANOTHER_ORDER: Answer(409, "conflict", "its units are sold to another order: somebody must look"),
    Outcome.LIMIT_REACHED: Answer(409, "limit-reached", "the customer has as many as one may have"),
    Outcome.SALE_NOT_OPEN: Answer(409, "sale-not-open", "the sale has not started"),
    Outcome.SALE_CLOSED: Answer(409, "sale-closed", "the sale is over"),
    Outcome.RESERVATION_ID_REUSED: Answer(422, "id-reused", "the reservation id stands for something else"),
    Outcome.DOCUMENT_ID_REUSED: Answer(422, "id-reused", "the id stands for another transfer or incoming"),
    Outcome.COMMAND_ID_REUSED: Answer(
        422, "key-reused", "the Idempotency-Key was used for another request: take a new one"
    ),
    Outcome.TOO_MANY_COMMANDS: Answer(409, "conflict", "the reservation has had as many commands as it may"),
    # A repeat of what was done so long ago that its answer is gone: done it is.
    Outcome.ALREADY_APPLIED: _DONE,
    # The settings of the gateway and of the ledger's workers differ: no request can mend it.
    Outcome.WRONG_PARTITION: Answer(
        503, "not-ready", "the gateway's partitions or catalog are not the ledger's"
    ),
    Outcome.PRODUCT_CHANGED: Answer(
        503, "not-ready", "the catalog names another product than the ledger keeps"
    ),
    Outcome.TOO_LATE: Answer(
        503, "not-answered", "the ledger came to it too late and nothing is held: send the same request again"
    ),
    Outcome.UNKNOWN_RESERVATION: Answer(404, "not-found", "there is no such reservation"),
    # Kept until its reservation comes (R21); asked again later it tells what came of it.
    Outcome.REMEMBERED: Answer(202),
    Outcome.MEMORY_DROPPED: Answer(409, "conflict", "it waited too long for its reservation: send it anew"),
}
"""Of every outcome."""


def answer_of(decision: Decision) -> tuple[int, dict[str, str]]:
    """Give the status and headers of a decision that is no refusal.

    Raises:
        Problem: it is one, with the numbers behind it.
    """
    answer = ANSWERS[decision.outcome]
    if answer.slug is not None:
        raise problem_of(decision)
    return answer.status, headers_of(decision)


def headers_of(decision: Decision) -> dict[str, str]:
    """Give the headers by which a caller reads its own write, and knows a repeat."""
    headers: dict[str, str] = {}
    if decision.version is not None:
        headers[VERSION_HEADER] = str(decision.version)
    # A reused key is no repeat of anything that its request asked for.
    if decision.is_repeat and decision.outcome is not Outcome.COMMAND_ID_REUSED:
        headers[REPEAT_HEADER] = "true"
    return headers


def problem_of(decision: Decision) -> Problem:
    """Give the refusal that a decision is."""
    answer = ANSWERS[decision.outcome]
    assert answer.slug is not None, f"{decision.outcome.name} is no refusal"  # noqa: S101  # a bug of ours
    members: dict[str, Any] = {"outcome": decision.outcome.name, "sku": decision.row.sku}
    # Not of another request, perhaps another's: whoever knows an id may act on its reservation.
    if decision.row.reservation_id is not None and answer.slug not in {"key-reused", "id-reused"}:
        members["reservation_id"] = decision.row.reservation_id
    # Of no reservation there is no place either: the numbers would be those of nowhere.
    if decision.outcome is not Outcome.UNKNOWN_RESERVATION:
        members |= numbers_of(decision.breakdown)
    headers = headers_of(decision)
    if answer.status == 503:
        headers["Retry-After"] = "1"
    return Problem(answer.slug, answer.way_out, members=members, headers=headers)


def numbers_of(breakdown: Breakdown | None) -> dict[str, Any]:
    """Give the members that say why there was not enough (R2, R15)."""
    if breakdown is None:
        return {}
    numbers = msgspec.structs.asdict(breakdown)
    earliest_deadline_ms = numbers.pop("earliest_deadline_ms")
    members: dict[str, Any] = {"breakdown": numbers}
    if earliest_deadline_ms:
        members["earliest_deadline_ms"] = earliest_deadline_ms
    return members
