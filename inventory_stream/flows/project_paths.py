"""What one partition's projection remembers so as to say what each SKU shows beside its locations.

Made only where the partition has pools, ring-fences, backorders or policies: the view's hashes hold all
that common needs. About 500 bytes a SKU and 150 a position.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple, cast

from inventory_stream.flows.ledger_rows import decoded_value
from inventory_stream.flows.project_rows import POSITION_PREFIX, units_of
from inventory_stream.ledger.shown import PositionQuantities, Shown, shown
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Extent, Paths, SkuChange, Version
from models.ids import decode_id
from models.rows import BackorderRow, ChannelPolicyRow, FenceRow, PoolRow

Stated = PoolRow | FenceRow | BackorderRow | ChannelPolicyRow

_OFFSET: Final = attrgetter("offset")
# Where the key of each kind names its SKU, counted in parts between slashes.
_SKU_PART: Final = {b"pool": 3, b"fence": 3, b"backorder": 2, b"policy": 3}


class _Place(NamedTuple):
    """One location: what `shown` asks of a position."""

    location: str
    available_to_promise: int
    shortfall: int


class Statements:
    """What the rows of a partition state beside its positions, by SKU; `take` each in order."""

    def __init__(self) -> None:
        self._by_sku: dict[str, dict[bytes, Stated]] = {}
        self._of_any: dict[bytes, Stated] = {}
        self._offsets: dict[str | None, int] = {}

    def take(self, row: LedgerRecord) -> None:
        """Take a row whose key begins as one of STATED_PREFIXES.

        Raises:
            CorruptLedgerError: it cannot be decoded.
        """
        sku = sku_of(row.key)
        rows = self._of_any if sku is None else self._by_sku.setdefault(sku, {})
        self._offsets[sku] = row.offset
        if row.value is None:
            rows.pop(row.key, None)
        else:
            rows[row.key] = cast("Stated", decoded_value(row, row.value))

    def shown_with(self, sku: str, places: Iterable[PositionQuantities]) -> tuple[Shown, int]:
        """Give what a SKU shows with these positions, and the offset of the newest row beside them."""
        pools: list[PoolRow] = []
        fences: list[FenceRow] = []
        backorders: list[BackorderRow] = []
        policies: list[ChannelPolicyRow] = []
        for row in chain(self._by_sku.get(sku, {}).values(), self._of_any.values()):
            if isinstance(row, PoolRow):
                pools.append(row)
            elif isinstance(row, FenceRow):
                fences.append(row)
            elif isinstance(row, BackorderRow):
                backorders.append(row)
            else:
                policies.append(row)
        offset = max(self._offsets.get(sku, -1), self._offsets.get(None, -1))
        return shown(places, pools, fences, backorders, policies), offset


class _Sku:
    """One SKU: its locations, and which of its position rows is the newest."""

    __slots__ = ("at_ms", "offset", "places")

    def __init__(self) -> None:
        self.places: dict[str, _Place] = {}
        self.offset = -1
        self.at_ms = 0


class PartitionPaths:
    """The mirror: `take` every row of positions and of what is stated, in their order."""

    def __init__(self) -> None:
        self._skus: dict[str, _Sku] = {}
        self._statements = Statements()

    def take_all(self, rows: Iterable[LedgerRecord]) -> None:
        """Take the newest rows of many keys, in whatever order they come."""
        for row in sorted(rows, key=_OFFSET):
            self.take(row)

    def take(self, row: LedgerRecord) -> None:
        """Take one row.

        Raises:
            CorruptLedgerError: it cannot be decoded.
        """
        if not row.key.startswith(POSITION_PREFIX):
            self._statements.take(row)
            return
        name, location, units = units_of(row)
        sku = self._skus.get(name)
        if sku is None:
            sku = self._skus[name] = _Sku()
        sku.offset, sku.at_ms = row.offset, row.timestamp_ms
        if units is None:
            sku.places.pop(location, None)
        else:
            sku.places[location] = _Place(location, *units)

    def skus(self) -> Iterator[str]:
        """Name all SKUs that are anywhere."""
        return (name for name, sku in self._skus.items() if sku.places)

    def change_of(self, name: str, generation_ms: int) -> SkuChange | None:
        """Give a change that says nothing new of a SKU's locations; None where it has none."""
        sku = self._skus.get(name)
        if sku is None or not sku.places:
            return None
        version = Version(generation_ms, sku.offset)
        return SkuChange(name, version, sku.at_ms, {}, Extent.CHANGE, self.paths_of(name))

    def paths_of(self, name: str) -> Paths:
        """Say what a SKU shows beside its locations."""
        sku = self._skus.get(name) or _Sku()
        seen, offset = self._statements.shown_with(name, sku.places.values())
        return Paths(seen.channels, seen.sales, seen.backorder, seen.beside_common, offset)


def sku_of(key: bytes) -> str | None:
    """Name the SKU that a row of what is stated is about; None: all of them."""
    parts = key.split(b"/")
    place = _SKU_PART[parts[1]]
    return decode_id(parts[place].decode()) if place < len(parts) else None
