"""What is only stated for readers, and decides nothing in the ledger: the last statement stands."""

from typing import Final

from msgspec import structs

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.identity import keep_receipt, repeated_receipt
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.stock import answered_before
from models.commands import SetChannelPolicy, SetPlace
from models.outcomes import Outcome
from models.rows import (
    ChannelPolicyRow,
    PlaceRow,
    channel_policy_key,
    encode_row,
    place_key,
)

_APPLIED: Final = int(Outcome.APPLIED)


def set_place(state: PartitionState, command: SetPlace, arrival_ms: int, batch: Batch) -> int:  # noqa: ARG001  # one shape
    """Say where a location is: APPLIED."""
    known = repeated_receipt(state, batch, command)
    if known is not None:
        return known
    row = PlaceRow(
        state.term,
        command.location,
        command.latitude,
        command.longitude,
        command.name,
        command.pickup,
        command.ships,
    )
    state.places[command.location] = row
    batch.write(place_key(command.location), encode_row(row))
    return keep_receipt(state, batch, command, _APPLIED, sku=None)


def set_channel_policy(
    state: PartitionState,
    command: SetChannelPolicy,
    arrival_ms: int,  # noqa: ARG001  # one shape for all commands
    batch: Batch,
) -> int:
    """State what a channel is shown: APPLIED (R25). The same again is no new version of it."""
    if command.sku is None:
        known = repeated_receipt(state, batch, command)
    else:
        known = answered_before(state, batch, command, command.sku)
    if known is not None:
        return known
    place = command.channel, command.sku
    before = state.policies.get(place)
    row = ChannelPolicyRow(
        state.term,
        command.channel,
        command.sku,
        command.percent,
        command.cap,
        command.buffer,
        command.floor,
        command.preorder,
        1 if before is None else before.version + 1,
    )
    if before is None or structs.astuple(before)[1:-1] != structs.astuple(row)[1:-1]:
        # Only then: a policy of a channel has the view of every SKU written anew.
        state.policies[place] = row
        batch.write(channel_policy_key(*place), encode_row(row))
    return keep_receipt(state, batch, command, _APPLIED, sku=command.sku)
