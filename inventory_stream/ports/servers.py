"""What servers say of themselves, for `doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass

from inventory_stream.ports.projection import ViewOwner


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a consumer group: what it asked for and what it got."""

    client_id: str
    host: str
    subscribed: frozenset[str]
    partitions: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group as its coordinator knows it. `state` is Kafka's word: Stable, Empty, Dead, ..."""

    name: str
    state: str
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class RedisServer:
    """What Redis says of itself. `eviction` None: this user may not ask."""

    address: str
    name: str
    version: str
    eviction: str | None
    used_bytes: int
    bytes_max: int
    is_append_only: bool
    is_replica: bool
    marker: str | None
    owner: ViewOwner | None
    """Whose view the marker says it is; None without a marker, or where it names none."""
    skus: int
    """Keys of the database: about one a SKU."""
