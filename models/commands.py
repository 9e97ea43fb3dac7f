"""Commands: what the outside world may ask of the ledger, version 1.

One class per command serves both wire forms. The class itself is the JSON object,
`{"type": "reserve", "id": ...}`; `POSITIONAL` holds a subclass of each for the JSON array,
`["reserve", id, ...]`, whose positions are the fields in the order written here. Fields may
therefore only ever be added at the end, with a default. An unknown field or a quantity that is
not a whole number is refused (R6): guessing what a `lot` or a `1.5` means would lose units.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from models.ids import Id
from models.paths import COMMON

UNITS_MAX: Final = 1_000_000_000
"""Largest quantity of any kind (R6)."""
TTL_SECONDS_MAX: Final = 604_800
"""Longest life of a reservation in one command: 7 days. Longer promises are orders: confirm them."""
GROUP_LOCATIONS_MAX: Final = 256
"""Most locations of one group: bounds the lines, and so the row, of one reservation."""
EPOCH_MS_MAX: Final = 253_402_300_799_999
"""The last millisecond of the year 9999: later times are a producer's mistake in its unit."""

CHECKOUT_GRACE_SECONDS_MAX: Final = 86_400
"""Longest time to pay after a sale's end: a day. Longer promises are orders: confirm them."""

Units = Annotated[int, Meta(ge=1, le=UNITS_MAX)]
Count = Annotated[int, Meta(ge=0, le=UNITS_MAX)]
Delta = Annotated[int, Meta(ge=-UNITS_MAX, le=UNITS_MAX)]
TtlSeconds = Annotated[int, Meta(ge=1, le=TTL_SECONDS_MAX)]
When = Annotated[int, Meta(ge=0, le=EPOCH_MS_MAX)] | Annotated[datetime, Meta(tz=True)]
"""A point in time: ms since the Unix epoch, or RFC 3339 text with its offset (no zone: refused, R7)."""


class Command(Struct, tag_field="type", gc=False, frozen=True, forbid_unknown_fields=True):
    """What every command has: an id, given by the producer and repeated on every retry (R27)."""

    id: Id


class Adjust(Command, tag="adjust", frozen=True):
    """Change on_hand by `delta` (not zero): found, lost, broken, corrected."""

    sku: Id
    location: Id
    delta: Delta
    effective_at: When
    reason: Id | None = None


class Sync(Command, tag="sync", frozen=True):
    """State what was counted: on_hand was `on_hand` at `effective_at`; later movements are added (R8).

    With `nets_orders` the source has already taken off its open orders up to `orders_through` (R9).
    `source` is compared with the location's count authority (R14).
    """

    sku: Id
    location: Id
    on_hand: Count
    effective_at: When
    excludes_unavailable: bool = False
    source: Id | None = None
    nets_orders: bool = False
    orders_through: When | None = None


class TillSale(Command, tag="till_sale", frozen=True):
    """Units were sold and carried out of a store: a fact, never refused for want of stock (R10)."""

    sku: Id
    location: Id
    units: Units
    effective_at: When
    order_id: Id | None = None


class SetUnavailable(Command, tag="unavailable", frozen=True):
    """State how many units are damaged or held back at `effective_at` (absolute)."""

    sku: Id
    location: Id
    unavailable: Count
    effective_at: When


class SetSafetyStock(Command, tag="safety_stock", frozen=True):
    """State how many units are never promised (absolute)."""

    sku: Id
    location: Id
    safety_stock: Count
    effective_at: When


class SetLocationGroup(Command, tag="location_group", frozen=True):
    """Name the locations of a group, in the order in which they are tried. Goes to every partition (R30)."""

    group: Id
    locations: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=GROUP_LOCATIONS_MAX)]


class SetCountAuthority(Command, tag="count_authority", frozen=True):
    """Name the one source whose counts of a location apply; None: any (R14). Goes to every partition."""

    location: Id
    source: Id | None = None


class SetTimeZone(Command, tag="time_zone", frozen=True):
    """Name a location's IANA time zone: its days end there (R13). Goes to every partition (R30)."""

    location: Id
    time_zone: Id


class Expect(Command, tag="expect", frozen=True):
    """Announce goods on the way in, or state anew how many and when (R13)."""

    incoming_id: Id
    sku: Id
    location: Id
    units: Units
    expected_at: When


class Receive(Command, tag="receive", frozen=True):
    """Goods arrived: on_hand rises (R13). `final`: no more will come; 0 units only then."""

    incoming_id: Id
    sku: Id
    units: Count
    effective_at: When
    location: Id | None = None
    final: bool = False


class CancelIncoming(Command, tag="cancel_incoming", frozen=True):
    """What has not come will not come (R13)."""

    incoming_id: Id
    sku: Id


