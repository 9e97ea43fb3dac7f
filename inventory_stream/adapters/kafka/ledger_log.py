"""One partition of the ledger topic on Kafka, as its owner sees it: P1 to P8 of docs/protocol.md."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.claiming import Claiming
from inventory_stream.adapters.kafka.clock_skew import CLOCK_SKEW_MS, ClockSkew
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lease import Lease, boottime_seconds
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.process_end import EXIT_CODE, EndProcess, end_process
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.errors import CorruptLedgerError, FencedError, ForeignAppendError, LedgerLogError
from inventory_stream.ports.ledger_log import Claim, KeyedRow, RowRecord
from inventory_stream.ports.monitor import SILENT_OWNER, Acked, OwnerMonitor
from models.rows import ALIVE_KEY, AliveRow, encode_row

if TYPE_CHECKING:
    from inventory_stream.adapters.kafka.fenced_producer import FencedProducer

APPEND_SECONDS_MAX: Final = 120.0
"""Deadline of one append (P7). aiokafka never lets an idempotent batch expire by itself; a leader
election takes seconds, so after two minutes waiting is not patience but a stuck partition."""


class KafkaLedgerLog:
    """The log of one partition; implements `ports.ledger_log.LedgerLog`.

    Args:
        connection: where the broker is, and who we are to it.
        topic: full name of the ledger topic.
        partition: which partition of it.
        lease_seconds: no acked append for this long ends the process (P3).
        alive_interval_seconds: between the @alive rows written while the state is read (P2).
        request_timeout_seconds: longest wait for one answer of the broker.
        append_seconds_max: deadline of one append, aiokafka's retries included (P7).
        end_process: called with exit status and reason when the process must end (P7).
        transactional_id: what the producer id is asked for; the default is that of P1.
        clock: seconds by a clock that counts sleep (P3).
        clock_skew_ms: beyond which our clock and the broker's disagree (R18).
        on_stamp: called with each acknowledgement's record time between our `clock` at its sending and
            at its coming (HeldClock.note).
        monitor: hears of claims and acknowledgements.
    """

    def __init__(  # noqa: PLR0913  # plain values, so that composition happens in bootstrap
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        partition: int,
        lease_seconds: float,
        alive_interval_seconds: float,
        request_timeout_seconds: float = 30.0,
        append_seconds_max: float = APPEND_SECONDS_MAX,
        end_process: EndProcess = end_process,
        transactional_id: str | None = None,
        clock: Callable[[], float] = boottime_seconds,
        clock_skew_ms: int = CLOCK_SKEW_MS,
        on_stamp: Callable[[float, int, float], None] | None = None,
        monitor: OwnerMonitor = SILENT_OWNER,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._partition = partition
        self._alive_interval_seconds = alive_interval_seconds
        self._request_timeout_seconds = request_timeout_seconds
        self._append_seconds_max = append_seconds_max
        self._end_process = end_process
        self._name = f"{topic}[{partition}]"
        self._lease = Lease(lease_seconds, clock)
        self._skew = ClockSkew(self._name, clock_skew_ms)
        self._on_stamp = on_stamp
        self._monitor = monitor
        self._claiming = Claiming(
            connection=connection,
            topic=topic,
            partition=partition,
            transactional_id=transactional_id or f"{topic}-{partition}",
            request_timeout_seconds=request_timeout_seconds,
            check=self._check_lease,
        )
        self._watchdog: asyncio.Task[None] | None = None
        self._producer: FencedProducer | None = None
        self._reader: RecordReader | None = None
        self._claim: Claim | None = None
        self._voided: frozenset[bytes] = frozenset()
        self._failure: LedgerLogError | None = None
        self._queued: asyncio.Future[int] | None = None
        self._next_offset = -1
        self._alive_at = clock()
        self.rows_voided: int = 0
        """Rows of lower terms dropped while the state was read: any is an alarm (P4)."""

    @property
    def voided(self) -> frozenset[bytes]:
        """Keys that a lower term wrote (P4); complete once `read` has ended."""
        return self._voided

    @property
    def claims_tried(self) -> int:
        """Claim rows that this owner tried to write; more than one per claim means a rival (P1)."""
        return self._claiming.tries

    # --- P1, P2: claim --------------------------------------------------------------------------

    async def claim(self) -> Claim:
        """Take the partition over; see the port. Called again, it renews the claim (P2).

        A renewal keeps the state that the owner has: if anybody else appended meanwhile it ends
        the process, as in `append`.
        """
        self._refuse_if_failed()
        if self._queued is not None:
            self._fail(LedgerLogError("a claim while an append was under way (P6)"))
        renews = self._claim is not None
        sent_at = self._lease.now()
        tries_before = self._claiming.tries
        await self._close_reader()
        try:
            reader = self._reader = await self._open_reader()
            won = await self._claiming.claim(reader)
        except BaseException as error:
            await self.close()
            if self._failure is not None:
                raise self._failure from error
            raise
        await self._close_producer()
        self._producer = won.producer
        claim = won.claim
        if renews:
            await self._close_reader()
            if claim.term != self._next_offset or claim.read_through != claim.term + won.fences:
                self._fail(
                    ForeignAppendError(
                        f"{self._name}: claimed again at {claim.term} to {claim.read_through} where "
                        f"{self._next_offset} was next (P5)"
                    )
                )
        self._lease.renew(sent_at)
        self._note_stamp(sent_at, won.producer)
        self._claim = claim
        self._next_offset = claim.read_through + 1
        self._alive_at = self._lease.now()
        if self._watchdog is None:
            self._watchdog = asyncio.create_task(self._lease.watch(self._lease_expired))
        self._monitor.claimed(
            claim.term,
            self._claiming.tries - tries_before,
            won.fences,
            lambda: self._lease.seconds - self._lease.age_seconds,
        )
        return claim

    # --- P4: read -------------------------------------------------------------------------------

    async def read(self, claim: Claim) -> AsyncIterator[Sequence[KeyedRow]]:
        """Yield the state; see the port. Writes @alive meanwhile, as recovery may take long (P2)."""
        reader = self._reader
        if reader is None or claim != self._claim:
            raise LedgerLogError("read follows claim, once, with what claim gave")
        live = LiveRows()
        try:
            beginning, _ = await reader.range()
            async for records in reader.records(beginning, claim.read_through):
                rows = live.pick(records)
                if rows:
                    yield rows
                await self._alive_when_due(claim)
        finally:
            await self._close_reader()
        self.rows_voided = live.alarms
        self._voided = live.voided
        if live.term > claim.term:
            raise FencedError(
                f"{self._name}: claimed by another owner at offset {live.term}, after us at {claim.term}"
            )
        if live.term < claim.term:
            raise CorruptLedgerError(f"{self._name}: our claim at offset {claim.term} is not in the log")

    async def _alive_when_due(self, claim: Claim) -> None:
        now = self._lease.now()
        if now - self._alive_at < self._alive_interval_seconds:
            return
        self._alive_at = now
        row = AliveRow(claim.term, time.time_ns() // 1_000_000)
        await (await self.append([(ALIVE_KEY, encode_row(row))]))

    # --- P5 to P7: append -----------------------------------------------------------------------

    async def append(self, rows: Sequence[RowRecord]) -> Awaitable[int]:
        """Append rows as one batch; see the port. Any error ends the process (P7)."""
        self._refuse_if_failed()
        if self._queued is not None:
            self._fail(LedgerLogError("an append was handed over while another was under way (P6)"))
        if self._producer is None or self._claim is None:
            self._fail(LedgerLogError("an append without a claim"))
        sent_at, sent_ms = self._lease.now(), now_ms()
        producer = self._producer
        loop = asyncio.get_running_loop()
        # Held from here on, so that a second append cannot slip in while this one is queued.
        queued = self._queued = loop.create_future()
        try:
            async with asyncio.timeout(self._append_seconds_max):
                queued = self._queued = await producer.queue(rows, self._claim.term)
        except LedgerLogError as error:
            self._fail(error)
        except (KafkaError, TimeoutError) as error:
            self._fail(LedgerLogError(f"an append could not be queued: {error!r}"))
        acked: asyncio.Future[int] = loop.create_future()
        deadline = loop.call_later(self._append_seconds_max, self._deadline_passed, queued)

        # Callbacks instead of a task with wait_for: that would cost two turns of the loop per
        # append, on the path whose median is 0.7 ms.
        def settle(queued: "asyncio.Future[int]") -> None:
            deadline.cancel()
            self._queued = None
            try:
                base_offset = self._settled(queued, len(rows), sent_at)
            except LedgerLogError as error:
                if not acked.done():
                    acked.set_exception(error)
                    acked.exception()  # who closed the log need not await it
            else:
                if not acked.done():
                    acked.set_result(base_offset)
                self._tell(len(rows), producer, sent_at, sent_ms)

        queued.add_done_callback(settle)
        return acked

    def _settled(self, queued: "asyncio.Future[int]", rows: int, sent_at: float) -> int:
        if queued.cancelled():
            raise LedgerLogError(
                f"{self._name}: closed while an append was under way; it may have come to be"
            )
        error = queued.exception()
        if error is not None:
            self._fail(error if isinstance(error, LedgerLogError) else LedgerLogError(repr(error)))
        return self._check_ack(queued.result(), rows, sent_at)

    def _check_ack(self, base_offset: int, rows: int, sent_at: float) -> int:
        """Take an acknowledgement in: it must follow on our former rows without a gap (P5)."""
        if base_offset != self._next_offset:
            self._fail(
                ForeignAppendError(
                    f"{self._name}: our rows were appended at {base_offset} where "
                    f"{self._next_offset} was next: foreign rows, a truncated log, or a repeated ack (P5)"
                )
            )
        self._next_offset += rows
        self._lease.renew(sent_at)
        return base_offset

    def _note_stamp(self, sent_at: float, producer: "FencedProducer") -> None:
        if self._on_stamp is not None and producer.acked_ms is not None:
            self._on_stamp(sent_at, producer.acked_ms, self._lease.now())

    def _tell(self, rows: int, producer: "FencedProducer", sent_at: float, sent_ms: int) -> None:
        self._note_stamp(sent_at, producer)
        stamped_ms = producer.acked_ms
        ahead_ms = 0 if stamped_ms is None else self._skew.ahead_ms(sent_ms, stamped_ms, now_ms())
        seconds = self._lease.now() - sent_at
        self._monitor.acked(Acked(rows, producer.queued_bytes, seconds, ahead_ms / 1_000))

    def _deadline_passed(self, queued: "asyncio.Future[int]") -> None:
        if not queued.done():
            queued.set_exception(
                LedgerLogError(f"an append was not acknowledged within {self._append_seconds_max:g} s (P7)")
            )

    # --- P3, P7: the end ------------------------------------------------------------------------

    def _check_lease(self) -> None:
        """Called right before the bytes of an append leave."""
        # A first claim needs no lease: it reads all that came before it, however late it is.
        if self._claim is not None and self._lease.expired:
            self._lease_expired()
        self._refuse_if_failed()

    def _lease_expired(self) -> None:
        self._end(
            LedgerLogError(
                f"{self._name}: no append was acknowledged for "
                f"{self._lease.age_seconds:.1f} s, the lease is {self._lease.seconds:g} s (P3)"
            )
        )

    def _end(self, error: LedgerLogError) -> None:
        """End the process (P7). Goes on only in tests, whose `end_process` returns."""
        if self._failure is None:
            self._failure = error
            self._end_process(EXIT_CODE, f"{type(error).__name__}: {error}")

    def _fail(self, error: LedgerLogError) -> NoReturn:
        self._end(error)
        raise self._failure or error

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure

    # --- connections ----------------------------------------------------------------------------

    async def close(self) -> None:
        """Let go of the connections; see the port. Cancels an append under way: it may come to be."""
        if self._queued is not None:
            self._queued.cancel()
        self._claim = None
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        await self._close_reader()
        await self._close_producer()

    async def _open_reader(self) -> RecordReader:
        reader = RecordReader(
            connection=self._connection,
            topic=self._topic,
            partition=self._partition,
            request_timeout_seconds=self._request_timeout_seconds,
        )
        await reader.open()
        return reader

    async def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    async def _close_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()
