"""What outcomes, sums and times mean, in sentences for people."""

from datetime import UTC, datetime
from typing import Final

from models.outcomes import Outcome
from models.rows import Breakdown, PositionRow

WORDS: Final[dict[Outcome, str]] = {
    Outcome.GRANTED: "all units asked for were set aside",
    Outcome.PARTIALLY_GRANTED: "fewer units than asked for were set aside, as the request allowed",
    Outcome.EXTENDED: "the deadline moved, as far as the longest life of a reservation lets it",
    Outcome.CONFIRMED: "the reserved units now belong to a paid order",
    Outcome.CONFIRMED_LATE: "it came after the deadline or a revocation, and the units could be had again",
    Outcome.RELEASED: "the reserved units are free again",
    Outcome.CANCELLED: "the units of the order are free again",
    Outcome.RECORDED: "an order taken elsewhere was allocated from what was free",
    Outcome.RECORDED_SHORT: "an order taken elsewhere was allocated, though there is not enough for it",
    Outcome.ALREADY_GRANTED: "the reservation holds its units already, by another command; nothing moved",
    Outcome.ALREADY_CONFIRMED: "everything is paid or shipped already; nothing moved",
    Outcome.PARTIALLY_CONFIRMED: "what was still held is paid for; the rest is gone and must be refunded",
    Outcome.TRANSFER_PLANNED: "the units were set aside at the source for the transfer",
    Outcome.ALREADY_PLANNED: "the transfer is planned already, by another command; nothing moved",
    Outcome.REROUTED: "all units asked for moved to the other location",
    Outcome.UNITS_SET: "the open line has as many units as asked for",
    Outcome.BACKORDERED: "what was there is reserved, and the rest is promised from goods to come",
    Outcome.POOL_SHORT: "fewer units were set aside than asked for, because no more were free",
    Outcome.INSPECTED: "its row was written again as it is",
    Outcome.APPLIED: "it was applied",
    Outcome.FULFILLED: "the units left the building",
    Outcome.RETURNED: "the units came back",
    Outcome.FULFIL_UNMATCHED: "units left that no reservation had paid for; somebody must look at it",
    Outcome.RETURN_UNMATCHED: "units came back that no reservation had shipped; somebody must look at it",
    Outcome.STALE_SYNC: "the count is older than the last one, or than the movements kept; nothing moved",
    Outcome.SHIP_UNMATCHED: "more was shipped than the transfer had planned; somebody must look at it",
    Outcome.RECEIVE_UNMATCHED: "more arrived than was known to be on the way; somebody must look at it",
    Outcome.RECEIVED_SHORT: "no more will come, and less came than was announced; somebody must look at it",
    Outcome.PROMISE_SHORT: "less will come than was promised to the orders named; somebody must look at it",
    Outcome.PROMISE_LATE: "what was promised to the orders named comes later; somebody must look at it",
    Outcome.NOT_AUTHORITY: "another source counts at this location; nothing moved",
    Outcome.ALL_RESERVED: "not enough was free, but live reservations there might yet expire",
    Outcome.SOLD_OUT: "not enough was free, and no live reservation there could change that",
    Outcome.NO_SINGLE_LOCATION: "no one location of the group had all units, though together they did",
    Outcome.UNKNOWN_SKU: "the SKU had no position in this partition",
    Outcome.UNKNOWN_GROUP: "the location group was never stated",
    Outcome.RESERVATION_EXPIRED: "it came after the deadline, and the units were gone: refund the payer",
    Outcome.NOT_LIVE: "the reservation had nothing left that this could act on",
    Outcome.EXTEND_LIMIT: "the reservation lives as long as it may already",
    Outcome.MORE_THAN_HELD: "it asked for more units than the reservation has in that state",
    Outcome.RELEASED_EARLY: "its release or cancel came before it: nothing is held",
    Outcome.UNKNOWN_TRANSFER: "no such transfer, or nothing of it is still planned",
    Outcome.UNKNOWN_INCOMING: "no such incoming goods, or nothing of them is still awaited",
    Outcome.LIMIT_REACHED: "the customer would have more than the purchase limit allows",
    Outcome.SALE_NOT_OPEN: "the sale had not started when it arrived",
    Outcome.SALE_CLOSED: "the sale was over when it arrived, or was closed before",
    Outcome.UNKNOWN_SALE: "there is no pool of that sale for the SKU there",
    Outcome.CUSTOMER_REQUIRED: "a purchase limit holds, and it names no customer to count for",
    Outcome.ANOTHER_ORDER: "its units are sold to another order already, so nothing moved; "
    "somebody must look at it",
    Outcome.RESERVATION_ID_REUSED: "the reservation id was used before for something else",
    Outcome.DOCUMENT_ID_REUSED: "the transfer or incoming id was used before for something else",
    Outcome.COMMAND_ID_REUSED: "the command id was used before for something else; a dead letter too, "
    "unless it was asked over HTTP",
    Outcome.TOO_MANY_COMMANDS: "the reservation has had all the commands that it may have",
    Outcome.ALREADY_APPLIED: "it was applied before, and its answer is no longer kept; nothing moved",
    Outcome.WRONG_PARTITION: "the record was in another partition than its key belongs to",
    Outcome.PRODUCT_CHANGED: "the catalog names another product for the SKU than its positions keep",
    Outcome.TOO_LATE: "it was decided after its answer_by: nothing is held, and it may be asked again",
    Outcome.UNKNOWN_RESERVATION: "there was no such reservation, and it cannot wait for one",
    Outcome.REMEMBERED: "it came before its order and waits for it; what physically moved was counted",
    Outcome.MEMORY_DROPPED: "it waited too long for its order; sent again, it is decided anew",
}
"""One sentence for each outcome: a test demands that none is missing."""


