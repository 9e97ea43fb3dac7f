"""What a ledger worker and a projection worker are made of."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.cluster_probe import cluster_id_of
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters
from inventory_stream.adapters.kafka.event_log import KafkaEventLog
from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.process_end import EndProcess, end_process
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.flows.own_partition import OwnPartition
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.flows.publish import PublishFlow
from inventory_stream.flows.watch_owners import OwnerWatch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.events import EVENTS_GROUP, EventLog, EventTopic
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.monitor import (
    SILENT_OWNER,
    SILENT_PROJECTION,
    OwnerMonitor,
    ProjectionMonitor,
)
from inventory_stream.ports.partition_owner import PartitionOwner
from inventory_stream.ports.projection import ViewOwner
from inventory_stream.settings import LedgerSettings, Settings

LEDGER_GROUP: Final = "ledger"
PROJECTION_GROUP: Final = "projection"

PROJECTION_PACE_SECONDS: Final = 0.005
"""`ConsumerOptions.pace_seconds` of the Redis view. Two round trips to Redis are 0.3 ms of processor,
whatever they carry, and a fetch and its way through Faust come on top: at 5,000 commands/s, appended by tens,
more than all else. A change in a stream is shown some 5 ms later for it, of the 40 ms that it may take."""


def input_topics(settings: Settings) -> dict[Input, str]:
    """Full names of the two inputs."""
    return {Input.STOCK: settings.topic(STOCK_EVENTS), Input.ORDERS: settings.topic(ORDER_EVENTS)}


def rules_of(ledger: LedgerSettings) -> Rules:
    """The limits that the rules leave open, in the ledger's units."""
    return Rules(
        clock_ahead_ms=ledger.clock_ahead_ms,
        movement_window_ms=ledger.movement_window_seconds * 1_000,
        movements_max=ledger.movements_max,
        reservation_ms_max=ledger.reservation_seconds_max * 1_000,
        receipt_window_ms=ledger.receipt_window_seconds * 1_000,
        return_window_ms=ledger.return_window_seconds * 1_000,
        receipts_max=ledger.receipts_max,
        ended_reservations_max=ledger.ended_reservations_max,
        ended_documents_max=ledger.ended_documents_max,
        order_lag_ms=ledger.order_lag_seconds * 1_000,
        early_window_ms=ledger.early_window_seconds * 1_000,
        early_max=ledger.early_max,
        revoke_on_shortfall=ledger.revoke_on_shortfall,
    )


def consumer_options(
    settings: Settings, group: str, *, is_raw: bool = False, pace_seconds: float = 0.0
) -> ConsumerOptions:
    """How a worker's consumer fetches; groups carry the topic prefix, as environments share a cluster."""
    kafka, worker = settings.kafka, settings.worker
    return ConsumerOptions(
        connection=KafkaConnection.of(kafka),
        group=settings.topic(group),
        batch_records_max=worker.batch_records_max,
        session_timeout_ms=int(kafka.session_timeout_seconds * 1_000),
        request_timeout_ms=int(kafka.request_timeout_seconds * 1_000),
        instance_id=worker.instance_id and f"{group}-{worker.instance_id}",
        is_raw=is_raw,
        pace_seconds=pace_seconds,
    )


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """What a ledger worker is made of, but for its Faust app."""

    new_owner: Callable[[int], PartitionOwner]
    dead_letters: KafkaDeadLetters
    offsets: KafkaInputOffsets
    background: tuple[Callable[[], Awaitable[None]], ...]
    """Runs beside the owners."""

    async def close(self) -> None:
        """Let go of the connections that all partitions share."""
        await asyncio.gather(self.dead_letters.close(), self.offsets.close())


