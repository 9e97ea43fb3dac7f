"""Reads a ledger back whole and says whether every decision in it is the right one."""

import hashlib
import time
from array import array
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self

import msgspec

from benchmarks.bare_loop import BareRow
from benchmarks.load import LOCATION, Workload, command_number
from benchmarks.watch import LedgerWatch
from models.rows import PROGRESS_KEY, PositionRow, ReceiptRow, ReservationRow, decode_row

READ_SECONDS_MAX: Final = 180.0
"""Of a whole ledger: a million rows take 6 s."""


class Decision(NamedTuple):
    """What a reservation's row says: for which SKU, how many units were granted."""

    sku: str
    units_granted: int


Decode = Callable[[bytes, bytes], Decision]
"""(key, value) of an `r/` row -> what was decided."""


def decode_worker_row(key: bytes, value: bytes) -> Decision:
    """Read a row of the real ledger."""
    row = decode_row(key, value)
    assert isinstance(row, ReservationRow)  # noqa: S101  # by its key
    return Decision(row.sku, sum(line.granted for line in row.lines))


_decode_bare: Final = msgspec.msgpack.Decoder(BareRow).decode


def decode_bare_row(_key: bytes, value: bytes) -> Decision:
    """Read a row of the bare loop."""
    row = _decode_bare(value)
    return Decision(row.sku, row.units_granted)


@dataclass
class LedgerReading:
    """Everything that a ledger said about one workload.

    `appended` holds (record time in ms, offset after it) of each outcome, in order.
    `batch_commands` counts the commands between two @progress rows, `batch_ends` has the offset after
    each of these. `decided_at` is the offset of each command's row, by command number, `moved_at` the
    offsets of each SKU's position rows. `row_bytes` are those of all keys and values.
    """

    outcomes: bytearray
    granted: bytearray
    decided_at: "array[int]" = field(default_factory=lambda: array("q"))
    moved_at: dict[str, "array[int]"] = field(default_factory=dict)
    granted_of: dict[str, int] = field(default_factory=dict)
    appended: list[tuple[int, int]] = field(default_factory=list)
    batch_commands: list[int] = field(default_factory=list)
    batch_ends: list[int] = field(default_factory=list)
    positions: dict[str, PositionRow] = field(default_factory=dict)
    strangers: int = 0
    rows: int = 0
    row_bytes: int = 0
    since_progress: int = 0

    @classmethod
    def of(cls, workload: Workload) -> Self:
        """Begin to read about a workload."""
        commands = workload.commands
        return cls(bytearray(commands), bytearray(commands), array("q", [-1]) * commands)

    @property
    def decisions_sha256(self) -> str:
        """Hash of what was granted to each command: equal in every run of one workload."""
        return hashlib.sha256(self.granted).hexdigest()


async def read_ledger(watch: LedgerWatch, workload: Workload, decode: Decode) -> LedgerReading:
    """Read the log from its beginning to its present end.

    Raises:
        TimeoutError: it cannot be read to its end in time.
    """
    reading = LedgerReading.of(workload)
    async for records in rows_of(watch):
        for record in records:
            key = record.key
            if key[:2] == b"r/":
                note_outcome(reading, record)
                note_decision(reading, key, record.offset, decode(key, record.value))
            else:
                note_row(reading, record)
    return reading


async def rows_of(watch: LedgerWatch) -> AsyncIterator[list[Any]]:
    """Give all records of a ledger up to its present end, as they come.

    Raises:
        TimeoutError: it cannot be read to its end in time.
    """
    end = await watch.end()
    watch.consumer.seek(watch.place, 0)
    offset = -1
    give_up = time.monotonic() + READ_SECONDS_MAX
    while offset < end - 1:
        if time.monotonic() > give_up:
            raise TimeoutError(f"read up to {offset} of {end} of the ledger in {READ_SECONDS_MAX:g} s")
        for records in (await watch.consumer.getmany(watch.place, timeout_ms=1_000)).values():
            offset = records[-1].offset
            yield records


def note_outcome(reading: LedgerReading, record: Any) -> None:  # noqa: ANN401  # aiokafka's
    """Note that a record answers a command: when, and in which batch."""
    reading.rows += 1
    reading.row_bytes += len(record.key) + len(record.value)
    reading.since_progress += 1
    reading.appended.append((record.timestamp, record.offset + 1))


