"""The event log on a real broker."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.event_log import KafkaEventLog
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.ports.events import EventTopic, OutgoingEvent, PublishedTo
from inventory_stream.settings import KafkaSettings, Settings
from tests.contract.event_log_suite import Bench, EventLogSuite
from tests.integration.event_topics import events_in


class KafkaBench(Bench):
    """A bench on a broker, with topics of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.servers = settings.kafka.bootstrap_servers
        self.logs: list[KafkaEventLog] = []

    def log(self, partition: int = 1) -> KafkaEventLog:
        """See the suite."""
        log = KafkaEventLog(
            connection=KafkaConnection.of(self.settings.kafka),
            topics={topic: self.settings.topic(topic.value) for topic in EventTopic},
            ledger_topic=self.settings.topic("ledger"),
            group=self.settings.topic("events"),
            partition=partition,
        )
        self.logs.append(log)
        return log

    async def seen(self, topic: EventTopic, partition: int = 1) -> list[tuple[str, bytes | None]]:
        """See the suite."""
        records = await events_in(self.servers, self.settings.topic(topic.value), partition)
        for record in records:
            assert record.headers == (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
        return [(record.key.decode(), record.value) for record in records]


class TestKafkaEventLog(EventLogSuite):
    """The suite on Kafka, and what only a real broker has."""

    @pytest.fixture
    async def bench(self, kafka_server: KafkaServer, topic_prefix: str) -> AsyncIterator[KafkaBench]:
        """Give empty topics of two partitions."""
        kafka = KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=2
        )
        settings = Settings(kafka=kafka)
        await create_topics(settings)
        bench = KafkaBench(settings)
        yield bench
        await asyncio.gather(*(log.close() for log in bench.logs))

    async def test_what_a_dead_holder_left_open_is_never_seen(self, bench: KafkaBench) -> None:
        """Events sent without their commit are taken back by the next claim, at once."""
        dead = bench.log()
        await dead.claim()
        producer = dead._producer
        assert producer is not None
        await producer.begin_transaction()
        topic = bench.settings.topic(EventTopic.EXCEPTIONS.value)
        await producer.send_and_wait(topic, b"half", key=b"S", partition=1)
        await dead.close()
        following = bench.log()
        assert await following.claim() is None
        await following.publish([OutgoingEvent(EventTopic.EXCEPTIONS, "S", b"whole")], PublishedTo(3, 1, 2))
        assert await bench.seen(EventTopic.EXCEPTIONS) == [("S", b"whole")]

    async def test_offset_set_by_hand_publishes_everything_again(self, bench: KafkaBench) -> None:
        """An operator sets the group's offsets back with Kafka's own tool; nobody needs to be asked."""
        log = bench.log()
        await log.claim()
        await log.publish([], PublishedTo(9, 1, 2))
        await log.close()
        place = TopicPartition(bench.settings.topic("ledger"), 1)
        operator = AIOKafkaConsumer(
            bootstrap_servers=bench.servers, group_id=bench.settings.topic("events"), enable_auto_commit=False
        )
        await operator.start()
        operator.assign([place])
        await operator.commit({place: OffsetAndMetadata(4, "")})
        await operator.stop()
        assert await bench.log().claim() is None
