"""The use case "keep the Redis view equal to the ledger": one flow, many partitions.

For each batch of rows: 1. the newest position row of each (SKU, location) becomes a guarded write;
2. a SKU that the view does not have is written only once it is sure that the view lost nothing;
3. readers are told; 4. the checkpoint moves. When the checkpoint is not what we last wrote, or its
marker is gone, the server lost data (flushed, failed over) and the view is rebuilt from the ledger.
A crash between any two steps repeats rows, which the version guard makes harmless.

This module has the locks, the retries and the heartbeats; the steps are in project_partition.py.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import stamina
import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.project_partition import PartitionProjection, StoppedError
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory, StoredRecord
from inventory_stream.ports.monitor import SILENT_PROJECTION, ProjectionMonitor
from inventory_stream.ports.projection import Projection
from inventory_stream.settings import HEARTBEAT_INTERVAL_SECONDS, ProjectionSettings

# Pause before the next attempt while Redis is away: short at first, because most outages are a
# restart (0.1 s); never longer than 2 s, so that the heartbeat is back soon after the server and
# `stop` fits into the 10 s of a shutdown.
_PAUSE_SECONDS_MIN: Final = 0.05
_PAUSE_SECONDS_MAX: Final = 2.0

_log = structlog.get_logger(__name__)


class ProjectionFlow:
    """Applies ledger rows to the view, partition by partition; safe to call for several at once."""

    def __init__(
        self,
        view: Projection,
        reader: LedgerReader,
        row_filter: RowFilterFactory,
        settings: ProjectionSettings,
        clock_ms: Callable[[], int],
        *,
        is_rebuild_asked: bool = False,
        monitor: ProjectionMonitor = SILENT_PROJECTION,
    ) -> None:
        """Describe the flow; nothing is read before `start`.

        Args:
            view: Where storefronts read.
            reader: The ledger topic, for rebuilds and end offsets.
            row_filter: Makes a partition's term filter, fresh or going on at (term, generation_ms).
            settings: Bounds; each is described there.
            clock_ms: Wall clock, ms since the Unix epoch. Compared with record times of the
                broker: a skew of more than `lag_ms_max` misjudges freshness.
            is_rebuild_asked: Rebuild each partition when it is started for the first time.
            monitor: Hears of each batch, look and rebuild.
        """
        self._view = view
        self._reader = reader
        self._row_filter = row_filter
        self._settings = settings
        self._clock_ms = clock_ms
        self._is_rebuild_asked = is_rebuild_asked
        self._monitor = monitor
        self._rebuilt_as_asked: set[int] = set()
        self._partitions: dict[int, tuple[PartitionProjection, asyncio.Lock]] = {}

    async def start(self, partition: int) -> int:
        """Take a partition up: resume at its checkpoint or rebuild.

        Returns:
            The offset of the first record that `apply` wants. Waits as long as Redis or the broker
            is away; ends early when the partition is stopped meanwhile.

        Raises:
            CorruptLedgerError: the ledger cannot be read.
        """
        await self.stop(partition)
        one = PartitionProjection(
            partition,
            self._view,
            self._reader,
            self._row_filter,
            self._settings.batch_skus_max,
            self._clock_ms,
            self._monitor,
        )
        lock = asyncio.Lock()
        self._partitions[partition] = one, lock
        self._monitor.taken_up(partition)
        is_rebuild_asked = self._is_rebuild_asked and partition not in self._rebuilt_as_asked
        async with lock:
            await _persist(one, lambda: one.resume(is_rebuild_asked=is_rebuild_asked))
        if one.checkpoint is None:
            return 0
        self._rebuilt_as_asked.add(partition)
        return one.checkpoint.next_offset

    async def apply(self, partition: int, records: Sequence[StoredRecord]) -> None:
        """Bring consecutive records into the view; returns when they are there.

        Records below the position are passed over. Waits as long as Redis is away; returns without
        having done anything lasting when the partition was stopped.

        Raises:
            CorruptLedgerError: a record that no owner of this schema version writes.
        """
        if partition not in self._partitions:
            return
        one, lock = self._partitions[partition]
        async with lock:
            step = None if one.is_stopped else one.digest(records)
            if step is not None:
                ready = step  # bound for the closure: mypy forgets a narrowing there
                await _persist(one, lambda: one.advance(ready))
                if not one.is_stopped:  # else it may not be there
                    delay_seconds = (self._clock_ms() - records[0].timestamp) / 1_000
                    self._monitor.applied(partition, len(records), len(ready.changes), delay_seconds)

    async def stop(self, partition: int) -> None:
        """Give a partition up; on return nothing is written for it any more.

        Takes at most one pause and one unanswered command (about 7 s). Its heartbeat runs out by
        itself, or goes on by the next worker's hand.
        """
        if partition in self._partitions:
            one, lock = self._partitions.pop(partition)
            one.is_stopped = True
            async with lock:
                pass
            self._monitor.given_up(partition)

    async def run_heartbeats(self) -> None:
        """Look after freshness until cancelled; also notices a flushed server when nothing is decided.

        Raises:
            ExceptionGroup: the ledger cannot be read (CorruptLedgerError); the process must end.
        """
        beating: dict[int, asyncio.Task[None]] = {}
        showing: dict[int, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for partition in list(self._partitions):
                    # One at a time for each: a rebuild may take longer than the interval, and
                    # must not silence the other partitions.
                    for tasks, look in ((beating, self.beat), (showing, self.show_policies)):
                        if partition not in tasks or tasks[partition].done():
                            tasks[partition] = group.create_task(look(partition))
                await asyncio.sleep(HEARTBEAT_INTERVAL_SECONDS)

    async def beat(self, partition: int) -> None:
        """Look once: rebuild if the view lost data, then say that it is fresh if it is.

        A server that does not answer is no fault here: without a heartbeat readers know.
        """
        if partition not in self._partitions:
            return
        one, lock = self._partitions[partition]
        async with lock:
            if one.is_stopped or one.checkpoint is None:
                return
            try:
                await self._beat(one)
            except (RetryableError, StoppedError) as error:
                _log.warning("projection_not_fresh", partition=partition, why=str(error))
                self._monitor.looked(partition, None, is_fresh=False)

    async def show_policies(self, partition: int) -> None:
        """Write the SKUs that do not show the newest policy of a channel yet, if there are any.

        A slice at a time: batches that wait get their turn in between. A server that does not answer
        ends it; the next look goes on.
        """
        is_more = True
        while is_more and partition in self._partitions:
            one, lock = self._partitions[partition]
            async with lock:
                if one.is_stopped or one.checkpoint is None or one.lost is not None:
                    return
                try:
                    is_more = await one.show_next()
                except (RetryableError, StoppedError) as error:
                    _log.warning("policy_not_shown_yet", partition=partition, why=str(error))
                    return

    async def _beat(self, one: PartitionProjection) -> None:
        end_offset = await one.look()
        if one.lost is not None:
            await one.rebuild()
        lag_ms = self._clock_ms() - one.place.row_ms
        lag_records = max(0, end_offset - one.place.next_offset)
        is_fresh = lag_records == 0 or lag_ms < self._settings.lag_ms_max
        if is_fresh:  # unless the view was lost since `look`, which the next one will see
            is_fresh = await self._view.beat(one.number, one.place, self._settings.heartbeat_expiry_ms)
        self._monitor.looked(one.number, lag_records, is_fresh=is_fresh)


async def _persist(one: PartitionProjection, step: Callable[[], Awaitable[None]]) -> None:
    """Repeat a step, with a rebuild before it where needed, until it is done or we are stopped."""
    if one.lost is None:
        # Nearly always all there is to do, without setting up for repeats.
        try:
            await step()
        except (RetryableError, StoppedError):
            if one.is_stopped:
                return
            await asyncio.sleep(_PAUSE_SECONDS_MIN)
        else:
            return

    def is_worth_another(error: Exception) -> bool:
        return isinstance(error, RetryableError) and not one.is_stopped

    try:
        async for attempt in stamina.retry_context(
            on=is_worth_another,
            attempts=None,  # a worker without its server has nothing better to do
            timeout=None,
            wait_initial=_PAUSE_SECONDS_MIN,
            wait_max=_PAUSE_SECONDS_MAX,
            wait_jitter=_PAUSE_SECONDS_MIN,
        ):
            with attempt:
                if one.lost is not None:
                    await one.rebuild()
                await step()
    except (RetryableError, StoppedError):
        if not one.is_stopped:
            raise
