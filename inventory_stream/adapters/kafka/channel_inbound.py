"""Where a channel worker goes on reading `channel-inbound`."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ending import stop_within
from inventory_stream.errors import UnreachableError

ASK_SECONDS_MAX: Final = 10.0
"""Longest wait for the group's coordinator and both ends of a partition: 20 ms here."""

CLOSE_SECONDS_MAX: Final = 2.0
"""Longest goodbye of a connection that holds nothing."""


class InboundOffsets:
    """What the group of channel workers has committed: the truth here, unlike for the ledger (P9).

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
