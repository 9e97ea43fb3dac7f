"""Which stores near a point have a SKU: to collect there, or to have it sent from there."""

from heapq import nsmallest
from http import HTTPStatus
from math import asin, cos, radians, sin, sqrt
from typing import Final

from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.stores import NearestQuery, NearStore, NearStores, Service
from inventory_stream.ports.shelf import Shelf

EARTH_RADIUS_METRES: Final = 6_371_008.8
"""Mean radius of the WGS 84 ellipsoid (IUGG): on a sphere of it a distance is wrong by 0.5 % at most."""


class StoreRoutes:
    """Endpoints of stores. Only those that have the units are measured, 2 us each."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "GET",
                "/v1/stores/nearest",
                self.nearest,
                "The nearest stores that have a SKU",
                "stores",
                {200: NearStores},
                query=NearestQuery,
                problems=("not-found", "not-ready"),
            ),
        )

    async def nearest(self, call: Call) -> Reply:
        """Answer the nearest stores whose common stock covers the units by itself."""
        query: NearestQuery = call.query
        if not self._shelf.is_all_read():
            raise Problem(
                "not-ready",
                "this gateway has not read the ledger to its end yet",
                headers={"Retry-After": "1"},
            )
        (view,) = self._shelf.availability([query.sku])
        if view is None:
            raise Problem("not-found", f"the ledger has no SKU {query.sku!r}")
        locations = view.shown.locations
        stores = [
            NearStore(
                place.location,
                place.name,
                place.latitude,
                place.longitude,
                round(metres(query.lat, query.lon, place.latitude, place.longitude)),
                locations[place.location],
            )
            for place in self._shelf.places()
            if locations.get(place.location, 0) >= query.units
            and (place.pickup if query.service is Service.PICKUP else place.ships)
        ]
        nearest = nsmallest(query.limit, stores, key=lambda store: (store.metres, store.location))
        return Reply(HTTPStatus.OK, NearStores(query.sku, nearest))


def metres(from_latitude: float, from_longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Give the distance of two points on a sphere, by the haversine formula; degrees in."""
    north = radians(to_latitude - from_latitude)
    east = radians(to_longitude - from_longitude)
    haversine = (
        sin(north / 2) ** 2 + cos(radians(from_latitude)) * cos(radians(to_latitude)) * sin(east / 2) ** 2
    )
    return 2 * EARTH_RADIUS_METRES * asin(sqrt(min(1.0, haversine)))
