"""What an admin states: policies, fences, limits, backorders, and of locations where and whose they are."""

import msgspec

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Endpoint, Handler, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.writes import Writes
from inventory_stream.gateway.words.sales import (
    Backorder,
    ChannelFence,
    ChannelPolicy,
    CountAuthority,
    LocationGroup,
    Place,
    PurchaseLimit,
    TimeZone,
)
from inventory_stream.ledger.rules import GROUP_BYTES_MAX
from inventory_stream.ledger.zones import is_zone
from models.commands import (
    Command,
    SetBackorder,
    SetChannelFence,
    SetChannelPolicy,
    SetCountAuthority,
    SetLocationGroup,
    SetPlace,
    SetPurchaseLimit,
    SetTimeZone,
)


class PolicyRoutes:
    """Endpoints of statements. What is for all SKUs goes to every partition and is answered by all (R30)."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        channels = Writes("channels", Scope.ADMIN, "PUT")
        sales = Writes("sales", Scope.ADMIN, "PUT")
        places = Writes("places", Scope.ADMIN, "PUT")
        stating = self._stating
        return (
            channels.at(
                "/v1/channels/{channel}/policy",
                stating(SetChannelPolicy),
                "State what a channel is shown",
                ChannelPolicy,
            ),
            channels.at(
                "/v1/channels/{channel}/fences",
                stating(SetChannelFence),
                "State how many units a channel has for itself",
                ChannelFence,
            ),
            sales.at(
                "/v1/limits/{limit_id}",
                stating(SetPurchaseLimit),
                "State what one customer may have of a SKU",
                PurchaseLimit,
            ),
            sales.at(
                "/v1/backorders",
                stating(SetBackorder),
                "State what may be promised before it is there",
                Backorder,
                problems=("not-found",),
            ),
            places.at("/v1/places/{location}", stating(SetPlace), "State where a location is", Place),
            places.at(
                "/v1/places/{location}/time-zone", self.time_zone, "State where a day ends there", TimeZone
            ),
            places.at(
                "/v1/places/{location}/count-authority",
                stating(SetCountAuthority),
                "State whose counts apply there",
                CountAuthority,
            ),
            places.at(
                "/v1/location-groups/{group}", self.group, "State the locations of a group", LocationGroup
            ),
        )

    async def time_zone(self, call: Call) -> Reply:
        """Name a location's time zone."""
        body: TimeZone = call.body
        if not is_zone(body.time_zone):
            raise Problem("invalid", f"{body.time_zone!r} is no IANA time zone (R13)")
        return await self._state(call, SetTimeZone)

    async def group(self, call: Call) -> Reply:
        """Name the locations of a group."""
        names = call.body.locations
        if len(set(names)) < len(names):
            raise Problem("invalid", "a location stands twice in the group")
        if sum(len(name.encode()) for name in names) > GROUP_BYTES_MAX:
            raise Problem("invalid", f"the names of a group have at most {GROUP_BYTES_MAX} bytes together")
        return await self._asking.one(
            call, SetLocationGroup, group=call.path["group"], locations=tuple(names)
        )

    def _stating(self, kind: type[Command]) -> Handler:
        async def state(call: Call) -> Reply:
            return await self._state(call, kind)

        return state

    async def _state(self, call: Call, kind: type[Command]) -> Reply:
        return await self._asking.one(call, kind, **call.path, **msgspec.structs.asdict(call.body))
