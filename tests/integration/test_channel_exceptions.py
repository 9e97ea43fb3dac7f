"""Exceptions of channels' accounts: in the topic as the contract says, bounded while nobody takes them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.exception_events import WAITING_MAX, KafkaChannelExceptions
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.ports.events import EventTopic
from inventory_stream.settings import KafkaSettings, Settings
from models.ids import partition_of

PARTITIONS = 3
CONTRACT = Path(__file__).parents[2] / "docs/contracts/exceptions.json"


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Give topics of our own."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers,
            topic_prefix=topic_prefix,
            partitions=PARTITIONS,
        )
    )


async def records_of(settings: Settings, partition: int, count: int) -> list[Any]:
    """Wait for so many records of a partition of `exceptions`."""
    topic = settings.topic(EventTopic.EXCEPTIONS.value)
    found: list[Any] = []
    async with (
        asyncio.timeout(30),
        RecordReader(
            connection=KafkaConnection.of(settings.kafka), topic=topic, partition=partition
        ) as reader,
    ):
        while await reader.end() < count:  # noqa: ASYNC110  # another process has it
            await asyncio.sleep(0.02)
        async for records in reader.records(0, count - 1):
            found += records
    return found


async def test_exception_is_told_as_the_contract_says(settings: Settings) -> None:
    """One that is told again has the same id and source; both lie in the account's partition, in order."""
    await create_topics(settings)
    exceptions = KafkaChannelExceptions(
        KafkaConnection.of(settings.kafka), settings.topic(EventTopic.EXCEPTIONS.value), PARTITIONS
    )
    telling = asyncio.create_task(exceptions.run())
    for at_ms in (1_800_000_000_000, 1_800_000_000_000, 1_800_000_009_000):
        exceptions.tell(
            "channel_mass_drift", "web", "shop/1", at_ms=at_ms, reason="31 of 100 differ", listings=31
        )
    key = "web/shop%2F1"
    records = await records_of(settings, partition_of(key, PARTITIONS), 3)
    telling.cancel()
    await asyncio.wait([telling])
    await exceptions.close()
    events = [json.loads(record.value) for record in records]
    schema = json.loads(CONTRACT.read_text())
    for record, event in zip(records, events, strict=True):
        jsonschema.validate(event, schema)
        assert record.key == key.encode()
        assert dict(record.headers)["content-type"].startswith(b"application/cloudevents+json")
    first, again, later = events
    assert first == again
    assert first["source"] == "/inventory-stream/channels/web/shop%2F1"
    assert first["type"] == "inventory_stream.exception.channel_mass_drift"
    assert (first["data"]["channel"], first["data"]["account"]) == ("web", "shop/1")
    assert (first["data"]["units"], first["data"]["reason"]) == (31, "31 of 100 differ")
    assert later["id"] != first["id"]
    assert later["sequence"] > first["sequence"]


async def test_what_nobody_takes_is_bounded() -> None:
    """Without a broker telling waits for nothing, and memory has a bound; the oldest go."""
    exceptions = KafkaChannelExceptions(
        KafkaConnection.of(KafkaSettings(bootstrap_servers="127.0.0.1:1")), "exceptions", PARTITIONS
    )
    for at_ms in range(WAITING_MAX + 5):
        exceptions.tell("channel_access_lost", "web", "shop", at_ms=at_ms, reason="401")
    assert len(exceptions._waiting) == WAITING_MAX
    assert exceptions._waiting[0].id == "channel_access_lost/5"
    await exceptions.close()
