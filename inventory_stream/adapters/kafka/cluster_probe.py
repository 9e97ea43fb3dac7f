"""What the cluster says of itself: brokers, the requests that it knows, consumer groups."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import ApiVersionRequest

from inventory_stream.adapters.kafka.client_internals import RETRY_SECONDS, close_client
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.servers import Group, Member

ASK_SECONDS_MAX: Final = 10.0
"""Longest wait for one answer; it takes milliseconds."""

NEEDED: Final = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 22: "InitProducerId", 32: "DescribeConfigs"}
"""Requests (Kafka's API keys) without which the ledger cannot be owned, written or checked."""

FETCH: Final = 1
KAFKA_4_FETCH_LEAST: Final = 4
"""Kafka 4.0 dropped the fetch requests before this version (KIP-896)."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster: its own id, its brokers by number, and for each request it knows the versions."""

    cluster_id: str
    brokers: Sequence[int]
    controller: int
    versions: dict[int, tuple[int, int]]

    @property
    def missing(self) -> list[str]:
        """Requests that we need and that it does not know."""
        return [name for key, name in NEEDED.items() if key not in self.versions]

    @property
    def release(self) -> str:
        """What the versions tell of its release; Kafka has no request that says it."""
        least, _ = self.versions.get(FETCH, (0, 0))
        return "Kafka 4.0 or newer" if least >= KAFKA_4_FETCH_LEAST else "Kafka before 4.0"


async def cluster_of(connection: KafkaConnection) -> Cluster:
    """Ask the cluster who it is.

    Raises:
        UnreachableError: no answer in time.
    """
    client = AIOKafkaClient(**connection.client_options)
    admin = AIOKafkaAdminClient(**connection.client_options)
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            await client.bootstrap()
            answer = await client.send(client.get_random_node(), ApiVersionRequest())
            await admin.start()
            described = await admin.describe_cluster()
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(f"Kafka at {connection} does not say who it is: {error!r}") from error
    finally:
        await close_client(client)
        await admin.close()
    return Cluster(
        str(described["cluster_id"] or ""),
        sorted(broker["node_id"] for broker in described["brokers"]),
        described["controller_id"],
        {key: (least, most) for key, least, most in answer.api_versions},
    )


async def cluster_id_of(connection: KafkaConnection) -> str:
    """Ask the cluster for its id alone, which every user may; "" where it has none.

    Raises:
        UnreachableError: no answer in time.
    """
    admin = AIOKafkaAdminClient(**connection.client_options)
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            await admin.start()
            described = await admin.describe_cluster()
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(f"Kafka at {connection} does not say who it is: {error!r}") from error
    finally:
        await admin.close()
    return str(described["cluster_id"] or "")


async def group_of(connection: KafkaConnection, name: str) -> Group:
    """Ask the coordinator of a consumer group who is in it.

    A cluster without its topic of offsets (no group was ever there) makes it now, and coordinators
    move: what passes is asked again.

    Raises:
        UnreachableError: no answer in time, or this user may not ask.
    """
    admin = AIOKafkaAdminClient(**connection.client_options)
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            await admin.start()
            state, members = await _described(admin, name)
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(
            f"Kafka at {connection} does not tell who is in group {name} ({error!r}): allow this user to "
            "describe the group"
        ) from error
    finally:
        await admin.close()
    return Group(name, state, [_member(*member) for member in members])


async def _described(admin: AIOKafkaAdminClient, name: str) -> tuple[str, Sequence[tuple[object, ...]]]:
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([name])
        except KafkaError as error:
            if not error.retriable:
                raise
        else:
            ((code, _, state, _, _, members, *_),) = answer.groups
            if not code:
                return state, members
            if not for_code(code).retriable:
                raise for_code(code)
        await asyncio.sleep(RETRY_SECONDS)


def _member(*fields: object) -> Member:
    """Read a member: (id, [instance id,] client id, host, metadata, assignment), by the request's version."""
    client_id, host, metadata, assignment = fields[-4:]
    subscribed: frozenset[str] = frozenset()
    partitions: frozenset[tuple[str, int]] = frozenset()
    if isinstance(metadata, bytes) and metadata:
        subscribed = frozenset(ConsumerProtocol.METADATA.decode(metadata).subscription)
    if isinstance(assignment, bytes) and assignment:
        places = ConsumerProtocol.ASSIGNMENT.decode(assignment).partitions()
        partitions = frozenset((place.topic, place.partition) for place in places)
    return Member(str(client_id), str(host), subscribed, partitions)
