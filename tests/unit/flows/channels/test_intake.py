"""Deliveries of one partition, where a channel is slow, Kafka is away, and the partition goes."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.channels.inbound.taking import Place
from inventory_stream.flows.channels.intake import Intake
from inventory_stream.ports.inputs import InputRecord
from models.channels import Act, ChannelEvent, Inbound, StockSeen, encode_inbound

DEADLINE_SECONDS = 5.0
SEEN = StockSeen("L", 1, 1)


class Stuck:
    """A `TakesInbound` whose channel does not answer until it `is_free`."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.is_free = asyncio.Event()

    async def take(self, inbound: Inbound, place: Place) -> None:
        """See the port."""
        del place
        await self.is_free.wait()
        self.taken.append(inbound.delivery_id)


class Log:
    """A partition in memory; `faults` are raised first, each in the midst of a read."""

    def __init__(self) -> None:
        self.records: list[InputRecord] = []
        self.faults: list[Exception] = []

    async def again(self, partition: int, first: int, end: int) -> AsyncGenerator[Sequence[InputRecord]]:
        """See the protocol."""
        assert partition == 3
        for record in self.records[first:end]:
            yield [record]
            if self.faults:
                raise self.faults.pop(0)


class World:
    """An intake that holds two deliveries of an account."""

    def __init__(self) -> None:
        self.takes, self.log, self.failed = Stuck(), Log(), list[BaseException]()
        self.intake = Intake("inbound", 3, self.takes, self.log, self.failed.append, waiting_max=2)

    def put(self, *told: tuple[str, ChannelEvent], account: str = "one") -> None:
        """Have these read."""
        deliveries = []
        for delivery_id, event in told:
            inbound = Inbound("shop", account, delivery_id, 1, (event,))
            offset = len(self.log.records)
            self.log.records.append(InputRecord(offset, 1, None, encode_inbound(inbound)))
            if not isinstance(event, Act):
                deliveries.append((inbound, Place("inbound", 3, offset, None, 1)))
        self.intake.put(deliveries, len(self.log.records))

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.takes.taken
            await asyncio.sleep(0.001)


async def test_what_does_not_fit_stays_in_kafka_and_comes_in_its_order() -> None:
    """Each delivery once, those of others and acts among them left out; a fault of Kafka is waited for."""
    world = World()
    world.put(*((f"d{number}", SEEN) for number in range(5)))
    world.put(("x", SEEN), account="two")
    world.put(("a", Act("a", "pause", "me", 1)), ("d5", SEEN))
    world.log.faults = [UnreachableError("no broker answers")]
    await asyncio.sleep(0)
    assert world.intake.first_untaken == 0
    world.takes.is_free.set()
    await world.until(lambda: world.intake.first_untaken is None)
    assert [one for one in world.takes.taken if one != "x"] == [f"d{number}" for number in range(6)]
    assert world.takes.taken.count("x") == 1
    world.put(("d6", SEEN))
    await world.until(lambda: world.takes.taken[-1] == "d6")
    await world.intake.stop()
    assert not world.failed


async def test_a_partition_that_goes_tells_from_where_its_next_owner_reads() -> None:
    """Nobody is left waiting, and nothing is passed over that was not taken."""
    world = World()
    world.put(("x", SEEN), account="two")
    await world.until(lambda: world.intake.first_untaken == 0)
    world.takes.is_free.set()
    await world.until(lambda: world.intake.first_untaken is None)
    world.takes.is_free.clear()
    world.put(*((f"d{number}", SEEN) for number in range(9)))
    await asyncio.sleep(0)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await world.intake.stop()
    assert world.intake.first_untaken == 1
    assert world.takes.taken == ["x"]
    assert not world.failed
