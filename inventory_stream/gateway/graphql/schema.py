"""What can be asked by GraphQL. The answers come from the same places as those of the REST reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import DisableIntrospection, MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from inventory_stream.gateway.endpoint import Call, Handler
from inventory_stream.gateway.graphql.limits import (
    ALIASES_MAX,
    DEPTH_MAX,
    LIST_DEFAULT,
    TOKENS_MAX,
    QuestionLimits,
)
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.sales import Sale, SalesQuery, SaleSummary
from inventory_stream.gateway.words.stores import NearestQuery, NearStore, NearStores, Service
from inventory_stream.ports.shelf import Shelf, SkuView
from models.ids import ID_CHARACTERS_MAX

log = structlog.get_logger(__name__)

SKUS_MAX: Final = 100
"""Most SKUs of one field; the cost of what is asked of each bounds it further."""
FIRST_MAX: Final = 100
"""Most entries of a list."""

First = Annotated[int, strawberry.argument(description=f"at most {FIRST_MAX}")]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where answers come from: the shelf, and the REST reads of stores and sales."""

    shelf: Shelf
    nearest: Handler
    sales: Handler
    sale: Handler


@dataclass(frozen=True, slots=True)
class Asked:
    """The context of one question."""

    sources: Sources
    call: Call


Info = strawberry.Info[Asked, None]

Lookup = TypeVar("Lookup", bound=Callable[..., Any])


def _looked_up(*, description: str) -> Callable[[Lookup], Lookup]:
    """Make a field of a method, `strawberry.field` with the types that it does not give."""
    return cast("Callable[[Lookup], Lookup]", strawberry.field(description=description))


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

    @_looked_up(description="Of one location, channel or sale; of none of them: the total.")
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

    @_looked_up(description="Units of the common path by location.")
    def locations(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.locations, first)

    @_looked_up(description="What each channel with a policy or a ring-fence is shown.")
    def channels(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.channels, first)

    @_looked_up(description="The unsold units of each open pool.")
    def sales(self, first: First = LIST_DEFAULT) -> list[Share]:
        """Give the first of them."""
        return _shares(self.view.shown.sales, first)


@strawberry.type(description="A store that has the units.")
class Store:
    """A place, and how far it is."""

    location: str
    name: str | None
    latitude: float
    longitude: float
    metres: int = strawberry.field(description="As the crow flies.")
    available: int


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

    @_looked_up(description="Its lines by SKU and location.")
    def lines(self, first: First = LIST_DEFAULT) -> list[SaleLine]:
        """Give the first of them."""
        return self.all_lines[: _bounded(first)]


@strawberry.enum(name="Service", description="What a shopper wants of a store.")
class StoreService(Enum):
    """Those of the REST read."""

    PICKUP = Service.PICKUP.value
    SHIP_FROM_STORE = Service.SHIP_FROM_STORE.value


@strawberry.type
class Query:
    """The questions."""

    @_looked_up(description="One SKU; null where the ledger has no such SKU.")
    def sku(self, info: Info, id: str) -> Sku | None:  # noqa: A002  # GraphQL's own word
        """Look one up."""
        return _skus(info, [id])[0]

    @_looked_up(description=f"Up to {SKUS_MAX} SKUs in the order asked; null where there is none.")
    def skus(self, info: Info, ids: list[str]) -> list[Sku | None]:
        """Look them up."""
        if len(ids) > SKUS_MAX:
            raise Problem("invalid", f"at most {SKUS_MAX} SKUs, not {len(ids)}")
        return _skus(info, ids)

    @_looked_up(description="The nearest stores that have a SKU.")
    async def stores_nearest(
        self,
        info: Info,
        sku: str,
        lat: float,
        lon: float,
        units: int = 1,
        service: StoreService = StoreService.PICKUP,
        first: First = LIST_DEFAULT,
    ) -> list[Store]:
        """Ask the read of stores."""
        query = _converted(
            {"sku": sku, "lat": lat, "lon": lon, "units": units, "service": service.value, "limit": first},
            NearestQuery,
        )
        body = await _read(info, info.context.sources.nearest, query=query)
        assert isinstance(body, NearStores)  # noqa: S101  # its one answer
        return [_store(store) for store in body.stores]

    @_looked_up(description="A sale; null where the ledger has no such sale.")
    async def sale(self, info: Info, id: str) -> WholeSale | None:  # noqa: A002  # GraphQL's own word
        """Ask the read of a sale."""
        try:
            body = await _read(info, info.context.sources.sale, path={"sale_id": id})
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

    @_looked_up(description="Sales behind `after` in the order of their ids.")
    async def sales(self, info: Info, after: str = "", first: First = LIST_DEFAULT) -> list[SaleSums]:
        """Ask the read of sales."""
        query = _converted({"after": after, "limit": _bounded(first)}, SalesQuery)
        body = await _read(info, info.context.sources.sales, query=query)
        return [_sums(sale) for sale in getattr(body, "sales", ())]


class QuietSchema(strawberry.Schema):
    """A schema whose log has what is ours to mend, and not every wrong question."""

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002  # the library's own signature
    ) -> None:
        """Log what no question could have caused."""
        for error in errors:
            if is_ours(error):
                log.error("graphql_failed", exc_info=error.original_error)


def is_ours(error: GraphQLError) -> bool:
    """Say whether an error is a fault of the gateway: neither the question's, nor a refusal."""
    return error.original_error is not None and not isinstance(error.original_error, Problem | GraphQLError)


def new_schema(*, is_introspection_on: bool) -> QuietSchema:
    """Build the schema with its limits."""
    extensions: list[Any] = [
        lambda: MaxTokensLimiter(TOKENS_MAX),
        QuestionLimits,
        lambda: QueryDepthLimiter(DEPTH_MAX),
        lambda: MaxAliasesLimiter(ALIASES_MAX),
    ]
    if not is_introspection_on:
        extensions.append(DisableIntrospection)
    return QuietSchema(Query, extensions=extensions, config=StrawberryConfig(disable_field_suggestions=True))


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


async def _read(
    info: Info, handle: Handler, *, query: object = None, path: Mapping[str, str] | None = None
) -> object:
    asked = info.context.call
    reply = await handle(Call(asked.caller, path or {}, query, None, {}))
    return reply.body


def _converted(words: dict[str, Any], kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(words, kind)
    except msgspec.ValidationError as error:
        raise Problem("invalid", str(error)) from error


def _shares(units: Mapping[str, int], first: int) -> list[Share]:
    return [Share(name=name, units=count) for name, count in islice(units.items(), _bounded(first))]


def _bounded(first: int) -> int:
    if not 1 <= first <= FIRST_MAX:
        raise Problem("invalid", f"first must be 1 to {FIRST_MAX}")
    return first


def _store(store: NearStore) -> Store:
    return Store(
        location=store.location,
        name=store.name,
        latitude=store.latitude,
        longitude=store.longitude,
        metres=store.metres,
        available=store.available,
    )


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
