"""What the shelf shows of a sale, in the words of the waiting room."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from msgspec.structs import replace

from inventory_stream.flows.waiting_room.sale_stock import SaleStock, ShelfStocks
from inventory_stream.ports.shelf import Shelf, Stock
from models.rows import PoolRow

OPEN = PoolRow(
    term=1,
    sale_id="drop",
    sku="S",
    location="L",
    asked=10,
    units=10,
    drawn=4,
    starts_ms=2_000,
    ends_ms=9_000,
    fence_from_ms=1_000,
    checkout_grace_seconds=60,
    late_from_common=False,
    opened_ms=500,
    is_fenced=True,
)
GONE = replace(OPEN, drawn=10)


@dataclass
class ShownSale:
    """The part of the shelf that is asked."""

    pools: Sequence[PoolRow]
    reserved: int = 0
    is_fresh: bool = True
    elsewhere: int = field(default=3)

    def sale(self, sale_id: str) -> Sequence[PoolRow]:
        """See the port."""
        return [pool for pool in self.pools if pool.sale_id == sale_id]

    def is_all_fresh(self) -> bool:
        """See the port."""
        return self.is_fresh

    def stock(self, sku: str) -> Sequence[Stock]:
        """See the port; another location has holds of its own."""
        assert sku == "S"
        return [Stock("L", 20, 0, self.reserved, 0, 0, 0), Stock("M", 20, 0, self.elsewhere, 0, 0, 0)]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (ShownSale([]), None),
        (ShownSale([OPEN], is_fresh=False), None),
        (ShownSale([OPEN]), SaleStock(6)),
        (ShownSale([OPEN, replace(OPEN, location="M", units=5)]), SaleStock(7)),
        (ShownSale([replace(OPEN, is_fenced=False)]), SaleStock(0)),
        (ShownSale([GONE], reserved=1), SaleStock(0, is_all_held=True)),
        (ShownSale([GONE]), SaleStock(0, is_sold_out=True)),
        (ShownSale([replace(OPEN, closed_ms=5_000)]), SaleStock(0, is_sold_out=True, is_over=True)),
        (ShownSale([OPEN, replace(OPEN, location="M", closed_ms=5)]), SaleStock(6)),
    ],
)
def test_stock_of_a_sale(shown: ShownSale, expected: SaleStock | None) -> None:
    """Unsold units of its open pools; sold out only when nothing is held at their positions either."""
    stocks = ShelfStocks(cast("Shelf", shown))
    assert stocks.stock("drop") == expected
    assert stocks.stock("other") is None


def test_start_and_end_are_those_of_all_pools() -> None:
    """A sale begins with its first pool and ends with its last."""
    later = replace(OPEN, location="M", starts_ms=1_500, ends_ms=12_000)
    stocks = ShelfStocks(cast("Shelf", ShownSale([OPEN, later])))
    assert (stocks.starts_ms("drop"), stocks.ends_ms("drop")) == (1_500, 12_000)
    assert (stocks.starts_ms("other"), stocks.ends_ms("other")) == (None, None)
