"""Where the owner of a channel's account tells what somebody has to look at."""

from typing import Literal, Protocol

ChannelException = Literal[
    "channel_sla_breached",
    "channel_mass_change",
    "channel_mass_drift",
    "channel_access_lost",
    "channel_unsubscribed",
]
"""`kind` of the event in the topic `exceptions` (models/events.py says what each means)."""


class ChannelExceptions(Protocol):
    """Tells outside consumers, at least once; a repeat has the same id."""

    def tell(
        self, kind: ChannelException, channel: str, account: str, *, at_ms: int, units: int = 0, reason: str
    ) -> None:
        """Queue one; never waits and never raises.

        Args:
            kind: What it is.
            channel: The ledger's word for it.
            account: The vendor's.
            at_ms: When it began, ms since the Unix epoch; with the kind and account it names the event.
            units: Listings that it concerns, where that says something.
            reason: One line for a person, without secrets.
        """
