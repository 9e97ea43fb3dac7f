"""The log of one ledger partition in memory: the port's behaviour, deterministic, with faults on demand.

`FakePartition` is the topic; each `FakeLedgerLog` is one owner of it. Passes the same contract
suite as the real one.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.errors import FencedError, ForeignAppendError, LedgerLogError
from inventory_stream.ports.ledger_log import Claim, LedgerRecord, RowRecord
from models.rows import TERM_HEADER, ClaimRow, claim_key, encode_row

# As the real producer: the port leaves the bound to the adapter, flows must cope with one.
BATCH_BYTES_MAX = 4 * 1024 * 1024
PRODUCER_ID = 7
# Rows of a chunk: small, so that tests of a few rows meet more than one.
ROWS_PER_YIELD = 3


class FakeRecord(NamedTuple):
    """A record as it lies in the partition."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class FakePartition:
    """One partition of the ledger topic, and the broker that leads it."""

    records: list[FakeRecord] = field(default_factory=list)
    now_ms: int = 1_700_000_000_000
    """Record time of what is appended next; a test moves it."""
    fail_next: list[LedgerLogError] = field(default_factory=list)
    """Errors that the next appends end with, one each; nothing is appended then."""
    fail_after_append: list[LedgerLogError] = field(default_factory=list)
    """The same, but the rows ARE appended: the acknowledgement got lost."""
    batches: list[list[RowRecord]] = field(default_factory=list)
    """What owners appended, batch by batch, oldest first."""
    claimed_epoch: int = -1
    """What the broker compares appends with: the epoch of the newest claim row."""
    _epoch: int = -1
    _held: asyncio.Event | None = None

    def next_epoch(self) -> int:
        """Hand out the next epoch, as the transaction coordinator does; fences nobody by itself."""
        self._epoch += 1
        return self._epoch

    def write_foreign(self, rows: Sequence[RowRecord], term: int = 0) -> int:
        """Append rows that no owner wrote and nobody refused; give their base offset (P4, P5)."""
        headers = ((TERM_HEADER, b"%d" % term),)
        return self.store(rows, headers)

    def store(self, rows: Sequence[RowRecord], tombstone_headers: tuple[tuple[str, bytes], ...]) -> int:
        """Put rows at the end; give their base offset."""
        base = len(self.records)
        self.records += [
            FakeRecord(base + at, self.now_ms, key, value, tombstone_headers if value is None else ())
            for at, (key, value) in enumerate(rows)
        ]
        return base

    def hold_acks(self) -> None:
        """Let no append come back, nor be appended, until `release_acks`."""
        self._held = asyncio.Event()

    def release_acks(self) -> None:
        """Undo `hold_acks`."""
        if self._held is not None:
            self._held.set()
            self._held = None

    async def until_released(self) -> None:
        """Wait while acks are held."""
        if self._held is not None:
            await self._held.wait()


def never_ends(code: int, reason: str) -> NoReturn:
    """Fail the test: the log wanted to end the process, and the test did not expect it."""
    raise AssertionError(f"the process would have ended with {code}: {reason}")


