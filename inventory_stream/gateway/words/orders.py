"""Orders of many lines, as requests ask for them and answers tell what became of each line."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from inventory_stream.flows.orders.place import Mode
from inventory_stream.gateway.words.reservations import CUSTOMER_CHARACTERS_MAX, TTL_SECONDS_DEFAULT
from models.commands import TtlSeconds, Units
from models.ids import Id
from models.payments import PAID_LINES_MAX, PaidLine, SettledAs, SettledLine

ORDER_LINES_MAX: Final = PAID_LINES_MAX
"""Most lines of an order: each is two round trips to the ledger, all at once, within one answer's time."""


class OrderLineAsked(Struct, forbid_unknown_fields=True):
    """One line: from one `location`, or from a `group` by a `strategy` (R15).

    `line_id` tells lines apart, its number from 0 where it is left out. `sale_id` and `path` are those of a
    reservation.
    """

    sku: Id
    units: Units
    line_id: Id | None = None
    location: Id | None = None
    group: Id | None = None
    strategy: Literal["first_fit", "split"] = "first_fit"
    sale_id: Id | None = None
    path: Id | None = None
    allow_partial: bool = False
    allow_backorder: bool = False


class OrderAsked(Struct, forbid_unknown_fields=True):
    """An order. In mode `all` it is placed whole or not at all; in `partial` lines stand that can be had.

    `order_id` is the shop's own, made here where it is left out. `customer` is any text by which the shop
    knows its customer: only a keyed hash of it goes further (R23).
    """

    lines: Annotated[list[OrderLineAsked], Meta(min_length=1, max_length=ORDER_LINES_MAX)]
    ttl_seconds: TtlSeconds = TTL_SECONDS_DEFAULT
    order_id: Id | None = None
    mode: Mode = Mode.ALL
    channel: Id | None = None
    customer: Annotated[str, Meta(min_length=1, max_length=CUSTOMER_CHARACTERS_MAX)] | None = None


class OrderLinePlaced(Struct, omit_defaults=True):
    """What became of a line. Held: `reservation_id`, until `deadline_ms`. Refused: `problem` and the numbers.

    `outcome` is a word of docs/contracts.md, `problem` the slug of a page under /problems/.
    """

    line_id: str
    sku: str
    outcome: str
    units: int = 0
    reservation_id: str | None = None
    deadline_ms: int | None = None
    problem: str | None = None
    breakdown: dict[str, Any] | None = None
    earliest_deadline_ms: int | None = None


class OrderPlaced(Struct):
    """An order that stands. `status` is `partial` where a line was refused.

    `is_noted`: Redis knows the lines for 7 days. Where it does not, name the reservations in what you ask of
    the order, and in its payment events. `is_repeat`: it was placed before, and this is the answer of then
    (R27).
    """

    order_id: str
    status: Literal["placed", "partial"]
    lines: list[OrderLinePlaced]
    is_noted: bool
    is_repeat: bool


class OrderLines(Struct, forbid_unknown_fields=True):
    """The reservations of an order; left out: those that were noted when it was placed."""

    reservations: Annotated[list[PaidLine], Meta(max_length=ORDER_LINES_MAX)] = []


class OrderSettled(Struct):
    """What became of an order's lines. Lines with `refund_units` must be paid back."""

    order_id: str
    status: SettledAs
    lines: list[SettledLine]


class OrderLineShown(Struct):
    """A line as the ledger has it now; units are those of all its locations together (R16).

    `deadline_ms` is when what is still `reserved` ends.
    """

    line_id: str
    reservation_id: str
    sku: str
    reserved: int
    allocated: int
    fulfilled: int
    released: int
    expired: int
    cancelled: int
    revoked: int
    returned: int
    backordered: int
    deadline_ms: int


class OrderShown(Struct):
    """An order as it is now. Lines of which the ledger knows nothing (any more) are left out."""

    order_id: str
    lines: list[OrderLineShown]
