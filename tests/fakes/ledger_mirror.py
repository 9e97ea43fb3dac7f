"""The mirrored ledger as channels see it: stock at one location, set by a test."""

from collections.abc import Collection, Sequence

from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.projection import Version
from inventory_stream.ports.shelf import OnChange, SkuStatements, Stock


class FakeMirror:
    """Implements `flows.channels.units.LedgerMirror`."""

    def __init__(self) -> None:
        self._stock: dict[str, tuple[Stock, ...]] = {}
        self._versions: dict[str, Version] = {}
        self._stated: dict[str, SkuStatements] = {}
        self._heard: list[OnChange] = []
        self._offset = 0
        self.partitions: dict[str, int] = {}
        self.is_read = True
        self.is_told = True
        self.now_ms = 1_000

    def set(self, sku: str, units: int, location: str = "DC1") -> None:
        """Have so many there from now on, and tell who listens."""
        others = tuple(one for one in self._stock.get(sku, ()) if one.location != location)
        self._stock[sku] = (*others, Stock(location, units, 0, 0, 0, 0, 0))
        self._changed(sku)

    def state(self, sku: str, stated: SkuStatements) -> None:
        """State something of a SKU."""
        self._stated[sku] = stated
        self._changed(sku)

    def _changed(self, sku: str) -> None:
        self._offset += 1
        self._versions[sku] = Version(1, self._offset)
        if self.is_told:
            for on_change in self._heard:
                on_change([sku])

    def version(self, sku: str) -> Version | None:
        """See the protocol."""
        return self._versions.get(sku)

    def partition(self, sku: str) -> int:
        """See the protocol."""
        return self.partitions.get(sku, 0)

    def changed_ms(self, sku: str) -> int:
        """See the protocol."""
        return self.now_ms if sku in self._versions else 0

    def stock(self, sku: str) -> Sequence[Stock]:
        """See the protocol."""
        return self._stock.get(sku, ())

    def statements(self, sku: str) -> SkuStatements:
        """See the protocol."""
        return self._stated.get(sku, SkuStatements())

    def is_sku_read(self, sku: str) -> bool:
        """See the protocol."""
        del sku
        return self.is_read

    def is_all_read(self) -> bool:
        """See the protocol."""
        return self.is_read

    def subscribe_all(self, on_change: OnChange) -> None:
        """See the protocol."""
        self._heard.append(on_change)


class FakeMapping:
    """Implements `ports.integrations.CatalogMapping` for one account; `put` changes it."""

    def __init__(self, rows: Collection[MappedListing] = ()) -> None:
        self._rows = tuple(rows)
        self.version = 1

    def put(self, rows: Collection[MappedListing]) -> None:
        """Map these from now on."""
        self._rows = tuple(rows)
        self.version += 1

    def listings(self, channel: str, account: str) -> Sequence[MappedListing]:
        """See the port."""
        del channel, account
        return self._rows

    def of_listing(self, channel: str, account: str, listing: str) -> MappedListing | None:
        """See the port."""
        del channel, account
        return next((row for row in self._rows if row.listing == listing), None)

    def of_sku(self, channel: str, account: str, sku: str) -> Sequence[MappedListing]:
        """See the port."""
        del channel, account
        return [row for row in self._rows if row.sku == sku]

    def location_of(self, channel: str, account: str, place: str) -> str | None:
        """See the port."""
        del channel, account, place
        return None
