"""Rows of the newest term count, and only they (P4)."""

import msgspec
import pytest

from inventory_stream.adapters.kafka.live_rows import NO_TERM, LiveRows
from inventory_stream.errors import CorruptLedgerError
from models.rows import (
    ALIVE_KEY,
    PROGRESS_KEY,
    TERM_HEADER,
    AliveRow,
    ClaimRow,
    LocationGroupRow,
    PositionRow,
    ProgressRow,
    claim_key,
    encode_row,
    location_group_key,
    position_key,
)
from tests.fakes.ledger_log import FakeRecord

KEY = location_group_key("g")


def claim(offset: int, *, fenced: bool = False, generation_ms: int = 0, producer_id: int = 7) -> FakeRecord:
    """Give a claim or fence row, whose record time is 1000 + its offset."""
    row = ClaimRow(0, producer_id, 0, "nonce", fenced, generation_ms)
    return FakeRecord(offset, 1_000 + offset, claim_key(producer_id), encode_row(row))


def group(offset: int, term: int, key: bytes = KEY) -> FakeRecord:
    """Give a row of three fields."""
    return FakeRecord(offset, 1_000 + offset, key, encode_row(LocationGroupRow(term, "g", ("DC1",))))


def tombstone(offset: int, term: int, key: bytes = KEY) -> FakeRecord:
    """Give a row without a value."""
    return FakeRecord(offset, 1_000 + offset, key, None, ((TERM_HEADER, b"%d" % term),))


def offsets(live: LiveRows, *records: FakeRecord) -> list[int]:
    """Feed records; give the offsets of those that count."""
    return [record.offset for record in live.feed(records)]


