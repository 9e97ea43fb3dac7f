"""Statements about stock, as requests make them and answers tell what became of them.

Fields are those of the command of the same name (docs/contracts.md) without its id, which the
Idempotency-Key gives.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from models.commands import Count, Delta, Units, When
from models.ids import Id

BATCH_MAX: Final = 1_000
"""Most lines of one batch: as many as one record of the input topics may hold (docs/contracts.md)."""


class Adjustment(Struct, forbid_unknown_fields=True):
    """Found, lost, broken, corrected: on_hand changes by `delta`, which is not 0."""

    sku: Id
    location: Id
    delta: Delta
    effective_at: When
    reason: Id | None = None


class Adjustments(Struct, forbid_unknown_fields=True):
    """Several at once, each decided by itself."""

    lines: Annotated[list[Adjustment], Meta(min_length=1, max_length=BATCH_MAX)]


class CountedStock(Struct, forbid_unknown_fields=True):
    """What was counted at `effective_at`; later movements are added to it (R8, R9)."""

    sku: Id
    location: Id
    on_hand: Count
    effective_at: When
    excludes_unavailable: bool = False
    source: Id | None = None
    nets_orders: bool = False
    orders_through: When | None = None


class CountedStocks(Struct, forbid_unknown_fields=True):
    """Several counts at once, each decided by itself."""

    lines: Annotated[list[CountedStock], Meta(min_length=1, max_length=BATCH_MAX)]


class SoldAtTill(Struct, forbid_unknown_fields=True):
    """Units were sold and carried out of a store (R10)."""

    sku: Id
    location: Id
    units: Units
    effective_at: When
    order_id: Id | None = None


class Unavailable(Struct, forbid_unknown_fields=True):
    """How many units are damaged or held back at `effective_at`."""

    sku: Id
    location: Id
    unavailable: Count
    effective_at: When


class SafetyStock(Struct, forbid_unknown_fields=True):
    """How many units are never promised."""

    sku: Id
    location: Id
    safety_stock: Count
    effective_at: When


class PlannedTransfer(Struct, forbid_unknown_fields=True):
    """Units set aside at one location for another (R12)."""

    transfer_id: Id
    sku: Id
    from_location: Id
    to_location: Id
    units: Units
    expected_at: When | None = None


class ShippedTransfer(Struct, forbid_unknown_fields=True):
    """Units that left on a truck (R12); the locations may be left out where a plan names them."""

    sku: Id
    units: Units
    effective_at: When
    from_location: Id | None = None
    to_location: Id | None = None
    expected_at: When | None = None


class Received(Struct, forbid_unknown_fields=True):
    """Units that arrived; `final`: no more will come, and 0 units only then (R12, R13)."""

    sku: Id
    units: Count
    effective_at: When
    location: Id | None = None
    final: bool = False


class OfSku(Struct, forbid_unknown_fields=True):
    """Which SKU it is about: it tells the partition (R30)."""

    sku: Id


class ExpectedGoods(Struct, forbid_unknown_fields=True):
    """Goods on the way in, or stated anew (R13)."""

    incoming_id: Id
    sku: Id
    location: Id
    units: Units
    expected_at: When


class Moved(Struct, omit_defaults=True):
    """What happened to a position: `delta` of on_hand, and what it was after that."""

    location: str
    delta: int
    on_hand: int
    effective_at_ms: int
    version: int
    shortfall_units: int = 0
    short_orders: tuple[str, ...] = ()
    clock_ahead: bool = False


class Decided(Struct, omit_defaults=True):
    """What the ledger decided; `outcome` is a word of docs/contracts.md.

    `units` were moved or set aside. `version` is what a read may wait for, left out where nothing moved.
    `is_repeat`: it was decided before, and this is the answer of then (R27).
    """

    outcome: str
    units: int
    at_ms: int
    is_repeat: bool = False
    version: str | None = None
    movements: tuple[Moved, ...] = ()


class DecidedLines(Struct):
    """What was decided of each line, in their order; a refused one has the outcome and moved nothing."""

    lines: list[Decided]
