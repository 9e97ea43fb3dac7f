"""The latency probes, over a view in memory that shows what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from inventory_stream.demo.probes import Probes
from inventory_stream.ports.projection import AvailabilityMessage, Version
from models.commands import Adjust
from models.ids import partition_of
from tests.fakes.commands import FakeCommandSink
from tests.fakes.projection import FakeAvailabilityView, FakeServer

PARTITIONS = 4


async def until(is_true: Callable[[], bool]) -> None:
    """Let the other tasks run until something holds; bounded to seconds."""
    async with asyncio.timeout(10.0):
        while not is_true():  # noqa: ASYNC110  # the code under test signals nothing
            await asyncio.sleep(0)


class Shelf:
    """A sink and a view: what is sent is announced when the test says so."""

    def __init__(self) -> None:
        self.sink = FakeCommandSink()
        self.server = FakeServer()
        self.probes = Probes(self.sink, FakeAvailabilityView(self.server), "t", PARTITIONS)

    def announce(self) -> None:
        """Announce totals as if everything sent so far was decided at once: one message a SKU."""
        totals: dict[str, int] = {}
        for command, sku in self.sink.sent:
            assert isinstance(command, Adjust)
            totals[str(sku)] = totals.get(str(sku), 0) + command.delta
        for sku, total in totals.items():
            for queue in self.server.listeners:
                queue.put_nowait(AvailabilityMessage(sku, total, Version(1, total), 1))


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    """Give a shelf whose probes listen."""
    shelf = Shelf()
    listening = asyncio.create_task(shelf.probes.listen())
    yield shelf
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_one_message_shows_all_probes_that_it_covers(shelf: Shelf) -> None:
    """Probes that the projection wrote in one go are all seen, each timed from its own moment."""
    warming = asyncio.create_task(shelf.probes.warm_up())
    await until(lambda: len(shelf.sink.sent) >= PARTITIONS)
    shelf.announce()
    await warming
    stop = asyncio.Event()
    sending = asyncio.create_task(shelf.probes.send_at(10_000.0, stop))
    await until(lambda: shelf.probes.unseen >= 40)
    stop.set()
    await sending
    waiting = shelf.probes.unseen
    shelf.announce()
    await shelf.probes.drain()
    assert shelf.probes.unseen == 0
    assert len(shelf.probes.samples) == waiting
    assert all(sample.took_seconds >= 0 for sample in shelf.probes.samples)


async def test_every_partition_is_probed_in_turn(shelf: Shelf) -> None:
    """A stall of one partition cannot hide: its SKU gets its share of the probes."""
    stop = asyncio.Event()
    sending = asyncio.create_task(shelf.probes.send_at(10_000.0, stop))
    await until(lambda: len(shelf.sink.sent) >= 2 * PARTITIONS)
    stop.set()
    await sending
    first = [partition_of(str(sku), PARTITIONS) for _, sku in shelf.sink.sent[: 2 * PARTITIONS]]
    assert sorted(first) == sorted(list(range(PARTITIONS)) * 2)
