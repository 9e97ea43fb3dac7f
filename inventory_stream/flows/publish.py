"""The use case "tell outside consumers": a task for each partition, beside the Redis view.

A partition is caught up, then followed. Whatever goes wrong, the one way on is to wait and to catch up
anew: the log of events says how far it is, the ledger says everything else. Nothing here
ends the process, for the Redis view must go on while events wait.
"""

import asyncio
from typing import Final

import structlog

from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.publish_partition import PartitionPublisher
from inventory_stream.ports.events import EventLog, EventLogFactory
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from inventory_stream.ports.monitor import SILENT_PROJECTION, ProjectionMonitor

PAUSE_SECONDS_MIN: Final = 1.0
PAUSE_SECONDS_MAX: Final = 60.0
"""Pause after a fault, doubled up to the second figure: each attempt claims the partition and reads all of
it, which is seconds of work for a large one. Shorter, and a broker that comes back is met by
that work first; longer, and events are late for no reason."""

_log = structlog.get_logger(__name__)


class PublishFlow:
    """Publishes events of the partitions that it is given.

    Args:
        ledger_topic: Full name; the events' source names it.
        new_log: Where events go.
        reader: The ledger topic; its own, not the one that the Redis view uses.
        row_filter: Makes a fresh term filter.
        interval_ms: Between two looks for new rows. What changes more often is told once.
        pause_seconds_min: First pause after a fault.
        monitor: Hears of events and of faults.
    """

    def __init__(
        self,
        ledger_topic: str,
        new_log: EventLogFactory,
        reader: LedgerReader,
        row_filter: RowFilterFactory,
        *,
        interval_ms: int,
        pause_seconds_min: float = PAUSE_SECONDS_MIN,
        monitor: ProjectionMonitor = SILENT_PROJECTION,
    ) -> None:
        self._ledger_topic = ledger_topic
        self._new_log = new_log
        self._reader = reader
        self._row_filter = row_filter
        self._monitor = monitor
        self._interval_seconds = interval_ms / 1_000
        self._pause_seconds_min = pause_seconds_min
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, partition: int) -> None:
        """Begin to publish a partition; returns at once."""
        self._tasks[partition] = asyncio.create_task(self._publish(partition))

    async def stop(self, partition: int) -> None:
        """Give a partition up; takes as long as a connection to Kafka takes to close."""
        task = self._tasks.pop(partition, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _publish(self, partition: int) -> None:
        pause_seconds = self._pause_seconds_min
        while True:
            log = self._new_log(partition)
            publisher = PartitionPublisher(
                partition, self._ledger_topic, log, self._reader, self._row_filter, self._monitor
            )
            try:
                await publisher.catch_up()
                pause_seconds = self._pause_seconds_min
                await self._follow(publisher)
            except InventoryStreamError as error:
                _log.error("events_not_published", partition=partition, why=str(error))
            except Exception:  # noqa: BLE001  # a bug here must not end the Redis view, nor pass in silence
                _log.exception("events_not_published", partition=partition)
            finally:
                await _close(log)
            self._monitor.not_published(partition)
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, PAUSE_SECONDS_MAX)

    async def _follow(self, publisher: PartitionPublisher) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            await publisher.follow()


async def _close(log: EventLog) -> None:
    """Close in any case, also when we were cancelled: a second cancellation is not awaited here."""
    await asyncio.shield(log.close())
