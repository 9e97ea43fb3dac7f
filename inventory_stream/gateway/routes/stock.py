"""What is known about stock: adjusted, counted, sold at tills, held back."""

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Endpoint, Handler, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.writes import Writes
from inventory_stream.gateway.words.stock import (
    BATCH_MAX,
    Adjustment,
    Adjustments,
    CountedStock,
    CountedStocks,
    DecidedLines,
    SafetyStock,
    SoldAtTill,
    Unavailable,
)
from models.commands import Adjust, Command, SetSafetyStock, SetUnavailable, Sync, TillSale

_WRITES = Writes("stock", Scope.STOCK)
_ROOT = "/v1/stock/"
_MANY = f"up to {BATCH_MAX} lines, each decided by itself"


class StockRoutes:
    """Endpoints of stock: one statement of a request, or many of one kind."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        till, held, safety = (self._stating(kind) for kind in (TillSale, SetUnavailable, SetSafetyStock))
        return (
            _WRITES.at(_ROOT + "adjustments", self.adjust, "Change on_hand", Adjustment),
            _WRITES.at(
                _ROOT + "adjustments:batch",
                self.adjust_many,
                f"Change on_hand: {_MANY}",
                Adjustments,
                answers={200: DecidedLines},
            ),
            _WRITES.at(_ROOT + "syncs", self.sync, "State a count of on_hand", CountedStock),
            _WRITES.at(
                _ROOT + "syncs:batch",
                self.sync_many,
                f"State counts of on_hand: {_MANY}",
                CountedStocks,
                answers={200: DecidedLines},
            ),
            _WRITES.at(_ROOT + "till-sales", till, "Tell what was sold and carried out", SoldAtTill),
            _WRITES.at(_ROOT + "unavailable", held, "State what is damaged or held back", Unavailable),
            _WRITES.at(_ROOT + "safety-stock", safety, "State what is never promised", SafetyStock),
        )

    async def adjust(self, call: Call) -> Reply:
        """Change on_hand of one position."""
        _check_adjustments([call.body])
        return await self._one(call, Adjust)

    async def adjust_many(self, call: Call) -> Reply:
        """Change on_hand of many positions."""
        _check_adjustments(call.body.lines)
        return await self._many(call, Adjust)

    async def sync(self, call: Call) -> Reply:
        """Take one count."""
        _check_counts([call.body])
        return await self._one(call, Sync)

    async def sync_many(self, call: Call) -> Reply:
        """Take many counts."""
        _check_counts(call.body.lines)
        return await self._many(call, Sync)

    def _stating(self, kind: type[Command]) -> Handler:
        async def state(call: Call) -> Reply:
            return await self._one(call, kind)

        return state

    async def _one(self, call: Call, kind: type[Command]) -> Reply:
        return await self._asking.one(call, kind, **msgspec.structs.asdict(call.body))

    async def _many(self, call: Call, kind: type[Command]) -> Reply:
        return Reply(HTTPStatus.OK, DecidedLines(await self._asking.lines(call, kind, call.body.lines)))


# What the ledger would put into the dead letters is refused here: nobody would ever answer it.
def _check_adjustments(lines: Sequence[Adjustment]) -> None:
    for number, line in enumerate(lines):
        if line.delta == 0:
            raise Problem("invalid", f"line {number}: an adjustment by 0 units says nothing (R6)")


def _check_counts(lines: Sequence[CountedStock]) -> None:
    for number, line in enumerate(lines):
        if line.orders_through is not None and not line.nets_orders:
            raise Problem("invalid", f"line {number}: orders_through goes with nets_orders (R9)")
