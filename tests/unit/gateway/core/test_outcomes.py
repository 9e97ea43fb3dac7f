"""The one table from outcomes to HTTP."""

import pytest

from inventory_stream.gateway.outcomes import ANSWERS
from inventory_stream.gateway.problems import KINDS
from models.outcomes import Outcome


def test_every_outcome_has_its_answer() -> None:
    """No word of the ledger is without a status, and none is made up."""
    assert ANSWERS.keys() == set(Outcome)


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
def test_a_refusal_is_a_problem_and_nothing_else_is(outcome: Outcome) -> None:
    """Its status is that of its kind, and it says the way out; what moved units is never told as an error."""
    answer = ANSWERS[outcome]
    if answer.slug is None:
        assert answer.status < 300
        # What is refused and yet no error: counts that do not apply, and repeats of what was done.
        heard = {Outcome.STALE_SYNC, Outcome.NOT_AUTHORITY, Outcome.ALREADY_APPLIED}
        assert not outcome.is_refusal or outcome in heard
    else:
        assert outcome.is_refusal
        assert answer.status == KINDS[answer.slug].status
        assert answer.way_out
