"""Kept answers: small in memory, and always what the log says."""

import pytest

from inventory_stream.ledger.receipts import Receipts
from models.outcomes import Outcome
from models.rows import ReceiptRow, encode_row, receipt_key

KEY = receipt_key("a1")


def receipt(outcome: Outcome) -> ReceiptRow:
    """Make a receipt."""
    return ReceiptRow(7, 0, "a1", None, "adjust", b"12345678", int(outcome), "S", 3, 99)


def kept(outcome: Outcome) -> tuple[Receipts, ReceiptRow]:
    """Keep one receipt."""
    receipts, row = Receipts(), receipt(outcome)
    receipts.keep(KEY, row, encode_row(row))
    return receipts, row


def test_kept_receipt_is_found_as_it_was_written() -> None:
    """What is found must encode to the very row of the log."""
    receipts, row = kept(Outcome.APPLIED)
    assert encode_row(receipts[KEY]) == encode_row(row)
    assert (len(receipts), list(receipts), KEY in receipts) == (1, [KEY], True)


def test_change_to_a_found_receipt_is_lost_unless_it_is_kept_again() -> None:
    """Memory must not run ahead of the row: only what was written again is told again."""
    receipts, _ = kept(Outcome.APPLIED)
    receipts[KEY].units = 4
    assert receipts[KEY].units == 3
    found = receipts[KEY]
    found.units = 4
    receipts.keep(KEY, found, encode_row(found))
    assert receipts[KEY].units == 4


def test_receipt_that_waits_for_its_order_stays_one_object() -> None:
    """The state lists waiting receipts themselves (R21): both must be the same until it is decided."""
    receipts, row = kept(Outcome.REMEMBERED)
    assert receipts.find(KEY) is row
    row.outcome = int(Outcome.MEMORY_DROPPED)
    receipts.keep(KEY, row, encode_row(row))
    assert receipts.find(KEY) is not row


def test_receipt_that_is_not_kept_is_none() -> None:
    """Absence must be told apart from an answer, and forgetting twice be harmless."""
    receipts, _ = kept(Outcome.APPLIED)
    receipts.discard(KEY)
    receipts.discard(KEY)
    assert receipts.find(KEY) is None
    with pytest.raises(KeyError):
        receipts[KEY]
    with pytest.raises(KeyError):
        del receipts[KEY]
