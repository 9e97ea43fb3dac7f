"""The open loop counts what a stall holds up; a closed loop leaves it out."""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

from benchmarks.open_loop import Driving, Records, drive_by
from benchmarks.statistics import latency_figures

COMMANDS = 3_000
RATE_PER_S = 2_000
STALL_SECONDS = 1.0
VALUES: Records = [(None, b"")] * COMMANDS


class StallingServer:
    """Answers one command after the other at once, but stands still for a second before one of them."""

    def __init__(self) -> None:
        self.answered_at: list[float] = []
        self._asked: asyncio.Queue[None] = asyncio.Queue()
        self._answered = asyncio.Condition()

    async def serve(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._asked.get()
            if len(self.answered_at) == COMMANDS // 2:
                await asyncio.sleep(STALL_SECONDS)
            async with self._answered:
                self.answered_at.append(time.perf_counter())
                self._answered.notify_all()

    async def send(self, _records: Records, first: int, due: int) -> tuple[int, Awaitable[Any]]:
        """Take commands."""
        for _ in range(first, due):
            self._asked.put_nowait(None)
        return due, asyncio.ensure_future(self.until_answered(due))

    async def until_answered(self, commands: int) -> None:
        """Wait until so many have an answer."""
        async with asyncio.timeout(60), self._answered:
            await self._answered.wait_for(lambda: len(self.answered_at) >= commands)


async def test_open_loop_counts_everybody_whom_a_stall_held_up() -> None:
    """Of 2,000 commands a second a stall of 1 s holds up 2,000: most of the stall must be in the p99."""
    server = StallingServer()
    serving = asyncio.create_task(server.serve())

    async def read(_first_due: float) -> None:
        await server.until_answered(COMMANDS)

    driving = Driving()
    await drive_by(server.send, VALUES, RATE_PER_S, read, driving)
    serving.cancel()
    latencies = [at - driving.due_seconds(number) for number, at in enumerate(server.answered_at)]
    figures = latency_figures(latencies)
    assert figures["p99_ms"] >= 900 * STALL_SECONDS
    # Half of those that were due in the stall waited for more than half of it.
    assert sum(seconds >= STALL_SECONDS / 2 for seconds in latencies) >= RATE_PER_S * STALL_SECONDS / 2 - 1


async def test_closed_loop_of_the_same_server_hides_the_stall() -> None:
    """Who asks only after an answer meets the stall once: its p99 says nothing of it, which is the trap."""
    server = StallingServer()
    serving = asyncio.create_task(server.serve())
    latencies = []
    for number in range(COMMANDS):
        asked = time.perf_counter()
        _, answered = await server.send(VALUES, number, number + 1)
        await answered
        latencies.append(server.answered_at[number] - asked)
    serving.cancel()
    figures = latency_figures(latencies)
    assert figures["max_ms"] >= 900 * STALL_SECONDS
    # Too few to move a p99.
    assert sum(seconds >= STALL_SECONDS / 2 for seconds in latencies) < COMMANDS / 100


async def test_load_that_was_ended_early_knows_how_much_it_sent() -> None:
    """A run that is told it is enough must send no more, and count what it sent."""
    server = StallingServer()
    serving = asyncio.create_task(server.serve())
    driving = Driving()

    async def read(_first_due: float) -> None:
        await server.until_answered(10)
        driving.is_enough = True

    driven = await drive_by(server.send, VALUES, RATE_PER_S, read, driving)
    await server.until_answered(driven.sent)
    serving.cancel()
    assert 10 <= driven.sent == len(server.answered_at) < COMMANDS
