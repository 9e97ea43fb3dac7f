"""Where the owner of a channel's account tells what somebody has to look at."""

from typing import Protocol

from models.events import ChannelExceptionKind


class ChannelExceptions(Protocol):
    """Tells outside consumers, at least once; a repeat has the same id."""

    def tell(
        self,
        kind: ChannelExceptionKind,
        channel: str,
        account: str,
        *,
        at_ms: int,
        reason: str,
        listings: int = 0,
    ) -> None:
        """Queue one; never waits and never raises.

        Args:
            kind: What it is.
            channel: The ledger's word for it.
            account: The vendor's.
            at_ms: When it began, ms since the Unix epoch; with the kind and account it names the event.
            reason: One line for a person, without secrets.
            listings: How many it concerns, where that says something.
        """
