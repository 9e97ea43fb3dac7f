"""Answers beside the ledger's rows: each way in which a gateway could lie must show."""

from typing import Any

import pytest

from inventory_stream.demo.heard import Comparison, Heard, Hearings, Request
from inventory_stream.demo.sale_tally import SaleTally
from models.outcomes import Outcome

WISH = Request("reserve", "key-1", "/v1/reservations", {})
SAID: dict[str, Any] = {
    "request": WISH,
    "status": 201,
    "outcome": "GRANTED",
    "reservation_id": "r",
    "units": 2,
    "is_early": False,
    "tries": 1,
    "cut": 0,
    "due_seconds": 1.0,
    "answered_seconds": 1.5,
}


def compared(*answers: dict[str, Any]) -> Comparison:
    """Compare answers with a ledger that granted two units."""
    tally = SaleTally("sku", 10)
    tally.decided["r", "reserve"] = (Outcome.GRANTED, 2)
    hearings = Hearings()
    hearings.heard += [Heard(**{**SAID, **answer}) for answer in answers]
    return hearings.compare(tally)


def test_answers_that_the_ledger_has_are_right() -> None:
    """The one answer, heard by two requests of a key, is one grant and no difference."""
    result = compared({}, {"tries": 2, "cut": 1})
    assert (result.grants, result.grants_in_ledger, result.differences) == (1, 1, ())
    assert (result.asked_again, result.asked_again_same, result.cut) == (1, 1, 1)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"reservation_id": "other"}, "no such decision"),
        ({"outcome": "SOLD_OUT", "status": 409}, "ledger says GRANTED"),
        ({"units": 1}, "of 1 units, the ledger says 2"),
        ({"outcome": "failed", "status": 500}, "no decision"),
    ],
)
def test_an_answer_that_the_ledger_does_not_have_is_named(answer: dict[str, Any], word: str) -> None:
    """Another answer, another number, a grant out of nothing or a fault of the gateway is a difference."""
    result = compared({}, answer)
    assert len(result.differences) == 1
    assert word in result.differences[0]
    assert (result.asked_again, result.asked_again_same) == (1, 0)
    assert result.grants_in_ledger < 2


def test_an_early_refusal_binds_nothing() -> None:
    """Sold out by a gateway's memory is no decision: the ledger need not have it."""
    result = compared(
        {"is_early": True, "outcome": "SOLD_OUT", "status": 409, "reservation_id": "", "tries": 3}
    )
    assert (result.differences, result.asked_again, result.grants) == ((), 0, 0)