_UNITS: Final = ((86_400_000, "days", 1), (3_600_000, "h", 1), (60_000, "min", 0), (1_000, "s", 1))


def outcome_name(number: int) -> str:
    """Give an outcome's word; a newer program may have written a number that this one does not know."""
    try:
        return Outcome(number).name
    except ValueError:
        return f"outcome {number}"


def outcome_words(number: int) -> str:
    """Say in a sentence what an outcome means."""
    try:
        return WORDS[Outcome(number)]
    except ValueError:
        return "written by a newer program than this one: upgrade to read it"


def breakdown_words(breakdown: Breakdown, asked_units: int | None) -> str:
    """Say R2 as a sum, and what was asked against it. None: the row does not say how many."""
    sentence = f"where it asked, {_sum(breakdown)} = {_to_promise(breakdown.available_to_promise)}"
    if asked_units is not None:
        sentence += f"; {units(asked_units)} asked for"
    if breakdown.earliest_deadline_ms:
        sentence += f"; the next reservation there may expire at {utc(breakdown.earliest_deadline_ms)}"
    return sentence


def formula_words(row: PositionRow) -> str:
    """Say what a position is by R2."""
    return f"{_sum(row)} = {_to_promise(row.available_to_promise)}"


def _sum(of: Breakdown | PositionRow) -> str:
    return (
        f"{of.on_hand} on hand - {of.unavailable} unavailable - {of.reserved} reserved - "
        f"{of.allocated} allocated - {of.safety_stock} safety stock - {of.fenced} fenced"
    )


def _to_promise(available: int) -> str:
    return f"{available} to promise"


def units(number: int) -> str:
    """Give a quantity with its noun."""
    return f"{number} unit" if number == 1 else f"{number} units"


def utc(at_ms: int) -> str:
    """Give a moment as RFC 3339 text in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(at_ms // 1_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at_ms % 1_000:03d}Z"


def span(duration_ms: int) -> str:
    """Give a length of time in a unit that fits it: 350 ms, 12.4 s, 5 min, 3.2 h, 8.0 days."""
    size_ms = abs(duration_ms)
    for unit_ms, name, digits in _UNITS:
        if size_ms >= 2 * unit_ms:
            return f"{size_ms / unit_ms:.{digits}f} {name}"
    return f"{size_ms} ms"
