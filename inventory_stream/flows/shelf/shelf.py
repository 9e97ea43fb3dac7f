"""The shelf in memory: takes what the ledger tail reads, answers what requests ask."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, cast

from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.flows.shelf.arrivals import Arrivals
from inventory_stream.flows.shelf.cover import Asked, breakdown_of, covers, offers, path_units
from inventory_stream.flows.shelf.entry import SkuEntry, StatedRow
from inventory_stream.flows.shelf.names import SortedNames
from inventory_stream.flows.shelf.partition import PartitionShelf
from inventory_stream.flows.shelf.rows import (
    FOR_ALL,
    KEPT,
    POOL,
    POSITION,
    STATED,
    place_of,
    sku_stated,
    without_ended,
)
from inventory_stream.flows.shelf.watchers import Watchers
from inventory_stream.ledger.shown import shown
from inventory_stream.ledger.zones import UTC_NAME
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Version
from inventory_stream.ports.shelf import OnChange, SkuStatements, SkuView, Stock, Subscription
from models.ids import decode_id
from models.paths import COMMON
from models.rows import (
    Breakdown,
    PlaceRow,
    PoolRow,
    PositionRow,
    location_group_key,
    time_zone_key,
)


class MemoryShelf:
    """Implements `ports.shelf.Shelf` and `ports.ledger_tail.TailListener`.

    Rows of one append are taken together, so nothing is shown that the ledger never held. Memory: see
    docs/http/availability.md.
    """

    def __init__(
        self,
        partitions: int,
        partition_of_sku: Callable[[str], int],
        is_fresh: Callable[[int], bool],
        is_caught_up: Callable[[int], bool],
    ) -> None:
        """Begin empty.

        Args:
            partitions: How many the ledger has.
            partition_of_sku: Knows the catalog (R30).
            is_fresh: The tail's: whether it saw a partition to its end within the last second.
            is_caught_up: The tail's: whether it ever did.
        """
        self._partition_of_sku = partition_of_sku
        self._is_fresh = is_fresh
        self._is_caught_up = is_caught_up
        self._partitions: Final = [PartitionShelf(0) for _ in range(partitions)]
        self._skus: Final[dict[str, SkuEntry]] = {}
        # From the first page on: whoever asks for none (a channel worker) has no second million of names.
        self._names: SortedNames | None = None
        # Whose row it is, by row key: a tombstone does not say so itself.
        self._sku_of_stated: Final[dict[bytes, str]] = {}
        self._sales: Final[dict[str, dict[bytes, PoolRow]]] = {}
        self._sale_names: Final = SortedNames()
        self._watchers: Final = Watchers()
        self._arrivals: Final = Arrivals()

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """Take rows that count, of all kinds, in their order; see `ports.ledger_tail.TailListener`.

        Raises:
            CorruptLedgerError: a row that cannot be decoded.
        """
        if not records:
            return
        if generation_ms != self._partitions[partition].generation_ms:
            if self._partitions[partition].generation_ms:
                self.start_over(partition)
            self._partitions[partition].generation_ms = generation_ms
        shelf = self._partitions[partition]
        changed: set[str] = set()
        is_policy_new = False
        for record in records:
            first = record.key[0]
            if first == POSITION:
                changed.add(self._take_position(partition, record))
            elif first == STATED:
                is_policy_new |= self._take_stated(shelf, partition, record, changed)
        shelf.offset = records[-1].offset
        if is_policy_new:
            changed.update(
                sku
                for sku in (self._skus if self._watchers.has_any_sku else self._watchers.skus)
                if (entry := self._skus.get(sku)) is not None and entry.partition == partition
            )
            shelf.policy_ms = records[-1].timestamp_ms
        self._arrivals.reached(partition, Version(generation_ms, shelf.offset))
        if changed:
            self._watchers.tell(changed)

    def start_over(self, partition: int) -> None:
        """Forget a partition; see `ports.ledger_tail.TailListener`."""
        gone = [sku for sku, entry in self._skus.items() if entry.partition == partition]
        for sku in gone:
            entry = self._skus.pop(sku)
            if entry.is_known and self._names is not None:
                self._names.remove(sku)
        lost = set(gone)
        for key in [key for key, sku in self._sku_of_stated.items() if sku in lost]:
            del self._sku_of_stated[key]
            self._drop_pool(key)
        self._partitions[partition] = PartitionShelf(0)

    def availability(self, skus: Sequence[str]) -> Sequence[SkuView | None]:
        """Give what each SKU shows; see the port."""
        return [self._view(sku) for sku in skus]

    def version(self, sku: str) -> Version | None:
        """Give the version that `availability` would show."""
        entry = self._skus.get(sku)
        return None if entry is None or not entry.is_known else self._version(entry)

    def partition(self, sku: str) -> int:
        """Give the partition that `version` is of: versions of two say nothing about each other."""
        return self._partition(sku)

    def changed_ms(self, sku: str) -> int:
        """Give the record time of the newest row that `version` reflects; 0 for a SKU that is not known.

        Of a policy for any SKU it is that of the portion which brought it.
        """
        entry = self._skus.get(sku)
        return 0 if entry is None else max(entry.at_ms, self._partitions[entry.partition].policy_ms)

    def is_fresh(self, partition: int) -> bool:
        """Say whether the tail saw a partition to its end within the last second."""
        return self._is_fresh(partition)

    def is_sku_fresh(self, sku: str) -> bool:
        """Say the same of the partition that a SKU belongs to."""
        return self._is_fresh(self._partition(sku))

    def is_all_fresh(self) -> bool:
        """Say the same of every partition."""
        return all(map(self._is_fresh, range(len(self._partitions))))

    def is_sku_read(self, sku: str) -> bool:
        """Say whether the partition that a SKU belongs to was ever read to its end."""
        return self._is_caught_up(self._partition(sku))

    def is_all_read(self) -> bool:
        """Say the same of every partition."""
        return all(map(self._is_caught_up, range(len(self._partitions))))

    def could_cover(
        self,
        sku: str,
        units: int,
        *,
        location: str | None = None,
        group: str | None = None,
        path: str = COMMON,
        is_split: bool = False,
        allow_partial: bool = False,
        allow_backorder: bool = False,
    ) -> bool | None:
        """Say whether a reserve of this could be granted; see the port."""
        entry = self._skus.get(sku)
        if entry is None or not entry.is_known or not self._is_fresh(entry.partition):
            return None
        if location is not None and path == COMMON:
            # Nearly every reserve, while there is plenty and once it is sold out, at a fifth of the cost.
            stock = entry.at(location)
            if stock is not None:
                free = min(stock.available_to_promise, stock.uncommitted)
                if units <= free:
                    return True
                if not allow_backorder:
                    return allow_partial and free > 0
        asked = self._asked(entry, location, group, path)
        if asked is None:
            return None
        asked = asked._replace(is_split=is_split, allow_partial=allow_partial)
        stated = self._statements(entry)
        if allow_backorder and any(row.free and row.location in asked.locations for row in stated.backorders):
            return True
        offered = offers(_at(entry, asked), stated, asked)
        return None if offered is None else covers(offered, units, asked)

    def breakdown(self, sku: str, *, location: str | None, group: str | None, path: str) -> Breakdown | None:
        """Give the numbers behind a refusal; see the port."""
        entry = self._skus.get(sku)
        asked = None if entry is None else self._asked(entry, location, group, path)
        if entry is None or asked is None:
            return None
        stock = _at(entry, asked)
        on_path = None if path == COMMON else path_units(stock, self._statements(entry), asked)
        return breakdown_of(stock, on_path, path)

    def subscribe(self, skus: Collection[str], on_change: OnChange) -> Subscription:
        """Hear of changes of these SKUs; see the port."""
        return self._watchers.add(skus, on_change)

    def subscribe_all(self, on_change: OnChange) -> None:
        """Hear of changes of every SKU, for as long as the shelf lives.

        For who follows a million of them: a subscription by name takes 0.3 KB for each.
        """
        self._watchers.add_all(on_change)

    async def wait_for(self, version: Version, sku: str, within_seconds: float) -> bool:
        """Wait until a version of a SKU is shown; see the port."""
        partition = self._partition(sku)
        shelf = self._partitions[partition]
        if version <= Version(shelf.generation_ms, shelf.offset):
            return True
        return await self._arrivals.wait(partition, version, within_seconds)

    def stock(self, sku: str) -> Sequence[Stock]:
        """Give the SKU's quantities at each location."""
        entry = self._skus.get(sku)
        return () if entry is None else tuple(entry.stock())

    def statements(self, sku: str) -> SkuStatements:
        """Give what is stated for a SKU, with what is stated for any."""
        entry = self._skus.get(sku)
        if entry is None:
            return SkuStatements(policies=self._partitions[self._partition(sku)].policies)
        return self._statements(entry)

    def time_zone(self, location: str) -> str:
        """Give the IANA zone in which a location's days end; UTC where nobody named one."""
        key = time_zone_key(location)
        return next(
            (shelf.zones[key].time_zone for shelf in self._partitions if key in shelf.zones), UTC_NAME
        )

    def group(self, group: str) -> Sequence[str] | None:
        """Give the locations of a group; None: no such group."""
        key = location_group_key(group)
        return next((shelf.groups[key].locations for shelf in self._partitions if key in shelf.groups), None)

    def places(self) -> Collection[PlaceRow]:
        """Give all places. Every partition has them all, so the first that has any tells."""
        return next((shelf.places.values() for shelf in self._partitions if shelf.places), ())

    def sale(self, sale_id: str) -> Sequence[PoolRow]:
        """Give the pools of a sale."""
        return tuple(self._sales.get(sale_id, {}).values())

    def sales(self, after: str, limit: int) -> Sequence[str]:
        """Name the sales behind `after`."""
        return self._sale_names.after(after, limit)

    def sku_names(self) -> Sequence[str]:
        """Name all SKUs that it has rows of, in no order, as they are now; `version` says which it knows."""
        return list(self._skus)

    def skus(self, after: str, limit: int) -> Sequence[str]:
        """Name the SKUs behind `after`."""
        if self._names is None:
            self._names = SortedNames()
            for sku, entry in self._skus.items():
                if entry.is_known:
                    self._names.add(sku)
        return self._names.after(after, limit)

    def _take_position(self, partition: int, record: LedgerRecord) -> str:
        sku, location = place_of(record.key)
        entry = self._entry(sku, partition, record)
        was_known = entry.is_known
        entry.put_position(location, cast("PositionRow | None", decoded(record)))
        if self._names is not None and entry.is_known is not was_known:
            (self._names.remove if was_known else self._names.add)(sku)
        if entry.is_empty:
            del self._skus[sku]
        return sku

    def _take_stated(
        self, shelf: PartitionShelf, partition: int, record: LedgerRecord, changed: set[str]
    ) -> bool:
        """Keep what a row states; say whether all SKUs of the partition now show other units."""
        key = record.key
        if not key.startswith(KEPT):
            return False
        row = without_ended(decoded(record))
        known = self._sku_of_stated.get(key)
        sku = sku_stated(row) or known
        if sku is None:
            return key.startswith(FOR_ALL) and shelf.put(key, row, record.offset)
        entry = self._entry(sku, partition, record)
        entry.put_stated(key, cast("StatedRow | None", row))
        if row is None:
            self._sku_of_stated.pop(key, None)
            self._drop_pool(key)
            if entry.is_empty:
                del self._skus[sku]
        else:
            self._sku_of_stated[key] = sku
            if isinstance(row, PoolRow):
                self._keep_pool(key, row)
        changed.add(sku)
        return False

    def _keep_pool(self, key: bytes, row: PoolRow) -> None:
        if row.sale_id not in self._sales:
            self._sale_names.add(row.sale_id)
        self._sales.setdefault(row.sale_id, {})[key] = row

    def _drop_pool(self, key: bytes) -> None:
        if not key.startswith(POOL):
            return
        sale_id = decode_id(key.decode().split("/")[2])
        pools = self._sales.get(sale_id, {})
        pools.pop(key, None)
        if not pools and self._sales.pop(sale_id, None) is not None:
            self._sale_names.remove(sale_id)

    def _entry(self, sku: str, partition: int, record: LedgerRecord) -> SkuEntry:
        entry = self._skus.get(sku)
        if entry is None:
            entry = self._skus[sku] = SkuEntry(partition)
        entry.partition = partition
        entry.reach(record.offset, record.timestamp_ms)
        return entry

    def _partition(self, sku: str) -> int:
        entry = self._skus.get(sku)
        return self._partition_of_sku(sku) if entry is None else entry.partition

    def _version(self, entry: SkuEntry) -> Version:
        shelf = self._partitions[entry.partition]
        return Version(shelf.generation_ms, max(entry.offset, shelf.policy_offset))

    def _statements(self, entry: SkuEntry) -> SkuStatements:
        return entry.statements(self._partitions[entry.partition].policies)

    def _view(self, sku: str) -> SkuView | None:
        entry = self._skus.get(sku)
        if entry is None or not entry.is_known:
            return None
        stated = self._statements(entry)
        units = shown(entry.stock(), stated.pools, stated.fences, stated.backorders, stated.policies)
        return SkuView(sku, self._version(entry), entry.at_ms, units)

    def _asked(self, entry: SkuEntry, location: str | None, group: str | None, path: str) -> Asked | None:
        if location is not None:
            return Asked((location,), path)
        row = self._partitions[entry.partition].groups.get(location_group_key(group or ""))
        return None if row is None else Asked(row.locations, path)


def _at(entry: SkuEntry, asked: Asked) -> Sequence[Stock]:
    found = (entry.at(location) for location in asked.locations)
    return [one for one in found if one is not None]
