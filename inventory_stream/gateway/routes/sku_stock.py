"""What the keepers of stock see of one SKU: every quantity, and all that is stated for it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Struct

from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.sku_stock import (
    AwaitedKind,
    AwaitedUnits,
    Quantities,
    SkuStock,
    StatedBackorder,
    StatedFence,
    StatedLimit,
    StatedPolicy,
    StatedPool,
)
from inventory_stream.ports.shelf import Shelf, Stock
from models.rows import IncomingRow, TransferRow

_Told = TypeVar("_Told", bound=Struct)


class SkuStockRoutes:
    """Endpoint of one SKU's stock, answered from the shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "GET",
                "/v1/skus/{sku}/stock",
                self.stock,
                "Every quantity of a SKU, and all that is stated for it",
                "skus",
                {200: SkuStock},
                scope=Scope.STOCK,
                problems=("not-found", "not-ready"),
            ),
        )

    async def stock(self, call: Call) -> Reply:
        """Answer one SKU."""
        sku = call.path["sku"]
        if not self._shelf.is_sku_read(sku):
            raise Problem(
                "not-ready",
                "this gateway has not read the ledger to its end yet",
                headers={"Retry-After": "1"},
            )
        version = self._shelf.version(sku)
        if version is None:
            raise Problem("not-found", f"the ledger has no SKU {sku!r}")
        stated = self._shelf.statements(sku)
        told = SkuStock(
            sku,
            str(version),
            [_quantities(one) for one in sorted(self._shelf.stock(sku))],
            _told(stated.pools, StatedPool),
            _told(stated.fences, StatedFence),
            _told(stated.limits, StatedLimit),
            _told(stated.backorders, StatedBackorder),
            _told(stated.policies, StatedPolicy),
            [_awaited(row) for row in stated.awaited],
        )
        return Reply(HTTPStatus.OK, told, {"Cache-Control": "no-store"})


def _told(rows: Sequence[Struct], kind: type[_Told]) -> list[_Told]:
    """Tell rows by those of their fields that the kind has."""
    return [msgspec.convert(row, kind, from_attributes=True) for row in rows]


def _quantities(stock: Stock) -> Quantities:
    return Quantities(*stock, stock.available_to_promise, stock.shortfall)


def _awaited(row: IncomingRow | TransferRow) -> AwaitedUnits:
    at_ms = row.expected_at_ms or None
    if isinstance(row, IncomingRow):
        return AwaitedUnits(AwaitedKind.INCOMING, row.incoming_id, row.location, row.open_units, 0, at_ms)
    return AwaitedUnits(
        AwaitedKind.TRANSFER, row.transfer_id, row.to_location, row.in_transit, row.planned, at_ms
    )
