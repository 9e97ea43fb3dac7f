"""What GraphQL tells of stores, from the REST read of them."""

from enum import Enum

import strawberry

from inventory_stream.gateway.graphql.asked import First, Info, converted, looked_up, read
from inventory_stream.gateway.graphql.limits import LIST_DEFAULT
from inventory_stream.gateway.words.stores import NearestQuery, NearStore, NearStores, Service


@strawberry.type(description="A store that has the units.")
class Store:
    """A place, and how far it is."""

    location: str
    name: str | None
    latitude: float
    longitude: float
    metres: int = strawberry.field(description="As the crow flies.")
    available: int


@strawberry.enum(name="Service", description="What a shopper wants of a store.")
class StoreService(Enum):
    """Those of the REST read."""

    PICKUP = Service.PICKUP.value
    SHIP_FROM_STORE = Service.SHIP_FROM_STORE.value


@strawberry.type
class StoreQueries:
    """The question of stores."""

    @looked_up(description="The nearest stores that have a SKU.")
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
        query = converted(
            {"sku": sku, "lat": lat, "lon": lon, "units": units, "service": service.value, "limit": first},
            NearestQuery,
        )
        body = await read(info, info.context.sources.nearest, query=query)
        assert isinstance(body, NearStores)  # noqa: S101  # its one answer
        return [_store(store) for store in body.stores]


def _store(store: NearStore) -> Store:
    return Store(
        location=store.location,
        name=store.name,
        latitude=store.latitude,
        longitude=store.longitude,
        metres=store.metres,
        available=store.available,
    )
