"""Counts the ledger's SKUs that an account's mapping does not name: nobody there can buy them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from inventory_stream.ports.integrations import CatalogMapping, Integration
from inventory_stream.ports.projection import Version

PAUSE_SECONDS: Final = 60.0
"""Between two counts. Each looks at every SKU: 0.8 s for a million and an account, 1.4 % of a processor."""
LOOK_SECONDS: Final = 1.0
"""Between looks whether the ledger was read: reading takes 4 s a million rows."""
PAGE_SKUS: Final = 500
"""SKUs looked at before others have their turn: 0.4 ms for an account."""


class KnowsSkus(Protocol):
    """The mirrored ledger; `flows/shelf` is one."""

    def sku_names(self) -> Sequence[str]:
        """Name all SKUs, in no order."""

    def version(self, sku: str) -> Version | None:
        """Give the version of a SKU; None: it has no stock anywhere."""

    def is_all_read(self) -> bool:
        """Say whether the ledger was ever read to its end."""


class UnmappedSkus:
    """The newest count of each account of a worker; 0 until there is one. `owned` names the accounts."""

    def __init__(
        self, mirror: KnowsSkus, mapping: CatalogMapping, owned: Callable[[], Iterable[Integration]]
    ) -> None:
        self._mirror = mirror
        self._mapping = mapping
        self._owned = owned
        self._counts: dict[str, int] = {}

    def of(self, name: str) -> int:
        """Give the count of an integration."""
        return self._counts.get(name, 0)

    async def run(self) -> None:
        """Count, again and again, until cancelled."""
        while not self._mirror.is_all_read():  # noqa: ASYNC110  # the reader has no event of it
            await asyncio.sleep(LOOK_SECONDS)
        while True:
            await self.count()
            await asyncio.sleep(PAUSE_SECONDS)

    async def count(self) -> None:
        """Count once, in pages."""
        owned = list(self._owned())
        counts = {one.name: 0 for one in owned}
        names = self._mirror.sku_names()
        of_sku, version = self._mapping.of_sku, self._mirror.version
        for first in range(0, len(names), PAGE_SKUS):
            page = [sku for sku in names[first : first + PAGE_SKUS] if version(sku) is not None]
            for one in owned:
                counts[one.name] += sum(not of_sku(one.channel, one.account, sku) for sku in page)
                await asyncio.sleep(0)
        self._counts = counts
