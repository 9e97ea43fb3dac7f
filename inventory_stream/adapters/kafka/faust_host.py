"""Hosts a set of partitions inside a Faust app: who has what, what is handed over, what ends it all.

One host per process. The ledger and the projection use the same one with different topics and a
different `HostedPartitions` behind it.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import structlog
from mode import CrashingSupervisor

from inventory_stream.adapters.kafka.batch_transport import BatchTransport, ConsumerOptions
from inventory_stream.adapters.kafka.delivery_chain import Batch, Place
from inventory_stream.adapters.kafka.faust_internals import (
    HostedApp,
    HostTable,
    HostTables,
    PassThroughSchema,
    check_faust_versions,
)
from inventory_stream.errors import HostError
from inventory_stream.ports.hosted import HostedPartitions

log = structlog.get_logger(__name__)

# How long a rebalance waits for batches already handed over to become durable. A full inbox (16
# batches of two inputs) takes about 200 ms to decide. Longer would hold up the whole group for one
# slow member; shorter risks that an append under way meets the next owner's claim, which costs
# this process (P7) but no data.
QUIESCE_SECONDS_MAX: Final = 2.0

# Fetched batches waiting per input between the fetch and the flow, which has its own bounded
# inbox behind it. Enough that the fetch of the next never waits for the agent's turn.
STREAM_BATCHES_MAX: Final = 4

# Between commits of the consumer group's offsets. They are a hint for outside lag monitors, never
# the truth (P9); at 1 s they cost one request a second.
COMMIT_INTERVAL_SECONDS: Final = 1.0

# Garbage collections of the youngest generation once per so many new containers (Python's default: 700),
# of the next after 20 of those, of all after a thousand of these. What a decision makes has no cycles and
# is untracked by the first pass, so passes find only what asyncio leaves; they cost the same in sum at any
# threshold, and 5,000 bounds each: 1.7 ms of CPU at most, where 50,000 held everything up for 15 ms once a
# second at 20,000 commands/s (400,000 live reservations, 5,000 SKUs). What `gc.freeze` took is never walked.
GC_THRESHOLDS: Final = (5_000, 20, 1_000)

Acknowledge = Callable[[], Awaitable[Any]]
AgentFunction = Callable[[Any], Awaitable[None]]


class Session:
    """One partition from its assignment to its revocation."""

    __slots__ = ("is_open", "outstanding")

    def __init__(self) -> None:
        self.outstanding = 0
        self.is_open = True


class FaustHost:
    """Ties one `HostedPartitions` to one Faust app.

    Args:
        hosted: What opens, takes records of, and closes partitions; of the records that
            `options.is_raw` says.
        topics: Full names of the topics read; all with the same number of partitions.
        options: How the Kafka consumer fetches.
        fail: Ends the process; in production it never returns.
        suspend: Awaited before a rebalance goes on, bounded by itself: whoever acts outside Kafka must have
            stopped before another member has the partitions. None: nobody does.
        heard_group: Told when the group's coordinator was asked, by `lease.boottime_seconds`, each time it
            answered that this member is one.
        first_untaken: Gives, of a partition, the oldest record that the group must not pass over although it
            is done: a next owner has to begin with it. None, and where it gives None: nothing holds it back.
    """

    def __init__(  # the composition root's list
        self,
        hosted: HostedPartitions[Any],
        topics: Sequence[str],
        options: ConsumerOptions,
        fail: Callable[[BaseException], None],
        *,
        suspend: Callable[[], Awaitable[None]] | None = None,
        heard_group: Callable[[float], None] | None = None,
        first_untaken: Callable[[int], int | None] | None = None,
    ) -> None:
        check_faust_versions()
        self.hosted: Final = hosted
        self.topics: Final = tuple(topics)
        self.fail: Final = fail
        self._sessions: dict[int, Session] = {}
        self._assigned: frozenset[int] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = asyncio.Event()
        self._suspend = suspend
        self.app: Final = self._new_app(options)
        if heard_group is not None:
            self.app.heard_group = heard_group
        if first_untaken is not None:
            self.app.first_untaken = first_untaken

    def _new_app(self, options: ConsumerOptions) -> HostedApp:
        broker = ";".join(f"kafka://{server}" for server in options.connection.bootstrap_servers.split(","))
        app = HostedApp(
            options.group,
            broker=broker,
            Table=HostTable,
            TableManager=HostTables,
            store="memory://",
            table_standby_replicas=0,
            # Any more, and it would serve table data on port 6066 without a password.
            web_enabled=False,
            web_tables_enabled=False,
            # Topics are made by `topics create`, with settings that Faust does not know (P12).
            topic_allow_declare=False,
            topic_disable_leader=True,
            broker_session_timeout=options.session_timeout_ms / 1000,
            broker_heartbeat_interval=options.heartbeat_interval_ms / 1000,
            broker_request_timeout=max(options.request_timeout_ms, options.session_timeout_ms) / 1000,
            broker_commit_interval=COMMIT_INTERVAL_SECONDS,
            broker_max_poll_records=options.batch_records_max,
            # Faust's default of 1,200 s hides a stuck send for 20 minutes.
            producer_request_timeout=options.request_timeout_ms / 1000,
            stream_buffer_maxsize=STREAM_BATCHES_MAX,
            stream_wait_empty=False,  # `quiesce` waits, for durable decisions and with a bound
            stream_recovery_delay=0.0,
            cython_optimizations=True,
        )
        app.fail = self.fail
        app.rebalanced = self.rebalanced
        app.consumer_options = options
        app.next_offset = self.next_offset
        app.quiesce = self.quiesce
        app.transport = BatchTransport(app.conf.broker_consumer, app)
        app.producer_transport = app.transport
        return app

    def table(self, name: str) -> HostTable:
        """Declare the Faust table that follows the assignment."""
        table: HostTable = self.app.Table(name, key_type=bytes, value_type=bytes)
        return table

    def agent(self, name: str, topic: str, function: AgentFunction) -> None:
        """Declare an agent over one of the topics; one instance, in order, no restart in place."""
        channel = self.app.topic(topic, schema=PassThroughSchema())
        self.app.agent(channel, name=name, concurrency=1, supervisor_strategy=CrashingSupervisor)(function)

    async def why_not_ready(self) -> list[str]:
        """Name what is missing: the group, or partitions of ours that are not open yet."""
        if self._assigned is None:
            return ["not in the consumer group yet"]
        opening = sorted(self._assigned - self._sessions.keys())
        return [f"partitions {opening} are being opened"] if opening else []

    def next_offset(self, place: Place) -> int | None:
        """Say where reading a place goes on; None when its partition is not open."""
        session = self._sessions.get(place.partition)
        if session is None or place.topic not in self.topics:
            return None
        return self.hosted.next_offset(place.topic, place.partition)

    async def rebalanced(self, assigned: Collection[Any]) -> None:
        """Follow an assignment: close what is gone, probe what stayed, open what is new."""
        if self._closing.is_set():
            return
        try:
            partitions = self._assigned = self._common_partitions(assigned)
            owned = frozenset(self._sessions)
            added, retained, gone = partitions - owned, partitions & owned, owned - partitions
            log.info("rebalanced", added=sorted(added), retained=sorted(retained), revoked=sorted(gone))
            await self._close(gone)
            if self._closing.is_set():  # the rest was closed meanwhile
                return
            if partitions:
                gc.disable()  # nothing that a read of the state makes is garbage
                await self.hosted.assigned(added, retained)
                if self._closing.is_set():  # asked to stop while a state was being read
                    await self.hosted.revoked(added)
                    return
                self._sessions.update((partition, Session()) for partition in added)
                gc.freeze()
                gc.set_threshold(*GC_THRESHOLDS)
                gc.enable()
                log.info("ready", partitions=sorted(partitions))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._closing.is_set() or task is None or task.cancelling():
                raise
            log.info("rebalance ended by the stop")  # whose closing cancelled the probe of what stayed
        except Exception as error:  # noqa: BLE001  # Faust and aiokafka would log it and go on
            self.fail(error)

    def _common_partitions(self, assigned: Collection[Any]) -> frozenset[int]:
        by_topic = {
            topic: frozenset(place.partition for place in assigned if place.topic == topic)
            for topic in self.topics
        }
        first = by_topic[self.topics[0]]
        if any(partitions != first for partitions in by_topic.values()):
            shown = ", ".join(f"{topic}: {sorted(partitions)}" for topic, partitions in by_topic.items())
            raise HostError(
                f"the group gave this worker different partitions of its topics ({shown}); all workers of a "
                "group must read all of its topics, and these must have the same number of partitions (P10)"
            )
        return first

    async def deliver(self, batch: Batch, acknowledge: Acknowledge) -> None:
        """Hand one batch over; called by the agents, in order.

        Returns late when the flow's inbox is full. Never raises: what goes wrong ends the process,
        for Faust would acknowledge the event and go on behind it.
        """
        try:
            if self._closing.is_set():
                return  # on its way when we were asked to stop; the next owner reads it
            chain = self.app.consumer.chain
            if not chain.deliver(batch):
                return  # fetched before a seek, which has it fetched again
            session = self._session_of(batch.place)
            session.outstanding += 1
            self._idle.clear()

            async def done() -> None:
                batch.durable = True
                if session.is_open:
                    session.outstanding -= 1
                    self._note_idle()
                await acknowledge()

            place = batch.place
            await self.hosted.put(place.topic, place.partition, batch.records, done)
        except Exception as error:  # noqa: BLE001  # see above
            self.fail(error)

    def _session_of(self, place: Place) -> Session:
        session = self._sessions.get(place.partition)
        if session is None:
            raise HostError(f"{place}: records of a partition that this worker does not own")
        return session

    def _note_idle(self) -> None:
        if all(session.outstanding == 0 for session in self._sessions.values()):
            self._idle.set()

    async def quiesce(self) -> None:
        """Wait until all that was handed over is durable, for `QUIESCE_SECONDS_MAX` at most."""
        if self._suspend is not None:
            await self._suspend()
        try:
            await asyncio.wait_for(self._idle.wait(), QUIESCE_SECONDS_MAX)
        except TimeoutError:
            waiting = {number: session.outstanding for number, session in self._sessions.items()}
            log.warning("batches still undecided; going on without them", outstanding=waiting)

    async def _close(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self._sessions.pop(partition).is_open = False
        self._note_idle()
        if partitions:
            await self.hosted.revoked(partitions)

    async def close(self) -> None:
        """Stop handing over, let appends finish, close every partition."""
        self._closing.set()
        self.app.consumer.end_flow()
        self.app.flow_control.suspend()
        await self.quiesce()
        await self._close(frozenset(self._sessions))