def note_row(reading: LedgerReading, record: Any) -> None:  # noqa: ANN401  # aiokafka's
    """Note a record that is no decision of the workload."""
    key = record.key
    reading.rows += 1
    reading.row_bytes += len(key) + len(record.value or b"")
    if key == PROGRESS_KEY:
        if reading.since_progress:
            reading.batch_commands.append(reading.since_progress)
            reading.batch_ends.append(record.offset + 1)
        reading.since_progress = 0
    elif key[:2] in {b"p/", b"c/"}:
        _note_other(reading, key, record.offset, record.value)


def note_decision(reading: LedgerReading, key: bytes, offset: int, decision: Decision) -> None:
    """Note what a reservation's row says."""
    number = command_number(key)
    if not 0 <= number < len(reading.outcomes):
        reading.strangers += 1
        return
    reading.outcomes[number] = min(255, reading.outcomes[number] + 1)
    reading.granted[number] = min(255, decision.units_granted)
    reading.decided_at[number] = offset
    reading.granted_of[decision.sku] = reading.granted_of.get(decision.sku, 0) + decision.units_granted


def _note_other(reading: LedgerReading, key: bytes, offset: int, value: bytes) -> None:
    row = decode_row(key, value)
    if isinstance(row, PositionRow):
        reading.positions[row.sku] = row
        reading.moved_at.setdefault(row.sku, array("q")).append(offset)
    elif isinstance(row, ReceiptRow) and row.reservation_id is not None:
        reading.strangers += 1  # an answer that binds nothing: none was asked for


def between(reading: LedgerReading, first: int, end: int) -> LedgerReading:
    """Give the reading with only the appends from offset `first` to before `end`, for figures of a phase."""
    appends = slice(*(bisect_right(reading.appended, at, key=itemgetter(1)) for at in (first, end)))
    batches = slice(bisect_right(reading.batch_ends, first), bisect_right(reading.batch_ends, end))
    return replace(
        reading,
        appended=reading.appended[appends],
        batch_commands=reading.batch_commands[batches],
        batch_ends=reading.batch_ends[batches],
    )


def oversold_units(reading: LedgerReading, workload: Workload) -> int:
    """Count the units granted beyond the stock of their SKU (I2)."""
    return sum(
        max(0, reading.granted_of.get(workload.sku_name(number), 0) - stock)
        for number, stock in enumerate(workload.stock)
    )


def faults(
    reading: LedgerReading, workload: Workload, *, has_positions: bool, sent: int | None = None
) -> list[str]:
    """Say what is wrong with a ledger; empty: it is right.

    One outcome per command, each the one that the model gives; no SKU granted beyond its stock;
    the sum granted as expected; the position rows in agreement. Where only the first `sent` commands were
    asked, no other may have an outcome. A stock that was not asked up would hide an oversell, so a load that
    ought to sell out must have done so.
    """
    found = []
    asked = workload.commands if sent is None else sent
    missing, repeated = reading.outcomes.count(0, 0, asked), sum(times > 1 for times in reading.outcomes)
    if missing:
        found.append(f"{missing} of {asked} commands have no outcome")
    if repeated:
        found.append(f"{repeated} commands have more than one outcome")
    strangers = reading.strangers + workload.commands - asked - reading.outcomes.count(0, asked)
    if strangers:
        found.append(f"{strangers} answers to commands that were not sent")
    wanted = workload.granted[:asked]
    if workload.stock_percent < 100 and 0 not in wanted:
        found.append("no command was refused: the check of the stock says nothing")
    wrong = sum(got != want for got, want in zip(reading.granted[:asked], wanted, strict=True))
    if wrong:
        found.append(f"{wrong} commands were granted other units than the model gives")
    got_sum, want_sum = sum(reading.granted_of.values()), sum(wanted)
    if got_sum != want_sum:
        found.append(f"{got_sum} units granted, {want_sum} expected")
    for number, stock in enumerate(workload.stock):
        sku = workload.sku_name(number)
        granted = reading.granted_of.get(sku, 0)
        if granted > stock:
            found.append(f"{sku}: {granted} units granted of {stock}: oversold")
        if has_positions:
            found.extend(_position_faults(sku, stock, granted, reading.positions.get(sku)))
    return found


def _position_faults(sku: str, stock: int, granted: int, row: PositionRow | None) -> list[str]:
    if row is None:
        return [f"{sku}: no position row"]
    if (row.location, row.on_hand, row.reserved) != (LOCATION, stock, granted):
        return [
            f"{sku}: position has {row.reserved} of {row.on_hand} at {row.location}, not {granted} of {stock}"
        ]
    return []
