"""Deliveries of one partition, where a channel is slow and where the partition goes."""

import asyncio

from inventory_stream.flows.channels.inbound.taking import Place
from inventory_stream.flows.channels.intake import Intake
from models.channels import Inbound, StockSeen

DEADLINE_SECONDS = 5.0


class Stuck:
    """A `TakesInbound` whose channel does not answer."""

    def __init__(self) -> None:
        self.taken = 0
        self.is_free = asyncio.Event()

    async def take(self, inbound: Inbound, place: Place) -> None:
        """See the port."""
        del inbound, place
        await self.is_free.wait()
        self.taken += 1


def deliveries(count: int) -> list[tuple[Inbound, Place]]:
    """Give deliveries of one account."""
    return [
        (
            Inbound("shop", "one", f"d{number}", 1, (StockSeen("L", 1, 1),)),
            Place("inbound", 0, number, None, 1),
        )
        for number in range(count)
    ]


async def test_whoever_hands_over_waits_when_an_account_is_full_and_goes_on_when_it_is_not() -> None:
    """What waits is bounded, and nothing is acknowledged before it was taken."""
    takes, failed, done = Stuck(), list[BaseException](), asyncio.Event()
    intake = Intake(takes, failed.append, waiting_max=2)

    async def acknowledge() -> None:
        done.set()

    putting = asyncio.create_task(intake.put(deliveries(6), acknowledge))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not putting.done()
    takes.is_free.set()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await putting
        await done.wait()
    assert takes.taken == 6
    await intake.stop()
    assert not failed


async def test_whoever_waits_to_hand_over_is_let_go_when_the_partition_goes() -> None:
    """A rebalance meets a full account: nobody is left waiting, and nothing is acknowledged."""
    takes, failed, done = Stuck(), list[BaseException](), asyncio.Event()
    intake = Intake(takes, failed.append, waiting_max=2)

    async def acknowledge() -> None:
        done.set()

    putting = asyncio.create_task(intake.put(deliveries(9), acknowledge))
    for _ in range(20):
        await asyncio.sleep(0)
    await intake.stop()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await putting
    assert not done.is_set()
    assert not failed
