"""Creates the topics of this environment, and checks them and the brokers against P12."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    for_code,
)

from inventory_stream.adapters.kafka.access import advice, greet
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.topic_rules import (
    INTERNAL_TOPICS,
    Finding,
    TopicSpec,
    TopicState,
    configs_tool,
    judge_broker,
    judge_internal,
    judge_shape,
    judge_topic,
    topic_specs,
)
from inventory_stream.errors import TopicsError, UnreachableError
from inventory_stream.settings import Settings

CREATE_SECONDS_MAX: Final = 60.0
"""Longest wait for new partitions to have leaders: 0.1 s here; a busy controller takes seconds."""

CHECK_SECONDS_MAX: Final = 60.0
"""Longest check: three questions, each answered within ms."""

LOOK_AGAIN_SECONDS: Final = 0.1
"""Pause between two looks at the metadata."""


async def create_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist yet; give their names once every partition has a leader.

    Those that exist are left as they are: `check_topics` says what is wrong with them.

    Raises:
        TopicsError: the broker refuses a topic. The message names it and the way out.
        UnreachableError: no answer within the bound.
    """
    specs = topic_specs(settings)
    async with _admin(settings, CREATE_SECONDS_MAX, "create topics") as admin:
        existing = await _describe(admin)
        missing = [spec for spec in specs if spec.name not in existing]
        created: list[str] = []
        if missing:
            response = await admin.create_topics(
                [
                    NewTopic(spec.name, spec.partitions, spec.replicas, topic_configs=spec.config)
                    for spec in missing
                ]
            )
            for name, code, *message in response.topic_errors:
                if _was_created(name, code, message, settings):
                    created.append(name)
        # The metadata can only be asked, it does not call; the bound is _admin's.
        while not _all_led(specs, await _describe(admin)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return created


async def check_topics(settings: Settings) -> list[Finding]:
    """Give everything about topics and brokers that differs from P12; empty: all is well.

    Raises:
        UnreachableError: no answer within the bound.
    """
    specs = topic_specs(settings)
    findings: list[Finding] = []
    tool = configs_tool(settings)
    async with _admin(settings, CHECK_SECONDS_MAX, "check topics") as admin:
        described = await _describe(admin)
        present = [spec.name for spec in specs if spec.name in described]
        internal = [name for name in INTERNAL_TOPICS if name in described]
        configs = await _configs(admin, ConfigResourceType.TOPIC, [*present, *internal])

        def state_of(name: str) -> TopicState:
            replicas_of = {part["partition"]: len(part["replicas"]) for part in described[name]}
            return TopicState(replicas_of, configs.get(name, {}))

        for spec in specs:
            findings += judge_topic(spec, state_of(spec.name) if spec.name in described else None)
        for name in internal:
            findings += judge_internal(name, state_of(name), tool)
        nodes = sorted(broker["node_id"] for broker in (await admin.describe_cluster())["brokers"])
        brokers = await _configs(admin, ConfigResourceType.BROKER, map(str, nodes))
        for node in nodes:
            findings += judge_broker(node, brokers.get(str(node), {}), tool)
    return findings


async def check_shape(settings: Settings, topic: str) -> list[Finding]:
    """Give what is wrong with one topic's existence and number of partitions; empty: all is well.

    Raises:
        UnreachableError: no answer within the bound.
    """
    (spec,) = (spec for spec in topic_specs(settings) if spec.name == settings.topic(topic))
    async with _admin(settings, CHECK_SECONDS_MAX, "look at topics") as admin:
        partitions = (await _describe(admin)).get(spec.name)
    return judge_shape(spec, None if partitions is None else len(partitions))


@asynccontextmanager
async def _admin(settings: Settings, seconds_max: float, what: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect for the length of a block that may take `seconds_max` in all."""
    connection = KafkaConnection.of(settings.kafka)
    admin = AIOKafkaAdminClient(
        **connection.client_options,
        request_timeout_ms=int(settings.kafka.request_timeout_seconds * 1_000),
    )
    try:
        async with asyncio.timeout(seconds_max):
            await greet(connection)
            await admin.start()
            yield admin
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(f"Kafka at {connection}: cannot {what}: {error!r}{advice(error)}") from error
    finally:
        await admin.close()


async def _describe(admin: AIOKafkaAdminClient) -> dict[str, list[dict[str, Any]]]:
    """Give the partitions of every topic by name.

    Asked for all topics: a question that names one would create it where the broker may
    (`auto.create.topics.enable`).
    """
    topics = await admin.describe_topics()
    return {topic["topic"]: topic["partitions"] for topic in topics if topic["error_code"] == 0}


async def _configs(
    admin: AIOKafkaAdminClient, kind: ConfigResourceType, names: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Give configuration entries by resource; a resource that may not be read is left out."""
    resources = [ConfigResource(kind, name) for name in names]
    if not resources:
        return {}
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if code == 0:
                found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    return found


def _all_led(specs: Sequence[TopicSpec], described: dict[str, list[dict[str, Any]]]) -> bool:
    """Say whether every partition that there is has a leader; their number is for `check_topics`."""
    for spec in specs:
        partitions = described.get(spec.name, [])
        if not partitions or any(part["leader"] < 0 for part in partitions):
            return False
    return True


def _was_created(name: str, code: int, message: Sequence[str | None], settings: Settings) -> bool:
    error = for_code(code)
    if error in {NoError, TopicAlreadyExistsError}:  # somebody else was faster: just as well
        return error is NoError
    reason = next((text for text in message if text), error.__name__).rstrip(".")
    way_out = advice(error()).removeprefix(": ") or "see the broker's log"
    if error is InvalidReplicationFactorError:
        replicas = settings.kafka.replication_factor
        way_out = f"set kafka.replication_factor={replicas} to at most the number of brokers"
    raise TopicsError(f"topic {name} cannot be created: {reason}; {way_out}")
