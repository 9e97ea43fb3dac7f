"""The model of verification/ledger_claim: the protocol P1-P7 holds, and falls without its rules."""

from pathlib import Path
from typing import Final

import pytest

from tests.verification.spin import Verdict, missing_tools, read_verdict, search

MODEL: Final = Path(__file__).parents[2] / "verification" / "ledger_claim" / "claim.pml"

needs_spin = pytest.mark.skipif(
    bool(missing_tools()), reason=f"{', '.join(missing_tools())} not on PATH: apt install spin gcc"
)

HOLDS: Final = {
    "crashes, sleepers and lost answers": "",
    "ids change, an epoch is given twice": "NEW_IDENTITY SAME_EPOCH_TWICE",
    "the same, by the first line of defence alone": "NEW_IDENTITY SAME_EPOCH_TWICE NO_TERM DECISIONS=2",
    "three owners": "OWNERS=3 CLAIMS=1 DECISIONS=2 NEW_IDENTITY SAME_EPOCH_TWICE",
    "silence until the broker forgets, first line alone": "TIME SAME_EPOCH_TWICE NO_TERM DECISIONS=2",
    "silence and a new id": "TIME NEW_IDENTITY DECISIONS=2 CLAIMS=1",
    "the broker loses its state": "LOST_BROKER_STATE DECISIONS=2",
    "the broker loses its state, and ids change": "LOST_BROKER_STATE NEW_IDENTITY CLAIMS=1",
    "no fence rows, by the second line alone": "NEW_IDENTITY NO_FENCE_ROW",
    "a broker without fencing, by the second line alone": "NO_EPOCH_CHECK",
    "stamps of the events, by the second line alone": "EVENT_TIME",
    "reading only to the claim, by the second line alone": "NEW_IDENTITY READ_TO_CLAIM",
    "no lease, by the second line alone": "TIME NO_LEASE DECISIONS=2",
}
"""What must hold: by name, the flags."""

FAILS: Final = {
    "P1 without the nonce": "SAME_EPOCH_TWICE NO_NONCE",
    "P1 without the fence row": "NEW_IDENTITY NO_TERM NO_FENCE_ROW",
    "P1 reading only to the claim": "NEW_IDENTITY NO_TERM READ_TO_CLAIM",
    "P1 fencing after the read": "NEW_IDENTITY NO_TERM FENCE_AFTER_READ",
    "P1 reading before the claim": "READ_BEFORE_CLAIM",
    "P1 on a broker without fencing": "NO_EPOCH_CHECK NO_TERM",
    "P2 with event time": "EVENT_TIME NO_TERM",
    "P3 without the lease": "TIME NO_TERM NO_LEASE",
    "P4 without the term": "LOST_BROKER_STATE NO_TERM",
    "P4 without looking for a later claim": "LOST_BROKER_STATE NEW_IDENTITY NO_LOOK_FOR_LATER_CLAIM",
    "P5 without contiguity": "LOST_BROKER_STATE NO_CONTIGUITY",
    "P6 with two batches under way": "TWO_UNDER_WAY",
    "P7 going on after an error": "GO_ON_AFTER_ERROR",
    "two faults in one moment, which nothing guards": "LOST_BROKER_STATE SAME_EPOCH_TWICE",
}
"""What must fail: by the rule that is taken away, the flags."""


@needs_spin
@pytest.mark.parametrize("flags", HOLDS.values(), ids=HOLDS)
def test_no_decision_is_lost_or_doubled_while_the_rules_are_kept(flags: str, tmp_path: Path) -> None:
    """P1-P7: in every interleaving, all of them searched, at most one owner is effective."""
    verdict = search(MODEL, tuple(flags.split()), tmp_path)
    assert verdict.errors == 0, verdict
    assert verdict.complete, "the search was cut short, so it proves nothing"
    assert verdict.states > 10_000, "too few states: the model does nothing"


@needs_spin
@pytest.mark.parametrize("flags", FAILS.values(), ids=FAILS)
def test_each_rule_is_needed_because_the_model_fails_without_it(flags: str, tmp_path: Path) -> None:
    """P1-P7: taking one rule away gives a counterexample, so the model can see what the rule prevents."""
    verdict = search(MODEL, tuple(flags.split()), tmp_path)
    assert verdict.errors == 1, verdict
    assert verdict.violation is not None
    assert verdict.violation.startswith("assertion violated"), verdict


def test_a_search_that_was_cut_short_is_not_taken_for_a_proof() -> None:
    """Running out of memory or depth leaves 0 errors behind, and must not read as success."""
    whole = "State-vector 9 byte, depth reached 3, errors: 0\n   123 states, stored\n"
    assert read_verdict(whole) == Verdict(complete=True, errors=0, states=123, violation=None)
    for words in ("Warning: Search not completed\n", "error: max search depth too small\n"):
        assert not read_verdict(words + whole).complete
