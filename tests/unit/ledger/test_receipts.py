"""Kept answers: small in memory, and always what the log says."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from inventory_stream.ledger.hash_index import HASH_MASK
from inventory_stream.ledger.receipt_chunks import decode, shortened
from inventory_stream.ledger.receipts import Receipts
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.state import row_of as state_row_of
from models.outcomes import Outcome
from models.rows import ID_REUSED_ANSWER, Movement, ReceiptRow, encode_row, receipt_key

KEY = receipt_key("a1")


def receipt(outcome: Outcome) -> ReceiptRow:
    """Make a receipt."""
    return ReceiptRow(7, 0, "a1", None, "adjust", b"12345678", int(outcome), "S", 3, 99)


def kept(outcome: Outcome, chunk_rows: int = 1) -> tuple[Receipts, ReceiptRow]:
    """Keep one receipt."""
    receipts, row = Receipts(chunk_rows), receipt(outcome)
    receipts.keep(KEY, row, encode_row(row))
    return receipts, row


def test_kept_receipt_is_found_as_it_was_written() -> None:
    """What is found must encode to the very row of the log, once it has a term again."""
    for chunk_rows in (2, 1):
        receipts, row = kept(Outcome.APPLIED, chunk_rows)
        assert encode_row(replace(receipts[KEY], term=row.term)) == encode_row(row)
        assert (len(receipts), list(receipts), KEY in receipts) == (1, [KEY], True)


@pytest.mark.parametrize("term", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63])
def test_shortened_row_says_all_but_its_term(term: int) -> None:
    """R27: what was answered, and how much it moved, must not depend on what memory leaves out."""
    plain = receipt(Outcome.APPLIED)
    for row in (plain, replace(plain, movements=(Movement("L", -1, 5, 9, 3),)), replace(plain, arrival_ms=9)):
        written = encode_row(replace(row, term=term))
        for value in (written, shortened(row, written), shortened(row, shortened(row, written))):
            assert replace(decode(value), term=0) == replace(row, term=0)
    assert len(shortened(plain, encode_row(plain))) == len(encode_row(plain)) - 4 - 2 - 4


def test_row_whose_arrival_ends_as_if_it_never_waited_is_kept_whole() -> None:
    """R21: an arrival of one ms in 16 million has the bytes of no command and no arrival at its end."""
    arrival_ms = 1_767_225_600_000 & ~0xFFFFFF | 0xC40000
    row = replace(receipt(Outcome.TOO_LATE), arrival_ms=arrival_ms)
    receipts = Receipts(chunk_rows=1)
    receipts.keep(KEY, row, encode_row(row))
    found = receipts.find(KEY)
    assert found is not None
    assert found.arrival_ms == arrival_ms


def test_row_of_before_a_field_was_added_is_kept_as_it_is() -> None:
    """P4: an older program's row has fewer fields, and is a row all the same."""
    older = msgspec.msgpack.encode(msgspec.msgpack.decode(encode_row(receipt(Outcome.APPLIED)))[:11])
    assert decode(shortened(receipt(Outcome.APPLIED), older)) == receipt(Outcome.APPLIED)


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


# --- against a dict ---------------------------------------------------------------------------

IDS = [("a", None), ("b", None), ("a", "R1"), ("b/1", "R1"), ("1", "b"), ("é" * 9, "R/2"), ("c" * 90, None)]
Kept = dict[bytes, ReceiptRow]


def row_of(number: int, at_ms: int, outcome: Outcome, units: int) -> ReceiptRow:
    """Make a receipt of one of a few ids, or of an id of its own."""
    command_id, reservation_id = IDS[number] if number < len(IDS) else (f"id-{number}", None)
    return ReceiptRow(
        0, 0, command_id, reservation_id, "adjust", b"12345678", int(outcome), "S", units, at_ms
    )


def oldest(model: Kept, before_ms: int) -> bytes | None:
    """Find by a walk over all what is to be forgotten next."""
    due = [(row.at_ms, key) for key, row in model.items() if row.outcome != Outcome.REMEMBERED]
    return min(due)[1] if due and min(due)[0] < before_ms else None


