"""The least that each process must be allowed to do, where the broker checks rights (P12).

docs/security.md shows this table; tests/security runs every process with a user of its own that
has these rights and no others.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, INTERNAL_TOPICS, LEDGER
from inventory_stream.bootstrap import LEDGER_GROUP, PROJECTION_GROUP
from inventory_stream.ports.audit import AUDIT
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.events import EVENTS_GROUP, EventTopic
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES, PAYMENTS_GROUP
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES, CHANNELS_GROUP


class Resource(Enum):
    """What a right is about, as kafka-acls names it; the numbers are those of Kafka's protocol."""

    TOPIC = ("--topic", 2)
    GROUP = ("--group", 3)
    CLUSTER = ("--cluster", 4)
    TRANSACTIONAL_ID = ("--transactional-id", 5)


class Operation(Enum):
    """What a right allows; READ and WRITE allow DESCRIBE, too. Numbers of Kafka's protocol."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10


class Right(NamedTuple):
    """Operations on resources by full name, or by the beginning of it. Of a cluster there is one name."""

    resource: Resource
    name: str
    operations: tuple[Operation, ...]
    is_prefix: bool = False


CLUSTER_NAME: Final = "kafka-cluster"
"""How Kafka names the one cluster in a right."""

_READ, _WRITE, _LOOK = Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS
_EVENT_TOPICS: Final = tuple(topic.value for topic in EventTopic)
_ALL_TOPICS: Final = (
    STOCK_EVENTS,
    ORDER_EVENTS,
    LEDGER,
    DEAD_LETTERS,
    AUDIT,
    PAYMENT_EVENTS,
    PAYMENT_OUTCOMES,
    CHANNEL_INBOUND,
    CHANNEL_OUTCOMES,
    *_EVENT_TOPICS,
)


def _checks(named: Callable[[str], str]) -> list[Right]:
    """Give what every start looks at (`topics check`): each topic's shape and settings, the brokers'."""
    names = [*map(named, _ALL_TOPICS), *INTERNAL_TOPICS]
    look = (Operation.DESCRIBE, _LOOK)
    return [
        *(Right(Resource.TOPIC, name, look) for name in names),
        Right(Resource.CLUSTER, CLUSTER_NAME, look),
    ]


def _ledger(named: Callable[[str], str]) -> list[Right]:
    return [
        *(Right(Resource.TOPIC, named(topic), (_READ,)) for topic in (STOCK_EVENTS, ORDER_EVENTS)),
        Right(Resource.TOPIC, named(LEDGER), (_READ, _WRITE)),
        Right(Resource.TOPIC, named(DEAD_LETTERS), (_WRITE,)),
        Right(Resource.GROUP, named(LEDGER_GROUP), (_READ,)),
        # Of every partition: `<ledger topic>-<partition>` (P1).
        Right(Resource.TRANSACTIONAL_ID, f"{named(LEDGER)}-", (_WRITE,), is_prefix=True),
    ]


def _projection(named: Callable[[str], str]) -> list[Right]:
    publisher = f"{named(EventTopic.AVAILABILITY.value)}-"
    return [
        Right(Resource.TOPIC, named(LEDGER), (_READ,)),
        *(Right(Resource.TOPIC, named(topic), (_WRITE,)) for topic in _EVENT_TOPICS),
        Right(Resource.GROUP, named(PROJECTION_GROUP), (_READ,)),
        Right(Resource.GROUP, named(EVENTS_GROUP), (_READ,)),
        Right(Resource.TRANSACTIONAL_ID, publisher, (_WRITE,), is_prefix=True),
    ]


def _channels(named: Callable[[str], str]) -> list[Right]:
    exceptions = EventTopic.EXCEPTIONS.value
    return [
        *(Right(Resource.TOPIC, named(topic), (_READ,)) for topic in (LEDGER, CHANNEL_INBOUND)),
        Right(Resource.TOPIC, named(CHANNEL_OUTCOMES), (_READ, _WRITE)),
        *(Right(Resource.TOPIC, named(topic), (_WRITE,)) for topic in (DEAD_LETTERS, exceptions)),
        Right(Resource.GROUP, named(CHANNELS_GROUP), (_READ,)),
    ]


def _operators(named: Callable[[str], str]) -> list[Right]:
    return [
        Right(Resource.TOPIC, named(CHANNEL_INBOUND), (_WRITE,)),
        Right(Resource.TOPIC, named(CHANNEL_OUTCOMES), (_READ,)),
        Right(Resource.TOPIC, named(DEAD_LETTERS), (_READ,)),
    ]


def _hooks(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(CHANNEL_INBOUND), (_WRITE,))]


def _senders(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(topic), (_WRITE,)) for topic in (STOCK_EVENTS, ORDER_EVENTS)]


def _readers(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(LEDGER), (_READ,))]


def _witnesses(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(AUDIT), (_WRITE,))]


def _cashiers(named: Callable[[str], str]) -> list[Right]:
    return [
        Right(Resource.TOPIC, named(PAYMENT_EVENTS), (_READ,)),
        *(Right(Resource.TOPIC, named(topic), (_WRITE,)) for topic in (PAYMENT_OUTCOMES, DEAD_LETTERS)),
        Right(Resource.GROUP, named(PAYMENTS_GROUP), (_READ,)),
    ]


def _payers(named: Callable[[str], str]) -> list[Right]:
    return [
        Right(Resource.TOPIC, named(PAYMENT_EVENTS), (_WRITE,)),
        Right(Resource.TOPIC, named(PAYMENT_OUTCOMES), (_READ,)),
    ]


def _auditors(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(AUDIT), (_READ,))]


def _consumers(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(topic), (_READ,)) for topic in _EVENT_TOPICS]


def _menders(named: Callable[[str], str]) -> list[Right]:
    return [
        *_senders(named),
        Right(Resource.TOPIC, named(PAYMENT_EVENTS), (_WRITE,)),
        Right(Resource.TOPIC, named(CHANNEL_INBOUND), (_WRITE,)),
        Right(Resource.TOPIC, named(DEAD_LETTERS), (_READ, _WRITE)),
    ]


def _makers(named: Callable[[str], str]) -> list[Right]:
    return [Right(Resource.TOPIC, named(topic), (Operation.CREATE,)) for topic in _ALL_TOPICS]


def _doctors(named: Callable[[str], str]) -> list[Right]:
    probe = (Operation.CREATE, Operation.DELETE, _WRITE)
    return [
        *(Right(Resource.TOPIC, named(topic), (_READ,)) for topic in (STOCK_EVENTS, ORDER_EVENTS, LEDGER)),
        *(Right(Resource.GROUP, named(g), (Operation.DESCRIBE,)) for g in (LEDGER_GROUP, PROJECTION_GROUP)),
        Right(Resource.TOPIC, named("doctor-"), probe, is_prefix=True),
    ]


ROLES: Final[dict[str, tuple[Callable[[Callable[[str], str]], list[Right]], ...]]] = {
    "worker ledger": (_checks, _ledger),
    "worker projection": (_checks, _projection),
    "worker channels": (_checks, _channels, _senders),
    "gateway": (_checks, _senders, _readers, _witnesses, _cashiers, _hooks),
    "channels status, pause, ...": (_operators, _readers),
    "replay": (_checks, _senders),
    "senders of commands (shops, tills)": (_senders,),
    "senders of payment events": (_payers,),
    "ledger dump, verify, explain": (_readers,),
    "audit list": (_auditors,),
    "consumers of events": (_consumers,),
    "dead-letters": (_menders,),
    "topics create, topics check": (_checks, _makers),
    "doctor": (_checks, _doctors),
}
"""Processes and what gives their rights. `atp` talks to Redis alone."""


def rights_of(role: str, named: Callable[[str], str]) -> list[Right]:
    """Give what a process needs, each resource once.

    Args:
        role: One of ROLES.
        named: Gives a topic's or group's full name (`Settings.topic`).
    """
    merged: dict[tuple[Resource, str, bool], tuple[Operation, ...]] = {}
    for part in ROLES[role]:
        for right in part(named):
            place = (right.resource, right.name, right.is_prefix)
            merged[place] = tuple(dict.fromkeys((*merged.get(place, ()), *right.operations)))
    return [
        Right(resource, name, operations, is_prefix)
        for (resource, name, is_prefix), operations in merged.items()
    ]
