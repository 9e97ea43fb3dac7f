"""What pools, fences and backorders say of a position, for the audit (I1, R4, R24)."""

from collections.abc import Callable
from typing import Final, cast

from inventory_stream.flows.verify_positions import PositionAudit
from inventory_stream.ports.ledger_log import LedgerRecord
from models.ids import decode_id
from models.rows import BackorderRow, FenceRow, PoolRow, decode_row, position_key

_BACKORDER_PREFIX: Final = b"s/backorder/"
CLAIM_PREFIXES: Final = (b"s/pool/", b"s/fence/", _BACKORDER_PREFIX)
"""Begin the keys of the rows that this audit takes."""


class ClaimAudit:
    """Adds up what is set aside and what waits at each position, row by row."""

    def __init__(self, audit_of: Callable[[bytes], PositionAudit]) -> None:
        self._audit_of = audit_of
        self._units: dict[bytes, int] = {}

    def take(self, record: LedgerRecord) -> None:
        """Take a row whose key begins as one of CLAIM_PREFIXES.

        Raises:
            msgspec.DecodeError: it cannot be decoded.
        """
        units = 0
        if record.value is not None:
            row = cast("PoolRow | FenceRow | BackorderRow", decode_row(record.key, record.value))
            if isinstance(row, PoolRow):
                units = row.unsold
            else:
                units = row.units if isinstance(row, FenceRow) else row.used
        sku, location = (decode_id(part.decode()) for part in record.key.split(b"/")[-2:])
        audit = self._audit_of(position_key(sku, location))
        more = units - self._units.pop(record.key, 0)
        if units:
            self._units[record.key] = units
        if record.key.startswith(_BACKORDER_PREFIX):
            audit.backordered += more
        else:
            audit.fenced += more
        audit.is_claimed = True
