"""What GraphQL tells of sales, from the REST reads of them."""

import strawberry

from inventory_stream.gateway.graphql.asked import First, Info, bounded, converted, looked_up, read
from inventory_stream.gateway.graphql.limits import LIST_DEFAULT
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.sales import Sale, SalesQuery, SaleSummary


@strawberry.type(description="A sale in sums.")
class SaleSums:
    """A sale without its lines."""

    id: str
    status: str
    starts_ms: float
    ends_ms: float
    units: int
    drawn: int
    unsold: int


@strawberry.type(description="One SKU of a sale at one location.")
class SaleLine:
    """A pool."""

    sku: str
    location: str
    status: str
    units: int
    drawn: int
    unsold: int


@strawberry.type(description="A sale with its lines.")
class WholeSale:
    """A sale."""

    id: str
    status: str
    all_lines: strawberry.Private[list[SaleLine]]

    @looked_up(description="Its lines by SKU and location.")
    def lines(self, first: First = LIST_DEFAULT) -> list[SaleLine]:
        """Give the first of them."""
        return self.all_lines[: bounded(first)]


@strawberry.type
class SaleQueries:
    """The questions of sales."""

    @looked_up(description="A sale; null where the ledger has no such sale.")
    async def sale(self, info: Info, id: str) -> WholeSale | None:  # noqa: A002  # GraphQL's own word
        """Ask the read of a sale."""
        try:
            body = await read(info, info.context.sources.sale, path={"sale_id": id})
        except Problem as problem:
            if problem.slug == "not-found":
                return None
            raise
        assert isinstance(body, Sale)  # noqa: S101  # its one answer
        lines = [
            SaleLine(
                sku=line.sku,
                location=line.location,
                status=line.status,
                units=line.units,
                drawn=line.drawn,
                unsold=line.unsold,
            )
            for line in body.lines
        ]
        return WholeSale(id=body.sale_id, status=body.status, all_lines=lines)

    @looked_up(description="Sales behind `after` in the order of their ids.")
    async def sales(self, info: Info, after: str = "", first: First = LIST_DEFAULT) -> list[SaleSums]:
        """Ask the read of sales."""
        query = converted({"after": after, "limit": bounded(first)}, SalesQuery)
        body = await read(info, info.context.sources.sales, query=query)
        return [_sums(sale) for sale in getattr(body, "sales", ())]


def _sums(sale: SaleSummary) -> SaleSums:
    return SaleSums(
        id=sale.sale_id,
        status=sale.status,
        starts_ms=float(sale.starts_ms),
        ends_ms=float(sale.ends_ms),
        units=sale.units,
        drawn=sale.drawn,
        unsold=sale.unsold,
    )
