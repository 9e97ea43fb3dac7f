"""Names in their order, for pages: cheap to add to, sorted when a page is asked for."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final


class SortedNames:
    """A set of names that gives pages.

    Sorting a list that is sorted but for a few new names at its end costs about as much as reading it;
    keeping it sorted at each name would cost a million names a move of 8 MB each while the ledger is read.
    """

    def __init__(self) -> None:
        self._names: Final[list[str]] = []
        self._added: Final[set[str]] = set()

    def add(self, name: str) -> None:
        """Take a name in that is not there."""
        self._added.add(name)

    def remove(self, name: str) -> None:
        """Drop a name that is there."""
        if name in self._added:
            self._added.remove(name)
        else:
            del self._names[bisect_left(self._names, name)]

    def after(self, name: str, limit: int) -> Sequence[str]:
        """Give the names behind one, `limit` at most."""
        if self._added:
            self._names.extend(self._added)
            self._added.clear()
            self._names.sort()
        start = bisect_right(self._names, name)
        return self._names[start : start + limit]
