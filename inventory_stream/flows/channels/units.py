"""What a mapped listing shows, from the mirrored ledger (R5, R25)."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from inventory_stream.ledger.shown import channel_units
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.projection import Version
from inventory_stream.ports.shelf import OnChange, SkuStatements, Stock


class LedgerMirror(Protocol):
    """The whole ledger in memory, as far as channels need it; `flows/shelf` is one."""

    def version(self, sku: str) -> Version | None:
        """Give the version of a SKU; None: it is not known."""

    def partition(self, sku: str) -> int:
        """Give the ledger's partition that the version is of."""

    def changed_ms(self, sku: str) -> int:
        """Give the record time of the newest row that the version reflects."""

    def stock(self, sku: str) -> Sequence[Stock]:
        """Give the SKU's quantities at each location."""

    def statements(self, sku: str) -> SkuStatements:
        """Give what is stated for a SKU, with what is stated for any."""

    def is_sku_read(self, sku: str) -> bool:
        """Say whether the partition of a SKU was ever read to its end."""

    def is_all_read(self) -> bool:
        """Say the same of every partition."""

    def subscribe_all(self, on_change: OnChange) -> None:
        """Hear of changes of every SKU."""


class Wanted(NamedTuple):
    """What a listing has to show by one version of its SKU.

    `at_ms` is that version's record time, `partition` the ledger's that it is of.
    """

    version: Version
    units: int
    at_ms: int
    partition: int


def wanted(mirror: LedgerMirror, mapped: MappedListing, channel: str, units_max: int) -> Wanted | None:
    """Work out what a listing has to show now; at most `units_max`, as many as the channel can show.

    Of the listing's locations count: their common stock, the channel's ring-fences there, and what may be
    backordered there; the policy is then applied to that sum, so that a buffer counts once a listing.

    Returns:
        None where the ledger has no such SKU, or was not read to its end yet: then nobody knows.
    """
    sku = mapped.sku
    version = mirror.version(sku)
    if version is None or not mirror.is_sku_read(sku):
        return None
    stated = mirror.statements(sku)
    if mapped.locations:
        places = frozenset(mapped.locations)
        common = {
            one.location: max(0, one.available_to_promise)
            for one in mirror.stock(sku)
            if one.location in places
        }
        fences = [fence for fence in stated.fences if fence.location in places]
        backorder = sum(row.free for row in stated.backorders if row.location in places)
    else:
        common = {one.location: max(0, one.available_to_promise) for one in mirror.stock(sku)}
        fences = list(stated.fences)
        backorder = sum(row.free for row in stated.backorders)
    # A channel with neither a policy nor a ring-fence is not named: it may sell what is common.
    units = channel_units(common, fences, backorder, stated.policies).get(channel)
    shown = sum(common.values()) if units is None else units
    return Wanted(version, min(shown, units_max), mirror.changed_ms(sku), mirror.partition(sku))
