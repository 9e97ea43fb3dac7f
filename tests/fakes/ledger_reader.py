"""A ledger topic in memory: written like its owner would, read through the port."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import msgspec

from inventory_stream.errors import UnreachableError
from models.rows import ClaimRow, PositionRow, Row, claim_key, encode_row, position_key

START_MS = 1_700_000_000_000
"""Record time of offset 0; each further row is one millisecond later."""


class FakeRecord(NamedTuple):
    """See `StoredRecord`."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class FakeLedger:
    """Partitions of ledger rows; also a `LedgerReader` of them."""

    def __init__(self, start_ms: int = START_MS) -> None:
        self.start_ms = start_ms
        self.is_down = False
        self.refusals = 0
        self.partitions: dict[int, list[FakeRecord]] = {}
        self._ends: dict[int, int] = {}
        self._terms: dict[int, int] = {}
        self._versions: dict[bytes, int] = {}

    def claim(self, partition: int, producer_id: int = 7) -> int:
        """Begin a term, as a new owner does; gives the term."""
        term = self._ends.get(partition, 0)
        first = self.partitions.get(partition)
        generation_ms = first[0].timestamp if first else 0
        row = ClaimRow(0, producer_id, 0, f"nonce{term}", fenced=False, generation_ms=generation_ms)
        self.append(partition, claim_key(producer_id), encode_row(row))
        self._terms[partition] = term
        return term

    def position(
        self,
        partition: int,
        sku: str,
        location: str,
        on_hand: int,
        *,
        reserved: int = 0,
        term: int | None = None,
    ) -> FakeRecord:
        """Append a position row of the current term, or of the given one."""
        key = position_key(sku, location)
        version = self._versions[key] = self._versions.get(key, 0) + 1
        row = PositionRow(
            self._terms[partition] if term is None else term,
            *(sku, location, on_hand, 0, reserved, 0, 0, 0, 0, version, on_hand, 0, 0, 0, 0),
        )
        return self.append(partition, key, encode_row(row))

    def row(self, partition: int, key: bytes, row: Row) -> FakeRecord:
        """Append any row, with the partition's current term in it."""
        row = msgspec.structs.replace(row, term=self._terms[partition])
        return self.append(partition, key, encode_row(row))

    def tombstone(self, partition: int, key: bytes) -> FakeRecord:
        """Append a tombstone of the current term."""
        return self.append(partition, key, None, [("term", str(self._terms[partition]).encode())])

    def append(
        self, partition: int, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> FakeRecord:
        """Append one record."""
        offset = self._ends.get(partition, 0)
        record = FakeRecord(offset, self.start_ms + offset, key, value, headers)
        self.partitions.setdefault(partition, []).append(record)
        self._ends[partition] = offset + 1
        return record

    def skip(self, partition: int) -> None:
        """Leave an offset out, as compaction does."""
        self._ends[partition] += 1

    def compact(self, partition: int) -> None:
        """Keep only the newest record of each key, at its offset."""
        newest = {record.key: record for record in self.partitions[partition]}
        self.partitions[partition] = sorted(newest.values())

    def truncate(self, partition: int, end_offset: int) -> None:
        """Lose the end of the partition, as an unclean leader election does."""
        kept = [record for record in self.partitions[partition] if record.offset < end_offset]
        self.partitions[partition] = kept
        self._ends[partition] = end_offset

    def after(self, partition: int, offset: int) -> list[FakeRecord]:
        """Give the records from an offset on, as a consumer would."""
        return [record for record in self.partitions.get(partition, []) if record.offset >= offset]

    async def read(
        self, partition: int, start_offset: int, end_offset: int
    ) -> AsyncIterator[Sequence[FakeRecord]]:
        """See the port; in slices of three, so that every boundary occurs."""
        wanted = [r for r in self.partitions.get(partition, []) if start_offset <= r.offset < end_offset]
        for first in range(0, len(wanted), 3):
            self._check()
            yield wanted[first : first + 3]

    async def end_offset(self, partition: int) -> int:
        """See the port."""
        self._check()
        return self._ends.get(partition, 0)

    def _check(self) -> None:
        if self.is_down:
            self.refusals += 1
            raise UnreachableError("the fake broker is down")