def ledger_parts(
    settings: Settings,
    fail: Callable[[BaseException], None],
    *,
    end: EndProcess = end_process,
    monitor_of: Callable[[int], OwnerMonitor] | None = None,
) -> LedgerParts:
    """Build what owns partitions; nothing is connected yet.

    Args:
        settings: Everything that can be set.
        fail: Ends the process (P7).
        end: How it ends where the log of a partition does it by itself.
        monitor_of: Gives a partition's monitor; None: nobody watches.
    """
    kafka, worker = settings.kafka, settings.worker
    connection = KafkaConnection.of(kafka)
    dead_letters = KafkaDeadLetters(
        connection=connection,
        topic=settings.topic(DEAD_LETTERS),
        request_timeout_seconds=kafka.request_timeout_seconds,
    )
    offsets = KafkaInputOffsets(
        connection=connection,
        topics=input_topics(settings),
        request_timeout_seconds=kafka.request_timeout_seconds,
    )
    rules = rules_of(settings.ledger)
    products = load_catalog(settings.catalog.file)
    watch = None if monitor_of is None else OwnerWatch(offsets, now_ms)

    def new_owner(partition: int) -> PartitionOwner:
        monitor = SILENT_OWNER if monitor_of is None else monitor_of(partition)
        clock = HeldClock(settings.ledger.clock_skew_ms)
        log = KafkaLedgerLog(
            connection=connection,
            topic=settings.topic(LEDGER),
            partition=partition,
            lease_seconds=worker.lease_seconds,
            alive_interval_seconds=worker.alive_interval_seconds,
            request_timeout_seconds=kafka.request_timeout_seconds,
            end_process=end,
            clock_skew_ms=settings.ledger.clock_skew_ms,
            on_stamp=clock.note,
            monitor=monitor,
        )
        return OwnPartition(
            partition,
            kafka.partitions,
            rules,
            log=log,
            dead_letters=dead_letters,
            offsets=offsets,
            wall_clock_ms=clock.now_ms,
            fail=fail,
            topics=input_topics(settings),
            inbox_batches_max=worker.inbox_batches_max,
            clock_skew_ms=settings.ledger.clock_skew_ms,
            alive_interval_seconds=worker.alive_interval_seconds,
            reclaim_interval_seconds=worker.reclaim_interval_seconds,
            monitor=monitor,
            watch=watch,
            products=products,
        )

    return LedgerParts(new_owner, dead_letters, offsets, () if watch is None else (watch.run,))


@dataclass(frozen=True, slots=True)
class ProjectionParts:
    """What a projection worker is made of, but for its Faust app."""

    flow: ProjectionFlow
    publisher: PublishFlow
    view: RedisProjection
    readers: tuple[KafkaLedgerReader, ...]

    async def close(self) -> None:
        """Let go of the connections."""
        await asyncio.gather(self.view.close(), *(reader.close() for reader in self.readers))


async def view_owner(settings: Settings) -> ViewOwner:
    """Say whose view this environment's projection writes.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    return ViewOwner(await cluster_id_of(KafkaConnection.of(settings.kafka)), settings.topic(LEDGER))


def projection_parts(
    settings: Settings,
    owner: ViewOwner,
    *,
    is_rebuild_asked: bool,
    monitor: ProjectionMonitor = SILENT_PROJECTION,
) -> ProjectionParts:
    """Build what keeps the Redis view and publishes events; nothing is connected yet."""
    view = RedisProjection.connect(settings.redis, owner, monitor)
    connection = KafkaConnection.of(settings.kafka)
    # One each: the view must not wait until the publisher has read a whole partition.
    for_view, for_events = (
        KafkaLedgerReader(
            connection=connection,
            topic=settings.topic(LEDGER),
            request_timeout_seconds=settings.kafka.request_timeout_seconds,
        )
        for _ in range(2)
    )
    flow = ProjectionFlow(
        view,
        for_view,
        LiveRows,
        settings.projection,
        now_ms,
        is_rebuild_asked=is_rebuild_asked,
        monitor=monitor,
    )

    def new_event_log(partition: int) -> EventLog:
        return KafkaEventLog(
            connection=connection,
            topics={topic: settings.topic(topic.value) for topic in EventTopic},
            ledger_topic=settings.topic(LEDGER),
            group=settings.topic(EVENTS_GROUP),
            partition=partition,
            request_timeout_seconds=settings.kafka.request_timeout_seconds,
        )

    publisher = PublishFlow(
        settings.topic(LEDGER),
        new_event_log,
        for_events,
        LiveRows,
        interval_ms=settings.projection.events_interval_ms,
        monitor=monitor,
    )
    return ProjectionParts(flow, publisher, view, (for_view, for_events))
