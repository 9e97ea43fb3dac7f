"""The judge on small logs written by hand: what it must tell, and what it must let pass."""

from collections.abc import Sequence
from random import Random
from typing import Final

from inventory_stream.ports.inputs import Input
from inventory_stream.ports.ledger_log import RowRecord
from models.codec import encode_command
from models.commands import Adjust, Command
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    PROGRESS_KEY,
    REPEATED_ANSWER,
    ClaimRow,
    ProgressRow,
    ReceiptRow,
    claim_key,
    encode_row,
    receipt_key,
)
from tests.simulation.audit_answers import AnswerAudit
from tests.simulation.audit_batches import sift
from tests.simulation.audit_gap import is_in_the_gap
from tests.simulation.broker import Broker
from tests.simulation.evidence import Buried, Crossed, Evidence, LogBatch, Sent, StoredRow

NOW_MS: Final = 1_795_000_000_000
ADJUST: Final = Adjust("c1", "sku-0", "DC1", 5, NOW_MS)


def _append(evidence: Evidence, by: str, *rows: RowRecord, epoch: int = 0) -> int:
    """Have a process append a batch; gives its base offset."""
    base = len(evidence.rows)
    stored = tuple(StoredRow(base + number, NOW_MS, *row) for number, row in enumerate(rows))
    evidence.batches.append(LogBatch(base, stored, 7_000, epoch, NOW_MS, by))
    return base


def _claim(evidence: Evidence, by: str, epoch: int = 0) -> int:
    """Have a process claim; gives its term."""
    row = ClaimRow(0, 7_000, epoch, by, fenced=False, generation_ms=0)
    return _append(evidence, by, (claim_key(7_000), encode_row(row)), epoch=epoch)


def _receipt(term: int, repeat: int = FIRST_ANSWER, units: int = 5) -> RowRecord:
    row = ReceiptRow(term, repeat, "c1", None, "adjust", b"", Outcome.APPLIED, "sku-0", units, NOW_MS)
    return receipt_key("c1", None), encode_row(row)


def _progress(term: int, stock_next: int) -> RowRecord:
    return PROGRESS_KEY, encode_row(ProgressRow(term, NOW_MS, stock_next, 0, 0, 0, 0, 0))


def _send(evidence: Evidence, *commands: Command) -> None:
    for command in commands:
        sent = evidence.sent[Input.STOCK]
        sent.append(Sent(Input.STOCK, len(sent), NOW_MS, encode_command(command), (command,)))


def _broken(evidence: Evidence) -> Sequence[str]:
    sifted = sift(evidence)
    answers = AnswerAudit(evidence, sifted)
    answers.run()
    return [violation.rule for violation in (*sifted.violations, *answers.violations)]


def _sent_twice(*buried_by: str) -> Evidence:
    """Give a run in which `w2` follows `w1`, letters of one command by whom is named, and no answer yet."""
    evidence = Evidence()
    _send(evidence, ADJUST, ADJUST)
    _claim(evidence, "w1")
    _claim(evidence, "w2")
    evidence.buried += [Buried(Input.STOCK, 0, None, "no such group", 2, by) for by in buried_by]
    return evidence


def test_a_former_owners_letter_does_not_take_its_successors_answer_away() -> None:
    """Two askers of one append, the first buried by a fenced owner with an older state: both are answered."""
    evidence = _sent_twice("w1")
    _append(evidence, "w2", _receipt(1), _receipt(1, REPEATED_ANSWER), _progress(1, 2))
    assert not _broken(evidence)


def test_who_passes_a_command_by_a_letter_wrote_that_letter_itself() -> None:
    """An owner's own letter is enough for what it does not answer; one of a former owner is not."""
    own, foreign = _sent_twice("w1", "w2"), _sent_twice("w1")
    for evidence in (own, foreign):
        _append(evidence, "w2", _receipt(1), _progress(1, 2))
    assert not _broken(own)
    assert "I3" in _broken(foreign)


def _voided_and_doubled(*, is_doubled: bool) -> Evidence:
    """Give a run in which a fenced owner overwrites what counts, and the same append may come once more."""
    evidence = Evidence()
    _send(evidence, ADJUST)
    _claim(evidence, "w1")
    term = _claim(evidence, "w2")
    decided = (_receipt(term), _progress(term, 1))
    _append(evidence, "w2", *decided)
    evidence.forgot_at.append(len(evidence.rows))
    _append(evidence, "w1", _receipt(0, units=7), _progress(0, 1))
    if is_doubled:
        _append(evidence, "w2", *decided)
    return evidence


def test_an_append_that_came_twice_rewrites_what_was_void_between() -> None:
    """Its rows are the newest again, so the next owner has nothing to rewrite (P4)."""
    evidence = _voided_and_doubled(is_doubled=True)
    term = _claim(evidence, "w3")
    _append(evidence, "w3", _progress(term, 1))
    assert not _broken(evidence)


def test_what_a_fenced_owner_wrote_is_rewritten_by_the_next_one() -> None:
    """Without it compaction would keep the wrong row: told where it is missing, and only there (P4)."""
    for is_rewritten in (True, False):
        evidence = _voided_and_doubled(is_doubled=False)
        term = _claim(evidence, "w3")
        repairs = [_receipt(term)] if is_rewritten else []
        _append(evidence, "w3", *repairs, _progress(term, 1))
        assert ("P4" in _broken(evidence)) is not is_rewritten


def test_the_gap_is_both_faults_and_an_acknowledgement_that_crossed() -> None:
    """Runs are excused for the known gap alone: each of its four parts is needed."""
    parts = ("forgotten", "crossed", "one epoch", "where it was next")
    for missing in (None, *parts):
        is_forgotten, is_crossed, is_one_epoch, is_next = (part != missing for part in parts)
        evidence = Evidence()
        first = _claim(evidence, "w1")
        evidence.crossed.append(Crossed(first, "w2"))  # which its nonce tells
        if is_forgotten:
            evidence.forgot_at.append(len(evidence.rows))
        _claim(evidence, "w2", epoch=0 if is_one_epoch else 1)
        if not is_next:
            _append(evidence, "w1", _progress(first, 0))
        base = _append(evidence, "w1", _progress(first, 0))
        if is_crossed:
            evidence.crossed.append(Crossed(base, "w2"))
        assert is_in_the_gap(evidence) is (missing is None)


def test_the_broker_tells_whose_append_it_took_for_a_repeat() -> None:
    """Evidence of the gap is the acknowledgement that went to another process; an own repeat is none."""
    broker = Broker(Random(1), lambda: 0.0, expiry_seconds=1e9, twin_share=0.0, rotate_share=0.0)
    for by in ("w1", "w1", "w2"):
        assert broker.append(7_000, 0, 0, [_progress(0, 0)], 0, by)[0] == 0
    assert broker.evidence.crossed == [Crossed(0, "w2")]
