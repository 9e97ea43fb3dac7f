"""What one ledger row tells of a SKU: pure."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict

from inventory_stream.flows.ledger_rows import decoded
from inventory_stream.ports.ledger_log import LedgerRecord
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    ID_REUSED_ANSWER,
    Answer,
    Movement,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    Row,
    position_key,
)

_UNITS: Final = (
    *("granted", "reserved", "allocated", "fulfilled", "released"),
    *("expired", "cancelled", "revoked", "returned", "backordered"),
)
"""What the units of a reservation's lines may be (R16)."""


class SkuEvent(NamedTuple):
    """One row that tells something of the SKU.

    `kind` is the type of the command that it answers; `expired_or_revoked` where the owner took units back
    by itself; or what the row holds: `position`, `pool`, `fence`, ... Then `numbers` are its fields.
    """

    offset: int
    at_ms: int
    kind: str
    command_id: str | None = None
    reservation_id: str | None = None
    outcome: str | None = None
    units: int = 0
    is_repeat: bool = False
    movements: Sequence[Movement] = ()
    numbers: dict[str, Any] | None = None


def event_of(record: LedgerRecord, sku: str) -> SkuEvent | None:
    """Give what a row tells of a SKU; None: nothing.

    Raises:
        CorruptLedgerError: it cannot be decoded.
    """
    if record.value is None:
        is_position = record.key.startswith(position_key(sku, ""))
        return SkuEvent(record.offset, record.timestamp_ms, "position_gone") if is_position else None
    # Most rows are of other SKUs: a look at the bytes costs a tenth of decoding them.
    if sku.encode() not in record.value or record.key.startswith(b"@"):
        return None
    row = decoded(record)
    if row is None or getattr(row, "sku", None) != sku:
        return None
    if isinstance(row, ReceiptRow):
        return _of_answer(record, row, row.repeat, row.reservation_id)
    if isinstance(row, ReservationRow):
        return _of_reservation(record, row)
    return SkuEvent(record.offset, record.timestamp_ms, _kind_of(record.key), numbers=_fields_of(row))


def _of_reservation(record: LedgerRecord, row: ReservationRow) -> SkuEvent:
    numbers = {name: sum(getattr(line, name) for line in row.lines) for name in _UNITS}
    numbers["deadline_ms"] = row.deadline_ms
    if row.answered < 0:
        event = SkuEvent(
            record.offset, record.timestamp_ms, "expired_or_revoked", reservation_id=row.reservation_id
        )
    else:
        event = _of_answer(record, row.answers[row.answered], row.repeat, row.reservation_id)
    return event._replace(numbers=numbers)


def _of_answer(
    record: LedgerRecord, answer: Answer | ReceiptRow, repeat: int, reservation_id: str | None
) -> SkuEvent:
    outcome = Outcome.COMMAND_ID_REUSED if repeat == ID_REUSED_ANSWER else Outcome(answer.outcome)
    return SkuEvent(
        record.offset,
        record.timestamp_ms,
        answer.kind,
        answer.command_id,
        reservation_id,
        outcome.name,
        answer.units,
        repeat != FIRST_ANSWER,
        answer.movements,
    )


def _fields_of(row: Row) -> dict[str, Any]:
    fields = asdict(row)
    del fields["term"], fields["sku"]
    if isinstance(row, PositionRow):
        fields["available_to_promise"] = row.available_to_promise
    return fields


def _kind_of(key: bytes) -> str:
    """Name what a row holds by its key: `p/...` a position, `s/<kind>/...` anything else."""
    if key.startswith(b"p/"):
        return "position"
    return key.split(b"/", 2)[1].decode().replace("-", "_")
