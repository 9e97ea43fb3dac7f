"""What can be sold, in the memory of one gateway: a mirror of the ledger's positions and of what is stated.

Fed by the gateway's one ledger tail (`ports/ledger_tail.py`), asked by whatever answers a request. It decides
nothing: what it says is what the ledger had written when the tail last caught up.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from inventory_stream.ledger.shown import Shown
from inventory_stream.ports.projection import Version
from models.paths import COMMON
from models.rows import (
    BackorderRow,
    Breakdown,
    ChannelPolicyRow,
    FenceRow,
    IncomingRow,
    PlaceRow,
    PoolRow,
    PurchaseLimitRow,
    TransferRow,
)


class SkuView(NamedTuple):
    """What a SKU shows, from `ledger/shown.py`.

    `version` is that of the newest row which it reflects, `at_ms` the record time of the SKU's newest row.
    """

    sku: str
    version: Version
    at_ms: int
    shown: Shown


class Subscription(Protocol):
    """One who hears of changes, until `close`."""

    def close(self) -> None:
        """Hear no more. May be called twice."""


OnChange = Callable[[Collection[str]], None]
"""Hears which of the followed SKUs changed, once per portion that the tail read. Must not wait or raise:
note it, wake somebody, return."""


class Stock(NamedTuple):
    """The quantities of a SKU at a location (R1, R2)."""

    location: str
    on_hand: int
    unavailable: int
    reserved: int
    allocated: int
    safety_stock: int
    fenced: int

    @property
    def uncommitted(self) -> int:
        """Units that nobody was promised (R2)."""
        return self.on_hand - self.unavailable - self.reserved - self.allocated

    @property
    def available_to_promise(self) -> int:
        """Units that the common path may still promise; negative when over-committed (R2)."""
        return self.uncommitted - self.safety_stock - self.fenced

    @property
    def shortfall(self) -> int:
        """Units promised beyond what there is (R2)."""
        return max(0, -self.uncommitted)


class SkuStatements(NamedTuple):
    """What is stated for one SKU beside its positions. Ended incoming and transfers are left out."""

    pools: Sequence[PoolRow] = ()
    fences: Sequence[FenceRow] = ()
    limits: Sequence[PurchaseLimitRow] = ()
    backorders: Sequence[BackorderRow] = ()
    policies: Sequence[ChannelPolicyRow] = ()
    awaited: Sequence[IncomingRow | TransferRow] = ()


class Shelf(Protocol):
    """The reader's side. Nothing but `wait_for` waits."""

    def availability(self, skus: Sequence[str]) -> Sequence[SkuView | None]:
        """Give what each SKU shows, in the order asked; None where the ledger has no such SKU."""

    def version(self, sku: str) -> Version | None:
        """Give the version that `availability` would show, for a look without its cost."""

    def is_fresh(self, partition: int) -> bool:
        """Say whether the tail saw a partition to its end within the last second."""

    def is_sku_fresh(self, sku: str) -> bool:
        """Say the same of the partition that a SKU belongs to."""

    def is_all_fresh(self) -> bool:
        """Say the same of every partition."""

    def is_sku_read(self, sku: str) -> bool:
        """Say whether the partition that a SKU belongs to was ever read to its end.

        Until then the shelf shows units of long ago, and misses SKUs.
        """

    def is_all_read(self) -> bool:
        """Say the same of every partition."""

    def could_cover(
        self,
        sku: str,
        units: int,
        *,
        location: str | None = None,
        group: str | None = None,
        path: str = COMMON,
        is_split: bool = False,
        allow_partial: bool = False,
        allow_backorder: bool = False,
    ) -> bool | None:
        """Say whether a reserve of this could be granted by what the shelf shows (R3).

        `is_split`: the strategy `split`. None: not fresh, or not known here (SKU, group, an open pool of
        the sale), so that only the ledger can tell.
        """

    def breakdown(self, sku: str, *, location: str | None, group: str | None, path: str) -> Breakdown | None:
        """Give the numbers behind a refusal as a decision does; its earliest deadline is 0, unknown."""

    def subscribe(self, skus: Collection[str], on_change: OnChange) -> Subscription:
        """Hear of changes of these SKUs from now on, whether they exist yet or not."""

    async def wait_for(self, version: Version, sku: str, within_seconds: float) -> bool:
        """Wait until the shelf shows a version of a SKU or a later one; False: not in time."""

    def stock(self, sku: str) -> Sequence[Stock]:
        """Give the SKU's quantities at each location; none where the ledger has no such SKU."""

    def statements(self, sku: str) -> SkuStatements:
        """Give what is stated for a SKU, with what is stated for any (policies)."""

    def time_zone(self, location: str) -> str:
        """Give the IANA zone in which a location's days end; UTC where nobody named one (R13)."""

    def group(self, group: str) -> Sequence[str] | None:
        """Give the locations of a group in the order in which they are tried; None: no such group."""

    def places(self) -> Collection[PlaceRow]:
        """Give all places."""

    def sale(self, sale_id: str) -> Sequence[PoolRow]:
        """Give the pools of a sale, ended ones too, as long as the ledger keeps them."""

    def sales(self, after: str, limit: int) -> Sequence[str]:
        """Name the sales behind `after` in the order of their ids, `limit` at most."""

    def skus(self, after: str, limit: int) -> Sequence[str]:
        """Name the SKUs behind `after` in the order of their ids, `limit` at most."""
