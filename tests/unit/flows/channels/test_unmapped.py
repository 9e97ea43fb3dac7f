"""SKUs of the ledger that nobody can buy on a channel are counted, account by account."""

from collections.abc import Sequence
from pathlib import Path

from inventory_stream.adapters.channel_mapping import load_mapping
from inventory_stream.flows.channels.unmapped import PAGE_SKUS, UnmappedSkus
from inventory_stream.ports.projection import Version
from tests.unit.adapters.specs import SPECS, entry


class Ledger:
    """Knows SKUs; of those that begin with `-` only that something was stated of them."""

    def __init__(self, *skus: str) -> None:
        self._skus = skus

    def sku_names(self) -> Sequence[str]:
        """See `KnowsSkus`."""
        return self._skus

    def version(self, sku: str) -> Version | None:
        """See `KnowsSkus`."""
        return None if sku.startswith("-") else Version(1, 1)

    def is_all_read(self) -> bool:
        """See `KnowsSkus`."""
        return True


async def test_skus_that_no_line_names_are_counted(tmp_path: Path) -> None:
    """Each account has its own count, over all pages; a SKU without stock rows is none."""
    path = tmp_path / "mapping.csv"
    path.write_text(
        "integration,listing,sku,locations\nshop-nl,1/a,s0,\nshop-nl,2/a,s0,\nshop-de,1/a,gone,\n"
    )
    entries = (entry("shop-nl"), entry("shop-de"))
    skus = [f"s{number}" for number in range(PAGE_SKUS + 10)]
    counted = UnmappedSkus(Ledger("-stated", *skus), load_mapping(path, entries, SPECS), lambda: entries)
    assert counted.of("shop-nl") == 0
    await counted.count()
    assert counted.of("shop-nl") == PAGE_SKUS + 9
    assert counted.of("shop-de") == PAGE_SKUS + 10
    assert counted.of("nobody") == 0
