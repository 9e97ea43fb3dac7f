"""Which worker owns a partition, asked of Kafka's group coordinator."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.bootstrap import LEDGER_GROUP
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import Settings

ASK_SECONDS_MAX: Final = 15.0
"""Longest question, connecting included: 50 ms here."""


async def owner_of(settings: Settings, partition: int, workers: Iterable[str]) -> str | None:
    """Name the worker (by its instance id) that the group gave a partition; None while nobody has it.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    connection = KafkaConnection.of(settings.kafka)
    admin = AIOKafkaAdminClient(**connection.client_options)
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            await admin.start()
            (answer,) = await admin.describe_consumer_groups([settings.topic(LEDGER_GROUP)])
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(f"Kafka at {connection}: cannot describe the group: {error!r}") from error
    finally:
        await admin.close()
    members = answer.groups[0][5]
    for member_id, _client, _host, _metadata, assignment, *_ in members:
        if partition in _partitions(assignment):
            # The coordinator builds a static member's id from its instance id and a random part.
            return next((name for name in workers if f"{LEDGER_GROUP}-{name}-" in member_id), None)
    return None


def _partitions(assignment: Any) -> set[int]:  # noqa: ANN401  # aiokafka is untyped here
    raw = bytes(assignment)
    if not raw:
        return set()
    decoded = ConsumerProtocolMemberAssignment.decode(raw)
    return {place.partition for place in decoded.partitions()}
