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

# 48 bytes for a position where its row takes about 160; the rest of the row nobody is shown.
_QUANTITIES: Final = Struct("<6q")
# In front of them, where two numbers of their own would take 64.
_NEWEST: Final = Struct("<2q")


class SkuEntry:
    """What the shelf holds of one SKU."""

    __slots__ = ("_at", "_packed", "_stated", "partition")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        # Most SKUs are at one location: its name, its numbers behind those of the newest row, and no dict of
        # 184 bytes. Others have one.
        self._at: str | dict[str, bytes] | None = None
        self._packed: bytes = _NEWEST.pack(-1, 0)
        # Most SKUs have nothing stated: no dict for them.
        self._stated: dict[bytes, StatedRow] | None = None

    @property
    def offset(self) -> int:
        """That of the newest row."""
        offset: int = _NEWEST.unpack_from(self._packed)[0]
        return offset

    @property
    def at_ms(self) -> int:
        """Record time of the newest row."""
        at_ms: int = _NEWEST.unpack_from(self._packed)[1]
        return at_ms

    def reach(self, offset: int, at_ms: int) -> None:
        """Note the newest row."""
        self._packed = _NEWEST.pack(offset, at_ms) + self._packed[_NEWEST.size :]

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
            self._at, self._packed = location, self._packed[: _NEWEST.size] + packed
        else:
            self._at = {self._at: self._packed[_NEWEST.size :], location: packed}
            self._packed = self._packed[: _NEWEST.size]

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
            return None if packed is None else Stock(location, *_QUANTITIES.unpack(packed))
        if self._at != location:
            return None
        return Stock(location, *_QUANTITIES.unpack_from(self._packed, _NEWEST.size))

    def stock(self) -> Iterator[Stock]:
        """Give the quantities of each location."""
        if isinstance(self._at, str):
            yield Stock(self._at, *_QUANTITIES.unpack_from(self._packed, _NEWEST.size))
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
            self._at, self._packed = None, self._packed[: _NEWEST.size]
