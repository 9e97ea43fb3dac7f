"""Outcomes: the one word that answers a command.

Numbers are fixed for ever: rows carry them. A retired outcome keeps its number. Faults (a broker
that is gone, a bug) are exceptions, never outcomes.
"""

from enum import IntEnum, unique
from typing import Final


@unique
class Outcome(IntEnum):
    """How a command ended. The comment says what moved."""

    # Grants: units moved as asked.
    GRANTED = 1  # reserved grew by all units asked
    PARTIALLY_GRANTED = 2  # reserved grew by fewer units than asked; allow_partial was set
    EXTENDED = 3  # the deadline moved, perhaps by less than asked (total limit)
    CONFIRMED = 4  # reserved became allocated
    CONFIRMED_LATE = 5  # after the deadline or a revocation, and the units could be had again
    RELEASED = 6  # reserved units became free
    CANCELLED = 7  # allocated units became free
    RECORDED = 8  # an order taken elsewhere was allocated within what was free
    RECORDED_SHORT = 9  # the same, leaving less than nothing free; an exception
    ALREADY_GRANTED = 10  # same reservation id and content under another command id; nothing moved
    ALREADY_CONFIRMED = 11  # all is allocated or shipped already; nothing moved
    PARTIALLY_CONFIRMED = 12  # what was held is allocated; the rest was revoked and is gone: refund it

    # Facts: they always apply.
    APPLIED = 20  # a stock command did its work
    FULFILLED = 21  # allocated and on_hand fell
    RETURNED = 22  # on_hand rose
    FULFIL_UNMATCHED = 23  # on_hand fell for units that no reservation had allocated; an exception
    RETURN_UNMATCHED = 24  # on_hand rose for units that no reservation had shipped; an exception
    STALE_SYNC = 25  # a count older than the last one, or than the kept movements; nothing moved

    # Refusals of state: nothing moved; asking again under a new id is a new decision.
    ALL_RESERVED = 40  # not enough free, but live reservations may yet expire
    SOLD_OUT = 41  # not enough free, and no live reservation could change that
    NO_SINGLE_LOCATION = 42  # first_fit: no one location has all units, though together they do
    UNKNOWN_SKU = 43  # the SKU has no position in this partition
    UNKNOWN_GROUP = 44  # the location group was never set
    RESERVATION_EXPIRED = 45  # confirmed after the deadline, and the units are gone: refund
    NOT_LIVE = 46  # the reservation has nothing that this command could act on
    EXTEND_LIMIT = 47  # the reservation already lives as long as it may
    MORE_THAN_HELD = 48  # asks for more units than the reservation has in that state

    # Refusals of form: the command can never succeed as it is.
    RESERVATION_ID_REUSED = 60  # same reservation id, other content
    COMMAND_ID_REUSED = 61  # same command id, other content; also a dead letter
    TOO_MANY_COMMANDS = 62  # the reservation has had its 1,000 commands
    ALREADY_APPLIED = 63  # a repeat of a command whose answer is no longer kept; nothing moved
    WRONG_PARTITION = 64  # the record was not in its key's partition

    # Not final: binds no command id.
    TOO_LATE = 80  # decided after answer_by; nothing held
    UNKNOWN_RESERVATION = 81  # no such reservation (yet)

    @property
    def is_final(self) -> bool:
        """Whether a repeat of the command id gets this same answer (R27)."""
        return self not in NOT_FINAL

    @property
    def is_refusal(self) -> bool:
        """Whether the command changed nothing because of what it asked or when."""
        return self >= Outcome.ALL_RESERVED or self is Outcome.STALE_SYNC

    @property
    def is_exception(self) -> bool:
        """Whether somebody has to look at it: an exception event is due."""
        return self in EXCEPTIONS


NOT_FINAL: Final = frozenset(
    {
        Outcome.TOO_LATE,
        Outcome.UNKNOWN_RESERVATION,
        Outcome.COMMAND_ID_REUSED,
        Outcome.ALREADY_APPLIED,
        Outcome.WRONG_PARTITION,
        Outcome.TOO_MANY_COMMANDS,
    }
)
"""Outcomes that bind no command id: the first final answer, if any, stays the answer."""

EXCEPTIONS: Final = frozenset({Outcome.RECORDED_SHORT, Outcome.FULFIL_UNMATCHED, Outcome.RETURN_UNMATCHED})
"""Outcomes that raise an exception event."""
