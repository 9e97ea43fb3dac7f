"""Who in the consumer group gets which partitions: the same of every topic, and few moves.

P10 asks that the owner of partition p reads p of both inputs. aiokafka's round robin deals out
topic after topic, which with three members gives one of them stock-events[1] and another
order-events[1]; its range assignor keeps them together but moves nearly every partition when a
member joins, and each move costs a claim and a read of the state.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

PROTOCOL_VERSION: Final = 0


def share(partitions: Iterable[int], owned: Mapping[str, frozenset[int]]) -> dict[str, frozenset[int]]:
    """Give every partition to one member, as evenly as can be, moving as few as can be.

    Pure and independent of the order of its arguments. When two members say that they own a
    partition (one lost it while it was away) the first by name keeps it: whoever it is, the
    claim and the probe decide who may write (P1, P11).

    Args:
        partitions: All partition numbers.
        owned: Each member and what it had before.
    """
    numbers = sorted(set(partitions))
    members = sorted(owned)
    smallest, larger_count = divmod(len(numbers), len(members))
    free = dict.fromkeys(numbers)
    kept: dict[str, list[int]] = {}
    # Those with most come first, so that the shares of one more go where partitions already are.
    for member in sorted(members, key=lambda name: (-len(owned[name]), name)):
        quota = smallest + (1 if larger_count > 0 else 0)
        kept[member] = [number for number in sorted(owned[member]) if number in free][:quota]
        larger_count -= len(kept[member]) > smallest
        for number in kept[member]:
            del free[number]
    for number in free:
        least = min(members, key=lambda name: (len(kept[name]), name))
        kept[least].append(number)
    return {member: frozenset(numbers) for member, numbers in kept.items()}


class CopartitionAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped here
    """One instance per consumer; remembers what its member has, which it tells the group's leader.

    aiokafka declares class methods here, but calls them on whatever object it was given.
    """

    # Members that use another assignor are refused by the broker, before they can split a pair.
    name = "inventory-copartition"

    def __init__(self) -> None:
        self._owned: frozenset[int] = frozenset()

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Say what this member subscribes to and what it had."""
        return ConsumerProtocolMemberMetadata(
            PROTOCOL_VERSION, sorted(topics), msgspec.msgpack.encode(sorted(self._owned))
        )

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Remember what this member was given."""
        self._owned = frozenset(place.partition for place in assignment.partitions())

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Share out all partitions; called on the group's leader only."""
        topics = sorted({topic for metadata in members.values() for topic in metadata.subscription})
        partitions = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
        shares = share(
            {number for numbers in partitions.values() for number in numbers},
            {name: _owned_before(metadata) for name, metadata in members.items()},
        )
        given: dict[str, list[tuple[str, list[int]]]] = {name: [] for name in members}
        for topic in topics:
            readers = [name for name in sorted(members) if topic in members[name].subscription]
            for name in readers:
                mine = shares[name] & partitions[topic]
                # A partition whose owner does not read this topic still needs a reader. Its
                # worker sees unequal sets then and exits (P10), which beats nobody reading it.
                orphans = partitions[topic].difference(*(shares[reader] for reader in readers))
                extra = {number for number in orphans if readers[number % len(readers)] == name}
                if mine or extra:
                    given[name].append((topic, sorted(mine | extra)))
        return {
            name: ConsumerProtocolMemberAssignment(PROTOCOL_VERSION, places, b"")
            for name, places in given.items()
        }


def _owned_before(metadata: ConsumerProtocolMemberMetadata) -> frozenset[int]:
    try:
        return frozenset(msgspec.msgpack.decode(metadata.user_data, type=list[int]))
    except msgspec.MsgspecError:  # a member of another build: it had nothing that we know of
        return frozenset()
