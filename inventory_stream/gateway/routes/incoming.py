"""Goods on the way in: announced, received, called off (R13)."""

import msgspec

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.routes.transfers import check_received
from inventory_stream.gateway.routes.writes import Writes
from inventory_stream.gateway.words.stock import ExpectedGoods, OfSku, Received
from models.commands import CancelIncoming, Command, Expect, Receive

_WRITES = Writes("incoming", Scope.STOCK)
_ROOT = "/v1/incoming"
_ONE = _ROOT + "/{incoming_id}"


class IncomingRoutes:
    """Endpoints of incoming goods."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            _WRITES.at(
                _ROOT,
                self.expect,
                "Announce goods, or state anew how many and when",
                ExpectedGoods,
                problems=("id-reused",),
            ),
            _WRITES.at(
                _ONE + "/receive", self.receive, "Tell that goods arrived", Received, problems=("not-found",)
            ),
            _WRITES.at(
                _ONE + "/cancel", self.cancel, "Tell that no more will come", OfSku, problems=("not-found",)
            ),
        )

    async def expect(self, call: Call) -> Reply:
        """Announce goods."""
        return await self._asking.one(call, Expect, **msgspec.structs.asdict(call.body))

    async def receive(self, call: Call) -> Reply:
        """Add goods to on_hand."""
        check_received(call.body)
        return await self._of_incoming(call, Receive)

    async def cancel(self, call: Call) -> Reply:
        """Call off what has not come."""
        return await self._of_incoming(call, CancelIncoming)

    async def _of_incoming(self, call: Call, kind: type[Command]) -> Reply:
        fields = msgspec.structs.asdict(call.body)
        return await self._asking.one(call, kind, incoming_id=call.path["incoming_id"], **fields)
