"""The input topics as a sink for commands: idempotent, acks=all, bounded, in order per key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.kafka.command_lane import (
    ACK_SECONDS_MAX,
    LANE_BATCH_BYTES_MAX,
    PACK_COMMANDS_MAX,
    CommandLane,
)
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ending import stop_within
from inventory_stream.errors import TopicsError, UnreachableError
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.settings import Settings
from models.commands import ORDER_COMMANDS, POSITIONAL, STOCK_COMMANDS, Command, type_name
from models.ids import partition_of

# Keys whose partition is remembered: murmur2 in Python costs 3 us, a look-up 0.05. The dict is
# emptied when full, which 200,000 SKUs (about 40 MB) reach seldom.
_REMEMBERED_KEYS_MAX: Final = 200_000

# Longest wait for a goodbye. Everything that matters was flushed before; without the bound a
# broker that is gone would hold the process for ever.
_CLOSE_SECONDS_MAX: Final = 5.0


class KafkaCommandSink:
    """A `CommandSink` over Kafka. Made by `open_command_sink`."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: Settings,
        *,
        partitions: int,
        cluster_id: str,
        pack_commands: int | None,
        ack_seconds_max: float = ACK_SECONDS_MAX,
        linger_seconds: float = 0.0,
    ) -> None:
        """Wrap a started producer. Several tasks may use one sink."""
        self.partitions = partitions
        """How many partitions each input topic has."""
        self._products = load_catalog(settings.catalog.file)
        self.cluster_id = cluster_id
        """Kafka's own name of the cluster: a new broker at an old address has another one."""
        lanes = {
            topic: [
                CommandLane(
                    producer,
                    settings.topic(topic),
                    partition,
                    pack_commands,
                    ack_seconds_max,
                    linger_seconds,
                )
                for partition in range(partitions)
            ]
            for topic in (STOCK_EVENTS, ORDER_EVENTS)
        }
        self._lanes: dict[type[Command], list[CommandLane]] = {
            **dict.fromkeys(STOCK_COMMANDS, lanes[STOCK_EVENTS]),
            **dict.fromkeys(ORDER_COMMANDS, lanes[ORDER_EVENTS]),
        }
        # Whoever sends positional twins in packs sends nothing else: one record has one wire form.
        self._lanes |= {POSITIONAL[command]: way for command, way in self._lanes.items()}
        self._all_lanes = [lane for topic_lanes in lanes.values() for lane in topic_lanes]
        self._packed = pack_commands is not None
        self._encode = msgspec.json.Encoder().encode
        self._places: dict[str, tuple[int, bytes | None]] = {}

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; see `CommandSink.send`."""
        lanes = self._lanes_of(command)
        value = self._encode(command)
        if partition_key is None:
            for lane in lanes:
                await lane.put(None, value)
            return
        place = self._places.get(partition_key) or self._place(partition_key)
        await lanes[place[0]].put(place[1], value)

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take one command of one partition if its lane has room; raises as `send`."""
        lanes = self._lanes_of(command)
        place = self._places.get(partition_key) or self._place(partition_key)
        return lanes[place[0]].offer(place[1], self._encode(command))

    async def flush(self) -> None:
        """Return when everything taken so far is acknowledged; see `CommandSink.flush`."""
        for lane in self._all_lanes:
            await lane.drained()

    def abandon(self) -> None:
        """Stop sending at once, without waiting for acknowledgements."""
        for lane in self._all_lanes:
            lane.abandon()

    def _lanes_of(self, command: Command) -> list[CommandLane]:
        lanes = self._lanes.get(type(command))
        if lanes is None:
            raise TypeError(f"no topic carries {type_name(type(command))!r}")
        return lanes

    def _place(self, key: str) -> tuple[int, bytes | None]:
        if len(self._places) >= _REMEMBERED_KEYS_MAX:
            self._places.clear()
        product = self._products.get(key, key)
        place = partition_of(product, self.partitions), None if self._packed else product.encode()
        self._places[key] = place
        return place


@asynccontextmanager
async def open_command_sink(
    settings: Settings,
    *,
    pack_commands: int | None = None,
    ack_seconds_max: float = ACK_SECONDS_MAX,
    linger_seconds: float = 0.0,
) -> AsyncIterator[KafkaCommandSink]:
    """Connect a sink, and let go of it at the end. Call `flush` before leaving: leaving does not.

    Args:
        settings: Where Kafka is, and the topic prefix.
        pack_commands: None for one record per command, else the most commands of a packed record.
        ack_seconds_max: How long a batch may stay unacknowledged before its lane has failed.
        linger_seconds: Least time between two batches of a lane.

    Raises:
        SettingsError: the catalog file is wrong.
        UnreachableError: Kafka does not answer.
        TopicsError: an input topic is missing, or the two differ in their partition count.
        ValueError: `pack_commands` is not between 1 and 1,000.
    """
    if pack_commands is not None and not 1 <= pack_commands <= PACK_COMMANDS_MAX:
        raise ValueError(f"pack_commands={pack_commands}: 1 to {PACK_COMMANDS_MAX} commands make a pack")
    connection = KafkaConnection.of(settings.kafka)
    seconds = settings.kafka.request_timeout_seconds
    producer = AIOKafkaProducer(
        **connection.client_options,
        enable_idempotence=True,
        max_batch_size=LANE_BATCH_BYTES_MAX,
        request_timeout_ms=int(seconds * 1_000),
    )
    try:
        try:
            async with asyncio.timeout(seconds):
                await producer.start()
                cluster_id, partitions = await _inspect(producer, settings)
        except (KafkaError, TimeoutError, OSError) as error:
            raise UnreachableError(
                f"Kafka at {connection} does not answer ({type(error).__name__}); start it, or set "
                f"INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS"
            ) from error
        sink = KafkaCommandSink(
            producer,
            settings,
            partitions=partitions,
            cluster_id=cluster_id,
            pack_commands=pack_commands,
            ack_seconds_max=ack_seconds_max,
            linger_seconds=linger_seconds,
        )
        try:
            yield sink
        finally:
            sink.abandon()
    finally:
        await stop_within(producer, _CLOSE_SECONDS_MAX)


async def _inspect(producer: AIOKafkaProducer, settings: Settings) -> tuple[str, int]:
    """Give the cluster's id and the partition count of both inputs, creating no topic."""
    topics = [settings.topic(STOCK_EVENTS), settings.topic(ORDER_EVENTS)]
    # Our own request, because aiokafka's look-ups let the broker create a missing topic with its
    # default partition count, which is fixed for life (P10), and because it drops the cluster id.
    answer = await producer.client.send(
        producer.client.get_random_node(), MetadataRequest(topics, allow_auto_topic_creation=False)
    )
    counts = {topic: len(partitions) for error, topic, _internal, partitions in answer.topics if error == 0}
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise TopicsError(
            f"no topic {' and '.join(missing)} at {settings.kafka.bootstrap_servers}; "
            f"create them with `inventory-stream topics create`"
        )
    stock, orders = (counts[topic] for topic in topics)
    if stock != orders:
        raise TopicsError(
            f"{topics[0]} has {stock} partitions and {topics[1]} has {orders}; they must be equal (P10)"
        )
    return str(answer.cluster_id), stock
