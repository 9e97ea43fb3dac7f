"""Sales as a test says they stand."""

from dataclasses import dataclass, field

from inventory_stream.flows.waiting_room.sale_stock import SaleStock


@dataclass
class FakeStocks:
    """See `inventory_stream.flows.waiting_room.sale_stock.Stocks`. Every sale stands the same."""

    now: SaleStock | None = field(default_factory=lambda: SaleStock(10))
    first_ms: int | None = None
    last_ms: int | None = None

    def stock(self, sale_id: str) -> SaleStock | None:  # noqa: ARG002  # the port's
        """See the port."""
        return self.now

    def starts_ms(self, sale_id: str) -> int | None:  # noqa: ARG002  # the port's
        """See the port."""
        return self.first_ms

    def ends_ms(self, sale_id: str) -> int | None:  # noqa: ARG002  # the port's
        """See the port."""
        return self.last_ms