def forget(receipts: Receipts, model: Kept, before_ms: int) -> bool:
    """Forget the oldest of both, and see that it is the same; False: nothing is that old."""
    expected = oldest(model, before_ms)
    assert receipts.is_older(before_ms) == (expected is not None)
    forgotten = receipts.forget_oldest(before_ms)
    if expected is None:
        assert forgotten is None
        return False
    assert forgotten == (expected, model.pop(expected))
    return True


def check(receipts: Receipts, model: Kept) -> None:
    """See that both hold the same, whichever way it is asked."""
    assert {receipt_key(row.command_id, row.reservation_id): row for row in receipts.rows()} == model
    assert len(list(receipts.rows())) == len(model)
    assert sorted(receipts) == sorted(model)
    assert len(receipts) == len(model)
    assert receipts.of_orders == sum(row.reservation_id is not None for row in model.values())
    for number in range(len(IDS)):
        key = receipt_key(*IDS[number])
        assert receipts.find(key) == model.get(key)
        assert (key in receipts) == (key in model)
    packed = [row.at_ms for row in model.values() if row.outcome != Outcome.REMEMBERED]
    assert (receipts.oldest_ms is None) == (not packed)
    assert receipts.oldest_ms is None or receipts.oldest_ms <= min(packed)


WHAT = st.sampled_from(
    ["keep"] * 4 + ["remember", "find", "find", "discard", "forget", "forget all", "check"]
)
STEPS = st.lists(st.tuples(WHAT, st.integers(0, 12), st.integers(-3, 2)), min_size=20, max_size=120)


@settings(max_examples=150, deadline=None)
@given(chunk_rows=st.integers(1, 5), steps=STEPS)
def test_receipts_are_those_of_a_dict_whatever_is_kept_and_forgotten(
    chunk_rows: int, steps: list[tuple[str, int, int]]
) -> None:
    """R27, R29: chunks that fill, empty and move must never lose, double or mix up an answer."""
    receipts = Receipts(chunk_rows)
    model: Kept = {}
    now_ms = 1_000
    for units, (what, number, later_ms) in enumerate(steps):
        row = row_of(number, now_ms + later_ms, Outcome.APPLIED, units)
        key = receipt_key(row.command_id, row.reservation_id)
        if what in {"keep", "remember"}:
            row.outcome = int(Outcome.REMEMBERED) if what == "remember" else row.outcome
            receipts.keep(key, row, encode_row(row))
            model[key] = row
            now_ms += max(0, later_ms)
        elif what == "find":
            assert receipts.find(key) == model.get(key)
        elif what == "discard":
            assert receipts.discard(key) == (model.pop(key, None) is not None)
        elif what == "forget":
            forget(receipts, model, now_ms + later_ms)
        elif what == "forget all":
            while forget(receipts, model, now_ms + later_ms):
                pass
        else:
            check(receipts, model)
    check(receipts, model)


