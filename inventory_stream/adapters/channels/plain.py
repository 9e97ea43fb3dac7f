"""What most channels have in common: a subclass says what is its own."""

from collections.abc import Mapping, Sequence

from inventory_stream.adapters.channels.answers import all_ended
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Push, Result
from models.channels import ChannelEvent, OrderNamed


class PlainChannel:
    """Of `ports.channel.Channel` all but `push`: any listings go together, and nothing else is there."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps

    @property
    def caps(self) -> Caps:
        """What it can do: options of the account over the defaults."""
        return self._caps

    def group_of(self, listing: str) -> str:
        """Give nothing: any listings of an account fit into one push."""
        del listing
        return ""

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """Say that there is no slow way: `caps.bulk_max` is 0."""
        del key
        return all_ended(batch, Result.PERMANENT, "no-bulk")

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Say that the channel cannot be asked: `caps.can_read_back` is false."""
        del listings
        raise ChannelError(Result.PERMANENT, "no-read-back")

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Say that no order is ever only named."""
        del named
        raise ChannelError(Result.PERMANENT, "no-orders")
