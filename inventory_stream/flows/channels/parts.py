"""What an account is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.pace import AccountPace
from inventory_stream.flows.channels.tasks import Fail
from inventory_stream.flows.channels.units import LedgerMirror
from inventory_stream.ports.channel import Channel
from inventory_stream.ports.channel_exceptions import ChannelExceptions
from inventory_stream.ports.channel_monitor import ChannelMonitor
from inventory_stream.ports.integrations import CatalogMapping, Integration


@dataclass(frozen=True, slots=True)
class AccountParts:
    """What an account is made of. `pace` is the one that `channel` was built with."""

    integration: Integration
    channel: Channel
    pace: AccountPace
    mapping: CatalogMapping
    mirror: LedgerMirror
    keeper: Keeper
    monitor: ChannelMonitor
    exceptions: ChannelExceptions
    misfits: Callable[[], int]
    """Gives how many fields of the channel's answers did not fit their schema."""
    is_leased: Callable[[], bool]
    now_ms: Callable[[], int]
    fail: Fail
    """Ends the process: an account that stood still without a word would be worse."""
    worker: str
    """Names this worker in the status."""
    mended: Callable[[], object] = bool
    """Tells the adapter that an operator mended the access: refusals of before count no more."""
    unmapped: Callable[[], int] = int
    """Gives how many SKUs of the ledger the mapping does not name."""
    mapping_wrong: Callable[[], str] = str
    """Says what is wrong with the mapping file as it is now; "": nothing."""
