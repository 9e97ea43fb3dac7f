"""What is stated of a location: whose counts apply there, and when its days end (R13, R14)."""

from typing import Final

from inventory_stream.ledger.batch import Batch, ImpossibleCommandError
from inventory_stream.ledger.identity import keep_receipt, repeated_receipt
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.zones import is_zone
from models.commands import SetCountAuthority, SetTimeZone
from models.outcomes import Outcome
from models.rows import CountAuthorityRow, TimeZoneRow, count_authority_key, encode_row, time_zone_key

_APPLIED: Final = int(Outcome.APPLIED)


def set_count_authority(
    state: PartitionState,
    command: SetCountAuthority,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """Name the one source whose counts apply at a location from now on: APPLIED. None: any."""
    known = repeated_receipt(state, batch, command)
    if known is not None:
        return known
    state.authorities[command.location] = command.source
    row = CountAuthorityRow(state.term, command.location, command.source)
    batch.write(count_authority_key(command.location), encode_row(row))
    return keep_receipt(state, batch, command, _APPLIED, sku=None)


def may_count(state: PartitionState, location: str, source: str | None) -> bool:
    """Whether counts of a source apply at a location (R14)."""
    authority = state.authorities.get(location)
    return authority is None or authority == source


def set_time_zone(
    state: PartitionState,
    command: SetTimeZone,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """Name the time zone of a location: APPLIED. Only time-phased promises ask for it.

    Raises:
        ImpossibleCommandError: no such zone.
    """
    known = repeated_receipt(state, batch, command)
    if known is not None:
        return known
    if not is_zone(command.time_zone):
        raise ImpossibleCommandError(f"{command.time_zone!r} is no IANA time zone (R13)")
    state.time_zones[command.location] = command.time_zone
    row = TimeZoneRow(state.term, command.location, command.time_zone)
    batch.write(time_zone_key(command.location), encode_row(row))
    return keep_receipt(state, batch, command, _APPLIED, sku=None)
