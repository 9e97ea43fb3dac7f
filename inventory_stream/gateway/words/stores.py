"""Stores near a point, as requests ask for them and answers tell them."""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from models.commands import Units
from models.ids import Id

STORES_MAX: Final = 100
"""Most stores of one answer: more than a shopper reads, 15 KB."""


class Service(StrEnum):
    """What a shopper wants of a store."""

    PICKUP = "pickup"
    """To collect there (BOPIS)."""
    SHIP_FROM_STORE = "ship_from_store"
    """To have it sent from there."""


class NearestQuery(Struct, forbid_unknown_fields=True):
    """Where the shopper is, in WGS 84 degrees, and what is wanted."""

    lat: Annotated[float, Meta(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180)]
    sku: Id
    units: Units = 1
    service: Service = Service.PICKUP
    limit: Annotated[int, Meta(ge=1, le=STORES_MAX)] = 10


class NearStore(Struct):
    """A store that has the units; `metres` as the crow flies, right to 0.5 %."""

    location: str
    name: str | None
    latitude: float
    longitude: float
    metres: int
    available: int


class NearStores(Struct):
    """The stores that have the units, nearest first."""

    sku: str
    stores: list[NearStore]
