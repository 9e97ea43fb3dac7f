"""Where a channel worker goes on reading `channel-inbound`, and what it reads from there again."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ending import stop_within
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.inputs import InputRecord

log = structlog.get_logger(__name__)

ASK_SECONDS_MAX: Final = 10.0
"""Longest wait for the group's coordinator and both ends of a partition: 20 ms here."""

CLOSE_SECONDS_MAX: Final = 2.0
"""Longest goodbye of a connection that holds nothing."""


class KafkaInboundLog:
    """Implements `flows.channels.owner.InboundLog`.

    What the group of channel workers has committed is the truth here, unlike for the ledger (P9).

    Deliveries are taken at least once and their commands have ids (R27), so a commit that is late costs
    repeats and nothing else.
    """

    def __init__(self, connection: KafkaConnection, topic: str, group: str) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group

    async def start_of(self, partitions: frozenset[int]) -> dict[int, int]:
        """Give the offset to read each partition from: the committed one, the beginning where there is none.

        What retention has passed is passed: the oldest delivery that is left comes next.

        Raises:
            UnreachableError: Kafka does not answer.
        """
        places = [TopicPartition(self._topic, partition) for partition in sorted(partitions)]
        consumer = AIOKafkaConsumer(
            **self._connection.client_options,
            group_id=self._group,
            enable_auto_commit=False,
        )
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                await consumer.start()
                begins = await consumer.beginning_offsets(places)
                ends = await consumer.end_offsets(places)
                committed = {place: await consumer.committed(place) for place in places}
        except (KafkaError, TimeoutError, OSError) as error:
            raise UnreachableError(
                f"Kafka at {self._connection} did not say how far {self._topic} was read "
                f"({type(error).__name__}){advice(error)}"
            ) from error
        finally:
            await stop_within(consumer, CLOSE_SECONDS_MAX)
        return {
            place.partition: begins[place]
            if committed[place] is None
            else min(max(committed[place], begins[place]), ends[place])
            for place in places
        }

    async def again(self, partition: int, first: int, end: int) -> AsyncGenerator[Sequence[InputRecord]]:
        """Yield records that were handed over before; see the protocol."""
        reader = RecordReader(connection=self._connection, topic=self._topic, partition=partition)
        async with reader:
            begin = max(first, (await reader.range()).beginning)
            if begin > first:
                log.error("channel_deliveries_lost", partition=partition, first=first, end=min(begin, end))
            if begin < end:
                async for records in reader.records(begin, end - 1):
                    yield [InputRecord(one.offset, one.timestamp, one.key, one.value) for one in records]
