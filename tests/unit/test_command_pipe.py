"""A way for commands that outlives its producers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from inventory_stream.adapters.kafka import command_pipe
from inventory_stream.adapters.kafka.command_pipe import CommandPipe, Sink
from inventory_stream.errors import UnreachableError
from models.commands import Command, Inspect

DEADLINE_SECONDS = 5.0
COMMAND = Inspect("c1", "R1", "A")


@dataclass
class OneSink:
    """Takes commands until it fails, and then none."""

    is_failed: bool = False
    is_full: bool = False
    taken: list[Command] = field(default_factory=list)

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one, or fail."""
        assert self.offer(command, partition_key or "")

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take one if there is room, or fail."""
        assert partition_key == "A"
        if self.is_failed:
            raise UnreachableError("the fake broker went away")
        if not self.is_full:
            self.taken.append(command)
        return not self.is_full


@dataclass
class Broker:
    """Gives sinks, unless it is away."""

    is_away: bool = False
    attempts: int = 0
    sinks: list[OneSink] = field(default_factory=list)
    open_now: int = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Sink]:
        """Give a new sink."""
        self.attempts += 1
        if self.is_away:
            raise UnreachableError("no fake broker answers")
        self.sinks.append(OneSink())
        self.open_now += 1
        try:
            yield self.sinks[-1]
        finally:
            self.open_now -= 1


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, bounded."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110  # a condition of the test, not an event
            await asyncio.sleep(0)


@asynccontextmanager
async def running(pipe: CommandPipe) -> AsyncIterator[None]:
    """Run a pipe."""
    task = asyncio.create_task(pipe.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(command_pipe, "OPEN_PAUSE_SECONDS", (0.0,))


async def test_a_sink_that_failed_is_replaced_and_its_command_goes_through_the_next() -> None:
    """Whoever sends notices nothing but the time; the failed sink is let go."""
    broker = Broker()
    pipe = CommandPipe(broker.connect)
    async with running(pipe), asyncio.timeout(DEADLINE_SECONDS):
        await pipe.send(COMMAND, "A")
        broker.sinks[0].is_failed = True
        await pipe.send(COMMAND, "A")
        assert [sink.taken for sink in broker.sinks] == [[COMMAND], [COMMAND]]
        assert (broker.open_now, pipe.is_open) == (1, True)
    assert broker.open_now == 0


async def test_what_comes_while_kafka_is_away_waits_for_it() -> None:
    """Nothing ends: attempts go on, and the first that succeeds takes what waited."""
    broker = Broker(is_away=True)
    pipe = CommandPipe(broker.connect)
    async with running(pipe):
        sending = asyncio.create_task(pipe.send(COMMAND, "A"))
        await until(lambda: broker.attempts > 3)
        assert not pipe.offer(COMMAND, "A")
        assert not sending.done()
        broker.is_away = False
        await asyncio.wait_for(sending, DEADLINE_SECONDS)
        assert broker.sinks[0].taken == [COMMAND]


async def test_an_offer_is_taken_at_once_or_not_at_all() -> None:
    """A full lane or a failed sink says no; the failed one is replaced."""
    broker = Broker()
    pipe = CommandPipe(broker.connect)
    async with running(pipe):
        await until(lambda: pipe.is_open)
        assert pipe.offer(COMMAND, "A")
        broker.sinks[0].is_full = True
        assert not pipe.offer(COMMAND, "A")
        broker.sinks[0].is_failed = True
        assert not pipe.offer(COMMAND, "A")
        await until(lambda: len(broker.sinks) == 2 and pipe.is_open)
