"""What transfers explain of positions (R12): planned units of `allocated`, and `in_transit`."""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from inventory_stream.flows.verify_positions import PositionAudit
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import CancelTransfer, PlanTransfer, ShipTransfer, type_name
from models.rows import TransferRow, position_key

KINDS: Final = frozenset(type_name(kind) for kind in (PlanTransfer, ShipTransfer, CancelTransfer))
"""Commands that change how many units are planned; their receipt follows the transfer's row."""

_decode: Final = msgspec.msgpack.Decoder(TransferRow).decode


class _TransferState(NamedTuple):
    """What is kept of a transfer between two of its rows."""

    source: PositionAudit
    planned: int
    target: PositionAudit
    in_transit: int


class TransferAudit:
    """Keeps the sums of a partition's transfers, and the changes that a receipt has yet to date.

    About 200 bytes for each transfer.
    """

    def __init__(self, position: Callable[[bytes], PositionAudit]) -> None:
        """`position` gives the audit of a row key."""
        self._position = position
        self._transfers: dict[int, _TransferState] = {}
        self._changes: dict[bytes, int] = {}

    def take(self, record: LedgerRecord, *, is_whole: bool) -> str | None:
        """Take a transfer's row, or its tombstone; gives the parts of one that do not add up.

        Args:
            record: Key `s/transfer/...`.
            is_whole: Whether the ledger was read from its first row, without a gap.

        Raises:
            msgspec.DecodeError: the row cannot be decoded.
        """
        identity = hash(record.key)
        before = self._transfers.pop(identity, None)
        if before is not None:
            before.source.allocated -= before.planned
            before.target.in_transit -= before.in_transit
        if record.value is None:
            return None
        row = _decode(record.value)
        after = _TransferState(
            self._position(position_key(row.sku, row.from_location)),
            row.planned,
            self._position(position_key(row.sku, row.to_location)),
            row.in_transit,
        )
        after.source.allocated += after.planned
        after.target.in_transit += after.in_transit
        self._transfers[identity] = after
        if before is None and not is_whole:
            # Its earlier rows may have been compacted away: what changed here cannot be told.
            after.source.is_known = False
        elif after.planned != (known := before.planned if before is not None else 0):
            self._changes[after.source.key] = after.planned - known
        arrived = row.shipped - row.in_transit - row.lost
        parts = {"planned": row.planned, "in transit": row.in_transit, "lost": row.lost, "arrived": arrived}
        return None if min(parts.values()) >= 0 else f"{parts} of {row.shipped} shipped"

    def change_at(self, key: bytes) -> int:
        """Give, once, what the newest transfer row changed of a position's allocated."""
        return self._changes.pop(key, 0)
