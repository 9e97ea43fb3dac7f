"""The use case "show the ledger": its live rows as JSON objects, oldest first."""

from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilter, RowFilterFactory
from models.rows import position_key


class RowKind(Enum):
    """Kinds of rows that can be asked for; the value is the key's prefix."""

    POSITION = "p/"
    RESERVATION = "r/"
    RECEIPT = "c/"
    GROUP = "s/group/"
    AUTHORITY = "s/authority/"
    ZONE = "s/zone/"
    INCOMING = "s/incoming/"
    TRANSFER = "s/transfer/"
    PROGRESS = "@progress"


async def dump_ledger(
    reader: LedgerReader,
    row_filter: RowFilterFactory,
    partitions: Sequence[int],
    kind: RowKind | None = None,
    sku: str | None = None,
    *,
    is_latest_only: bool = False,
) -> AsyncIterator[dict[str, Any]]:
    """Yield rows up to the ends that the partitions have now, filtered, one partition after the other.

    A tombstone has the row None; with `sku` given only those of positions are told, as the key of
    any other row does not name its SKU. With `is_latest_only` each key is told once, as it is now,
    and keys that end in a tombstone not at all; that keeps one row per key of a partition in memory.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    prefix = kind.value.encode() if kind is not None else b""
    positions = position_key(sku, "") if sku is not None else b""
    for partition in partitions:
        records = _live(reader, row_filter(), partition, prefix)
        async for record in _latest(records) if is_latest_only else records:
            row = _decode(record)
            if sku is None or _sku_of(row) == sku or record.key.startswith(positions):
                yield {
                    "partition": partition,
                    "offset": record.offset,
                    "at": record.timestamp_ms,
                    "key": record.key.decode(),
                    "row": row,
                }


async def _live(
    reader: LedgerReader, rows: RowFilter, partition: int, prefix: bytes
) -> AsyncIterator[LedgerRecord]:
    async for records in reader.read(partition, 0, await reader.end_offset(partition)):
        for record in rows.feed(records):
            if record.key.startswith(prefix):
                yield record


async def _latest(records: AsyncIterator[LedgerRecord]) -> AsyncIterator[LedgerRecord]:
    """Give the newest record of each key, oldest first; none of a key that was deleted."""
    newest: dict[bytes, LedgerRecord] = {}
    async for record in records:
        newest.pop(record.key, None)  # so that the dict is in the order of offsets
        if record.value is not None:
            newest[record.key] = record
    for record in newest.values():
        yield record


def _decode(record: LedgerRecord) -> dict[str, Any] | None:
    row = decoded(record)
    shown: dict[str, Any] | None = None if row is None else plain(row)
    return shown


def _sku_of(row: dict[str, Any] | None) -> str | None:
    return row.get("sku") if row is not None else None


def plain(value: Any) -> Any:  # noqa: ANN401  # any value inside a row
    """Turn a row into JSON values, with field names; bytes become hex digits."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
