"""What one run of a scenario gives."""

from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.statistics import Figures

Series = dict[str, list[tuple[float, float]]]
"""Name of a curve -> its points (x, y), in order of x. A name says both units: `<y>_over_<x>`."""

DECIDED_OVER_TIME: Final = "decided_per_s_over_s"
"""Of a fault mode: decisions by the second, from the first command due."""
KILLS_OVER_TIME: Final = "kills_over_s"
"""Of a fault mode: when each kill was (y: its number)."""

ENDED_BY: Final = "ended by "
"""How the fault of a run begins that an exception ended, whichever subject it was about; it is filed under
the worker, and the run has no other results."""


class SubjectResult(NamedTuple):
    """One subject in one run. It counts only when `faults` is empty.

    `oversold_units` are units granted beyond the stock (I2), by a ledger that was read back whole; None
    where there was no ledger to read. `series` are curves for the charts, where a scenario has any.
    """

    figures: Figures
    faults: list[str]
    decisions_sha256: str
    oversold_units: int | None = None
    series: Series | None = None


RunResult = dict[str, SubjectResult]
"""Name of the subject -> what it did. The names are the rows of the report."""

Say = Callable[[str], None]
"""Told what happens, one line at a time."""
