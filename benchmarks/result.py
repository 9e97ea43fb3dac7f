"""What one run of a scenario gives."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.statistics import Figures


class SubjectResult(NamedTuple):
    """One subject in one run. It counts only when `faults` is empty.

    `oversold_units` are units granted beyond the stock (I2), by a ledger that was read back whole; None
    where there was no ledger to read.
    """

    figures: Figures
    faults: list[str]
    decisions_sha256: str
    oversold_units: int | None = None


RunResult = dict[str, SubjectResult]
"""Name of the subject -> what it did. The names are the rows of the report."""

Say = Callable[[str], None]
"""Told what happens, one line at a time."""
