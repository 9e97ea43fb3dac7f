"""The use case "show the ledger": its live rows as JSON objects, oldest first."""

from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory
from models.rows import decode_row, position_key


class RowKind(Enum):
    """Kinds of rows that can be asked for; the value is the key's prefix."""

    POSITION = "p/"
    RESERVATION = "r/"
    RECEIPT = "c/"
    GROUP = "s/group/"
    PROGRESS = "@progress"


async def dump_ledger(
    reader: LedgerReader,
    row_filter: RowFilterFactory,
    partitions: Sequence[int],
    kind: RowKind | None = None,
    sku: str | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Yield rows up to the ends that the partitions have now, filtered, one partition after the other.

    A tombstone has the row None; with `sku` given only those of positions are told, as the key of
    any other row does not name its SKU.

    Raises:
        CorruptLedgerError: a row that cannot be decoded.
        UnreachableError: Kafka does not answer.
    """
    prefix = kind.value.encode() if kind is not None else b""
    positions = position_key(sku, "") if sku is not None else b""
    for partition in partitions:
        rows = row_filter()
        async for records in reader.read(partition, 0, await reader.end_offset(partition)):
            for record in rows.feed(records):
                if not record.key.startswith(prefix):
                    continue
                row = _decode(record)
                if sku is None or _sku_of(row) == sku or record.key.startswith(positions):
                    yield {
                        "partition": partition,
                        "offset": record.offset,
                        "at": record.timestamp_ms,
                        "key": record.key.decode(),
                        "row": row,
                    }


def _decode(record: LedgerRecord) -> dict[str, Any] | None:
    if record.value is None:
        return None
    try:
        row: dict[str, Any] = _plain(decode_row(record.key, record.value))
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise CorruptLedgerError(f"row {record.key!r} at offset {record.offset}: {error}") from error
    return row


def _sku_of(row: dict[str, Any] | None) -> str | None:
    return row.get("sku") if row is not None else None


def _plain(value: Any) -> Any:  # noqa: ANN401  # any value inside a row
    """Turn a row into JSON values, with field names; bytes become hex digits."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
