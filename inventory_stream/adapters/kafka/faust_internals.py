"""Everything of Faust and mode that is not their documented API, in this one place.

Faust fetches in a second thread, counts every offset in interval trees, recovers tables from
changelogs that it wrote itself, and answers a crash with a shutdown that can hang. The classes
here bend each of these and give what they touch public names; what is done with them is in
batch_transport.py and faust_host.py. `TOUCHED` lists every name with its parameters;
tests/unit/test_faust_internals.py fails when a release changes one.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.agents import Agent
from faust.app.base import App, BootStrategy
from faust.tables.base import Collection as FaustCollection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport import consumer as base_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.threads import QueueServiceThread, ServiceThread
from mode.utils.futures import maybe_async

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.lease import boottime_seconds
from inventory_stream.adapters.kafka.raw_records import fetched_records
from inventory_stream.errors import HostError, InventoryStreamError

TESTED_VERSIONS: Final = {"faust-streaming": "0.15.", "mode-streaming": "0.7.", "aiokafka": "0.14."}
"""Releases whose source was read for this module, by the start of their version."""

TOUCHED: Final[tuple[tuple[object, str, str], ...]] = (
    # Overridden or called: owner, name, parameters.
    (base_consumer.Consumer, "_drain_messages", "self fetcher"),
    (base_consumer.Consumer, "_new_offset", "self tp"),
    (base_consumer.Consumer, "_filter_tps_with_pending_acks", "self topics"),
    (base_consumer.Consumer, "ack", "self message"),
    (base_consumer.Consumer, "perform_seek", "self"),
    (base_consumer.Consumer, "stop_flow", "self"),
    (base_consumer.Consumer, "on_partitions_revoked", "self revoked"),
    (base_consumer.Consumer, "on_partitions_assigned", "self assigned generation_id"),
    (base_consumer.Consumer, "on_buffer_full", "self tp"),
    (base_consumer.Consumer, "on_buffer_drop", "self tp"),
    (base_consumer.ThreadDelegateConsumer, "_new_consumer_thread", "self"),
    (base_consumer.ThreadDelegateConsumer, "seek_wait", "self partitions"),
    (driver.Consumer, "verify_event_path", "self now tp"),
    (driver.AIOKafkaConsumerThread, "_create_consumer", "self loop"),
    (driver.AIOKafkaConsumerThread, "_ensure_consumer", "self"),
    (driver.AIOKafkaConsumerThread, "_commit", "self offsets"),
    (driver.AIOKafkaConsumerThread, "_seek_wait", "self consumer partitions"),
    (driver.AIOKafkaConsumerThread, "on_partitions_revoked", "self revoked"),
    (driver.AIOKafkaConsumerThread, "on_partitions_assigned", "self assigned generation_id"),
    (driver.AIOKafkaConsumerThread, "on_thread_stop", "self"),
    (ServiceThread, "start", "self"),
    (ServiceThread, "_stopped_set", "self"),
    (ServiceThread, "set_shutdown", "self"),
    (ServiceThread, "_stop_children", "self"),
    (ServiceThread, "_stop_futures", "self"),
    (ServiceThread, "_stop_exit_stacks", "self"),
    (QueueServiceThread, "call_thread", "self fun args kwargs"),
    (Service, "_default_start", "self"),
    (Service, "_default_stop_children", "self"),
    (Service, "_default_stop_futures", "self"),
    (Service, "_default_stop_exit_stacks", "self"),
    (Service, "_crash", "self reason"),
    (Service, "crash", "self reason"),
    (App, "on_first_start", "self"),
    (App, "on_rebalance_start", "self"),
    (Agent, "_execute_actor", "self coro aref"),
    (TableManager, "add", "self table"),
    (TableManager, "on_start", "self"),
    (TableManager, "_update_channels", "self"),
    (TableManager, "on_rebalance", "self assigned revoked newly_assigned generation_id"),
    (Recovery, "_resume_streams", "self generation_id"),
    (Recovery, "on_rebalance", "self assigned revoked newly_assigned generation_id"),
    (FaustCollection, "_new_store", "self"),
    (FaustCollection, "on_start", "self"),
    (FaustCollection, "on_rebalance", "self assigned revoked newly_assigned generation_id"),
    (GroupCoordinator, "_start_heartbeat_task", "self"),
    (GroupCoordinator, "check_errors", "self"),
    (GroupCoordinator, "_do_heartbeat", "self"),
    (driver.AIOKafkaConsumerThread, "on_start", "self"),
)

TOUCHED_ATTRIBUTES: Final[tuple[tuple[type, str], ...]] = (
    (base_consumer.Consumer, "_committed_offset"),
    (base_consumer.Consumer, "_unacked_messages"),
    (base_consumer.Consumer, "flow_active"),
    (base_consumer.Consumer, "can_resume_flow"),
    (TableManager, "_changelogs"),
    (TableManager, "_tables_finalized"),
)
"""Instance attributes that Faust declares on the class: owner, name."""


GROUP_LOOK_SECONDS: Final = 1.0
"""Between two looks at what the group coordinator complains of; a look costs a microsecond."""


class UntestedFaustError(InventoryStreamError):
    """The installed Faust is outside the range whose internals were read. Install one inside it."""


def check_faust_versions() -> None:
    """Refuse to touch internals that nobody has read.

    Raises:
        UntestedFaustError: a release is outside `TESTED_VERSIONS`.
    """
    for package, start in TESTED_VERSIONS.items():
        installed = version(package)
        if not installed.startswith(start):
            raise UntestedFaustError(
                f"{package} {installed} is installed; the workers were written against the internals of "
                f"{start}x: install one of those"
            )


class SameLoopDriver(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    """Faust's Kafka consumer on the app's own event loop instead of in a second thread.

    Two busy threads hand the interpreter lock to each other only every 5 ms
    (sys.getswitchinterval); records waited that long. On one loop nothing is handed over, and what
    was fetched cannot be overtaken by a seek between two threads.
    """

    wait_for_shutdown = False  # only a thread has to be waited for

    async def start(self) -> None:
        """Start as an ordinary service."""
        await Service.start(self)

    async def maybe_start(self) -> bool:
        """Start unless started."""
        return bool(await Service.maybe_start(self))

    async def stop(self) -> None:
        """Stop as an ordinary service."""
        await Service.stop(self)

    async def on_start(self) -> None:
        """Create the Kafka consumer, and look after its place in the group."""
        await super().on_start()
        self._note_heartbeats()
        self.add_future(self._watch_group())

    def _note_heartbeats(self) -> None:
        """Tell the app of each heartbeat that the group's coordinator has answered with yes.

        aiokafka tells nobody when it last heard of the group; it only gives up long after the group did.
        """
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001
        beat = coordinator._do_heartbeat  # noqa: SLF001
        app = self.consumer.app

        async def noted_beat() -> bool:
            sent_at = boottime_seconds()
            is_member = bool(await beat())
            if is_member:
                app.heard_group(sent_at)
            return is_member

        coordinator._do_heartbeat = noted_beat  # noqa: SLF001

    async def _watch_group(self) -> None:
        """End the process when the group cannot be joined or kept.

        aiokafka tells it to who polls next, and Faust polls only once it has an assignment: a worker
        whose user may not join the group waited for ever without a word.
        """
        while not self.should_stop:
            await self.sleep(GROUP_LOOK_SECONDS)
            try:
                self._ensure_consumer()._coordinator.check_errors()  # noqa: SLF001
            except KafkaError as error:
                if not self.should_stop:
                    group = self.consumer.app.conf.id
                    self.consumer.app.fail(HostError(f"Kafka's group {group}: {error!r}{advice(error)}"))

    async def on_stop(self) -> None:
        """Close the Kafka consumer, which leaves the group."""
        await self.on_thread_stop()

    def _stopped_set(self) -> None:
        self._stopped.set()

    def set_shutdown(self) -> None:
        """Note that everything has stopped."""
        self._shutdown.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()

    async def crash(self, reason: BaseException) -> None:
        """Crash as an ordinary service, which ends the process (`HostedApp._crash`)."""
        await Service.crash(self, reason)

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # Faust's signature
        """Call in place: there is no other thread."""
        return await maybe_async(fun(*args, **kwargs))

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """Tell the consumer in place."""
        await self.consumer.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[Any], generation_id: int = 0) -> None:
        """Tell the consumer in place, and stay in the group while it makes the partitions ready."""
        # aiokafka stops its heartbeat before it rejoins and starts it again only when this returns.
        # Reading the state of our partitions may take longer than the session: the broker then gave
        # them to another worker, who took as long, and none ever decided (seen with 800,000 rows
        # and a session of 6 s on a busy machine).
        self._ensure_consumer()._coordinator._start_heartbeat_task()  # noqa: SLF001
        await self.consumer.on_partitions_assigned(assigned, generation_id)

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> AIOKafkaConsumer:  # noqa: ARG002  # Faust's signature
        # Faust hard-codes fetch_max_wait_ms=1500 and picks the assignor itself.
        return self.consumer.new_kafka_consumer()

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        # Faust crashes the worker on any failed commit. Ours are a hint only (P9): the next one
        # repeats it, and a broker that is away for a moment must not cost the state in memory.
        consumer = self._ensure_consumer()
        try:
            await consumer.commit(
                {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in offsets.items()}
            )
        except KafkaError as error:
            self.log.info("Offsets were not committed, which costs nothing: %r", error)
            return False
        return True

    async def fetched_records(self, *, timeout_seconds: float, records_max: int) -> Mapping[Any, list[Any]]:
        """Take what aiokafka has fetched, of all assigned partitions, waiting if there is nothing.

        Everything up to the return happens in the turn of the event loop in which the records leave
        aiokafka's buffers: whoever awaits this sees them before any later seek can happen.
        """
        fetcher = self._ensure_consumer()._fetcher  # noqa: SLF001
        with fetcher._subscriptions.fetch_context():  # noqa: SLF001  # "somebody polls": max_poll_interval
            return await fetched_records(fetcher, timeout_seconds=timeout_seconds, records_max=records_max)


class SameLoopConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Faust's consumer with its per-offset bookkeeping replaced by what subclasses say."""

    @abstractmethod
    def new_kafka_consumer(self) -> AIOKafkaConsumer:
        """Build the aiokafka consumer; called once, when the app starts."""

    @abstractmethod
    async def drain_once(self) -> None:
        """Fetch once and hand everything fetched to the streams."""

    @abstractmethod
    def committable(self) -> Mapping[Any, int]:
        """Give the offset to commit of each (topic, partition), the first not done."""

    @abstractmethod
    def note_ack(self, message: Any) -> None:  # noqa: ANN401  # Faust's message, untyped
        """Note that an event was acknowledged."""

    def _new_consumer_thread(self) -> SameLoopDriver:
        return SameLoopDriver(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:  # noqa: ANN401  # Faust's signature
        # Faust's own makes four tasks per event and fills interval trees with gaps.
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self.drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            # In the middle of a rebalance Faust takes a cancelled fetcher for a crashed one.
            if not fetcher.should_stop:
                raise
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody would read the inputs any more
            self.app.fail(error)

    def new_message(self, place: Any, records: Sequence[Any], value: Any) -> Any:  # noqa: ANN401  # Faust's, untyped
        """Make the one message of many records of a (topic, partition): the place of the last, our value."""
        last = records[-1]
        return ConsumerMessage(
            *(place.topic, place.partition, last.offset, last.timestamp / 1_000, last.timestamp_type),
            *((), None, value, None),
            tp=place,
            generation_id=self.app.consumer_generation_id,
        )

    def ack(self, message: Any) -> bool:  # noqa: ANN401  # Faust's signature
        """Take an acknowledgement, once per message."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self.note_ack(message)
        return True

    def _filter_tps_with_pending_acks(self, topics: Collection[Any] | None = None) -> Iterable[Any]:
        places = self.committable()
        return [p for p in places if topics is None or p in topics or p.topic in topics]

    def _new_offset(self, tp: Any) -> int | None:  # noqa: ANN401  # Faust's signature
        return self.committable().get(tp)

    def note_committed(self, offsets: Mapping[Any, int]) -> None:
        """Set what Faust believes to be committed, so that it commits only beyond it."""
        self._committed_offset.update(offsets)

    def verify_event_path(self, now: float, tp: Any) -> None:  # noqa: ANN401  # Faust's signature
        """Do nothing: Faust's check needs a fork of aiokafka and cries wolf on an idle topic."""

    def on_buffer_full(self, tp: Any) -> None:  # noqa: ANN401  # Faust's signature
        """Do nothing: a full queue makes the drain wait, which is the back-pressure that we want."""

    def on_buffer_drop(self, tp: Any) -> None:  # noqa: ANN401  # Faust's signature
        """Do nothing, as above."""


class PassThroughSchema(faust.Schema):  # type: ignore[misc]  # Faust is untyped here
    """Gives an event the message's value as it is, without any decoding."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401  # Faust's signature
        """Make the decoder of a channel."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ANN401, ARG001
            return create_event(None, message.value, message.headers, message)

        return decode


class HostTable(faust.Table):  # type: ignore[misc]  # Faust is untyped here
    """A Faust table whose partitions live in our owners: a rebalance opens and closes them."""

    async def on_start(self) -> None:
        """Start nothing: no store, and no changelog topic to declare."""

    async def on_rebalance(
        self,
        assigned: Collection[Any],
        revoked: Collection[Any],  # noqa: ARG002  # Faust's signature
        newly_assigned: Collection[Any],  # noqa: ARG002  # what is new is the host's own reckoning
        generation_id: int = 0,  # noqa: ARG002  # Faust's signature
    ) -> None:
        """Hand the assignment to the host; returns when every partition of it is ready."""
        await self.app.rebalanced(assigned)

    def _new_store(self) -> Any:  # noqa: ANN401  # Faust's signature
        raise TypeError(f"table {self.name!r} is read and written through its log, never through Faust")


class HostTables(TableManager):  # type: ignore[misc]  # Faust is untyped here
    """Tables without changelogs: nothing for Faust's Recovery to read.

    With Faust's own changelog subscription left on, its Recovery read our rows after a rebalance,
    swallowed the exception and span: 85,000 log lines, no progress.
    """

    def __bool__(self) -> bool:
        # Recovery asks `if not self.tables`, and then goes straight on to resume the streams.
        return False

    def add(self, table: Any) -> Any:  # noqa: ANN401  # Faust's signature
        """Register a table, without subscribing to a changelog of it."""
        self[table.name] = table
        return table

    async def on_start(self) -> None:
        """Start at once: Faust sleeps a second here, for tables that are added late."""
        await self._update_channels()
        await self.recovery.start()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()


class ConsumerOnly(BootStrategy):  # type: ignore[misc]  # Faust is untyped here
    """Starts no producer: nothing is written through Faust, and its own would be one more connection."""

    enable_kafka_producer = False


class HostedApp(faust.App):  # type: ignore[misc]  # Faust is untyped here
    """A Faust app that ends the process where Faust would try to shut down in order."""

    BootStrategy = ConsumerOnly

    fail: Callable[[BaseException], None]
    """Ends the process (P7). Set before the app starts."""

    rebalanced: Callable[[Collection[Any]], Awaitable[None]]
    """Called with every assignment. Set before the app starts."""

    heard_group: Callable[[float], None] = staticmethod(lambda _sent_at: None)
    """Told when a heartbeat was sent that the group's coordinator answered with yes."""

    first_untaken: Callable[[int], int | None] = staticmethod(lambda _partition: None)
    """Gives the oldest record of a partition that must not be passed over; None: nothing holds it back."""

    async def on_first_start(self) -> None:
        """Create no folders: nothing is kept on disk."""

    async def crash(self, reason: BaseException) -> None:
        """End the process."""
        self.fail(reason)

    def _crash(self, reason: BaseException) -> None:
        # Any service that crashes tells all above it by this. Faust then stops the worker in
        # order, which waits for what has just failed; sys.exit hangs in the same way.
        self.fail(reason)
