"""Own one partition: claim it, read its state, decide what comes, append, acknowledge.

The commit order, once per batch (ARCHITECTURE.md numbers the same steps):
 1. take what both inputs have waiting; 2. decode, decide; 3. dead letters, durable first;
 4. the rows, one atomic append at a time; 5. its acknowledgement; 6. only then acknowledge the input.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from inventory_stream.errors import InputRangeError
from inventory_stream.flows.owner_snapshot import count_positions, kept_of, windows_of
from inventory_stream.flows.recover import Recovery
from inventory_stream.flows.watch_owners import OwnerWatch
from inventory_stream.ledger.batch import OUTCOMES, Refused, Sealed
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.expiry import next_deadline_ms
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState, StateLoader, row_of
from inventory_stream.ledger.windows import is_fold_due
from inventory_stream.ports.dead_letters import DeadLetter, DeadLetters
from inventory_stream.ports.inputs import Input, InputOffsets, InputRecord
from inventory_stream.ports.ledger_log import LedgerLog, RowRecord
from inventory_stream.ports.monitor import SILENT_OWNER, OwnerMonitor, OwnerSnapshot
from inventory_stream.ports.partition_owner import NextOffsets
from models.codec import ORDER_DECODER, STOCK_DECODER, Poison, elements_of, is_pack
from models.rows import ALIVE_KEY, PROGRESS_KEY, AliveRow, encode_row

DEADLINE_CHECK_SECONDS: Final = 0.5
"""Between looks for due reservations of an idle partition. Correctness does not hang on it: a
confirm compares the deadline itself. It decides how long dead reservations hide sellable stock."""
CLOSE_SECONDS_MAX: Final = 2.0
"""How long a revoked partition waits for the append under way: below the session timeout, and the
next owner's claim fences whatever is later."""
BYTES_PER_BATCH: Final = 1_000_000
"""Input is taken per topic until it holds this much, about 20,000 commands of 50 bytes: bounds the
pause of one batch."""


class _Waiting(NamedTuple):
    records: Sequence[InputRecord]
    done: Callable[[], Awaitable[None]]
    size_bytes: int


@dataclass(slots=True)
class PartitionFigures:
    """What one owner did since it opened, for metrics and benchmarks."""

    recovered_rows: int = 0
    recovery_seconds: float = 0.0
    batches: int = 0
    appends: int = 0
    rows: int = 0
    dead_letters: int = 0
    expired_units: int = 0
    revoked_units: int = 0
    clock_ahead: int = 0
    outcomes: list[int] = field(default_factory=lambda: [0] * OUTCOMES)


