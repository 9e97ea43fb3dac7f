"""What can be sold, as requests ask for it and answers tell it."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Raw, Struct

from models.ids import ID_CHARACTERS_MAX, Id

SKUS_MAX: Final = 200
"""Most SKUs of one request: about 60 KB of answer for SKUs of five locations, and 1 ms of work."""
PAGE_MAX: Final = 1_000
"""Most entries of one page: names only, 130 KB at most."""
DAYS_MAX: Final = 366
"""How far ahead a date may lie: a year; `outlook` takes a step for each day of it."""

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
VersionText = Annotated[str, Meta(pattern=r"^[0-9]{1,15}:[0-9]{1,19}$")]
"""`<generation>:<offset>`: a version as writes and reads tell it."""


class AvailabilityQuery(Struct, forbid_unknown_fields=True):
    """Which SKUs, and of what.

    `skus` are separated by commas; one whose name has a comma is asked for alone, by its own address. At
    most one of `location`, `channel` and `sale` says what `available` counts; without one, it is the total.
    With `at`, a day, it is what may be promised today for that day, by the calendar of each location.
    """

    skus: Annotated[str, Meta(min_length=1, max_length=SKUS_MAX * (ID_CHARACTERS_MAX + 1))]
    location: Id | None = None
    channel: Id | None = None
    sale: Id | None = None
    at: date | None = None


class SkuAvailabilityQuery(Struct, forbid_unknown_fields=True):
    """The same of one SKU; with `min_version` not before the gateway knows of that version of it."""

    location: Id | None = None
    channel: Id | None = None
    sale: Id | None = None
    at: date | None = None
    min_version: VersionText | None = None


class SkuAvailability(Struct):
    """What can be sold of one SKU; units, never below 0.

    `available` counts what was asked for, else `total`, which is the sum of `locations` (R5). `backorder` may
    be promised beyond it before it is there (R24). `channels` has what each channel with a policy or a
    ring-fence is shown (R25), `sales` the unsold units of every pool that is not closed, also before its
    sale starts: they are set aside already. `short` is promised beyond stock. `as_of_ms` is when the ledger
    wrote the newest row of the SKU. `is_fresh` False: the gateway does not hear the ledger now, and the truth
    may be newer.
    """

    sku: str
    available: int
    total: int
    short: int
    backorder: int
    is_sold_out: bool
    locations: dict[str, int]
    channels: dict[str, int]
    sales: dict[str, int]
    version: str
    as_of_ms: int
    is_fresh: bool


class Availability(Struct):
    """The SKUs that were asked for, in that order; `unknown` are those that the ledger has never heard of."""

    skus: list[SkuAvailability]
    unknown: list[str]


class WrittenAvailability(Struct):
    """`Availability`, each SKU written as JSON before: the same answer at a tenth of the work."""

    skus: list[Raw]
    unknown: list[str]


class SkusQuery(Struct, forbid_unknown_fields=True):
    """A page of names: those behind `after`."""

    after: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] = ""
    limit: Limit = 100


class SkuNames(Struct):
    """A page of SKUs in the order of their names; `next` is the `after` of the next page, null at the end."""

    skus: list[str]
    next: str | None
