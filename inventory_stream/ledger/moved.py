"""What moved on_hand at a position since its last count: times and units, as small as integers lie."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

# Forgotten ones in front of an array before it is moved up: a walk is paid for by as many.
_FORGOTTEN_MAX: Final = 64


class Moved:
    """(effective_at_ms, delta) by time, one behind the other in one array.

    17 bytes each, where a heap of tuples took 97: more than the row of a till sale (benchmarks, scenario
    `memory`). They come nearly in order; one that is late moves at most `movements_max` of 16 bytes, some us.
    """

    __slots__ = ("_first", "_pairs")

    def __init__(self) -> None:
        self._pairs: array[int] = array("q")
        # How many pairs in front are forgotten.
        self._first = 0

    def add(self, effective_at_ms: int, delta: int) -> None:
        """Take a movement in its place."""
        pairs = self._pairs
        if not pairs or pairs[-2] <= effective_at_ms:
            pairs.append(effective_at_ms)
            pairs.append(delta)
            return
        numbers = range(self._first, len(pairs) // 2)
        at = 2 * (self._first + bisect_right(numbers, effective_at_ms, key=lambda number: pairs[2 * number]))
        pairs.insert(at, delta)
        pairs.insert(at, effective_at_ms)

    def forget(self, until_ms: int) -> None:
        """Drop those up to a time, that one among them."""
        pairs, first = self._pairs, self._first
        while 2 * first < len(pairs) and pairs[2 * first] <= until_ms:
            first += 1
        if first > _FORGOTTEN_MAX and 4 * first > len(pairs):
            del pairs[: 2 * first]
            first = 0
        self._first = first

    @property
    def oldest_ms(self) -> int:
        """The time of the oldest; there must be one."""
        return self._pairs[2 * self._first]

    @property
    def units(self) -> int:
        """What all of them add up to."""
        return sum(self._pairs[2 * self._first + 1 :: 2])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        pairs = self._pairs
        return ((pairs[at], pairs[at + 1]) for at in range(2 * self._first, len(pairs), 2))

    def __len__(self) -> int:
        return len(self._pairs) // 2 - self._first


NOTHING_MOVED: Final = Moved()
"""Of all positions that keep no movement."""
