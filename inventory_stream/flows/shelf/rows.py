"""From the key and value of a ledger row to what the shelf keeps of it: pure."""

from sys import intern
from typing import Final, cast

from inventory_stream.errors import CorruptLedgerError
from models.ids import decode_id
from models.rows import IncomingRow, Row, TransferRow

POSITION: Final = ord("p")
"""First byte of the key of a position."""
STATED: Final = ord("s")
"""First byte of the key of everything that is stated."""

POOL: Final = b"s/pool/"
BY_SKU: Final = (
    POOL,
    b"s/fence/",
    b"s/purchase-limit/",
    b"s/backorder/",
    b"s/policy/",
    b"s/incoming/",
    b"s/transfer/",
)
"""How the keys begin of what is stated for one SKU; a policy may be for any."""
FOR_ALL: Final = (b"s/place/", b"s/group/", b"s/zone/", b"s/policy/")
"""How the keys begin of what is stated in every partition (R30)."""
KEPT: Final = (*BY_SKU, *FOR_ALL)
"""How the keys begin of all that is kept: not what customers have of limits, one row for each reserve."""


def place_of(key: bytes) -> tuple[str, str]:
    """Give SKU and location from the key of a position.

    Raises:
        CorruptLedgerError: it is none.
    """
    try:
        _, sku, location = key.decode().split("/")
    except ValueError as error:
        raise CorruptLedgerError(f"row key {key[:64]!r} names no position: {error}") from error
    if "%" in sku:
        sku = decode_id(sku)
    if "%" in location:
        location = decode_id(location)
    return sku, intern(location)  # a few locations stand in very many positions


def without_ended(row: Row | None) -> Row | None:
    """Give a row, None for incoming and transfers that nothing is awaited of."""
    if isinstance(row, IncomingRow) and not row.open_units:
        return None
    if isinstance(row, TransferRow) and not row.in_transit and not row.planned:
        return None
    return row


def sku_stated(row: Row | None) -> str | None:
    """Give the SKU that a row is stated for, if it is for one."""
    return cast("str | None", getattr(row, "sku", None))
