"""What every ledger log must do, whatever it runs on. Users subclass it and give a `bench`."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

import pytest

from inventory_stream.errors import CorruptLedgerError, FencedError, ForeignAppendError, LedgerLogError
from inventory_stream.ports.ledger_log import Claim, KeyedRow, LedgerLog, RowRecord
from models.rows import (
    ALIVE_KEY,
    PROGRESS_KEY,
    AliveRow,
    LocationGroupRow,
    ProgressRow,
    encode_row,
    location_group_key,
)


class LedgerLogBench(ABC):
    """One empty partition, and owners of it."""

    def __init__(self) -> None:
        self.endings: list[tuple[int, str]] = []
        """Status and reason of each process that would have ended, oldest first."""

    @abstractmethod
    def owner(self) -> LedgerLog:
        """Give one more owner, as a process of its own would be."""

    @abstractmethod
    async def write_foreign(self, rows: Sequence[RowRecord], term: int = 0) -> None:
        """Append rows as a writer whom nobody refuses; tombstones name `term`."""

    def end_process(self, code: int, reason: str) -> None:
        """Note how a process would have ended."""
        self.endings.append((code, reason))


def group_row(term: int, group: str, *locations: str) -> RowRecord:
    """Give a small row of any kind."""
    return location_group_key(group), encode_row(LocationGroupRow(term, group, locations))


def progress_row(term: int, stock_next: int) -> RowRecord:
    """Give a progress row."""
    return PROGRESS_KEY, encode_row(ProgressRow(term, 0, stock_next, 0, 0, 0, 0, 0))


async def state_of(log: LedgerLog, claim: Claim) -> list[KeyedRow]:
    """Read to the end."""
    return [record async for records in log.read(claim) for record in records]


async def take_over(log: LedgerLog) -> tuple[Claim, list[KeyedRow]]:
    """Claim and read to the end, as every owner does first."""
    claim = await log.claim()
    return claim, await state_of(log, claim)


class LedgerLogSuite:
    """The contract of `ports.ledger_log.LedgerLog`."""

    async def test_first_claim_finds_nothing_and_begins_the_generation(self, bench: LedgerLogBench) -> None:
        """The first owner of a partition reads no rows, and the generation is its claim's record time."""
        owner = bench.owner()
        before_ms = time.time_ns() // 1_000_000
        claim, state = await take_over(owner)
        assert state == []
        assert claim.read_through >= claim.term
        assert claim.generation_ms > 0
        assert claim.generation_ms < before_ms + 60_000
        assert owner.voided == frozenset()

    async def test_rows_come_back_to_the_next_owner_in_order(self, bench: LedgerLogBench) -> None:
        """What one owner appended the next one reads: same keys and values, at the acked offsets."""
        first = bench.owner()
        claim, _ = await take_over(first)
        batches = [
            [group_row(claim.term, "a", "DC1"), progress_row(claim.term, 1)],
            [
                group_row(claim.term, "b", "DC2"),
                group_row(claim.term, "a", "DC3"),
                progress_row(claim.term, 2),
            ],
        ]
        offsets = [await (await first.append(batch)) for batch in batches]
        assert offsets[1] == offsets[0] + 2
        _, state = await take_over(bench.owner())
        assert [(record.key, record.value) for record in state] == [*batches[0], *batches[1]]
        assert [record.offset for record in state] == list(range(offsets[0], offsets[0] + 5))

    async def test_control_rows_are_left_out(self, bench: LedgerLogBench) -> None:
        """Claims and @alive are the log's own business: the state holds neither."""
        first = bench.owner()
        claim, _ = await take_over(first)
        await (await first.append([(ALIVE_KEY, encode_row(AliveRow(claim.term, 1)))]))
        row = group_row(claim.term, "a", "DC1")
        await (await first.append([row]))
        _, state = await take_over(bench.owner())
        assert [record.key for record in state] == [row[0]]

    async def test_generation_is_carried_through_claims(self, bench: LedgerLogBench) -> None:
        """Every claim names the generation of the partition's first one; terms grow."""
        claims = [(await take_over(bench.owner()))[0] for _ in range(3)]
        assert {claim.generation_ms for claim in claims} == {claims[0].generation_ms}
        assert claims[0].term < claims[1].term < claims[2].term

    async def test_former_owner_is_refused_and_ends_when_another_claimed(self, bench: LedgerLogBench) -> None:
        """After a claim the former owner's append is refused, leaves nothing, ends its process (P1, P7)."""
        former, owner = bench.owner(), bench.owner()
        old, _ = await take_over(former)
        await (await former.append([group_row(old.term, "a", "DC1")]))
        new, _ = await take_over(owner)
        with pytest.raises(FencedError):
            await (await former.append([group_row(old.term, "a", "STOLEN")]))
        assert [code for code, _ in bench.endings] == [70]
        with pytest.raises(LedgerLogError):
            await former.append([group_row(old.term, "a", "STOLEN")])
        assert len(bench.endings) == 1
        row = group_row(new.term, "a", "DC2")
        await (await owner.append([row]))
        _, state = await take_over(bench.owner())
        assert [record.value for record in state][-1] == row[1]
        assert b"STOLEN" not in b"".join(record.value or b"" for record in state)

    async def test_renewed_claim_keeps_the_owner_writing(self, bench: LedgerLogBench) -> None:
        """An owner may claim again without reading: the new term follows, appends go on (P2)."""
        owner = bench.owner()
        first, _ = await take_over(owner)
        await (await owner.append([group_row(first.term, "a", "DC1")]))
        again = await owner.claim()
        assert again.term > first.term
        assert again.generation_ms == first.generation_ms
        await (await owner.append([group_row(again.term, "a", "DC2")]))
        _, state = await take_over(bench.owner())
        assert len(state) == 2
        assert bench.endings == []

    async def test_renewed_claim_ends_the_owner_when_foreign_rows_came(self, bench: LedgerLogBench) -> None:
        """A renewal does not read, so rows that came meanwhile would be missed: it ends instead (P5)."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        await bench.write_foreign([group_row(claim.term, "a", "DC1")])
        with pytest.raises(ForeignAppendError):
            await owner.claim()
        assert [code for code, _ in bench.endings] == [70]

    async def test_append_ends_the_owner_when_foreign_rows_came(self, bench: LedgerLogBench) -> None:
        """An ack that does not follow on our last row means that somebody else wrote (P5)."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        await (await owner.append([group_row(claim.term, "a", "DC1")]))
        await bench.write_foreign([group_row(claim.term, "a", "DC2")])
        with pytest.raises(ForeignAppendError):
            await (await owner.append([group_row(claim.term, "a", "DC3")]))
        assert [code for code, _ in bench.endings] == [70]

    async def test_rows_of_a_lower_term_are_dropped_and_named(self, bench: LedgerLogBench) -> None:
        """Rows of a term below the newest claim before them do not count; their keys are `voided` (P4)."""
        first = bench.owner()
        old, _ = await take_over(first)
        good = [group_row(old.term, "a", "DC1"), group_row(old.term, "b", "DC1")]
        await (await first.append(good))
        second = bench.owner()
        new, _ = await take_over(second)
        await bench.write_foreign(
            [group_row(old.term, "a", "ZOMBIE"), (location_group_key("b"), None)], term=old.term
        )
        third = bench.owner()
        claim, state = await take_over(third)
        assert [record.value for record in state] == [value for _, value in good]
        assert third.voided == {location_group_key("a"), location_group_key("b")}
        assert new.term < claim.term
        await (await third.append([group_row(claim.term, "a", "DC1"), group_row(claim.term, "b", "DC1")]))
        fourth = bench.owner()
        await take_over(fourth)
        assert fourth.voided == frozenset()

    async def test_tombstones_come_back_as_none(self, bench: LedgerLogBench) -> None:
        """A row without a value is read back without one, and counts by the term in its header."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        await (await owner.append([group_row(claim.term, "a", "DC1")]))
        await (await owner.append([(location_group_key("a"), None)]))
        later = bench.owner()
        _, state = await take_over(later)
        assert [record.value for record in state][-1] is None
        assert later.voided == frozenset()

    async def test_read_stops_at_a_row_of_a_later_schema(self, bench: LedgerLogBench) -> None:
        """A row that this program does not know ends recovery: guessing would lose stock."""
        await bench.write_foreign([(b"p/x/y", b"\x93\x02\x00\x00")])
        owner = bench.owner()
        claim = await owner.claim()
        with pytest.raises(CorruptLedgerError):
            await state_of(owner, claim)

    async def test_append_without_rows_ends_the_owner(self, bench: LedgerLogBench) -> None:
        """A batch without rows would be acknowledged with nothing; it is an error (P6)."""
        owner = bench.owner()
        await take_over(owner)
        with pytest.raises(LedgerLogError):
            await owner.append([])
        assert [code for code, _ in bench.endings] == [70]

    async def test_append_of_too_much_ends_the_owner_and_leaves_nothing(self, bench: LedgerLogBench) -> None:
        """Rows that do not fit into one batch are refused whole: one batch is atomic or it is none (P6)."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        large = "x" * 1_000_000
        with pytest.raises(LedgerLogError):
            await owner.append([group_row(claim.term, f"g{at}", large) for at in range(5)])
        assert [code for code, _ in bench.endings] == [70]
        assert (await take_over(bench.owner()))[1] == []

    async def test_second_append_under_way_ends_the_owner(self, bench: LedgerLogBench) -> None:
        """Only one append may be under way: two lost batches while @progress passed them (P6)."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        under_way = await owner.append([group_row(claim.term, "a", "DC1")])
        with pytest.raises(LedgerLogError):
            await owner.append([group_row(claim.term, "a", "DC2")])
        assert [code for code, _ in bench.endings] == [70]
        # A real process is gone by now: whether the first one still came to be is left open.
        with suppress(LedgerLogError):
            await under_way

    async def test_append_before_a_claim_ends_the_owner(self, bench: LedgerLogBench) -> None:
        """Nobody writes without having claimed."""
        with pytest.raises(LedgerLogError):
            await bench.owner().append([group_row(0, "a", "DC1")])
        assert [code for code, _ in bench.endings] == [70]

    async def test_read_before_a_claim_is_refused(self, bench: LedgerLogBench) -> None:
        """What is read counts only up to an own claim."""
        with pytest.raises(LedgerLogError):
            await state_of(bench.owner(), Claim(0, 0, 1))

    async def test_close_appends_nothing_and_may_be_repeated(self, bench: LedgerLogBench) -> None:
        """Letting go leaves the log as it is, and is no fault of the process."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        await (await owner.append([group_row(claim.term, "a", "DC1")]))
        await owner.close()
        await owner.close()
        assert bench.endings == []
        next_claim, state = await take_over(bench.owner())
        assert len(state) == 1
        assert next_claim.term == claim.term + 2
