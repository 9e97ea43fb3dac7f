"""From ledger rows to changes of the view: pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.ledger_rows import decoded_value
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Extent, LocationUnits, SkuChange, Version
from models.ids import decode_id
from models.rows import PositionRow

POSITION_PREFIX: Final = b"p/"
"""Begins the key of every position row."""

STATED_PREFIXES: Final = (b"s/pool/", b"s/fence/", b"s/backorder/", b"s/policy/")
"""Begin the keys of the rows that say what paths beside common can sell, and what channels are shown."""


def latest_rows(
    rows: Iterable[LedgerRecord],
    positions: dict[bytes, LedgerRecord],
    stated: dict[bytes, LedgerRecord],
) -> None:
    """Keep the newest row of each position and of what is stated; others are passed over undecoded."""
    for row in rows:
        if row.key.startswith(POSITION_PREFIX):
            positions[row.key] = row
        elif row.key.startswith(STATED_PREFIXES):
            stated[row.key] = row


def changes_of(
    positions: Mapping[bytes, LedgerRecord], generation_ms: int, extent: Extent
) -> dict[str, SkuChange]:
    """Gather positions by SKU.

    Args:
        positions: The newest row by row key; tombstones among them take a location away.
        generation_ms: Record time of the partition's first claim.
        extent: Whether `positions` holds all locations of its SKUs.

    Returns:
        A change per SKU, its version that of the SKU's newest row. With all locations at hand, a
        SKU of tombstones only is left out: it does not exist any more.

    Raises:
        CorruptLedgerError: positions without any claim, or a row that cannot be decoded.
    """
    if positions and generation_ms <= 0:
        raise CorruptLedgerError("the ledger holds positions, but no claim by which to date them")
    locations: dict[str, dict[str, LocationUnits | None]] = {}
    newest: dict[str, LedgerRecord] = {}
    for record in positions.values():
        sku, location, units = units_of(record)
        locations.setdefault(sku, {})[location] = units
        known = newest.get(sku)
        if known is None or known.offset < record.offset:
            newest[sku] = record
    changes = {}
    for sku, by_location in locations.items():
        if extent is not Extent.CHANGE:
            by_location = without_gone(by_location)  # noqa: PLW2901  # the same thing, cleaned
            if not by_location:
                continue
        version = Version(generation_ms, newest[sku].offset)
        changes[sku] = SkuChange(sku, version, newest[sku].timestamp_ms, by_location, extent)
    return changes


def without_gone(locations: Mapping[str, LocationUnits | None]) -> dict[str, LocationUnits | None]:
    """Leave out the locations that were taken away."""
    return {location: units for location, units in locations.items() if units is not None}


def units_of(record: LedgerRecord) -> tuple[str, str, LocationUnits | None]:
    """Give SKU, location and units of a position row; None where it is a tombstone.

    Raises:
        CorruptLedgerError: it cannot be decoded.
    """
    if record.value is None:
        _, sku, location = record.key.decode().split("/")
        return decode_id(sku), decode_id(location), None
    row = decoded_value(record, record.value)
    assert isinstance(row, PositionRow)  # noqa: S101  # there are no others under these keys
    return row.sku, row.location, LocationUnits(max(0, row.available_to_promise), row.shortfall)
