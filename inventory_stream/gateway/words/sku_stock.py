"""All that is known of one SKU's stock, as its keepers see it."""

from enum import StrEnum

from msgspec import Struct


class Quantities(Struct):
    """One location, by the words of R1 and R2; `available_to_promise` may be negative."""

    location: str
    on_hand: int
    unavailable: int
    reserved: int
    allocated: int
    safety_stock: int
    fenced: int
    available_to_promise: int
    shortfall: int


class StatedPool(Struct):
    """Units set aside for a sale; `closed_ms` is 0 before its end."""

    sale_id: str
    location: str
    asked: int
    units: int
    drawn: int
    unsold: int
    starts_ms: int
    ends_ms: int
    closed_ms: int


class StatedFence(Struct):
    """Unused units that only one channel may take; `asked` were asked for."""

    channel: str
    location: str
    asked: int
    units: int
    spill_over: bool


class StatedLimit(Struct):
    """What one customer may have."""

    limit_id: str
    units: int
    ends_ms: int
    sale_id: str | None


class StatedBackorder(Struct):
    """Units that may be promised before they are there; `used` are promised and not there yet."""

    location: str
    units: int
    used: int
    incoming_id: str | None


class StatedPolicy(Struct):
    """What a channel is shown; `sku` null: of any SKU that has none of its own."""

    channel: str
    sku: str | None
    percent: int
    cap: int | None
    buffer: int
    floor: int
    preorder: bool
    version: int


class AwaitedKind(StrEnum):
    """Where units come from."""

    INCOMING = "incoming"
    TRANSFER = "transfer"


class AwaitedUnits(Struct):
    """Units on the way to a location; `planned` ones of a transfer have not left yet."""

    kind: AwaitedKind
    id: str
    location: str
    units: int
    planned: int
    expected_at_ms: int | None


class SkuStock(Struct):
    """One SKU, location by location, with all that is stated for it."""

    sku: str
    version: str
    locations: list[Quantities]
    pools: list[StatedPool]
    fences: list[StatedFence]
    limits: list[StatedLimit]
    backorders: list[StatedBackorder]
    policies: list[StatedPolicy]
    awaited: list[AwaitedUnits]
