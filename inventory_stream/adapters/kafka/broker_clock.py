"""How far the broker's clock is from ours."""

import asyncio
import time
import uuid

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import Settings

PROBE_SECONDS_MAX = 20.0
"""A topic made, one record, the topic deleted: 0.2 s here, seconds on a busy controller."""


async def broker_ahead_ms(settings: Settings) -> float:
    """Measure how far the broker's clock is ahead of ours, in ms; negative: behind.

    Kafka has no way to ask for the time. One record is written to a topic made for this question
    alone, whose record time the broker sets, and the topic is deleted again. Exact to half a
    round trip.

    Raises:
        UnreachableError: no answer in time, or the broker does not let us make a topic.
    """
    connection = KafkaConnection.of(settings.kafka)
    topic = settings.topic(f"doctor-{uuid.uuid4().hex[:12]}")
    admin = AIOKafkaAdminClient(**connection.client_options)
    producer = AIOKafkaProducer(**connection.client_options, acks="all")
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            await admin.start()
            await producer.start()
            configs = {"message.timestamp.type": "LogAppendTime"}
            await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
            try:
                await producer.send_and_wait(topic, b"warm up: connections and metadata", partition=0)
                before_ms = time.time() * 1_000
                written = await producer.send_and_wait(topic, b"what time is it?", partition=0)
                after_ms = time.time() * 1_000
            finally:
                await admin.delete_topics([topic])
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(
            f"Kafka at {connection}: its clock cannot be asked: {error!r}{advice(error)}"
        ) from error
    finally:
        await producer.stop()
        await admin.close()
    return float(written.timestamp - (before_ms + after_ms) / 2)
