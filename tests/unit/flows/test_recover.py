"""A state read back from its log is that of the newest row of each key."""

from collections.abc import AsyncIterator, Sequence

import pytest

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows import recover
from inventory_stream.flows.recover import Recovery
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, StateLoader
from inventory_stream.ports.ledger_log import Claim, LedgerRecord, RowRecord
from models.rows import PROGRESS_KEY, ProgressRow, encode_row, position_key

CLAIM = Claim(1, 1, 1)


class Log:
    """A log that gives its rows two at a time."""

    def __init__(self, rows: Sequence[RowRecord]) -> None:
        self.records = [LedgerRecord(2 + number, 0, *row) for number, row in enumerate(rows)]

    async def read(self, _claim: Claim) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Yield the rows."""
        for first in range(0, len(self.records), 2):
            yield self.records[first : first + 2]


def position_row(sku: str, on_hand: int) -> RowRecord:
    """Give the row of a position at DC1."""
    position = Position(sku, "DC1")
    position.on_hand = on_hand
    return position_key(sku, "DC1"), encode_row(position.to_row(1))


def progress_row(orders_next: int) -> RowRecord:
    """Give a progress row."""
    return PROGRESS_KEY, encode_row(ProgressRow(1, 0, 0, 0, orders_next, 0, 0, 0))


async def recovered(rows: Sequence[RowRecord]) -> tuple[PartitionState, Recovery, int]:
    """Read a log; give the state, the reading, and how many rows it told of."""
    state = PartitionState()
    recovery = Recovery(StateLoader(state), 0)
    told = [count async for count in recovery.read(Log(rows), CLAIM)]  # type: ignore[arg-type]  # it reads, no more
    return state, recovery, sum(told)


@pytest.mark.parametrize("newest_max", [1, 50_000])
async def test_the_newest_row_of_a_position_counts(monkeypatch: pytest.MonkeyPatch, newest_max: int) -> None:
    """However many wait to be decoded, a position is what its last row says, and so is the progress."""
    monkeypatch.setattr(recover, "_NEWEST_MAX", newest_max)
    rows = [row for count in range(1, 6) for row in (position_row("A", count), position_row("B", 10 * count))]
    rows[3:3] = [progress_row(4)]
    state, recovery, told = await recovered([*rows, progress_row(9), position_row("B", 7)])
    assert {sku: at["DC1"].on_hand for sku, at in state.skus.items()} == {"A": 5, "B": 7}
    assert state.orders_next == 9
    assert not recovery.is_fresh
    assert told == len(rows) + 2


@pytest.mark.parametrize(
    ("rows", "is_fresh"), [([], True), ([position_row("A", 1)], True), ([progress_row(0)], False)]
)
async def test_a_log_without_progress_is_fresh(rows: list[RowRecord], *, is_fresh: bool) -> None:
    """Only @progress says that somebody decided: without it the inputs are read from their beginnings."""
    _, recovery, _ = await recovered(rows)
    assert recovery.is_fresh is is_fresh


async def test_a_position_that_cannot_be_decoded_is_named() -> None:
    """A corrupt row stops the owner with its offset, also where rows wait to be decoded."""
    broken = (position_key("A", "DC1"), b"\x92\x01\x02")
    with pytest.raises(CorruptLedgerError, match=r"offset 3.*p/A/DC1"):
        await recovered([position_row("B", 1), broken])
