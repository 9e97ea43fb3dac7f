"""The fake ledger log keeps the contract, so that what is tested on it holds on the real one."""

from collections.abc import Sequence

import pytest

from inventory_stream.errors import LedgerLogError
from inventory_stream.ports.ledger_log import LedgerLog, RowRecord
from tests.contract.ledger_log_suite import LedgerLogBench, LedgerLogSuite, group_row, take_over
from tests.fakes.ledger_log import FakeLedgerLog, FakePartition


class FakeBench(LedgerLogBench):
    """Owners of a partition in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.partition = FakePartition()

    def owner(self) -> LedgerLog:
        """Give an owner."""
        return FakeLedgerLog(self.partition, self.end_process)

    async def write_foreign(self, rows: Sequence[RowRecord], term: int = 0) -> None:
        """Append past every owner."""
        self.partition.write_foreign(rows, term)


@pytest.fixture
def bench() -> FakeBench:
    """Return an empty partition."""
    return FakeBench()


class TestFakeLedgerLog(LedgerLogSuite):
    """The contract, and what only the fake can do."""

    async def test_injected_failure_ends_the_owner_and_appends_nothing(self, bench: FakeBench) -> None:
        """A planted error is met by the next append, whose rows are not in the log."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        bench.partition.fail_next.append(LedgerLogError("planted"))
        with pytest.raises(LedgerLogError, match="planted"):
            await (await owner.append([group_row(claim.term, "a", "DC1")]))
        assert bench.endings == [(70, "LedgerLogError: planted")]
        assert bench.partition.batches == []

    async def test_lost_ack_ends_the_owner_though_rows_are_there(self, bench: FakeBench) -> None:
        """A planted loss of the acknowledgement leaves the rows in the log."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        row = group_row(claim.term, "a", "DC1")
        bench.partition.fail_after_append.append(LedgerLogError("lost"))
        with pytest.raises(LedgerLogError, match="lost"):
            await (await owner.append([row]))
        assert bench.partition.batches == [[row]]

    async def test_held_acks_keep_an_append_under_way(self, bench: FakeBench) -> None:
        """While acks are held an append does not end, and nothing is in the log yet."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        bench.partition.hold_acks()
        under_way = await owner.append([group_row(claim.term, "a", "DC1")])
        assert bench.partition.batches == []
        bench.partition.release_acks()
        assert await under_way == claim.term + 1

    async def test_close_fails_an_append_under_way(self, bench: FakeBench) -> None:
        """Who waits for an append of a closed log hears that it is unknown; the process goes on."""
        owner = bench.owner()
        claim, _ = await take_over(owner)
        bench.partition.hold_acks()
        under_way = await owner.append([group_row(claim.term, "a", "DC1")])
        await owner.close()
        with pytest.raises(LedgerLogError, match="closed"):
            await under_way
        assert bench.endings == []
