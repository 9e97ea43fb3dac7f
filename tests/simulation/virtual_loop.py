"""An event loop of several processes in virtual time: equal seeds give equal runs, to the last step.

Each process has a lane. Within a lane callbacks keep their order, as asyncio promises; which lane
comes next is drawn, because processes run side by side. When no lane has anything to do, time jumps to
the next timer. A lane can be paused (SIGSTOP: its timers pile up) and killed (kill -9: nothing of it
runs ever again, no `finally` either).
"""

import asyncio
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")

STEPS_MAX: Final = 2_000_000
"""Callbacks of one run; a usual one takes 5,000. More means that somebody spins without time passing."""


class StuckError(Exception):
    """Nobody has anything to do any more, or somebody never stops."""


class Lane:
    """One process as the loop sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[asyncio.Handle] = deque()
        self.is_paused = False
        self.is_dead = False

    @property
    def is_runnable(self) -> bool:
        """Whether it has a callback that may run now."""
        return bool(self.ready) and not self.is_paused


_LANE: Final[ContextVar[Lane]] = ContextVar("lane")


def current_lane() -> Lane:
    """Give the lane in which the caller runs."""
    return _LANE.get()


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `time()` is in seconds, as every loop's, and begins at 0."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.faults: list[dict[str, Any]] = []
        """What asyncio would have printed about callbacks and tasks that broke."""
        self.random = random
        self._now_seconds = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self._steps = 0
        self._lanes: list[Lane] = []
        self._coroutines: list[Generator[Any, None, Any] | Coroutine[Any, Any, Any]] = []
        self.world: Context = self.new_lane("world")
        """The lane of everything that never dies: broker, network, supervisor."""

    def new_lane(self, name: str) -> Context:
        """Make a lane; gives the context that puts tasks and timers into it."""
        lane = Lane(name)
        self._lanes.append(lane)
        context = copy_context()
        context.run(_LANE.set, lane)
        return context

    def kill(self, context: Context) -> None:
        """End a lane at once; a callback of it that runs right now ends with its next await."""
        lane = context[_LANE]
        lane.is_dead = True
        lane.ready.clear()
        if lane in self._lanes:
            self._lanes.remove(lane)

    def pause(self, context: Context, *, is_paused: bool) -> None:
        """Stop a lane, or let it go on."""
        context[_LANE].is_paused = is_paused

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run in the world's lane until `main` ends."""
        # In a copy: a context cannot be entered twice, and callbacks of the world enter its own.
        return self.world.copy().run(self.run_until_complete, self.create_task(main, context=self.world))

    # --- what BaseEventLoop asks of a loop -------------------------------------------------------

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_seconds

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Queue a callback in the lane of its context; a dead lane takes none."""
        handle = asyncio.Handle(callback, args, self, context)
        self._queue(handle)
        return handle

    call_soon_threadsafe = call_soon  # there is one thread

    def call_at(
        self, when: float, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have a callback run at a virtual time."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heappush(self._timers, (when, self._number, handle))
        return handle

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Make a task; those of killed lanes are dropped without a word."""
        task = asyncio.Task(coro, loop=self, name=str(name or ""), context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own flag
        self._coroutines.append(coro)
        return task

    def abandon(self) -> None:
        """End what dead lanes left standing, so that no collector meets it later; nothing can come of it."""
        for lane in self._lanes:
            lane.is_dead = True
        with warnings.catch_warnings():
            # A task that was killed before its first step never awaited what it was given.
            warnings.simplefilter("ignore", RuntimeWarning)
            for coroutine in self._coroutines:
                with suppress(BaseException):
                    coroutine.close()
            self._coroutines.clear()
        self.close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what broke, for the run to judge."""
        self.faults.append(context)

    def _asyncgen_finalizer_hook(self, agen: object) -> None:
        """Leave generators of killed lanes where they are: a dead process cleans nothing up."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to count: a cancelled timer is dropped when its time comes."""

    def _queue(self, handle: asyncio.Handle) -> None:
        lane = handle._context.get(_LANE)  # type: ignore[attr-defined]  # the one way to know whose it is
        if lane is not None and not lane.is_dead:
            lane.ready.append(handle)

    def _run_once(self) -> None:
        runnable = [lane for lane in self._lanes if lane.ready and not lane.is_paused]
        if not runnable:
            self._jump()
            return
        lane = runnable[0] if len(runnable) == 1 else self.random.choice(runnable)
        handle = lane.ready.popleft()
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise StuckError(f"{STEPS_MAX} steps, and no end at {self._now_seconds:.3f} s")
        if not handle.cancelled():
            handle._run()

    def _jump(self) -> None:
        """Go to the time of the next timer and queue all that are due then."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not timers:
            raise StuckError(f"nobody has anything to do any more at {self._now_seconds:.3f} s")
        self._now_seconds = max(self._now_seconds, timers[0][0])
        while timers and timers[0][0] <= self._now_seconds:
            handle = heappop(timers)[2]
            if not handle.cancelled():
                self._queue(handle)
