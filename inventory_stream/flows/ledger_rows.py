"""Rows of the ledger decoded, with their place where that fails: one way for every reader."""

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import Row, decode_row


def decoded(record: LedgerRecord) -> Row | None:
    """Decode a row; None is a tombstone.

    Raises:
        CorruptLedgerError: it cannot be.
    """
    return None if record.value is None else decoded_value(record, record.value)


def decoded_value(record: LedgerRecord, value: bytes) -> Row:
    """Decode the value of a row that is no tombstone; raises as `decoded`."""
    try:
        return decode_row(record.key, value)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise CorruptLedgerError(f"row {record.key!r} at offset {record.offset}: {error}") from error
