"""Sales and what an admin states for them, as requests and answers say it."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from inventory_stream.gateway.words.availability import Limit
from inventory_stream.gateway.words.stock import BATCH_MAX
from models.commands import CHECKOUT_GRACE_SECONDS_MAX, GROUP_LOCATIONS_MAX, Count, Units, When
from models.ids import ID_CHARACTERS_MAX, Id
from models.paths import SALE


class SaleLine(Struct, forbid_unknown_fields=True):
    """Units of a SKU at a location that only the sale may grant."""

    sku: Id
    location: Id
    units: Units


class NewSale(Struct, forbid_unknown_fields=True):
    """A sale, or one stated anew (R3, R4). Times are ms since the epoch or RFC 3339 with an offset.

    The units are set aside from `fence_from` on, by default at once. `limit_per_customer`: no customer may
    have more of one SKU in this sale (R23). What was held at the end may be paid for
    `checkout_grace_seconds` more; `late_from_common`: a payment after that may still take common units.
    """

    sale_id: Id
    starts_at: When
    ends_at: When
    lines: Annotated[list[SaleLine], Meta(min_length=1, max_length=BATCH_MAX)]
    fence_from: When | None = None
    checkout_grace_seconds: Annotated[int, Meta(ge=0, le=CHECKOUT_GRACE_SECONDS_MAX)] = 0
    late_from_common: bool = True
    limit_per_customer: Units | None = None

    def __post_init__(self) -> None:
        """Refuse a name that `sale:<sale id>`, the path of a reserve, could not hold (R3)."""
        if len(SALE) + len(self.sale_id) > ID_CHARACTERS_MAX:
            raise ValueError("a sale_id has at most 123 characters")


class SaleLineDecided(Struct, omit_defaults=True):
    """What the ledger made of one line: POOL_SHORT has the `units` that there were (R4)."""

    sku: str
    location: str
    outcome: str
    units: int
    version: str | None = None


class SaleDecided(Struct):
    """What the ledger made of a sale, line by line."""

    sale_id: str
    lines: list[SaleLineDecided]


class SaleStatus(StrEnum):
    """Where a sale, or one line of it, is."""

    ANNOUNCED = "announced"
    """Nothing is set aside yet."""
    SET_ASIDE = "set_aside"
    """Its units are set aside; the start is to come."""
    OPEN = "open"
    """It sells."""
    CLOSED = "closed"
    """It is over."""


class Pool(Struct):
    """One line of a sale: of `units` that it has, `drawn` are held or sold; `asked` were asked for."""

    sku: str
    location: str
    status: SaleStatus
    asked: int
    units: int
    drawn: int
    unsold: int
    starts_ms: int
    ends_ms: int
    fence_from_ms: int
    checkout_grace_seconds: int
    late_from_common: bool
    closed_ms: int


class Sale(Struct):
    """A sale, line by line."""

    sale_id: str
    status: SaleStatus
    lines: list[Pool]


class SaleSummary(Struct):
    """A sale in sums: from its earliest start to its latest end."""

    sale_id: str
    status: SaleStatus
    starts_ms: int
    ends_ms: int
    skus: int
    units: int
    drawn: int
    unsold: int


class SalesQuery(Struct, forbid_unknown_fields=True):
    """A page of sales: those behind `after`."""

    after: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] = ""
    limit: Limit = 100


class Sales(Struct):
    """A page of sales in the order of their ids; `next` is the `after` of the next page, null at the end."""

    sales: list[SaleSummary]
    next: str | None


class ChannelPolicy(Struct, forbid_unknown_fields=True):
    """What a channel is shown of the units that it may sell (R25); without `sku`, of any SKU."""

    percent: Annotated[int, Meta(ge=0, le=100)] = 100
    cap: Count | None = None
    buffer: Count = 0
    floor: Count = 0
    preorder: bool = False
    sku: Id | None = None


class ChannelFence(Struct, forbid_unknown_fields=True):
    """How many unused units a channel shall have for itself at a location (R3)."""

    sku: Id
    location: Id
    units: Count
    spill_over: bool = True


class PurchaseLimit(Struct, forbid_unknown_fields=True):
    """What one customer may have of a SKU until `ends_at`; with `sale_id` only in that sale (R23)."""

    sku: Id
    units: Units
    ends_at: When
    sale_id: Id | None = None


class Backorder(Struct, forbid_unknown_fields=True):
    """How many units may be promised before they are there; an incoming dates the promise (R24)."""

    sku: Id
    location: Id
    units: Count
    incoming_id: Id | None = None


class Place(Struct, forbid_unknown_fields=True):
    """Where a location is, in WGS 84 degrees, and what shoppers may do there."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    name: Id | None = None
    pickup: bool = True
    ships: bool = True


class LocationGroup(Struct, forbid_unknown_fields=True):
    """The locations of a group in the order in which they are tried."""

    locations: Annotated[list[Id], Meta(min_length=1, max_length=GROUP_LOCATIONS_MAX)]


class CountAuthority(Struct, forbid_unknown_fields=True):
    """The one source whose counts apply; null: any (R14)."""

    source: Id | None = None


class TimeZone(Struct, forbid_unknown_fields=True):
    """The IANA zone in which a location's days end (R13)."""

    time_zone: Id
