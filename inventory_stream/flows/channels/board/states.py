"""How a listing stands: in exactly one state. Numbers, because a million of them stand in a column."""

from typing import Final

IDLE: Final = 0
"""In step, or nothing is wanted yet."""
ZERO: Final = 1
CUT: Final = 2
RAISE: Final = 3
"""In a lane, to be taken."""
HELD: Final = 4
"""A raise that waits for the channel's orders."""
FLIGHT: Final = 5
"""In a batch that has not ended."""
AGAIN: Final = 6
"""In a batch that is to be sent again as it is."""
DUE: Final = 7
"""Failed by itself; waits for its time."""
CHECK: Final = 8
"""Nobody knows what the channel shows: to be read back first."""
DEAD: Final = 9
"""Refused for good at this revision."""
STOPPED: Final = 10
"""An operator stopped it."""
MASS: Final = 11
"""Part of a mass change or a mass drift that nobody has approved."""
BUDGET: Final = 12
"""The channel takes no more changes of it today."""

STATES: Final = 13
LANES: Final = (ZERO, CUT, RAISE)
KEPT_BACK: Final = frozenset({HELD, DEAD, STOPPED, MASS})
"""On purpose, ours or an operator's: how long says nothing about how fast we are."""
RESTING: Final = KEPT_BACK | {IDLE}
"""Nothing is under way here."""
