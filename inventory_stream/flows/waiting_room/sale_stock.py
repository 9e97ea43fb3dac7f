"""What a waiting room needs to know of a sale's stock, from the gateway's memory of the ledger."""

from typing import NamedTuple, Protocol

from inventory_stream.ports.shelf import Shelf


class SaleStock(NamedTuple):
    """A sale now. `unsold`: units that it can still grant.

    `is_all_held`: it has none, but reservations may run out and bring some back (R22). `is_sold_out`:
    none, and nothing is held either. `is_over`: each of its pools is closed.
    """

    unsold: int
    is_all_held: bool = False
    is_sold_out: bool = False
    is_over: bool = False


class Stocks(Protocol):
    """Says how sales stand."""

    def stock(self, sale_id: str) -> SaleStock | None:
        """Give a sale's stock; None: it is not known now, or has no pools."""

    def starts_ms(self, sale_id: str) -> int | None:
        """Give the start of a sale's first pool; None: it has none that is known here."""

    def ends_ms(self, sale_id: str) -> int | None:
        """Give the end of a sale's last pool; None: it has none that is known here."""


class ShelfStocks:
    """Sales as the shelf shows them, as long as it is fresh."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def stock(self, sale_id: str) -> SaleStock | None:
        """See `Stocks`.

        What is held is counted per position, over all paths: a hold of another path can only make a sale
        look held that is sold out, never the reverse.
        """
        pools = self._shelf.sale(sale_id)
        if not pools or not self._shelf.is_all_fresh():
            return None
        unsold = sum(pool.unsold for pool in pools)
        is_over = all(pool.closed_ms for pool in pools)
        if unsold or not any(pool.is_fenced for pool in pools):
            return SaleStock(unsold, is_over=is_over)
        places = {(pool.sku, pool.location) for pool in pools}
        is_held = any(
            stock.reserved
            for sku in {pool.sku for pool in pools}
            for stock in self._shelf.stock(sku)
            if (sku, stock.location) in places
        )
        return SaleStock(0, is_all_held=is_held, is_sold_out=not is_held, is_over=is_over)

    def starts_ms(self, sale_id: str) -> int | None:
        """See `Stocks`."""
        return min((pool.starts_ms for pool in self._shelf.sale(sale_id)), default=None)

    def ends_ms(self, sale_id: str) -> int | None:
        """See `Stocks`."""
        return max((pool.ends_ms for pool in self._shelf.sale(sale_id)), default=None)