class PlanTransfer(Command, tag="plan_transfer", frozen=True):
    """Set units aside at one location for another: needs ATP at the source (R12)."""

    transfer_id: Id
    sku: Id
    from_location: Id
    to_location: Id
    units: Units
    expected_at: When | None = None


class ShipTransfer(Command, tag="ship_transfer", frozen=True):
    """Units left on a truck: on_hand falls at the source, in_transit rises at the target: a fact (R12)."""

    transfer_id: Id
    sku: Id
    units: Units
    effective_at: When
    from_location: Id | None = None
    to_location: Id | None = None
    expected_at: When | None = None


class ReceiveTransfer(Command, tag="receive_transfer", frozen=True):
    """Units came off a truck (R12). `final` confirms that the rest is lost; 0 units only then."""

    transfer_id: Id
    sku: Id
    units: Count
    effective_at: When
    location: Id | None = None
    final: bool = False


class CancelTransfer(Command, tag="cancel_transfer", frozen=True):
    """Units that were planned and not shipped become free again (R12)."""

    transfer_id: Id
    sku: Id


class SetPlace(Command, tag="place", frozen=True):
    """Say where a location is and what shoppers may do there. Goes to every partition (R30).

    WGS 84 degrees. `pickup`: shoppers may collect there; `ships`: it sends parcels.
    """

    location: Id
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    name: Id | None = None
    pickup: bool = True
    ships: bool = True


class OpenPool(Command, tag="open_pool", frozen=True):
    """Set units of a SKU at a location aside for a sale, or state an open pool anew (R3, R4).

    They are set aside from `fence_from` (default: at once) and sold from `starts_at` to `ends_at`;
    what was held by then may be extended for `checkout_grace_seconds` more (R19). With
    `late_from_common` a confirm that comes too late for the pool may take common units (R17).
    """

    sale_id: Id
    sku: Id
    location: Id
    units: Units
    starts_at: When
    ends_at: When
    fence_from: When | None = None
    checkout_grace_seconds: Annotated[int, Meta(ge=0, le=CHECKOUT_GRACE_SECONDS_MAX)] = 0
    late_from_common: bool = True


class ClosePool(Command, tag="close_pool", frozen=True):
    """End a sale of a SKU at a location now: what is unsold becomes common (R22)."""

    sale_id: Id
    sku: Id
    location: Id


class SetChannelFence(Command, tag="channel_fence", frozen=True):
    """State how many unused units a channel shall have for itself at a location (R3).

    With `spill_over` the channel may take common units too. 0 units without it: the channel sells
    nothing from there.
    """

    channel: Id
    sku: Id
    location: Id
    units: Count
    spill_over: bool = True


class SetPurchaseLimit(Command, tag="purchase_limit", frozen=True):
    """Let no customer have more than `units` until `ends_at`, in all carts and orders together (R23).

    Counted per `limit_id`, which SKUs of one product may share (R30). With `sale_id` only what is
    reserved in that sale counts.
    """

    limit_id: Id
    sku: Id
    units: Units
    ends_at: When
    sale_id: Id | None = None


class SetBackorder(Command, tag="backorder", frozen=True):
    """State how many units may be promised before they are there; tied to an incoming or open (R24)."""

    sku: Id
    location: Id
    units: Count
    incoming_id: Id | None = None


class SetChannelPolicy(Command, tag="channel_policy", frozen=True):
    """State what a channel is shown of the units that it may sell (R25). Without `sku`: of any SKU.

    One without a SKU goes to every partition (R30); one of a SKU stands before it.
    """

    channel: Id
    percent: Annotated[int, Meta(ge=0, le=100)] = 100
    cap: Count | None = None
    buffer: Count = 0
    floor: Count = 0
    preorder: bool = False
    sku: Id | None = None


class Reserve(Command, tag="reserve", frozen=True):
    """Set units aside until a deadline (R15). Names a `location`, or a `group` with a `strategy`.

    `path` is what the units are taken from (R3): `common`, `sale:<sale id>` or `channel:<channel>`.
    `customer` is a keyed hash, never a name (R23).
    """

    reservation_id: Id
    sku: Id
    units: Units
    ttl_seconds: TtlSeconds
    location: Id | None = None
    group: Id | None = None
    strategy: Literal["first_fit", "split"] = "first_fit"
    channel: Id | None = None
    order_id: Id | None = None
    allow_partial: bool = False
    path: Id = COMMON
    customer: Id | None = None
    answer_by: When | None = None
    allow_backorder: bool = False


class Extend(Command, tag="extend", frozen=True):
    """Move a live reservation's deadline to `ttl_seconds` after the decision, up to a total (R19)."""

    reservation_id: Id
    sku: Id
    ttl_seconds: TtlSeconds


