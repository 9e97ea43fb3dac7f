"""Events for outside consumers while the projection dies and Redis is flushed: all told, none twice."""

import asyncio
import json
import time
from collections import Counter
from typing import Any

import pytest
from redis.asyncio import Redis

from inventory_stream.ports.events import EventTopic
from models.commands import Adjust
from models.ids import encode_id, partition_of
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER
from tests.e2e.audit import Asked, Judgement, Place
from tests.e2e.cluster import PARTITIONS, PROJECTION, Cluster
from tests.e2e.load import LOCATIONS, Producer, Rush
from tests.e2e.shelf import available
from tests.e2e.verdict import judge
from tests.integration.event_topics import events_in

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

PER_SECOND = 2_000
COMMANDS_MIN = 10_000
KILLS = 2
ASTRAY = 40
"""Commands of each phase sent to a partition that is not their SKU's: exceptions that move nothing."""


async def send_astray(producer: Producer, phase: str) -> str:
    """Send commands to where nobody may decide them (R30), one record each; gives their ids' beginning."""
    for number in range(ASTRAY):
        sku = f"quiet-{number}"
        command = Adjust(f"{phase}-{number}", sku, LOCATIONS[0], 1, time.time_ns() // 1_000_000)
        partition = (partition_of(sku, PARTITIONS) + 1) % PARTITIONS
        await producer.send_pack([command], partition)
        producer.sent.may_bind_nothing.add(Asked(partition, None, command.id))
    return phase


async def until_told_of(cluster: Cluster, phase: str) -> None:
    """Wait until some of a phase's exceptions are published: this projection has told something."""

    async def is_told() -> bool:
        events = await events_of(cluster, EventTopic.EXCEPTIONS)
        return any(phase in event["id"] for _, event in events if event is not None)

    await cluster.until(is_told, f"exceptions of the phase {phase}")


async def events_of(cluster: Cluster, topic: EventTopic) -> list[tuple[str, dict[str, Any] | None]]:
    """Give keys and events of all partitions, as a consumer of committed records sees them."""
    settings = cluster.settings
    found = await asyncio.gather(
        *(
            events_in(settings.kafka.bootstrap_servers, settings.topic(topic.value), partition)
            for partition in range(PARTITIONS)
        )
    )
    return [
        (record.key.decode(), None if record.value is None else json.loads(record.value))
        for records in found
        for record in records
    ]


async def shown(cluster: Cluster) -> dict[Place, int]:
    """Give what the newest event of each SKU says of every location."""
    latest = dict(await events_of(cluster, EventTopic.AVAILABILITY))
    return {
        Place(sku, location): units["available"]
        for sku, event in latest.items()
        if event is not None
        for location, units in event["data"]["locations"].items()
    }


def expected_ids(found: Judgement) -> set[str]:
    """Give the ids of the exceptions that the ledger's answers make due, by the documented form."""
    return {
        f"{Outcome(heard.outcome).name.lower()}/{encode_id(asked.reservation_id or '')}/"
        f"{encode_id(asked.command_id)}/{heard.at_ms}"
        for asked, answers in found.answers.items()
        for heard in answers
        if heard.repeat == FIRST_ANSWER and Outcome(heard.outcome).is_exception
    }


async def test_killed_projection_and_flushed_redis_lose_and_repeat_no_event(cluster: Cluster) -> None:
    """Every exception of the ledger is told once, and the newest event of each SKU is the ledger's word."""
    async with Producer(cluster) as producer:
        await producer.stock_up()
        async with Rush(producer, 11, PER_SECOND, COMMANDS_MIN) as rush:
            for phase in range(KILLS):
                await rush.until_sent(PER_SECOND)
                await until_told_of(cluster, await send_astray(producer, f"before-{phase}"))
                await send_astray(producer, f"at-{phase}")
                cluster.supervisor.kill(PROJECTION)
            await send_astray(producer, "after")
            await rush.until_sent(PER_SECOND)
            async with Redis.from_url(cluster.settings.redis.url) as operator:
                await operator.flushall()
        await judge(cluster, producer)

        async def is_the_ledger() -> bool:
            await cluster.follow()  # short reservations may still expire
            return await shown(cluster) == available(cluster.audit.judge(producer.sent.moves))

        await cluster.until(is_the_ledger, "the events to say what the ledger says")
        expected = expected_ids(cluster.audit.judge(producer.sent.moves))
    outcomes = {outcome.name.lower() for outcome in Outcome}
    events = [event for _, event in await events_of(cluster, EventTopic.EXCEPTIONS) if event is not None]
    ids = Counter(event["id"] for event in events if event["data"]["kind"] in outcomes)
    assert len(expected) >= ASTRAY * (2 * KILLS + 1)
    assert ids == Counter(expected)
    await cluster.end_in_order({PROJECTION: [-9]})