@pytest.mark.parametrize("chunk_rows", [7, 512])
def test_thousands_of_receipts_are_forgotten_by_time_and_key(chunk_rows: int) -> None:
    """R29, I8: the order must hold over many chunks, repeats in the log and replaced rows among them."""
    random = Random(chunk_rows)
    receipts, model = Receipts(chunk_rows), {}
    for step in range(6_000):
        number = step if random.random() < 0.8 else random.randrange(step + 1)
        row = row_of(number, step // 40 - random.choice([0, 0, 0, 50]), Outcome.APPLIED, step)
        key = receipt_key(row.command_id, row.reservation_id)
        receipts.keep(key, row, encode_row(row))
        model[key] = row
        if random.random() < 0.1:
            gone = random.choice(list(model)) if step % 9 == 0 else key
            assert receipts.discard(gone)
            del model[gone]
    check(receipts, model)
    for key, row in sorted(model.items(), key=lambda item: (item[1].at_ms, item[0])):
        assert receipts.forget_oldest(1_000) == (key, row)
    assert receipts.forget_oldest(1_000) is None
    check(receipts, {})


def bytes_of(receipts: Receipts) -> int:
    """What the rows of all chunks take."""
    return sum(len(chunk.data) for chunk in receipts._chunks._chunks)


def test_answer_that_is_given_anew_without_end_takes_the_memory_of_one() -> None:
    """R27, R29: a client that repeats what binds nothing for days must not fill the memory."""
    receipts = Receipts(chunk_rows=16)
    for step in range(5_000):
        row = row_of(step % 3, step, Outcome.TOO_LATE, step)
        receipts.keep(receipt_key(row.command_id, row.reservation_id), row, encode_row(row))
    assert len(receipts) == 3
    assert bytes_of(receipts) <= 100 * 3 * 16
    assert len(receipts._chunks._heads) <= 2 * 64
    assert len(receipts._chunks._chunks) <= 2 * 64
    assert len(receipts._latest) <= 16


def test_replaced_answers_leave_the_memory() -> None:
    """R29: answers given anew in any order leave half empty chunks, which must not stay for days."""
    random = Random(3)
    receipts = Receipts(chunk_rows=16)
    for step in range(20_000):
        row = row_of(random.randrange(1_000), step, Outcome.TOO_LATE, step)
        receipts.keep(receipt_key(row.command_id, row.reservation_id), row, encode_row(row))
    live_bytes = sum(len(shortened(row, encode_row(row))) for row in receipts.rows())
    assert bytes_of(receipts) <= 2 * live_bytes + 100 * 16
    assert len(receipts._chunks._heads) <= 2 * (2 * 1_000 // 16) + 2 * 64


def test_keys_of_one_hash_are_told_apart() -> None:
    """R27: an answer is that of its own key, though the index knows no more of it than 32 bits."""
    by_hash: dict[int, list[ReceiptRow]] = {}
    for number in range(300_000):
        row = row_of(number + len(IDS), number, Outcome.APPLIED, number)
        by_hash.setdefault(hash(receipt_key(row.command_id)) & HASH_MASK, []).append(row)
    pairs = [rows for rows in by_hash.values() if len(rows) > 1]
    assert pairs  # ten are to be expected
    receipts = Receipts(chunk_rows=1)
    for row in (row for rows in pairs for row in rows):
        receipts.keep(receipt_key(row.command_id), row, encode_row(row))
    for first, other, *_ in pairs:
        assert receipts.find(receipt_key(first.command_id)) == first
        assert receipts.find(receipt_key(other.command_id)) == other
        assert receipts.discard(receipt_key(other.command_id))
        assert receipts.find(receipt_key(first.command_id)) == first
        assert receipts.find(receipt_key(other.command_id)) is None


def test_rows_of_any_size_are_kept() -> None:
    """P6: a row may be longer than what two bytes say of its chunk's length."""
    receipts, model = Receipts(), {}
    for number in range(20, 40):
        row = row_of(number, number, Outcome.APPLIED, 1)
        row.command = bytes(number * 5_000)
        key = receipt_key(row.command_id)
        receipts.keep(key, row, encode_row(row))
        model[key] = row
        if number % 4:
            receipts.discard(key)
            del model[key]
    check(receipts, model)
    assert forget(receipts, model, 1_000)
    check(receipts, model)


def test_row_that_is_written_once_more_by_an_owner_is_the_same_wherever_it_lies() -> None:
    """P4: what a lower term overwrote is restated as it was, but for the term."""
    state = PartitionState()
    state.term = 9
    for chunk_rows in (1, 512):
        state.receipts = Receipts(chunk_rows)
        row = replace(receipt(Outcome.APPLIED), repeat=ID_REUSED_ANSWER)
        state.receipts.keep(KEY, row, encode_row(row))
        restated = state_row_of(state, KEY)
        assert restated is not None
        said = decode(restated)
        assert (said.term, said.repeat, said.outcome) == (9, ID_REUSED_ANSWER, Outcome.APPLIED)
