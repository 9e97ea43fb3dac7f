"""The events of one ledger partition: claim, catch up, follow. No retries: see publish.py.

The state is what the ledger says, read from its beginning each time the partition is taken up; how far
the events are lies with the events (`PublishedTo`), not with the Redis view. So a flushed or rebuilt
view publishes nothing again, and an outage of Redis holds up no event.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import structlog

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.availability_shelf import AvailabilityShelf
from inventory_stream.flows.event_rows import Raised, exceptions_of
from inventory_stream.ports.events import EventLog, EventTopic, OutgoingEvent, PublishedTo
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilter, RowFilterFactory, StoredRecord
from inventory_stream.ports.monitor import SILENT_PROJECTION, ProjectionMonitor
from models.events import availability_changed, encode_event, exception_raised, sequence_of, source_of

EVENTS_MAX: Final = 1_000
"""Most events of one publication: of about 700 bytes each, so 1 MiB waits for an acknowledgement and no
more. Fewer cost a round trip of some 20 ms each; more would hold up what comes after a crash longer."""

ROWS_PER_TURN: Final = 500
"""Rows between two turns of the event loop: about 2 ms, as long as the Redis view may have to wait."""

_log = structlog.get_logger(__name__)


class LedgerReplacedError(CorruptLedgerError):
    """The ledger ends before what was published from it: it was truncated or made anew."""


class _Passed(NamedTuple):
    """What a reader knew where it passed an offset; `row_ms` of the row before it, None if compacted."""

    term: int
    row_ms: int | None


class PartitionPublisher:
    """Publishes one partition's events. One call at a time; after any error it must be made anew.

    Args:
        number: The partition.
        ledger_topic: Full name; the events' source names it.
        log: Where events go.
        reader: The ledger topic.
        row_filter: Makes a fresh term filter.
        monitor: Hears of events.
    """

    def __init__(
        self,
        number: int,
        ledger_topic: str,
        log: EventLog,
        reader: LedgerReader,
        row_filter: RowFilterFactory,
        monitor: ProjectionMonitor = SILENT_PROJECTION,
    ) -> None:
        self.number = number
        self.next_offset = 0
        """The offset after the last row whose events are published."""
        self._source = source_of(ledger_topic, number)
        self._log = log
        self._reader = reader
        self._monitor = monitor
        self._new_filter = row_filter
        self._rows: RowFilter = row_filter()
        self._shelf = AvailabilityShelf()
        self._row_ms = 0
        self._waiting: list[OutgoingEvent] = []

    async def catch_up(self) -> None:
        """Claim the partition, read all of it, and publish what is new since the last publication.

        Rows from before it only tell what stock there is. Where nothing was published, or of
        another ledger, everything that the rows still say is new.

        Raises:
            UnreachableError: no answer.
            FencedError: somebody else claimed the partition.
            CorruptLedgerError: a row that this version cannot read.
        """
        published = await self._log.claim()
        end_offset = await self._reader.end_offset(self.number)
        start = 0 if published is None else published.next_offset
        passed = await self._read_stock(start, end_offset)
        if published is not None and not self._is_same_ledger(published, passed, end_offset):
            _log.warning("events_of_another_ledger", partition=self.number, published_to=start)
            start = 0
        self._shelf.forget_changes_before(start)
        # A second look, at what is new only: exceptions carry the generation in their sequence, and the
        # claim that names it may have been compacted to lie behind them.
        rows = self._new_filter(passed.term) if start else self._new_filter()
        async for records in self._reader.read(self.number, start, end_offset):
            for some in _slices(records):
                await self._raise_exceptions(rows.feed(some))
        self.next_offset = start
        await self._publish_to(end_offset)
        _log.info("events_caught_up", partition=self.number, published_from=start, published_to=end_offset)

    async def _read_stock(self, start: int, end_offset: int) -> "_Passed":
        """Read the partition into the shelf; gives what the filter knew when it came to `start`."""
        passed = _Passed(self._rows.term, None)
        async for records in self._reader.read(self.number, 0, end_offset):
            before = [record for record in records if record.offset < start]
            if before:
                self._shelf.feed(self._rows.feed(before))
                last = before[-1]
                row_ms = last.timestamp if last.offset == start - 1 else None
                passed = _Passed(self._rows.term, row_ms)
            self._shelf.feed(self._rows.feed(records[len(before) :]))
            self._row_ms = records[-1].timestamp
        return passed

    def _is_same_ledger(self, published: PublishedTo, passed: "_Passed", end_offset: int) -> bool:
        """Tell by the partition's first claim and by the last row published, if compaction left it."""
        return (
            published.next_offset <= end_offset
            and self._rows.generation_ms in (0, published.generation_ms)
            and passed.row_ms in (None, published.row_ms)
        )

    async def follow(self) -> int:
        """Publish what the ledger holds beyond the last publication; gives how many rows that were.

        Raises:
            As `catch_up`, and LedgerReplacedError: the ledger ends before the last publication.
        """
        end_offset = await self._reader.end_offset(self.number)
        if end_offset < self.next_offset:
            raise LedgerReplacedError(
                f"ledger partition {self.number} ends at {end_offset}, before {self.next_offset}, whose "
                "events are published: it was truncated"
            )
        count = 0
        async for records in self._reader.read(self.number, self.next_offset, end_offset):
            for some in _slices(records):
                rows = self._rows.feed(some)
                self._shelf.feed(rows)
                await self._raise_exceptions(rows)
            self._row_ms = records[-1].timestamp
            count += len(records)
        if end_offset > self.next_offset:
            await self._publish_to(end_offset)
        return count

    async def _raise_exceptions(self, rows: Sequence[LedgerRecord]) -> None:
        await asyncio.sleep(0)  # the Redis view's turn
        for row in rows:
            raised = exceptions_of(row)
            if not raised:
                continue
            self._waiting += self._events_of(row, raised)
            while len(self._waiting) >= EVENTS_MAX:
                await self._publish(self._waiting[:EVENTS_MAX], None)
                del self._waiting[:EVENTS_MAX]

    def _events_of(self, row: LedgerRecord, raised: Sequence[Raised]) -> Iterator[OutgoingEvent]:
        for event_id, detail in raised:
            sequence = sequence_of(self._rows.generation_ms, row.offset)
            self._monitor.raised(self.number, detail.kind)
            event = exception_raised(self._source, event_id, detail, sequence, row.timestamp_ms)
            yield OutgoingEvent(EventTopic.EXCEPTIONS, event.partitionkey, encode_event(event))

    async def _publish_to(self, end_offset: int) -> None:
        """Publish the exceptions that wait, then the SKUs that changed; the place goes with the last."""
        for event in self._changes():
            if len(self._waiting) >= EVENTS_MAX:
                await self._publish(self._waiting, None)
                self._waiting = []
            self._waiting.append(event)
        place = PublishedTo(end_offset, self._rows.generation_ms, self._row_ms)
        await self._publish(self._waiting, place)
        self._waiting = []
        self.next_offset = end_offset

    async def _publish(self, events: Sequence[OutgoingEvent], place: PublishedTo | None) -> None:
        await self._log.publish(events, place)
        for topic, count in Counter(event.topic for event in events).items():
            self._monitor.published(self.number, topic.value, count)

    def _changes(self) -> Iterator[OutgoingEvent]:
        for sku, availability, version, at_ms in self._shelf.take_changed(self._rows.generation_ms):
            if availability is None:
                yield OutgoingEvent(EventTopic.AVAILABILITY, sku, None)
            else:
                sequence = sequence_of(version.generation_ms, version.offset)
                event = availability_changed(self._source, availability, sequence, at_ms)
                yield OutgoingEvent(EventTopic.AVAILABILITY, sku, encode_event(event))


def _slices(records: Sequence[StoredRecord]) -> Iterator[Sequence[StoredRecord]]:
    return (records[first : first + ROWS_PER_TURN] for first in range(0, len(records), ROWS_PER_TURN))