class Confirm(Command, tag="confirm", frozen=True):
    """The order is paid: reserved units become allocated (R17). Without `units`: all that is reserved."""

    reservation_id: Id
    sku: Id
    units: Units | None = None
    location: Id | None = None
    order_id: Id | None = None


class Release(Command, tag="release", frozen=True):
    """Give reserved units back. Without `units`: all; without `location`: last sourced line first (R16)."""

    reservation_id: Id
    sku: Id
    units: Units | None = None
    location: Id | None = None


class RecordOrder(Command, tag="record_order", frozen=True):
    """An order was taken and paid elsewhere: confirmed at once, never refused for stock (R20).

    `as_of`: when, by the clock of where it was taken, it had these units. Of several that say so the newest
    counts, whatever order they come in: what it states more is taken, what it states less is freed.
    """

    reservation_id: Id
    sku: Id
    units: Units
    location: Id | None = None
    group: Id | None = None
    channel: Id | None = None
    order_id: Id | None = None
    ordered_at: When | None = None
    as_of: When | None = None


class Fulfil(Command, tag="fulfil", frozen=True):
    """Units left the building: allocated and on_hand fall. Without `units`: all that is allocated."""

    reservation_id: Id
    sku: Id
    units: Units | None = None
    location: Id | None = None
    effective_at: When | None = None


class Cancel(Command, tag="cancel", frozen=True):
    """The order is off: units still allocated become free again (R16). Without `units`: all of them.

    `as_of`, without `units`: when it was off, among the tellings of an outside order (R20): a newer one takes
    its units again. Without it nothing does. `order_id`: of which order, where the reservation may be sold to
    another one, whose units then stay; with `as_of` it may come before the order that confirms it.
    """

    reservation_id: Id
    sku: Id
    units: Units | None = None
    location: Id | None = None
    effective_at: When | None = None
    as_of: When | None = None
    order_id: Id | None = None


class Return(Command, tag="return", frozen=True):
    """Shipped units came back: on_hand rises, and unavailable too unless `sellable` (R22)."""

    reservation_id: Id
    sku: Id
    units: Units
    location: Id | None = None
    sellable: bool = True
    effective_at: When | None = None


class Reroute(Command, tag="reroute", frozen=True):
    """Move a reservation's units to another location, all or none (R19). Without `units`: all open ones.

    `use_safety_stock` lets confirmed units take what the target holds back; reserved ones never do.
    """

    reservation_id: Id
    sku: Id
    from_location: Id
    to_location: Id
    units: Units | None = None
    use_safety_stock: bool = False


class SetUnits(Command, tag="set_units", frozen=True):
    """State how many units an open line shall have: fewer frees some, more is a new grant decision (R19).

    Edits what is reserved, or what is allocated where nothing is reserved. Without `location`: the
    reservation as a whole, the last sourced line first.
    """

    reservation_id: Id
    sku: Id
    units: Units
    location: Id | None = None


class Inspect(Command, tag="inspect", frozen=True):
    """Have a reservation's row written again as it is: a read that is never old. Binds no id."""

    reservation_id: Id
    sku: Id


STOCK_COMMANDS: Final[tuple[type[Command], ...]] = (
    Adjust,
    Sync,
    TillSale,
    SetUnavailable,
    SetSafetyStock,
    SetLocationGroup,
    SetCountAuthority,
    SetTimeZone,
    Expect,
    Receive,
    CancelIncoming,
    PlanTransfer,
    ShipTransfer,
    ReceiveTransfer,
    CancelTransfer,
    SetPlace,
    OpenPool,
    ClosePool,
    SetChannelFence,
    SetPurchaseLimit,
    SetBackorder,
    SetChannelPolicy,
)
"""What the topic stock-events carries."""

ORDER_COMMANDS: Final[tuple[type[Command], ...]] = (
    Reserve,
    Extend,
    Confirm,
    Release,
    RecordOrder,
    Fulfil,
    Cancel,
    Return,
    Reroute,
    SetUnits,
    Inspect,
)
"""What the topic order-events carries."""


def _positional(command: type[Command]) -> type[Command]:
    return cast(
        "type[Command]",
        msgspec.defstruct(
            command.__name__,
            [],
            bases=(command,),
            tag=command.__struct_config__.tag,
            array_like=True,
            gc=False,
            frozen=True,
            forbid_unknown_fields=True,
            module=__name__,
        ),
    )


POSITIONAL: Final[dict[type[Command], type[Command]]] = {
    command: _positional(command) for command in (*STOCK_COMMANDS, *ORDER_COMMANDS)
}
"""For each command, its twin that is a JSON array on the wire. A twin is one of its command."""


def type_name(command: type[Command]) -> str:
    """Give the word that names a command on the wire."""
    return str(command.__struct_config__.tag)
