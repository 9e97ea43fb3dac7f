"""Reservations as requests ask for them and answers tell them."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from models.commands import TtlSeconds, Units, When
from models.ids import Id

LINES_MAX: Final = 1_000
"""Most reservations of one request: what one packed record holds (docs/contracts.md)."""
TTL_SECONDS_DEFAULT: Final = 600
"""Ten minutes to pay, where the shop does not say."""
CUSTOMER_CHARACTERS_MAX: Final = 512
"""Longest text that names a customer: hashed at once, so it only bounds the request."""

State = Literal["held", "confirmed", "fulfilled", "over", "refused"]


class ReserveBody(Struct, forbid_unknown_fields=True):
    """What a shopper wants held. At one `location`, or within a `group` by a `strategy`.

    `sale_id` takes the units of that sale, `path` any path (`common`, `sale:<sale id>`, `channel:<channel>`).
    `customer` is any text by which the shop knows the shopper; only a keyed hash of it is kept.
    """

    sku: Id
    units: Units
    ttl_seconds: TtlSeconds = TTL_SECONDS_DEFAULT
    location: Id | None = None
    group: Id | None = None
    strategy: Literal["first_fit", "split"] = "first_fit"
    channel: Id | None = None
    sale_id: Id | None = None
    path: Id | None = None
    customer: Annotated[str, Meta(min_length=1, max_length=CUSTOMER_CHARACTERS_MAX)] | None = None
    order_id: Id | None = None
    allow_partial: bool = False
    allow_backorder: bool = False


class ReserveBatchBody(Struct, forbid_unknown_fields=True):
    """Reservations that are decided each by itself."""

    reservations: Annotated[list[ReserveBody], Meta(min_length=1, max_length=LINES_MAX)]


class SkuQuery(Struct, forbid_unknown_fields=True):
    """The SKU of a reservation whose id does not tell it: one that no gateway made."""

    sku: Id | None = None


class ExtendBody(Struct, forbid_unknown_fields=True):
    """How long from the decision on."""

    ttl_seconds: TtlSeconds


class ConfirmBody(Struct, forbid_unknown_fields=True):
    """What is paid. Without `units`: all that is held."""

    units: Units | None = None
    location: Id | None = None
    order_id: Id | None = None


class ReleaseBody(Struct, forbid_unknown_fields=True):
    """What is given back. Without `units`: all that is held."""

    units: Units | None = None
    location: Id | None = None


class CancelBody(Struct, forbid_unknown_fields=True):
    """What of a paid order is off. Without `units`: all that has not left."""

    units: Units | None = None
    location: Id | None = None
    effective_at: When | None = None


class FulfilBody(Struct, forbid_unknown_fields=True):
    """What left the building. Without `units`: all that is confirmed."""

    units: Units | None = None
    location: Id | None = None
    effective_at: When | None = None


class ReturnBody(Struct, forbid_unknown_fields=True):
    """What came back. Not `sellable`: counted as unavailable."""

    units: Units
    location: Id | None = None
    sellable: bool = True
    effective_at: When | None = None


class LineAnswer(Struct):
    """Units of a reservation at one location: `granted` in all, and what became of them (R16)."""

    location: str
    granted: int
    reserved: int
    allocated: int
    fulfilled: int
    released: int
    expired: int
    cancelled: int
    revoked: int
    returned: int
    backordered: int
    backorders_confirmed: int


class ReservationAnswer(Struct, omit_defaults=True):
    """A reservation, and what the request did to it.

    `outcome` is the ledger's word for the request (docs/http/reservations.md), `moved_units` what it moved,
    `decided_at_ms` when: a read decides nothing and has none. `deadline_ms` ends what is held. `was_repeat`:
    the request had been decided before. From `state` on it is left out where the ledger keeps no such
    reservation: of a fact that matched none, or that waits for it.
    """

    reservation_id: str
    sku: str
    outcome: str
    moved_units: int
    decided_at_ms: int = 0
    was_repeat: bool = False
    version: str | None = None
    state: State | None = None
    units: int | None = None
    deadline_ms: int | None = None
    path: str | None = None
    channel: str | None = None
    order_id: str | None = None
    lines: list[LineAnswer] | None = None


class PendingAnswer(Struct):
    """The ledger has not answered yet; `status_at` will tell."""

    reservation_id: str
    sku: str
    status_at: str


class LineResult(Struct, omit_defaults=True):
    """What became of one line: its status as if it had been asked alone, and the one of both that it has."""

    status: int
    reservation: ReservationAnswer | None = None
    problem: dict[str, Any] | None = None


class BatchAnswer(Struct):
    """One result for each reservation, in the order asked."""

    results: list[LineResult]


class ExplainedStep(Struct, omit_defaults=True):
    """One command of a reservation and how it ended; a refusal has the numbers behind it (R15)."""

    kind: str
    outcome: str
    why: str
    moved_units: int
    decided_at_ms: int
    breakdown: dict[str, Any] | None = None
    earliest_deadline_ms: int | None = None


class ExplanationAnswer(Struct):
    """The last commands of a reservation, oldest first; `older_commands` are no longer kept word by word."""

    reservation_id: str
    sku: str
    state: State
    steps: list[ExplainedStep]
    older_commands: int
