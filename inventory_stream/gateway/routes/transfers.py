"""Units from one location to another: planned, shipped, received, called off (R12)."""

import msgspec

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.writes import Writes
from inventory_stream.gateway.words.stock import Decided, OfSku, PlannedTransfer, Received, ShippedTransfer
from models.commands import CancelTransfer, Command, PlanTransfer, ReceiveTransfer, ShipTransfer

_WRITES = Writes("transfers", Scope.STOCK)
_ROOT = "/v1/transfers"
_ONE = _ROOT + "/{transfer_id}"


class TransferRoutes:
    """Endpoints of transfers."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            _WRITES.at(
                _ROOT,
                self.plan,
                "Set units aside for another location",
                PlannedTransfer,
                answers={200: Decided, 201: Decided},
                problems=("all-reserved", "id-reused", "sold-out"),
            ),
            _WRITES.at(
                _ONE + "/ship", self.ship, "Tell that units left", ShippedTransfer, problems=("not-found",)
            ),
            _WRITES.at(
                _ONE + "/receive", self.receive, "Tell that units arrived", Received, problems=("not-found",)
            ),
            _WRITES.at(
                _ONE + "/cancel",
                self.cancel,
                "Free what was planned and has not left",
                OfSku,
                problems=("not-found",),
            ),
        )

    async def plan(self, call: Call) -> Reply:
        """Set units aside."""
        body: PlannedTransfer = call.body
        _check_way(body.from_location, body.to_location)
        return await self._asking.one(call, PlanTransfer, **msgspec.structs.asdict(body))

    async def ship(self, call: Call) -> Reply:
        """Take units off their source."""
        body: ShippedTransfer = call.body
        if body.from_location is not None:
            _check_way(body.from_location, body.to_location)
        return await self._of_transfer(call, ShipTransfer)

    async def receive(self, call: Call) -> Reply:
        """Add units at their target."""
        check_received(call.body)
        return await self._of_transfer(call, ReceiveTransfer)

    async def cancel(self, call: Call) -> Reply:
        """Call off what has not left."""
        return await self._of_transfer(call, CancelTransfer)

    async def _of_transfer(self, call: Call, kind: type[Command]) -> Reply:
        fields = msgspec.structs.asdict(call.body)
        return await self._asking.one(call, kind, transfer_id=call.path["transfer_id"], **fields)


def check_received(body: Received) -> None:
    """Refuse an arrival that says nothing: nobody would answer it (R12, R13).

    Raises:
        Problem: `invalid`.
    """
    if body.units == 0 and not body.final:
        raise Problem("invalid", "0 units that are not final say nothing: give units, or final")


def _check_way(from_location: str, to_location: str | None) -> None:
    if from_location == to_location:
        raise Problem("invalid", "a transfer goes to another location (R12)")
