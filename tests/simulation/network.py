"""What lies between a process and the broker: time, lost requests and answers, and the steps to crash at."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

from inventory_stream.errors import UnreachableError
from tests.simulation.virtual_loop import VirtualLoop

T = TypeVar("T")

TRIES_MAX: Final = 5
"""Of a question, before who asked is told that nobody answers; appends are tried until their deadline."""
REQUEST_SECONDS_MAX: Final = 2.0
"""After so long without an answer a request counts as lost."""


@dataclass(frozen=True)
class Weather:
    """How bad the network is. Shares are of 1; `latencies` are seconds one way, one is drawn each time."""

    latencies: tuple[float, ...] = (0.0004, 0.0004, 0.002)
    lost_request_share: float = 0.0
    lost_answer_share: float = 0.0


class Lost(NamedTuple):
    """No answer came; whether the broker did what was asked is unknown."""

    was_done: bool


class Process:
    """One worker process on its way to the broker: its lane, its clock, its steps.

    Args:
        name: For the timeline.
        loop: Where it runs.
        random: Draws delays and losses.
        on_step: Told each step that the process reaches; may end it.
        on_end: Told status and reason when the process ends itself.
    """

    def __init__(
        self,
        name: str,
        loop: VirtualLoop,
        random: Random,
        *,
        weather: Callable[[], Weather],
        on_step: Callable[["Process", str], None],
        on_end: Callable[["Process", str], None],
    ) -> None:
        self.name = name
        self.lane = loop.new_lane(name)
        self.is_alive = True
        self.is_paused = False
        self.machine_ahead_ms: int = 0
        """How far its machine's clock is ahead of the truth."""
        self._loop = loop
        self._random = random
        self._weather = weather
        self._on_step = on_step
        self._on_end = on_end

    def __str__(self) -> str:
        return self.name

    # --- life --------------------------------------------------------------------------------------

    def start(self, work: Any) -> "asyncio.Task[Any]":  # noqa: ANN401  # any coroutine
        """Run a coroutine in this process."""
        return self._loop.create_task(work, context=self.lane)

    def kill(self) -> None:
        """Do what kill -9 does."""
        self.is_alive = False
        self._loop.kill(self.lane)

    def pause(self, *, is_paused: bool) -> None:
        """SIGSTOP and SIGCONT."""
        self.is_paused = is_paused
        self._loop.pause(self.lane, is_paused=is_paused)

    def end(self, reason: str) -> None:
        """The process ends itself with status 70 (P7)."""
        if self.is_alive:
            self._on_end(self, reason)
            self.kill()

    def fail(self, error: BaseException) -> None:
        """What a flow calls when anything broke."""
        self.end(f"{type(error).__name__}: {error}")

    async def reach(self, step: str) -> None:
        """Pass a step of the commit order; never returns if the process is killed there."""
        self.pass_step(step)
        if not self.is_alive:
            await asyncio.get_running_loop().create_future()

    def pass_step(self, step: str) -> None:
        """The same, from the broker's side or where nothing follows."""
        if self.is_alive:
            self._on_step(self, step)

    # --- requests ----------------------------------------------------------------------------------

    def carry(self, what: str, act: Callable[[], T]) -> "asyncio.Future[T | Lost | Exception]":
        """Send a request; the broker does `act` even if the process is gone or paused by then.

        The future gives what `act` gave, the exception that it raised, or that the answer was lost.
        """
        loop, random, weather = self._loop, self._random, self._weather()
        answer: asyncio.Future[T | Lost | Exception] = loop.create_future()
        there, back = random.choice(weather.latencies), random.choice(weather.latencies)
        drawn = random.random()
        is_request_lost = drawn < weather.lost_request_share
        is_answer_lost = (
            not is_request_lost and drawn < weather.lost_request_share + weather.lost_answer_share
        )

        def deliver(given: "T | Lost | Exception") -> None:
            if not answer.done():
                answer.set_result(given)

        def arrive() -> None:
            given: T | Exception
            try:
                given = act()
            except Exception as error:  # noqa: BLE001  # handed to who asked
                given = error
            self.pass_step(f"{what}: done by the broker")
            if is_answer_lost:
                loop.call_later(REQUEST_SECONDS_MAX, deliver, Lost(was_done=True), context=loop.world)
            else:
                loop.call_later(back, deliver, given, context=loop.world)

        if is_request_lost:
            loop.call_later(REQUEST_SECONDS_MAX, deliver, Lost(was_done=False), context=loop.world)
        else:
            loop.call_later(there, arrive, context=loop.world)
        return answer

    async def ask(self, what: str, act: Callable[[], T]) -> T:
        """Send a request until it is answered.

        Raises:
            UnreachableError: it was lost too often.
        """
        for _ in range(TRIES_MAX):
            answering = self.carry(what, act)
            await self.reach(f"{what}: sent")
            answer = await answering
            if isinstance(answer, Lost):
                continue
            await self.reach(f"{what}: answered")
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise UnreachableError(f"no answer to {what!r} in {TRIES_MAX} tries")

    # --- clocks ------------------------------------------------------------------------------------

    def steady_seconds(self) -> float:
        """The clock that counts sleep and cannot be set; its zero is no other process's."""
        return self._loop.time() + 1_000.0

    def machine_ms(self, start_ms: int) -> int:
        """The machine's clock."""
        return start_ms + int(self._loop.time() * 1_000) + self.machine_ahead_ms
