"""P12: topics are created as the rules want them, and checked against them."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from inventory_stream.adapters.kafka.topic_rules import Finding, Severity, topic_specs
from inventory_stream.adapters.kafka.topics import check_topics, create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import TopicsError, UnreachableError
from inventory_stream.settings import KafkaSettings, Settings
from tests.integration.ledger_topics import create_ledger
from tests.integration.protocol import DEADLINE_SECONDS


@pytest.fixture
def settings(kafka_server: KafkaServer, topic_prefix: str) -> Settings:
    """Return settings for topics that no other test uses."""
    return Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=3
        )
    )


async def test_created_topics_have_no_errors_and_creating_again_does_nothing(settings: Settings) -> None:
    """What `create` makes `check` finds well, but for the single replica; a second `create` is idle."""
    assert {finding.problem for finding in await check_topics(settings)} >= {"the topic does not exist"}
    created = await create_topics(settings)
    assert created == [spec.name for spec in topic_specs(settings)]
    assert await create_topics(settings) == []
    findings = await check_topics(settings)
    assert [finding for finding in findings if finding.severity is Severity.ERROR] == []
    assert {finding.subject for finding in findings} >= set(created)
    assert all("replication factor 1" in finding.problem for finding in findings)


async def test_topic_made_by_hand_is_found_wanting(kafka_server: KafkaServer, settings: Settings) -> None:
    """A ledger of another shape and with event time is left alone by `create` and named by `check`."""
    name = await create_ledger(
        kafka_server.bootstrap_servers,
        settings.kafka.topic_prefix,
        {"message.timestamp.type": "CreateTime"},
        partitions=2,
    )
    assert name not in await create_topics(settings)
    errors = [f for f in await check_topics(settings) if f.severity is Severity.ERROR]
    assert {error.subject for error in errors} == {name}
    assert len(errors) == 2
    assert any("2 partitions where 3" in error.problem for error in errors)
    assert any("message.timestamp.type=CreateTime" in error.problem for error in errors)


async def test_changed_entry_is_found(kafka_server: KafkaServer, settings: Settings) -> None:
    """Somebody lowers the retention of an input afterwards: the next check says so."""
    await create_topics(settings)
    stock = topic_specs(settings)[0]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap_servers)
    try:
        await admin.start()
        changed = {**stock.config, "retention.ms": "1000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, stock.name, changed)])
    finally:
        await admin.close()
    errors: list[Finding] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not errors:  # the broker takes the change in a moment later
            errors = [f for f in await check_topics(settings) if f.severity is Severity.ERROR]
    assert [error.subject for error in errors] == [stock.name]
    assert "retention.ms=1000" in errors[0].problem


async def test_refused_topic_names_the_setting(settings: Settings) -> None:
    """Three replicas on one broker are refused with the setting to change."""
    kafka = settings.kafka.model_copy(update={"replication_factor": 3})
    with pytest.raises(TopicsError, match=r"kafka\.replication_factor=3"):
        await create_topics(settings.model_copy(update={"kafka": kafka}))


async def test_unreachable_broker_is_named() -> None:
    """Without a broker both say where they looked."""
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        await check_topics(settings)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        await create_topics(settings)
