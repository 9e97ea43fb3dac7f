"""The partitions of one worker over fake owners."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from inventory_stream.flows.owned_partitions import OwnedPartitions
from inventory_stream.ports.inputs import Input, InputRecord
from inventory_stream.ports.partition_owner import NextOffsets


class FakeOwner:
    """Remembers what was asked of it."""

    def __init__(self, partition: int, calls: list[str]) -> None:
        self.partition = partition
        self.calls = calls

    async def open(self) -> NextOffsets:
        """Open."""
        self.calls.append(f"open {self.partition}")
        return self.next_offsets

    async def put(
        self, source: Input, records: Sequence[InputRecord], done: Callable[[], Awaitable[None]]
    ) -> None:
        """Take records, done at once."""
        self.calls.append(f"put {self.partition} {source.value} {len(records)}")
        await done()

    async def probe(self) -> None:
        """Probe."""
        self.calls.append(f"probe {self.partition}")

    async def close(self) -> None:
        """Close."""
        self.calls.append(f"close {self.partition}")

    @property
    def next_offsets(self) -> NextOffsets:
        """Offsets that tell partition and input apart."""
        return NextOffsets(stock=self.partition * 10, orders=self.partition * 10 + 1)


@pytest.fixture
def calls() -> list[str]:
    """Collect what owners were asked."""
    return []


@pytest.fixture
def partitions(calls: list[str]) -> OwnedPartitions:
    """Give partitions over fake owners."""
    return OwnedPartitions(
        lambda partition: FakeOwner(partition, calls),
        {"stock-events": Input.STOCK, "order-events": Input.ORDERS},
    )


async def test_new_partitions_are_opened_and_kept_ones_probed(
    partitions: OwnedPartitions, calls: list[str]
) -> None:
    """P11: a partition that stays ours over a rebalance is probed, never taken for granted."""
    await partitions.assigned(frozenset({1, 2}), frozenset())
    await partitions.assigned(frozenset({3}), frozenset({1, 2}))
    assert calls[:2] == ["open 1", "open 2"]
    assert sorted(calls[2:]) == ["open 3", "probe 1", "probe 2"]


async def test_each_input_goes_on_at_its_own_offset(partitions: OwnedPartitions) -> None:
    """P9: the offsets of @progress are told apart by topic."""
    await partitions.assigned(frozenset({2}), frozenset())
    assert partitions.next_offset("stock-events", 2) == 20
    assert partitions.next_offset("order-events", 2) == 21


async def test_records_reach_the_owner_as_the_input_that_their_topic_is(
    partitions: OwnedPartitions, calls: list[str]
) -> None:
    """A topic's full name, with its prefix, stands for one of the two inputs."""

    async def done() -> None:
        calls.append("done")

    await partitions.assigned(frozenset({0}), frozenset())
    await partitions.put("order-events", 0, [InputRecord(0, 0, None, None)], done)
    assert calls[-2:] == ["put 0 orders 1", "done"]


async def test_a_revoked_partition_is_closed_and_forgotten(
    partitions: OwnedPartitions, calls: list[str]
) -> None:
    """After a revocation a partition is opened anew, with a new owner."""
    await partitions.assigned(frozenset({0}), frozenset())
    await partitions.revoked(frozenset({0}))
    await partitions.assigned(frozenset({0}), frozenset())
    assert calls == ["open 0", "close 0", "open 0"]
