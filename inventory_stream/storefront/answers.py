"""What a storefront hears: stock, reservations, refusals."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from msgspec import Struct

from inventory_stream.errors import InventoryStreamError, UnreachableError
from inventory_stream.gateway.live.frames import LiveAvailability
from inventory_stream.gateway.problems import PROBLEM_BASE
from inventory_stream.gateway.words.reservations import ReservationAnswer

Reservation = ReservationAnswer
"""A reservation, and what the request did to it."""

LiveStock = LiveAvailability
"""What a SKU shows now, as the gateway streams it."""

Unreachable = UnreachableError
"""Nobody answered, however often it was asked. With the same key it may be asked again at any time."""

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class Source(Enum):
    """Where an answer about stock came from."""

    CACHE = "cache"
    REDIS = "redis"
    GATEWAY = "gateway"


class Stock(NamedTuple):
    """What can be sold of one SKU now; units, never below 0.

    `available` is the total of all `locations`, or what the channel asked for is shown (R25). `sales` has the
    unsold units of open sales. `version` is `<generation>:<offset>` of the newest row that it reflects. Not
    `is_fresh`: nobody who is up to date could be asked, and this is the newest that there was.
    """

    sku: str
    available: int
    is_sold_out: bool
    version: str
    source: Source
    is_fresh: bool = True
    locations: Mapping[str, int] = _NOTHING
    channels: Mapping[str, int] = _NOTHING
    sales: Mapping[str, int] = _NOTHING
    backorder: int = 0


class Problem(Struct):
    """A refusal as the gateway tells it (RFC 9457)."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""


class Refused(InventoryStreamError):  # noqa: N818  # an answer rather than an error
    """The gateway said no, and asking again changes nothing: sold out, limit reached, wrong key.

    `kind` is the slug of the problem (`sold-out`, ...), `members` all that the problem tells, among it the
    `breakdown` behind a refusal of stock.
    """

    def __init__(self, status: int, problem: Problem, members: Mapping[str, Any]) -> None:
        super().__init__(problem.detail or problem.title or f"the gateway answered {status}")
        self.status = status
        self.kind = problem.type.rpartition(PROBLEM_BASE)[2]
        self.members = members
