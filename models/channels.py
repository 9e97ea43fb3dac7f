"""Words of channels: what they tell us, what they were last told, and how it stands. JSON, version 1.

Two topics, both with the ledger's number of partitions and both keyed so that one worker has all of an
account: `channel-inbound` (what came in, and what operators ask) and `channel-outcomes` (compacted: what was
acknowledged, and how each account stands). The partition is that of the text `<channel>/<account>` (R30's
partitioner), so the one owner of an account is the only writer of its outcomes.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from models.commands import Units
from models.ids import Id, encode_id

CHANNEL_INBOUND: Final = "channel-inbound"
"""Topic of `Inbound`, before the environment's prefix; key: `account_key`."""
CHANNEL_OUTCOMES: Final = "channel-outcomes"
"""Topic of `ListingRow`, `AccountRow`, `StatusRow` and `ReportRow`, before the prefix; keys below."""
CHANNELS_GROUP: Final = "channels"
"""Consumer group of the channel workers on `channel-inbound`, before the prefix."""

INBOUND_LINES_MAX: Final = 500
"""Most lines of one order, as an order over HTTP is bounded; a larger one is refused whole."""


class SoldLine(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of an order or a till sale, named as the channel names it.

    `listing` is the channel's own id in the mapping's form; `sku` what the channel says our SKU is. At least
    one is there; the mapping decides, `sku` counts where the listing is not mapped. `location` is the
    channel's id of the place, if it says one. `reservation_id`: ours, which the shop carried through.
    """

    line_id: Id
    units: Units
    listing: Id | None = None
    sku: Id | None = None
    location: Id | None = None
    reservation_id: Id | None = None


class ChangedLine(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Some units of a line that was told before, or will be. `units` None: all that it still has."""

    line_id: Id
    units: Units | None = None
    listing: Id | None = None
    sku: Id | None = None
    location: Id | None = None
    reservation_id: Id | None = None


SoldLines = Annotated[tuple[SoldLine, ...], Meta(min_length=1, max_length=INBOUND_LINES_MAX)]
ChangedLines = Annotated[tuple[ChangedLine, ...], Meta(min_length=1, max_length=INBOUND_LINES_MAX)]


class OrderTaken(Struct, frozen=True, tag="order_taken", omit_defaults=True):
    """An order was placed there. `is_paid` False: placed, money not there yet; the channel sold it already.

    `at_ms`: when it was placed by the channel's clock. `as_of_ms`: when, by that clock, its lines had these
    units; of several tellings the newest counts. 0: not known, and a line told again must be the same.
    """

    order_id: Id
    at_ms: int
    lines: SoldLines
    is_paid: bool = True
    as_of_ms: int = 0


class LinesCancelled(Struct, frozen=True, tag="lines_cancelled", omit_defaults=True):
    """Units that were not shipped will not be. `change_id` names the act, unique within the order.

    `as_of_ms` of lines without units: an order that is told as of a later time is on again. 0: never.
    `ordered_ms`: when the order was placed, which says what its listings were then; 0: not told.
    """

    order_id: Id
    change_id: Id
    at_ms: int
    lines: ChangedLines
    as_of_ms: int = 0
    ordered_ms: int = 0


class LinesReturned(Struct, frozen=True, tag="lines_returned", omit_defaults=True):
    """Units that were shipped are back. Not `sellable`: unavailable. `ordered_ms` as of `LinesCancelled`."""

    order_id: Id
    change_id: Id
    at_ms: int
    lines: ChangedLines
    sellable: bool = True
    ordered_ms: int = 0


class LinesShipped(Struct, frozen=True, tag="lines_shipped", omit_defaults=True):
    """Units left the building. `ordered_ms` as of `LinesCancelled`."""

    order_id: Id
    change_id: Id
    at_ms: int
    lines: ChangedLines
    ordered_ms: int = 0


class TillSold(Struct, frozen=True, tag="till_sold", omit_defaults=True):
    """Units were sold and carried out of a store (R10). Each line has its `location`."""

    sale_id: Id
    at_ms: int
    lines: SoldLines


class StockSeen(Struct, frozen=True, tag="stock_seen", omit_defaults=True):
    """The channel shows this many of a listing: a drift hint; a count where it is the authority (R14)."""

    listing: Id
    units: int
    at_ms: int


class OrderNamed(Struct, frozen=True, tag="order_named", omit_defaults=True):
    """Something happened to an order, and the channel must be asked what. `version`: 0 where it has none."""

    order_id: Id
    at_ms: int
    version: int = 0


class AccountTroubled(Struct, frozen=True, tag="account_troubled", omit_defaults=True):
    """The channel takes our access away, or will: `revoked`, `expiring`, `unsubscribed`, `throttled`."""

    kind: Id
    at_ms: int
    detail: str = ""


ActKind = Literal["pause", "resume", "shadow", "kill", "approve", "refuse", "replay", "reconcile", "smoke"]
"""What operators ask: `pause` sends nothing more; `kill` that, but zeros for all listings before it if
`zeros_first`; `shadow` does all but the send; `approve` lets a mass change go, `refuse` keeps it back until
the next change; `replay` sends today's units of dead pushes; `reconcile` reads back and, if `repairs`,
mends."""


class Act(Struct, frozen=True, tag="act", omit_defaults=True):
    """What an operator asked of an account, or of some of its listings."""

    act_id: Id
    kind: ActKind
    by: Id
    at_ms: int
    reason: str = ""
    listings: Annotated[tuple[Id, ...], Meta(max_length=1_000)] = ()
    zeros_first: bool = False
    repairs: bool = True


ChannelEvent = (
    OrderTaken
    | LinesCancelled
    | LinesReturned
    | LinesShipped
    | TillSold
    | StockSeen
    | OrderNamed
    | AccountTroubled
    | Act
)


class Inbound(Struct, frozen=True, omit_defaults=True):
    """One delivery: what it says, without anything about a person.

    `delivery_id` is the channel's, of which a repeat is known.
    """

    channel: Id
    account: Id
    delivery_id: Id
    received_ms: int
    events: tuple[ChannelEvent, ...]


class DeadPush(Struct, frozen=True, omit_defaults=True):
    """A push that will not be tried again by itself. `request_hash`: of the request's bytes, hex."""

    generation_ms: int
    offset: int
    units: int
    code: str
    request_hash: str
    at_ms: int
    attempts: int


class ListingRow(Struct, frozen=True, tag="listing", omit_defaults=True):
    """`<channel>/<account>/<listing>`: what the channel acknowledged last, and what it refused since.

    `generation_ms` and `offset` are the ledger's version that was sent; both 0: nothing was ever
    acknowledged. `sent_on_day` counts the requests of the UTC day `day` (days since the epoch). `sku`: whose
    version it is, `partition`: of which of the ledger's (R30); versions of two SKUs or of two partitions
    cannot be compared.
    """

    generation_ms: int
    offset: int
    units: int
    acknowledged_ms: int
    dead: DeadPush | None = None
    day: int = 0
    sent_on_day: int = 0
    sku: str = ""
    partition: int = 0


class FormerSku(Struct, frozen=True):
    """What a listing showed until a time, by our clock."""

    sku: str
    until_ms: int


class MovedRow(Struct, frozen=True, tag="moved", omit_defaults=True):
    """`<channel>/<account>/@moved:<listing>`: the mapping gave the listing another SKU.

    `sku`: since then; "": it is mapped no more. `former`: the oldest first, at most three of 100 days. What
    an order says of the listing means the SKU of when it was placed.
    """

    sku: str
    former: tuple[FormerSku, ...] = ()


class CarriedRow(Struct, frozen=True, tag="carried"):
    """`<channel>/<account>/@carried:<reservation id>`: the one line of an order that is this reservation.

    `at_ms`: when the line was last heard of, by our clock, to the day.
    """

    order_id: str
    line_id: str
    at_ms: int


class AccountRow(Struct, frozen=True, tag="account", omit_defaults=True):
    """`<channel>/<account>/@account`: what operators and trouble have set, kept until it is set anew.

    `mode` None: as the registry file says. `parked`: why nothing is sent until somebody acts (access refused,
    a mass change that awaits approval), by kind. `orders_through_ms`: orders of the channel up to this time
    have come in, as far as is known. `last_act_offset`: of the newest act's record, so that one that is read
    again is known.
    """

    mode: Literal["on", "shadow", "off"] | None = None
    reason: str = ""
    by: str = ""
    at_ms: int = 0
    parked: dict[str, str] = {}
    stopped_listings: tuple[str, ...] = ()
    orders_through_ms: int = 0
    last_act_id: str = ""
    last_act_offset: int = -1


class StatusRow(Struct, frozen=True, tag="status", omit_defaults=True):
    """`<channel>/<account>/@status`: how an account stands, written every few seconds by its worker.

    `deferred`: listings that wait for a time: to be tried again, read back, or for the next day.
    `unbacked`: listings that the channel was told units of, while the ledger has no such SKU.
    `mapping_wrong`: what is wrong with the mapping file as it is now, while the version before it is in use.
    """

    worker: str
    at_ms: int
    mode: str
    parked: dict[str, str] = {}
    breaker: str = "closed"
    listings: int = 0
    in_step: int = 0
    waiting_zeros: int = 0
    waiting_cuts: int = 0
    waiting_raises: int = 0
    held_raises: int = 0
    in_flight: int = 0
    dead: int = 0
    unmapped_skus: int = 0
    oldest_waiting_ms: int = 0
    exposure_units: int = 0
    requests_per_second: float = 0.0
    allowed_per_second: float = 0.0
    push_ms_p95: int | None = None
    zero_ms_p99: int | None = None
    last_acknowledged_ms: int = 0
    last_error: str = ""
    last_error_ms: int = 0
    sla: str = "met"
    schema_drift: int = 0
    orders_through_ms: int = 0
    sent: int = 0
    failed: int = 0
    mapping_wrong: str = ""
    deferred: int = 0
    unbacked: int = 0


class Differing(Struct, frozen=True, omit_defaults=True):
    """One listing of which the three sides do not agree. None: not known."""

    listing: str
    sku: str
    published: int | None
    acknowledged: int | None
    observed: int | None


class ReportRow(Struct, frozen=True, tag="report", omit_defaults=True):
    """`<channel>/<account>/@report`: the newest reconcile. At most 1,000 of `differing` are kept.

    `under_way`: listings that were left out, as something waits, flies or settles, or is stopped or dead. A
    smoke check that found no listing to check has compared none.
    """

    act_id: str
    begun_ms: int
    ended_ms: int
    compared: int
    agreed: int
    unreadable: int
    differing_count: int
    repaired: int
    is_mass_drift: bool = False
    error: str = ""
    differing: tuple[Differing, ...] = ()
    under_way: int = 0


OutcomeRow = ListingRow | MovedRow | CarriedRow | AccountRow | StatusRow | ReportRow

ACCOUNT: Final = "@account"
STATUS: Final = "@status"
REPORT: Final = "@report"
CARRIED: Final = "@carried:"
"""Begins the last part of a `CarriedRow`'s key, before its reservation id."""
MOVED: Final = "@moved:"
"""Begins the last part of a `MovedRow`'s key, before its listing. No listing begins with an @."""

_encoder: Final = msgspec.json.Encoder()
_outcome: Final[msgspec.json.Decoder[OutcomeRow]] = msgspec.json.Decoder(OutcomeRow)
_inbound: Final = msgspec.json.Decoder(Inbound)


def account_key(channel: str, account: str) -> str:
    """Name an account in keys; each part percent-encoded."""
    return f"{encode_id(channel)}/{encode_id(account)}"


def outcome_key(channel: str, account: str, listing: str) -> str:
    """Name a listing's row. Rows of the account itself have `@account`, `@status`, `@report` in its place."""
    last = listing if listing in {ACCOUNT, STATUS, REPORT} else encode_id(listing)
    return f"{account_key(channel, account)}/{last}"


def encode_outcome(row: OutcomeRow) -> bytes:
    """Row -> record value."""
    return _encoder.encode(row)


def decode_outcome(value: bytes) -> OutcomeRow:
    """Record value -> row.

    Raises:
        ValueError: it is none.
    """
    return _outcome.decode(value)


def encode_inbound(inbound: Inbound) -> bytes:
    """Delivery -> record value."""
    return _encoder.encode(inbound)


def decode_inbound(value: bytes) -> Inbound:
    """Record value -> delivery.

    Raises:
        ValueError: it is none.
    """
    try:
        return _inbound.decode(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def checked_events(events: Iterable[ChannelEvent]) -> tuple[ChannelEvent, ...]:
    """Hold events against the bounds that a record of them is held against: ids, units, lines.

    Raises:
        ValueError: one of them could not be read again.
    """
    return msgspec.convert(msgspec.to_builtins(tuple(events)), tuple[ChannelEvent, ...])