@pytest.mark.parametrize("term", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**40])
def test_rows_of_the_newest_claim_count_whatever_the_size_of_its_term(term: int) -> None:
    """A term is encoded in 1 to 9 bytes; rows of each size are recognised, with both forms of array."""
    live = LiveRows()
    many_fields = PositionRow(term, "s", "l", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert len(msgspec.msgpack.decode(encode_row(many_fields))) > 15
    wide = FakeRecord(term + 2, 1, position_key("s", "l"), encode_row(many_fields))
    assert offsets(live, claim(term), group(term + 1, term), wide) == [term + 1, term + 2]
    assert (live.term, live.alarms) == (term, 0)


def test_rows_of_a_lower_term_are_dropped_counted_and_named() -> None:
    """What a former owner wrote after a newer claim does not count and raises the alarm."""
    live = LiveRows()
    assert offsets(live, claim(0), group(1, 0), claim(2), group(3, 0), tombstone(4, 0, b"s/group/h")) == [1]
    assert live.alarms == 2
    assert live.voided == {KEY, b"s/group/h"}


def test_voided_key_is_forgotten_when_the_owner_wrote_it_again() -> None:
    """Once the owner rewrote a voided key nothing is lost any more."""
    live = LiveRows()
    assert offsets(live, claim(0), claim(1), group(2, 0), group(3, 1)) == [3]
    assert live.voided == frozenset()
    assert live.alarms == 1


def test_rows_before_a_claim_keep_counting() -> None:
    """A claim voids what comes after it, not the state that it takes over."""
    live = LiveRows()
    assert offsets(live, claim(0), group(1, 0), claim(2), group(3, 2)) == [1, 3]


def test_fence_row_begins_no_term() -> None:
    """A row that only has a former producer id refused is no claim."""
    live = LiveRows()
    assert offsets(live, claim(0), claim(1, fenced=True, producer_id=3), group(2, 0)) == [2]
    assert live.term == 0


def test_control_rows_are_left_out_and_progress_is_not() -> None:
    """Claims and @alive are swallowed; @progress belongs to the state."""
    live = LiveRows()
    alive = FakeRecord(1, 1, ALIVE_KEY, encode_row(AliveRow(0, 5)))
    progress = FakeRecord(2, 1, PROGRESS_KEY, encode_row(ProgressRow(0, 1, 2, 3, 4, 5, 6, 7)))
    assert offsets(live, claim(0), alive, progress) == [2]


def test_alive_row_of_a_lower_term_is_an_alarm_without_a_key_to_rewrite() -> None:
    """A zombie's sign of life is worth an alarm, but no state is lost by it."""
    live = LiveRows()
    alive = FakeRecord(2, 1, ALIVE_KEY, encode_row(AliveRow(0, 5)))
    assert offsets(live, claim(0), claim(1), alive) == []
    assert (live.alarms, live.voided) == (1, frozenset())


def test_generation_is_the_first_claims_time_and_stays() -> None:
    """The first claim ever carries 0: its record time is the generation, later claims do not change it."""
    live = LiveRows()
    live.feed([claim(0), claim(5, generation_ms=1_000)])
    assert live.generation_ms == 1_000


def test_generation_is_the_carried_one_when_compaction_took_the_first_claim() -> None:
    """A later claim states the generation, as the first one's row does not live for ever."""
    live = LiveRows()
    live.feed([claim(50, generation_ms=1_000)])
    assert live.generation_ms == 1_000


def test_row_of_a_higher_term_raises_the_term_when_compaction_took_its_claim() -> None:
    """A row proves the claim that it names, so zombies after it are dropped all the same."""
    live = LiveRows()
    assert offsets(live, claim(0), group(20, 10), group(21, 0)) == [20]
    assert (live.term, live.alarms) == (10, 1)


def test_reader_goes_on_where_it_was_when_it_has_kept_the_term() -> None:
    """A reader that resumes in the middle drops zombies of terms that it knew before."""
    live = LiveRows(term=10, generation_ms=1_000)
    assert offsets(live, group(20, 0), group(21, 10)) == [21]
    assert (live.term, live.generation_ms) == (10, 1_000)


def test_same_rows_count_in_whatever_chunks_they_come() -> None:
    """The filter remembers; how a reader cuts the log makes no difference."""
    records = [claim(0), group(1, 0), claim(2), group(3, 0), group(4, 2), tombstone(5, 2), group(6, 0)]
    whole = offsets(LiveRows(), *records)
    one_by_one = LiveRows()
    assert [at for record in records for at in offsets(one_by_one, record)] == whole == [1, 4, 5]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(FakeRecord(3, 1, b"", b"\x93\x01\x00\x00"), id="no key"),
        pytest.param(FakeRecord(3, 1, KEY, b""), id="empty value"),
        pytest.param(FakeRecord(3, 1, KEY, b"\x93\x02\x00\x00"), id="schema version 2"),
        pytest.param(FakeRecord(3, 1, KEY, b"\x93\x01\xa1x\x00"), id="term is text"),
        pytest.param(FakeRecord(3, 1, KEY, b"\x93\x01"), id="cut off"),
        pytest.param(FakeRecord(3, 1, KEY, None), id="tombstone without a term"),
        pytest.param(FakeRecord(3, 1, KEY, None, ((TERM_HEADER, b"x"),)), id="tombstone with a broken term"),
        pytest.param(FakeRecord(3, 1, claim_key(1), None), id="claim without a value"),
        pytest.param(FakeRecord(3, 1, claim_key(1), b"\x93\x01\x00\x00"), id="claim of another form"),
        pytest.param(group(3, 3), id="term that is the row itself"),
        pytest.param(group(3, 9), id="term that is yet to come"),
    ],
)
def test_row_that_no_owner_writes_stops_the_reader(record: FakeRecord) -> None:
    """What cannot be judged ends the read, loudly: guessing would lose or double decisions."""
    with pytest.raises(CorruptLedgerError):
        LiveRows().feed([record])


def test_new_filter_knows_no_term() -> None:
    """Before the first claim there is no term and no generation."""
    live = LiveRows()
    assert (live.term, live.generation_ms, live.alarms) == (NO_TERM, 0, 0)


def test_a_short_row_whose_id_reads_like_the_newest_term_is_still_of_its_own() -> None:
    """P4: the first bytes of a command's id are not taken for the term of a longer row."""
    old, newest = 0x01CE01CF, 0x01CFA563  # msgpack of the old term, and "c" behind it, hold the newest one
    live = LiveRows(term=newest, generation_ms=1)
    row = encode_row((1, old, "c1234", 1, "S", "L", 1, 60, 1, None, None, None, 5, 7))
    assert row[3:9] == encode_row((0, 1, newest))[2:8]
    assert not live.pick([FakeRecord(newest + 50, 1, b"r/R1", row)])
    assert live.alarms == 1
