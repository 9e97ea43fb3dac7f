"""How a replay looks while it runs: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from inventory_stream.replay.report import Totals
from inventory_stream.replay.run import Progress

# Between plain lines: enough to see that it lives, few enough for a log.
_LINE_SECONDS: Final = 5.0


class Meter:
    """Counts the rows of this run, not of the earlier ones it continues, and their rate."""

    def __init__(self, clock_seconds: Callable[[], float] = time.monotonic) -> None:
        """The clock starts with the first count."""
        self._clock_seconds = clock_seconds
        self._first: tuple[float, int, float] | None = None

    def read(self, rows: int, fraction: float) -> tuple[float, float | None]:
        """Give (rows per second, seconds left or None) at `rows` in all and `fraction` of the file."""
        now = self._clock_seconds()
        if self._first is None:
            self._first = now, rows, fraction
        started, first_rows, first_fraction = self._first
        seconds = now - started
        done = fraction - first_fraction
        rate = (rows - first_rows) / seconds if seconds > 0 else 0.0
        return rate, seconds / done * (1 - fraction) if done > 0 else None


class PlainProgress:
    """A line every few seconds."""

    def __init__(self, console: Console, clock_seconds: Callable[[], float] = time.monotonic) -> None:
        """Write to `console`."""
        self._console = console
        self._clock_seconds = clock_seconds
        self._meter = Meter(clock_seconds)
        self._next_seconds = clock_seconds() + _LINE_SECONDS

    def searching(self, fraction: float) -> None:
        """See `Progress.searching`."""
        if self._due():
            self._line(f"opening stock: {fraction:.0%} of the file searched")

    def replaying(self, totals: Totals, fraction: float) -> None:
        """See `Progress.replaying`."""
        rate, left_seconds = self._meter.read(totals.rows, fraction)
        if self._due():
            left = "" if left_seconds is None else f", {left_seconds:,.0f} s left"
            self._line(
                f"{fraction:.0%}: {totals.rows:,} rows, {totals.refused.total():,} refused, "
                f"{rate:,.0f} rows/s{left}"
            )

    def _due(self) -> bool:
        now = self._clock_seconds()
        if now < self._next_seconds:
            return False
        self._next_seconds = now + _LINE_SECONDS
        return True

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class BarProgress:
    """A bar with rate and time left."""

    def __init__(self, bars: Bars) -> None:
        """Draw on `bars`, which the caller starts and stops."""
        self._bars = bars
        self._meter = Meter()
        self._search: TaskID | None = None
        self._replay: TaskID | None = None

    def searching(self, fraction: float) -> None:
        """See `Progress.searching`."""
        if self._search is None:
            self._search = self._bars.add_task("opening stock", total=1.0, figures="")
        self._bars.update(self._search, completed=fraction)

    def replaying(self, totals: Totals, fraction: float) -> None:
        """See `Progress.replaying`."""
        rate, _ = self._meter.read(totals.rows, fraction)
        if self._replay is None:
            self._replay = self._bars.add_task("rows", total=1.0, figures="")
        figures = f"{totals.rows:,} rows, {totals.refused.total():,} refused, {rate:,.0f}/s"
        self._bars.update(self._replay, completed=fraction, figures=figures)


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Show progress on a console in the form that suits it."""
    if not console.is_terminal:
        yield PlainProgress(console)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield BarProgress(bars)
