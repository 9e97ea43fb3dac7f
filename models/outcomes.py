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

    TRANSFER_PLANNED = 13  # units were set aside at the source (R12)
    REROUTED = 14  # units moved to another location, all of them (R19)
    UNITS_SET = 15  # an open line has as many units as asked (R19)
    ALREADY_PLANNED = 16  # same transfer id and content under another command id; no unit moved (R12)

    BACKORDERED = 17  # granted, some or all of it before the units are there (R24)
    POOL_SHORT = 18  # fewer units were set aside than asked, because there were no more (R4)

    INSPECTED = 19  # the reservation's row was written again as it is; nothing moved

    # Facts: they always apply.
    APPLIED = 20  # a stock command did its work
    FULFILLED = 21  # allocated and on_hand fell
    RETURNED = 22  # on_hand rose
    FULFIL_UNMATCHED = 23  # on_hand fell for units that no reservation had allocated; an exception
    RETURN_UNMATCHED = 24  # on_hand rose for units that no reservation had shipped; an exception
    STALE_SYNC = 25  # a count older than the last one, or than the kept movements; nothing moved

    SHIP_UNMATCHED = 26  # on_hand fell by more than the transfer had planned; an exception (R12)
    RECEIVE_UNMATCHED = 27  # on_hand rose by more than was known to be on the way; an exception (R10)
    RECEIVED_SHORT = 28  # no more will come, and less came than was sent or announced; an exception
    NOT_AUTHORITY = 29  # a count by another source than the location's authority; nothing moved (R14)

    PROMISE_SHORT = 30  # less will come than was promised on it; an exception naming orders (R24)
    PROMISE_LATE = 31  # what was promised on it comes later than said; an exception (R24)

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

    RELEASED_EARLY = 49  # its release or cancel came before it: nothing is held (R21)
    UNKNOWN_TRANSFER = 50  # no such transfer, or nothing of it is still planned (R12)
    UNKNOWN_INCOMING = 51  # no such incoming, or nothing of it is still awaited (R13)

    LIMIT_REACHED = 52  # the customer would have more than the purchase limit allows (R23)
    SALE_NOT_OPEN = 53  # the sale has not started (R15)
    SALE_CLOSED = 54  # the sale is over (R15)
    UNKNOWN_SALE = 55  # no pool of that sale for this SKU there
    CUSTOMER_REQUIRED = 56  # a purchase limit holds, and the command names no customer (R23)
    ANOTHER_ORDER = 57  # its units are sold to another order already; nothing moved; an exception (R20)

    # Refusals of form: the command can never succeed as it is.
    RESERVATION_ID_REUSED = 60  # same reservation id, other content
    COMMAND_ID_REUSED = 61  # same command id, other content; also a dead letter unless a gateway asked (R27)
    TOO_MANY_COMMANDS = 62  # the reservation has had its 1,000 commands
    ALREADY_APPLIED = 63  # a repeat of a command whose answer is no longer kept; nothing moved
    WRONG_PARTITION = 64  # the record was not in its key's partition; an exception
    PRODUCT_CHANGED = 65  # the catalog names another product than its positions keep; an exception (R30)
    DOCUMENT_ID_REUSED = 67  # same transfer or incoming id, other content; nothing moved (R12, R13)

    # Not final: binds no command id.
    TOO_LATE = 80  # decided after answer_by; nothing held
    UNKNOWN_RESERVATION = 81  # no such reservation, and this command cannot wait for it
    REMEMBERED = 82  # came before its order and waits for it; facts moved on_hand at once (R21)
    MEMORY_DROPPED = 83  # waited too long for its order; decided anew if it comes again; an exception (R21)

    @property
    def is_final(self) -> bool:
        """Whether a repeat of the command id gets this same answer (R27)."""
        return self not in NOT_FINAL

    @property
    def is_refusal(self) -> bool:
        """Whether the command changed nothing because of what it asked or when."""
        return self in _REFUSALS_AMONG_FACTS or (
            self >= Outcome.ALL_RESERVED and self is not Outcome.REMEMBERED
        )

    @property
    def is_exception(self) -> bool:
        """Whether somebody has to look at it: an exception event is due."""
        return self in EXCEPTIONS


NOT_FINAL: Final = frozenset(
    {
        Outcome.TOO_LATE,
        Outcome.UNKNOWN_RESERVATION,
        Outcome.REMEMBERED,
        Outcome.MEMORY_DROPPED,
        Outcome.COMMAND_ID_REUSED,
        Outcome.ALREADY_APPLIED,
        Outcome.WRONG_PARTITION,
        Outcome.PRODUCT_CHANGED,
        Outcome.TOO_MANY_COMMANDS,
    }
)
"""Outcomes that bind no command id: the first final answer, if any, stays the answer."""

_REFUSALS_AMONG_FACTS: Final = frozenset({Outcome.STALE_SYNC, Outcome.NOT_AUTHORITY})

EXCEPTIONS: Final = frozenset(
    {
        Outcome.RECORDED_SHORT,
        Outcome.FULFIL_UNMATCHED,
        Outcome.RETURN_UNMATCHED,
        Outcome.SHIP_UNMATCHED,
        Outcome.RECEIVE_UNMATCHED,
        Outcome.RECEIVED_SHORT,
        Outcome.PROMISE_SHORT,
        Outcome.PROMISE_LATE,
        Outcome.ANOTHER_ORDER,
        Outcome.MEMORY_DROPPED,
        Outcome.WRONG_PARTITION,
        Outcome.PRODUCT_CHANGED,
    }
)
"""Outcomes that raise an exception event."""
