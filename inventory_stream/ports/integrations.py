"""Which channel accounts there are, who answers for them, and which listing is which stock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Integration:
    """One entry of the integration registry (docs/channels/registry.md).

    `channel` is the ledger's word, of R25 policies and ring-fences; `account` the vendor's (a shop, a seller
    id). Together they are unique and stand in keys; `name` is what people and webhook addresses call it.
    `freshness_seconds`: an update is late when it is not acknowledged within so long; `error_budget`: the
    share of updates of a day that may be late or dead. `secrets` are references (`env:NAME`, `file:/path`),
    never values. `options` are the adapter's own. `mode`: what counts until an operator says otherwise.
    `reconcile_seconds`: between two scheduled comparisons with what the channel shows. `order_group`: the
    group that orders which name no place are taken from; None: the first location of the listing.
    `counts_net_orders`: what the channel shows has its open orders taken off already (R9), for counts.
    """

    name: str
    adapter: str
    channel: str
    account: str
    owner: str
    escalation: str
    freshness_seconds: float
    error_budget: float
    mode: Literal["on", "shadow", "off"]
    retires: date | None = None
    url: str | None = None
    secrets: Mapping[str, str] | None = None
    options: Mapping[str, object] | None = None
    mass_change_share: float = 0.3
    raise_hold_ms: int = 2_000
    is_count_authority: bool = False
    reconcile_seconds: float = 900.0
    order_group: str | None = None
    counts_net_orders: bool = True


class MappedListing(NamedTuple):
    """One line of the mapping: a listing shows what a channel may sell of a SKU at some locations.

    `locations` empty: everywhere. `line` of the file, for messages.
    """

    listing: str
    sku: str
    locations: tuple[str, ...]
    line: int


class CatalogMapping(Protocol):
    """The catalog mapping as it is now; `adapters/channel_mapping.py` reads it anew when its file changes."""

    def listings(self, channel: str, account: str) -> Sequence[MappedListing]:
        """Give the listings of an account."""

    def of_listing(self, channel: str, account: str, listing: str) -> MappedListing | None:
        """Find one by the channel's id."""

    def of_sku(self, channel: str, account: str, sku: str) -> Sequence[MappedListing]:
        """Find those that show a SKU."""

    def location_of(self, channel: str, account: str, place: str) -> str | None:
        """Translate the channel's id of a place into our location; None: not mapped."""

    @property
    def version(self) -> int:
        """Grows whenever the content changed."""
