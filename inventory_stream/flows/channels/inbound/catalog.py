"""Which SKU and location a channel means, by the mapping as it is now."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from inventory_stream.ports.integrations import CatalogMapping, Integration, MappedListing

_SEPARATOR: Final = "/"


class Where(NamedTuple):
    """The stock that a line means: one location, or a group that the ledger knows."""

    sku: str
    location: str | None
    group: str | None


class UnmappedError(Exception):
    """The mapping does not say what a line is. The text says what to add, and has no data of persons."""


class AccountCatalog:
    """The mapping of one account."""

    def __init__(self, mapping: CatalogMapping, integration: Integration) -> None:
        self._mapping = mapping
        self._integration = integration
        self._channel, self._account = integration.channel, integration.account
        self._version = -1
        self._by_id: list[MappedListing] = []

    def where(self, listing: str | None, sku: str | None, place: str | None) -> Where:
        """Find the stock of a line.

        The place that the channel names decides; else the only location of the listing; else the group of
        the integration's orders; else the first location.

        Raises:
            UnmappedError: the listing and the SKU, or the place, are not in the mapping; or no location
                follows from it.
        """
        rows = self.listings_of(listing, sku)
        if not rows:
            raise UnmappedError(f"neither listing {listing!r} nor SKU {sku!r} is in the mapping")
        found = rows[0].sku
        if any(row.sku != found for row in rows):
            raise UnmappedError(f"listing {listing!r} is of several SKUs in the mapping")
        if place is not None:
            location = self._mapping.location_of(self._channel, self._account, place)
            if location is None:
                raise UnmappedError(f"the place {place!r} is not in the mapping")
            return Where(found, location, None)
        locations = list(dict.fromkeys(name for row in rows for name in row.locations))
        if len(locations) == 1:
            return Where(found, locations[0], None)
        if self._integration.order_group is not None:
            return Where(found, None, self._integration.order_group)
        if not locations:
            raise UnmappedError(
                f"SKU {found!r} has no location in the mapping, and orders have no order_group"
            )
        return Where(found, locations[0], None)

    def sku_of(self, listing: str | None, sku: str | None) -> str:
        """Find the SKU of a line that was told before.

        Raises:
            UnmappedError: it is not in the mapping.
        """
        rows = self.listings_of(listing, sku)
        if not rows:
            raise UnmappedError(f"neither listing {listing!r} nor SKU {sku!r} is in the mapping")
        return rows[0].sku

    def location_of(self, place: str | None) -> str | None:
        """Translate a place; None: none was named.

        Raises:
            UnmappedError: it is not in the mapping.
        """
        if place is None:
            return None
        location = self._mapping.location_of(self._channel, self._account, place)
        if location is None:
            raise UnmappedError(f"the place {place!r} is not in the mapping")
        return location

    def listings_of(self, listing: str | None, sku: str | None) -> Sequence[MappedListing]:
        """Find the listings that a channel means: by their id, by the beginning of it, by our SKU.

        Channels name the item alone where a listing is the item at a place, or of a type.
        """
        found = self.of_listing(listing)
        if found:
            return found
        return self._mapping.of_sku(self._channel, self._account, sku) if sku is not None else ()

    def of_listing(self, listing: str | None) -> Sequence[MappedListing]:
        """Find the listings that a channel means, by their id alone."""
        if listing is None:
            return ()
        exact = self._mapping.of_listing(self._channel, self._account, listing)
        return (exact,) if exact is not None else self._beginning_with(listing + _SEPARATOR)

    def _beginning_with(self, prefix: str) -> Sequence[MappedListing]:
        # Sorted anew when the mapping changed: 1 s for a million listings, 8 bytes each.
        if self._version != self._mapping.version:
            self._version = self._mapping.version
            self._by_id = sorted(self._mapping.listings(self._channel, self._account))
        at = bisect_left(self._by_id, prefix, key=lambda row: row.listing)
        return list(
            takewhile(lambda row: row.listing.startswith(prefix), self._by_id[at : at + _PREFIXED_MAX])
        )


_PREFIXED_MAX: Final = 1_000
"""Most listings of one item: as many as an item may have locations (LOCATIONS_OF_LINE_MAX of the mapping)."""
