"""The host's own judgements, without a broker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from faust.types import TP

from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.delivery_chain import Batch, Place
from inventory_stream.adapters.kafka.faust_host import FaustHost
from inventory_stream.errors import HostError
from inventory_stream.ports.inputs import InputRecord

OPTIONS = ConsumerOptions(
    KafkaConnection("127.0.0.1:1"), "group", 100, session_timeout_ms=6_000, request_timeout_ms=30_000
)
TOPICS = ("stock-events", "order-events")


class FakeHosted:
    """Remembers what the host asked; holds `done` of each batch back."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.dones: list[Callable[[], Awaitable[None]]] = []
        self.probe: asyncio.Future[None] | None = None
        """What probing partitions that stay waits for; letting go of any cancels it, as their owner does."""
        self.closing: asyncio.Future[None] | None = None
        """What letting go of partitions waits for."""

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Make partitions ready."""
        self.calls.append(f"added {sorted(added)} retained {sorted(retained)}")
        if retained and self.probe is not None:
            await self.probe

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Let partitions go."""
        self.calls.append(f"revoked {sorted(partitions)}")
        if self.probe is not None:
            self.probe.cancel()
        if self.closing is not None:
            await self.closing

    def next_offset(self, topic: str, partition: int) -> int:
        """Start everywhere at 0."""
        del topic, partition
        return 0

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Take a batch."""
        self.calls.append(f"put {topic} {partition} {len(records)}")
        self.dones.append(done)


class Ended(Exception):  # noqa: N818  # not a fault: what a test sees instead of the end of the process
    """The host ended the process."""


def fail(error: BaseException) -> None:
    """Show a test why the process would have ended."""
    raise Ended from error


@pytest.fixture
def hosted() -> FakeHosted:
    """Give what is hosted."""
    return FakeHosted()


@pytest.fixture
async def host(hosted: FakeHosted) -> FaustHost:
    """Give a host of two topics that is not connected to anything."""
    return FaustHost(hosted, TOPICS, OPTIONS, fail)


def places(*partitions: int) -> set[TP]:
    """Give an assignment of these partitions of both topics."""
    return {TP(topic, partition) for topic in TOPICS for partition in partitions}


def batch_of(host: FaustHost, place: Place) -> Batch:
    """Fetch one record of a place, as the transport would after a seek."""
    host.app.consumer.chain.restart({place: 0})
    batch: Batch = host.app.consumer.chain.fetched(place, [InputRecord(0, 0, None, None)])
    return batch


async def acknowledge() -> None:
    """Acknowledge nothing."""


async def test_assignments_are_followed_by_their_differences(host: FaustHost, hosted: FakeHosted) -> None:
    """What is gone is let go before what is new is opened; what stays is said to stay."""
    await host.rebalanced(places(0, 1))
    await host.rebalanced(places(1, 2))
    assert hosted.calls == ["added [0, 1] retained []", "revoked [0]", "added [2] retained [1]"]


async def test_half_a_pair_ends_the_process(host: FaustHost, hosted: FakeHosted) -> None:
    """P10: a partition of one topic without its counterpart opens nothing and ends the process."""
    with pytest.raises(Ended) as ended:
        await host.rebalanced({*places(0), TP("order-events", 1)})
    assert "(P10)" in str(ended.value.__cause__)
    assert hosted.calls == []


async def test_records_of_a_partition_that_is_not_owned_end_the_process(host: FaustHost) -> None:
    """Records that nobody here may decide mean that the host lost track: going on would lose them."""
    await host.rebalanced(places(0))
    with pytest.raises(Ended) as ended:
        await host.deliver(batch_of(host, Place("order-events", 7)), acknowledge)
    assert isinstance(ended.value.__cause__, HostError)


async def test_a_batch_from_before_a_seek_is_not_handed_over(host: FaustHost, hosted: FakeHosted) -> None:
    """A leftover of Faust's queues from before a rebalance is dropped: the seek has it read again."""
    await host.rebalanced(places(0))
    stale = batch_of(host, Place("order-events", 0))
    host.app.consumer.chain.restart({})
    await host.deliver(stale, acknowledge)
    assert not any(call.startswith("put") for call in hosted.calls)


async def test_closing_lets_go_of_every_partition_and_opens_none_after(
    host: FaustHost, hosted: FakeHosted
) -> None:
    """After `close` an assignment that was still under way changes nothing."""
    await host.rebalanced(places(0, 1))
    await host.close()
    await host.rebalanced(places(0, 1, 2))
    assert hosted.calls[1:] == ["revoked [0, 1]"]


async def test_a_stop_while_what_stays_is_probed_ends_the_rebalance_quietly(
    host: FaustHost, hosted: FakeHosted
) -> None:
    """The probe is cancelled by the owner's own end: no failure, and nothing to open any more."""
    await host.rebalanced(places(0))
    hosted.probe = asyncio.get_running_loop().create_future()
    rebalance = asyncio.create_task(host.rebalanced(places(0)))
    await until(lambda: hosted.calls[-1] == "added [] retained [0]")
    await host.close()
    await rebalance
    assert hosted.calls[-1] == "revoked [0]"


async def test_a_stop_while_what_is_gone_is_closed_opens_and_probes_nothing(
    host: FaustHost, hosted: FakeHosted
) -> None:
    """What stayed is closed by the stop, so a probe of it would fail, and end the process with 70."""
    await host.rebalanced(places(0, 1))
    hosted.closing = asyncio.get_running_loop().create_future()
    rebalance = asyncio.create_task(host.rebalanced(places(1, 2)))
    await until(lambda: hosted.calls[-1] == "revoked [0]")
    stop = asyncio.create_task(host.close())
    await until(lambda: hosted.calls[-1] == "revoked [1]")
    hosted.closing.set_result(None)
    await asyncio.gather(rebalance, stop)
    assert hosted.calls[-1] == "revoked [1]"


async def until(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until something is so, for a thousand turns of the loop at most."""
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never was")


async def test_a_batch_on_its_way_when_the_host_closes_is_left_to_the_next_owner(
    host: FaustHost, hosted: FakeHosted
) -> None:
    """An agent may have taken it from its stream already: its partition is closed, which is no error then."""
    await host.rebalanced(places(0))
    late = batch_of(host, Place("order-events", 0))
    await host.close()
    await host.deliver(late, acknowledge)
    assert hosted.calls[1:] == ["revoked [0]"]


async def test_quiesce_returns_as_soon_as_all_is_durable(host: FaustHost, hosted: FakeHosted) -> None:
    """A rebalance waits for batches under way, and not a moment longer."""
    await host.rebalanced(places(0))
    batch = batch_of(host, Place("order-events", 0))
    await host.deliver(batch, acknowledge)
    assert not host._idle.is_set()
    await hosted.dones[0]()
    assert batch.durable
    await host.quiesce()
