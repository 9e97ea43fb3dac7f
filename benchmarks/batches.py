"""How many commands an owner decides and appends at once: the distribution behind the medians."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from benchmarks.result import Series

APPENDS_OVER_COMMANDS: Final = "appends_over_commands"
"""Batches (y) of at most so many commands (x, a power of two) and more than the x before."""


def batch_series(batch_commands: Iterable[int]) -> Series:
    """Sort batches into buckets by their commands; buckets without any are left out.

    Each bound is twice the one before: sizes go from 1 to 100,000, and 17 numbers tell their shape.
    """
    buckets = Counter(1 << (commands - 1).bit_length() for commands in batch_commands)
    return {APPENDS_OVER_COMMANDS: [(float(bound), float(buckets[bound])) for bound in sorted(buckets)]}
