"""What the demo shows at a moment: filled by the script, drawn by a view. Holds no process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

EVENTS_KEPT: Final = 200
"""Most events kept: a demo has about thirty."""


class StepState(Enum):
    """How far a step is."""

    WAITING = " "
    RUNNING = ">"
    DONE = "x"
    FAILED = "!"


@dataclass(slots=True)
class Step:
    """One step of the script; `detail` says how it goes or went."""

    name: str
    state: StepState = StepState.WAITING
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The SKU on sale: units that can still be promised, on hold and sold, of its stock."""

    available_units: int
    reserved_units: int
    sold_units: int
    stock_units: int


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker process: `state` in a word or two."""

    name: str
    pid: int | None
    state: str
    is_up: bool


@dataclass(slots=True)
class Board:
    """All that a view needs. Only the script writes it."""

    clock_seconds: Callable[[], float] = time.monotonic
    steps: list[Step] = field(default_factory=list)
    sent: int = 0
    answered: int = 0
    per_second: int = 0
    shelf: Shelf | None = None
    workers: tuple[WorkerLine, ...] = ()
    events: list[tuple[float, str]] = field(default_factory=list)
    """When (seconds since the start) and what; oldest first."""

    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock_seconds()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self.clock_seconds() - self._began

    @property
    def running(self) -> Step | None:
        """The step under way."""
        return next((step for step in self.steps if step.state is StepState.RUNNING), None)

    def begin(self, name: str) -> None:
        """Finish the step under way and begin another by its name."""
        self.finish()
        next(step for step in self.steps if step.name == name).state = StepState.RUNNING

    def detail(self, text: str) -> None:
        """Say how the step under way goes."""
        if self.running is not None:
            self.running.detail = text

    def finish(self, state: StepState = StepState.DONE) -> None:
        """End the step under way."""
        if self.running is not None:
            self.running.state = state

    def say(self, text: str) -> None:
        """Report something that happened."""
        self.events.append((self.seconds, text))
        del self.events[:-EVENTS_KEPT]
