"""The simulated edges under the product's own log pass what every ledger log must do."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from inventory_stream.ports.ledger_log import LedgerLog, RowRecord
from tests.contract.ledger_log_suite import LedgerLogBench, LedgerLogSuite
from tests.simulation.broker import Broker
from tests.simulation.network import Process
from tests.simulation.plan import CALM
from tests.simulation.stand_ins import Edge, log_of, standing_in
from tests.simulation.virtual_loop import VirtualLoop


class SimulatedBench(LedgerLogBench):
    """Owners of one simulated partition, each in a process of its own that outlives its errors."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop
        self._broker = Broker(loop.random, loop.time, expiry_seconds=1e9, twin_share=0.0, rotate_share=0.0)

    def owner(self) -> LedgerLog:
        """Give one more owner."""
        process = Process(
            "owner",
            self._loop,
            self._loop.random,
            weather=lambda: CALM,
            on_step=lambda _process, _step: None,
            on_end=lambda _process, _reason: None,
        )
        return log_of(
            Edge(process, self._broker),
            lease_seconds=1e9,
            alive_interval_seconds=1e9,
            append_seconds_max=60.0,
            on_stamp=None,
            end_process=self.end_process,
        )

    async def write_foreign(self, rows: Sequence[RowRecord], term: int = 0) -> None:
        """Append under an id that nobody fences."""
        self._broker.append(1, 0, 0, rows, term, "stranger")
        self._broker.forget_producers()


SUITE = [name for name in dir(LedgerLogSuite) if name.startswith("test_")]


@pytest.mark.parametrize("name", SUITE)
def test_ledger_log_contract(name: str) -> None:
    """Each promise of `ports.ledger_log.LedgerLog`, in virtual time."""
    loop = VirtualLoop(Random(1))
    promise: Callable[[LedgerLogBench], Coroutine[Any, Any, None]] = getattr(LedgerLogSuite(), name)
    with standing_in():
        loop.run(promise(SimulatedBench(loop)))
    loop.abandon()


def test_lanes_pause_die_and_keep_their_order() -> None:
    """A paused process does nothing until it goes on, a dead one nothing at all; time jumps over waits."""
    loop = VirtualLoop(Random(1))
    seen: list[tuple[float, str]] = []

    async def ticks(name: str) -> None:
        try:
            for _ in range(3):
                await asyncio.sleep(10)
                seen.append((loop.time(), name))
        finally:
            seen.append((loop.time(), f"{name} cleans up"))

    async def story() -> None:
        paused, dead, calm = (loop.new_lane(name) for name in ("paused", "dead", "calm"))
        tasks = [
            loop.create_task(ticks("paused"), context=paused),
            loop.create_task(ticks("calm"), context=calm),
        ]
        loop.create_task(ticks("dead"), context=dead)
        await asyncio.sleep(15)
        loop.pause(paused, is_paused=True)
        loop.kill(dead)
        await asyncio.sleep(100)
        loop.pause(paused, is_paused=False)
        await asyncio.gather(*tasks)

    loop.run(story())
    assert sorted(seen[:3]) == [(10, "calm"), (10, "dead"), (10, "paused")]
    assert seen[3:6] == [(20, "calm"), (30, "calm"), (30, "calm cleans up")]
    assert seen[6:] == [(115, "paused"), (125, "paused"), (125, "paused cleans up")]
    loop.abandon()