class FakeLedgerLog:
    """An owner of a `FakePartition`."""

    def __init__(
        self, partition: FakePartition, end_process: Callable[[int, str], object] = never_ends
    ) -> None:
        self._partition = partition
        self._end_process = end_process
        self._epoch = -1
        self._claim: Claim | None = None
        self._next_offset = -1
        self._voided: frozenset[bytes] = frozenset()
        self._failure: LedgerLogError | None = None
        self._appending: asyncio.Task[None] | None = None
        self._acked: asyncio.Future[int] | None = None
        self._readable = False

    @property
    def voided(self) -> frozenset[bytes]:
        """Keys that a lower term wrote."""
        return self._voided

    async def claim(self) -> Claim:
        """Append the claim row; from here on former owners are refused."""
        self._refuse_if_failed()
        partition = self._partition
        if self._appending is not None:
            self._fail(LedgerLogError("a claim while an append was under way (P6)"))
        await asyncio.sleep(0)
        self._epoch = partition.next_epoch()
        seen = LiveRows()
        seen.feed(record for record in partition.records if record.key.startswith(b"@claim/"))
        row = ClaimRow(
            0, PRODUCER_ID, self._epoch, secrets.token_hex(16), fenced=False, generation_ms=seen.generation_ms
        )
        term = partition.store([(claim_key(PRODUCER_ID), encode_row(row))], ())
        partition.claimed_epoch = self._epoch
        if self._claim is not None and term != self._next_offset:
            self._fail(ForeignAppendError(f"claimed again at {term} where {self._next_offset} was next (P5)"))
        self._readable = self._claim is None
        self._claim = Claim(term, term, seen.generation_ms or partition.now_ms)
        self._next_offset = term + 1
        return self._claim

    async def read(self, claim: Claim) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Yield what lies there up to the claim."""
        if not self._readable or claim != self._claim:
            raise LedgerLogError("read follows claim, once, with what claim gave")
        self._readable = False
        live = LiveRows()
        stored = self._partition.records[: claim.read_through + 1]
        for start in range(0, len(stored), ROWS_PER_YIELD):
            rows = live.feed(stored[start : start + ROWS_PER_YIELD])
            if rows:
                yield rows
            await asyncio.sleep(0)
        self._voided = live.voided
        if live.term != claim.term:
            raise FencedError(f"claimed by another owner at offset {live.term}, after us at {claim.term}")

    async def append(self, rows: Sequence[RowRecord]) -> Awaitable[int]:
        """Queue one batch; the awaitable gives its base offset."""
        self._refuse_if_failed()
        if self._appending is not None:
            self._fail(LedgerLogError("an append was handed over while another was under way (P6)"))
        if self._claim is None:
            self._fail(LedgerLogError("an append without a claim"))
        if not rows:
            self._fail(LedgerLogError("a batch without rows (P6)"))
        if sum(len(key) + len(value or b"") for key, value in rows) > BATCH_BYTES_MAX:
            self._fail(LedgerLogError(f"{len(rows)} rows do not fit into one batch (P6)"))
        acked = self._acked = asyncio.get_running_loop().create_future()
        self._appending = asyncio.create_task(self._settle(acked, list(rows), self._claim.term))
        return acked

    async def _settle(self, acked: "asyncio.Future[int]", rows: list[RowRecord], term: int) -> None:
        try:
            base = await self._append(rows, term)
        except LedgerLogError as error:
            if not acked.done():
                acked.set_exception(error)
                acked.exception()  # who closed the log need not await it
        else:
            if not acked.done():
                acked.set_result(base)

    async def _append(self, rows: list[RowRecord], term: int) -> int:
        partition = self._partition
        await asyncio.sleep(0)
        await partition.until_released()
        self._appending = None
        if partition.fail_next:
            self._fail(partition.fail_next.pop(0))
        if partition.claimed_epoch > self._epoch:
            self._fail(FencedError("the broker refuses our appends: somebody else claimed the partition"))
        base = partition.store(rows, ((TERM_HEADER, b"%d" % term),))
        partition.batches.append(rows)
        if partition.fail_after_append:
            self._fail(partition.fail_after_append.pop(0))
        if base != self._next_offset:
            self._fail(
                ForeignAppendError(f"our rows were appended at {base} where {self._next_offset} was next")
            )
        self._next_offset += len(rows)
        return base

    async def close(self) -> None:
        """Let go; an append under way is dropped."""
        appending, self._appending = self._appending, None
        self._claim = None
        if appending is not None and self._acked is not None:
            appending.cancel()
            self._acked.set_exception(
                LedgerLogError("closed while an append was under way; it may have come to be")
            )
            self._acked.exception()

    def _fail(self, error: LedgerLogError) -> NoReturn:
        if self._failure is None:
            self._failure = error
            self._end_process(70, f"{type(error).__name__}: {error}")
        raise self._failure

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure
