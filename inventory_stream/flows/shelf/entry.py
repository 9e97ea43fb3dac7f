"""One SKU in memory: its positions as packed numbers, and what is stated for it as rows."""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from inventory_stream.ports.shelf import SkuStatements, Stock
from models.rows import (
    BackorderRow,
    ChannelPolicyRow,
    FenceRow,
    IncomingRow,
    PoolRow,
    PositionRow,
    PurchaseLimitRow,
    TransferRow,
)

StatedRow = (
    PoolRow | FenceRow | PurchaseLimitRow | BackorderRow | ChannelPolicyRow | IncomingRow | TransferRow
)
"""A row that is stated for one SKU."""

# 81 bytes for a position where its row takes about 160; the rest of the row nobody is shown.
_QUANTITIES: Final = Struct("<6q")


class SkuEntry:
    """What the shelf holds of one SKU. `offset` and `at_ms` are those of its newest row."""

    __slots__ = ("_at", "_packed", "_stated", "at_ms", "offset", "partition")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.offset: int = -1
        self.at_ms: int = 0
        # Most SKUs are at one location: its name and its numbers, and no dict of 184 bytes. Others have one.
        self._at: str | dict[str, bytes] | None = None
        self._packed: bytes = b""
        # Most SKUs have nothing stated: no dict for them.
        self._stated: dict[bytes, StatedRow] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known of the SKU any more."""
        return not self._at and not self._stated

    @property
    def is_known(self) -> bool:
        """Whether the SKU has a position; a statement alone makes none."""
        return bool(self._at)

    def put_position(self, location: str, row: PositionRow | None) -> None:
        """Keep a position as it is now; None takes it away."""
        if row is None:
            self._drop(location)
            return
        packed = _QUANTITIES.pack(
            row.on_hand, row.unavailable, row.reserved, row.allocated, row.safety_stock, row.fenced
        )
        if isinstance(self._at, dict):
            self._at[location] = packed
        elif self._at is None or self._at == location:
            self._at, self._packed = location, packed
        else:
            self._at = {self._at: self._packed, location: packed}
            self._packed = b""

    def put_stated(self, key: bytes, row: StatedRow | None) -> None:
        """Keep what is stated under a row key; None takes it away."""
        if row is not None:
            if self._stated is None:
                self._stated = {}
            self._stated[key] = row
        elif self._stated is not None:
            self._stated.pop(key, None)
            self._stated = self._stated or None

    def at(self, location: str) -> Stock | None:
        """Give the quantities at a location."""
        if isinstance(self._at, dict):
            packed = self._at.get(location)
        else:
            packed = self._packed if self._at == location else None
        return None if packed is None else Stock(location, *_QUANTITIES.unpack(packed))

    def stock(self) -> Iterator[Stock]:
        """Give the quantities of each location."""
        if isinstance(self._at, str):
            yield Stock(self._at, *_QUANTITIES.unpack(self._packed))
            return
        for location, packed in (self._at or {}).items():
            yield Stock(location, *_QUANTITIES.unpack(packed))

    def statements(self, for_any: tuple[ChannelPolicyRow, ...]) -> SkuStatements:
        """Give what is stated, with the policies that are stated for any SKU."""
        if self._stated is None:
            return SkuStatements(policies=for_any)
        pools: list[PoolRow] = []
        fences: list[FenceRow] = []
        limits: list[PurchaseLimitRow] = []
        backorders: list[BackorderRow] = []
        policies = list(for_any)
        awaited: list[IncomingRow | TransferRow] = []
        for row in self._stated.values():
            if isinstance(row, PoolRow):
                pools.append(row)
            elif isinstance(row, FenceRow):
                fences.append(row)
            elif isinstance(row, PurchaseLimitRow):
                limits.append(row)
            elif isinstance(row, BackorderRow):
                backorders.append(row)
            elif isinstance(row, ChannelPolicyRow):
                policies.append(row)
            else:
                awaited.append(row)
        return SkuStatements(pools, fences, limits, backorders, policies, awaited)

    def _drop(self, location: str) -> None:
        if isinstance(self._at, dict):
            self._at.pop(location, None)
        elif self._at == location:
            self._at, self._packed = None, b""