class OwnPartition:
    """A `PartitionOwner` on ports alone.

    Args:
        partition: which partition, of `partitions` (R30).
        rules: windows and limits of the ledger.
        log, dead_letters, offsets: the ports.
        wall_clock_ms: ms since the Unix epoch.
        fail: ends the process; called with whatever broke (P7).
        inbox_batches_max: fetched batches that wait per input before `put` waits.
        clock_skew_ms: how far the broker's clock may differ from ours (R18).
        alive_interval_seconds: between @alive rows (P2).
        reclaim_interval_seconds: between claims of one owner (P2).
        monitor: hears of each batch.
        watch: looks after what takes asking, while the partition is open; None: nobody does.
    """

    def __init__(  # noqa: PLR0913  # ports and plain values, so that composition happens in bootstrap
        self,
        partition: int,
        partitions: int,
        rules: Rules,
        *,
        log: LedgerLog,
        dead_letters: DeadLetters,
        offsets: InputOffsets,
        wall_clock_ms: Callable[[], int],
        fail: Callable[[BaseException], None],
        topics: dict[Input, str],
        inbox_batches_max: int = 16,
        clock_skew_ms: int = 2_000,
        alive_interval_seconds: float = 60.0,
        reclaim_interval_seconds: float = 86_400.0,
        monitor: OwnerMonitor = SILENT_OWNER,
        watch: OwnerWatch | None = None,
        products: Mapping[str, str] | None = None,
    ) -> None:
        self.figures = PartitionFigures()
        self._partition = partition
        self._state = PartitionState(partition, partitions, rules, products)
        self._log = log
        self._dead_letters = dead_letters
        self._offsets = offsets
        self._wall_clock_ms = wall_clock_ms
        self._fail = fail
        self._topics = topics
        self._inbox_batches_max = inbox_batches_max
        self._clock_skew_ms = clock_skew_ms
        self._alive_interval_seconds = alive_interval_seconds
        self._reclaim_interval_seconds = reclaim_interval_seconds
        self._inbox: dict[Input, deque[_Waiting]] = {Input.STOCK: deque(), Input.ORDERS: deque()}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._probes: list[asyncio.Future[None]] = []
        self._durable = NextOffsets(0, 0)
        self._under_way: tuple[Awaitable[int], NextOffsets, list[Callable[[], Awaitable[None]]]] | None = None
        # An end offset of order-events and when it was asked: see _watch_deadlines.
        self._end_seen: tuple[int, int] | None = None
        self._alive_at = self._claimed_at = 0.0
        self._repair: list[RowRecord] = []
        self._monitor = monitor
        self._watch = watch
        self._newest_ms = dict.fromkeys(Input, 0)

    @property
    def next_offsets(self) -> NextOffsets:
        """Where the inputs go on, by the last durable @progress."""
        return self._durable

    @property
    def state(self) -> PartitionState:
        """The state in memory, for benchmarks and checks; it may be ahead of the log by one append."""
        return self._state

    def snapshot(self) -> OwnerSnapshot:
        """Say what is held now; cheap, and never in the way of a batch."""
        return OwnerSnapshot(
            self.figures.recovered_rows,
            {source: len(waiting) for source, waiting in self._inbox.items()},
            self._durable,
            self._newest_ms,
            kept_of(self._state),
            windows_of(self._state, self._wall_clock_ms()),
        )

    async def count_positions(self) -> int:
        """Count the positions of the state, in slices."""
        return await count_positions(self._state)

    async def open(self) -> NextOffsets:
        """Claim the partition, read its state, check the inputs, start deciding."""
        began = time.monotonic()
        self._monitor.opening(self.snapshot)
        claim = await self._log.claim()
        loader = StateLoader(self._state)
        recovery = Recovery(loader, self._partition)
        async for rows in recovery.read(self._log, claim):
            self.figures.recovered_rows += rows
        for _ in loader.index(claim.term):
            await asyncio.sleep(0)  # heartbeats go on while a million rows are indexed
        # A lower term wrote these keys last: without our value, compaction would keep the wrong one (P4).
        self._repair = [
            (key, row_of(self._state, key)) for key in sorted(self._log.voided) if key != PROGRESS_KEY
        ]
        await self._check_inputs(fresh=recovery.is_fresh)
        self._durable = self._decided()
        self._alive_at = self._claimed_at = time.monotonic()
        self.figures.recovery_seconds = self._alive_at - began
        self._monitor.recovered(self.figures.recovered_rows, self._alive_at - began, len(self._log.voided))
        if self._watch is not None:
            self._watch.follow(self._partition, self, self._monitor)
        self._tasks = [
            asyncio.create_task(self._guard(self._run())),
            asyncio.create_task(self._guard(self._watch_deadlines())),
        ]
        return self._durable

    async def put(
        self,
        source: Input,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Queue consecutive records; see the port."""
        queue = self._inbox[source]
        while len(queue) >= self._inbox_batches_max and not self._closing:
            self._room.clear()
            await self._room.wait()
        if self._closing:
            return
        size = sum(len(record.value or b"") for record in records)
        queue.append(_Waiting(records, done, size))
        self._wake.set()

    async def probe(self) -> None:
        """Append @progress and wait for its acknowledgement (P11)."""
        probe: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._probes.append(probe)
        self._wake.set()
        await probe

    async def close(self) -> None:
        """Stop deciding; the append under way may finish within the bound."""
        self._closing = True
        if self._watch is not None:
            self._watch.leave(self._partition)
        self._wake.set()
        self._room.set()
        if self._tasks:
            deciding, watching = self._tasks
            watching.cancel()
            _, pending = await asyncio.wait([deciding], timeout=CLOSE_SECONDS_MAX)
            for task in pending:
                task.cancel()
            await asyncio.gather(deciding, watching, return_exceptions=True)
        for probe in self._probes:
            probe.cancel()
        await self._log.close()
        self._monitor.closed()

    # --- deciding --------------------------------------------------------------------------------

    async def _guard(self, work: Awaitable[None]) -> None:
        """Whatever breaks, the process ends: the state may be ahead of the log (P7)."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # nothing may be swallowed here
            self._fail(error)

    async def _run(self) -> None:
        while not self._closing:
            stock, orders = self._take(Input.STOCK), self._take(Input.ORDERS)
            idle = not stock and not orders
            if idle and self._under_way is not None:
                await self._acknowledge()
                continue
            if idle and not self._is_due():
                await self._sleep()
                continue
            await self._decide(stock, orders)
        await self._acknowledge()

    def _take(self, source: Input) -> list[_Waiting]:
        queue = self._inbox[source]
        taken: list[_Waiting] = []
        size = 0
        while queue and size < BYTES_PER_BATCH:
            taken.append(queue.popleft())
            size += taken[-1].size_bytes
        if taken:
            self._room.set()
        return taken

    def _is_due(self) -> bool:
        now = time.monotonic()
        return bool(
            self._probes
            or self._repair
            or self._state.to_revoke
            or self._state.to_fill
            or is_fold_due(self._state, self._wall_clock_ms())
            or now - self._alive_at >= self._alive_interval_seconds
            or now - self._claimed_at >= self._reclaim_interval_seconds
            or self._sweep_before_ms()
        )

    async def _sleep(self) -> None:
        self._wake.clear()
        due_seconds = self._alive_at + self._alive_interval_seconds - time.monotonic()
        try:
            async with asyncio.timeout(max(0.001, min(due_seconds, self._reclaim_interval_seconds))):
                await self._wake.wait()
        except TimeoutError:
            pass  # an @alive row is due

    async def _decide(self, stock: list[_Waiting], orders: list[_Waiting]) -> None:
        if time.monotonic() - self._claimed_at >= self._reclaim_interval_seconds:
            await self._reclaim()
        now_ms = self._wall_clock_ms()
        letters: list[DeadLetter] = []
        began = time.perf_counter()
        decoded_stock = self._decode(Input.STOCK, stock, letters, now_ms)
        decoded_orders = self._decode(Input.ORDERS, orders, letters, None)
        decoding_seconds = time.perf_counter() - began
        if letters:
            await self._bury(letters)
        probes, self._probes = self._probes, []
        sealed_batches = decide_batch(
            self._state, decoded_stock, decoded_orders, now_ms, self._sweep_before_ms()
        )
        self.figures.batches += 1
        began = time.perf_counter() - decoding_seconds
        for sealed in sealed_batches:
            self._monitor.decided(sealed, time.perf_counter() - began)
            self._count(sealed)
            if sealed.refused:
                await self._bury(self._refused(sealed.refused, stock, orders))
            await self._append(sealed)
            began = time.perf_counter()
        if self._under_way is not None:
            self._under_way[2].extend(entry.done for entry in (*stock, *orders))
        if probes:
            await self._acknowledge()
            for probe in probes:
                if not probe.done():
                    probe.set_result(None)

    async def _append(self, sealed: Sealed) -> None:
        rows: list[RowRecord] = sealed.rows
        if self._repair:
            rows = [*self._repair, *rows]
            self._repair = []
        if time.monotonic() - self._alive_at >= self._alive_interval_seconds:
            self._alive_at = time.monotonic()
            rows.append((ALIVE_KEY, encode_row(AliveRow(self._state.term, self._state.now_ms))))
        durable = self._decided()
        await self._acknowledge()
        self._under_way = (await self._log.append(rows), durable, [])
        self.figures.appends += 1
        self.figures.rows += len(rows)
        # A turn for heartbeats, the fetch and other partitions between two batches of a long input.
        await asyncio.sleep(0)

    async def _acknowledge(self) -> None:
        """Wait for the append under way, then acknowledge the input that it decided, in order."""
        if self._under_way is None:
            return
        appended, durable, dones = self._under_way
        await appended
        self._under_way = None
        self._durable = durable
        for done in dones:
            await done()

    async def _reclaim(self) -> None:
        """Claim again, keeping the state: the broker forgets idle producer state in time (P2)."""
        await self._acknowledge()
        claim = await self._log.claim()
        self._state.term = claim.term
        self._claimed_at = time.monotonic()

    def _decided(self) -> NextOffsets:
        return NextOffsets(self._state.stock_next, self._state.orders_next)

    # --- input -----------------------------------------------------------------------------------

    def _decode(
        self,
        source: Input,
        waiting: list[_Waiting],
        letters: list[DeadLetter],
        arrival_ms: int | None,
    ) -> list[DecodedRecord]:
        decoder = STOCK_DECODER if source is Input.STOCK else ORDER_DECODER
        first = self._state.stock_next if source is Input.STOCK else self._state.orders_next
        decoded = []
        for entry in waiting:
            records = entry.records
            if records[0].offset < first:  # decided before; Faust delivers from the committed offset (P9)
                records = [record for record in records if record.offset >= first]
            singles = decoder.decode_singles([record.value for record in records])
            if singles is not None:
                decoded += [
                    DecodedRecord(
                        record.offset, record.timestamp if arrival_ms is None else arrival_ms, (one,)
                    )
                    for record, one in zip(records, singles, strict=True)
                ]
                continue
            for record in records:
                commands, poison = decoder.decode(record.value)
                if poison:
                    letters += self._letters(source, record, poison)
                arrived = record.timestamp if arrival_ms is None else arrival_ms
                decoded.append(DecodedRecord(record.offset, arrived, commands))
        if waiting:
            self._newest_ms[source] = waiting[-1].records[-1].timestamp
        return decoded

    def _refused(
        self, refused: list[Refused], stock: list[_Waiting], orders: list[_Waiting]
    ) -> list[DeadLetter]:
        records = {
            (source, record.offset): record
            for source, waiting in ((Input.STOCK, stock), (Input.ORDERS, orders))
            for entry in waiting
            for record in entry.records
        }
        faults: dict[tuple[Input, int], list[Poison]] = {}
        for one in refused:
            place = Input(one.source), one.offset
            in_pack = is_pack(records[place].value or b"")
            index = one.pack_index if in_pack else None
            faults.setdefault(place, []).append(Poison(index, one.reason))
        return [
            letter
            for place, poison in faults.items()
            for letter in self._letters(place[0], records[place], poison)
        ]

    def _letters(self, source: Input, record: InputRecord, poison: Sequence[Poison]) -> list[DeadLetter]:
        """Give a letter of each fault, with the bytes of its own command: the record is split once."""
        # Empty also for a pack nested so deep that only a shallower call could split it: the letter
        # then says the place alone, for a worker that ended here would end here again and again.
        parts = elements_of(record.value)
        return [
            DeadLetter(
                self._topics[source],
                self._partition,
                record.offset,
                pack_index,
                reason,
                record.key,
                record.value if pack_index is None else parts[pack_index] if parts else None,
                record.timestamp,
            )
            for pack_index, reason in poison
        ]

    async def _bury(self, letters: list[DeadLetter]) -> None:
        """Dead letters are durable before the progress that passes them."""
        self.figures.dead_letters += len(letters)
        for source, topic in self._topics.items():
            self._monitor.buried(source, sum(letter.topic == topic for letter in letters))
        await self._dead_letters.write(letters)

    def _count(self, sealed: Sealed) -> None:
        figures = self.figures
        figures.expired_units += sealed.expired_units
        figures.revoked_units += sealed.revoked_units
        figures.clock_ahead += sealed.clock_ahead
        for number, decisions in enumerate(sealed.outcomes):
            if decisions:
                figures.outcomes[number] += decisions

    async def _check_inputs(self, *, fresh: bool) -> None:
        """Both inputs must still hold what comes after @progress (P9)."""
        state = self._state
        for source in Input:
            held = await self._offsets.range_of(source, self._partition)
            if fresh:
                if source is Input.STOCK:
                    state.stock_next = held.beginning
                else:
                    state.orders_next = held.beginning
                continue
            wanted = state.stock_next if source is Input.STOCK else state.orders_next
            if not held.beginning <= wanted <= held.end:
                raise InputRangeError(
                    f"{self._topics[source]}[{self._partition}] holds offsets {held.beginning} to "
                    f"{held.end}, but the ledger has decided up to {wanted}: the topic was recreated, or "
                    "its retention passed what was not decided. Restore the topic, or start a new ledger "
                    "under another topic prefix"
                )

    # --- deadlines -------------------------------------------------------------------------------

    async def _watch_deadlines(self) -> None:
        """Without orders coming in, ask the broker whether all of them are decided (R18)."""
        looked: tuple[int, int] | None = None
        while True:
            await asyncio.sleep(DEADLINE_CHECK_SECONDS)
            deadline_ms = next_deadline_ms(self._state)
            asked_at_ms = self._wall_clock_ms()
            if deadline_ms is None or deadline_ms + self._clock_skew_ms >= asked_at_ms:
                continue
            held = await self._offsets.range_of(Input.ORDERS, self._partition)
            decided = held.end
            span = (self._state.orders_next, held.end)
            # The newest offset may be a transaction's marker, which no command ever passes. Standing
            # still over two looks tells that from orders under way, which cost no reading then.
            if (
                span[0] < span[1]
                and span == looked
                and not await self._offsets.has_records(Input.ORDERS, self._partition, *span)
            ):
                decided = span[0]
            looked = span
            self._end_seen = (decided, asked_at_ms)
            self._wake.set()

    def _sweep_before_ms(self) -> int:
        """Up to when the broker is known to hold no undecided order; 0 while that is not known."""
        if self._end_seen is None or self._state.orders_next < self._end_seen[0]:
            return 0
        before_ms = self._end_seen[1] - self._clock_skew_ms
        return before_ms if before_ms > self._state.swept_ms else 0
