"""What GraphQL tells of SKUs, from the shelf as the REST reads of availability."""

from collections.abc import Mapping
from itertools import islice
from typing import Final

import strawberry

from inventory_stream.gateway.graphql.asked import First, Info, bounded, looked_up
from inventory_stream.gateway.graphql.limits import LIST_DEFAULT
from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.shelf import SkuView
from models.ids import ID_CHARACTERS_MAX

SKUS_MAX: Final = 100
"""Most SKUs of one field; the cost of what is asked of each bounds it further."""


@strawberry.type(description="Units at a location, through a channel, or in a sale.")
class Share:
    """One entry of what is a map in the REST answers."""

    name: str = strawberry.field(description="The location, the channel, or the sale.")
    units: int


@strawberry.type(description="What can be sold of one SKU (R5, R25). Units are never below 0.")
class Sku:
    """A SKU as the shelf shows it."""

    id: str
    total: int = strawberry.field(description="The sum of the common units of all locations.")
    short: int = strawberry.field(description="Units promised beyond stock.")
    backorder: int = strawberry.field(description="Units that may be promised before they are there.")
    is_sold_out: bool
    is_fresh: bool = strawberry.field(
        description="False: the ledger is not heard now; the truth may be newer."
    )
    version: str
    as_of_ms: float = strawberry.field(description="When the ledger wrote the newest row, ms since 1970.")
    view: strawberry.Private[SkuView]

    @looked_up(description="Of one location, channel or sale; of none of them: the total.")
    def available(
        self, location: str | None = None, channel: str | None = None, sale: str | None = None
    ) -> int:
        """Give the units of one path; 0 where there is no such location or open sale."""
        if sum(name is not None for name in (location, channel, sale)) > 1:
            raise Problem("invalid", "give one of location, channel and sale")
        shown = self.view.shown
        if location is not None:
            return shown.locations.get(location, 0)
        if channel is not None:
            return shown.channels.get(channel, shown.total)
        return shown.total if sale is None else shown.sales.get(sale, 0)

    @looked_up(description="Units of the common path by location.")
    def locations(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.locations, first)

    @looked_up(description="What each channel with a policy or a ring-fence is shown.")
    def channels(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.channels, first)

    @looked_up(description="The unsold units of each open pool.")
    def sales(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.sales, first)


@strawberry.type
class SkuQueries:
    """The questions of SKUs."""

    @looked_up(description="One SKU; null where the ledger has no such SKU.")
    def sku(self, info: Info, id: str) -> Sku | None:  # noqa: A002  # GraphQL's own word
        """Look one up."""
        return _skus(info, [id])[0]

    @looked_up(description=f"Up to {SKUS_MAX} SKUs in the order asked; null where there is none.")
    def skus(self, info: Info, ids: list[str]) -> list[Sku | None]:
        """Look them up."""
        if len(ids) > SKUS_MAX:
            raise Problem("invalid", f"at most {SKUS_MAX} SKUs, not {len(ids)}")
        return _skus(info, ids)


def _skus(info: Info, ids: list[str]) -> list[Sku | None]:
    shelf = info.context.sources.shelf
    if not shelf.is_all_read():
        raise Problem("not-ready", "this gateway has not read the ledger to its end yet")
    if not all(1 <= len(sku) <= ID_CHARACTERS_MAX for sku in ids):
        raise Problem("invalid", f"a SKU has 1 to {ID_CHARACTERS_MAX} characters")
    return [
        None
        if view is None
        else Sku(
            id=view.sku,
            total=view.shown.total,
            short=view.shown.short,
            backorder=view.shown.backorder,
            is_sold_out=view.shown.is_sold_out,
            is_fresh=shelf.is_sku_fresh(view.sku),
            version=str(view.version),
            as_of_ms=float(view.at_ms),
            view=view,
        )
        for view in shelf.availability(ids)
    ]


def _shares(units: Mapping[str, int], first: int) -> list[Share]:
    return [Share(name=name, units=count) for name, count in islice(units.items(), bounded(first))]
