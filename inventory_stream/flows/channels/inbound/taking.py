"""What takes deliveries in, and what it tells the owner of the account."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from inventory_stream.flows.channels.carried import Carried
from inventory_stream.flows.channels.moved import Moved
from models.channels import AccountTroubled, ChannelEvent, Inbound, OrderNamed


class Place(NamedTuple):
    """Where a record of `channel-inbound` is. `topic` is the full name, `timestamp_ms` the record's."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    timestamp_ms: int


class TakesInbound(Protocol):
    """Makes the commands of a delivery durable."""

    async def take(self, inbound: Inbound, place: Place) -> None:
        """Send what a delivery means to the ledger; returns when it is durable.

        Then the record may be passed over. A repeat, also after a crash in the midst, changes nothing twice
        (R27): the ids follow from the content. `Act`s are not for it and are left out.

        Raises:
            RetryableError: Kafka, or the channel that was asked for an order, does not answer; the same
                delivery goes on where this call ended. An order is waited for as long as patience.py says,
                then it is a dead letter.
            LedgerLogError: a dead letter could not be kept.
        """


class Account(Protocol):
    """What the one owner of an account hears of its deliveries. Only `events_of` may wait."""

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask the channel what happened to an order (`Channel.events_of`).

        Raises:
            ChannelError: it does not tell.
        """

    @property
    def moved(self) -> Moved:
        """Listings that show another SKU than before."""

    @property
    def carried(self) -> Carried:
        """Lines that are a reservation of ours."""

    async def notes_kept(self) -> None:
        """Return when the notes of `moved` and `carried` that lines were read by are durable."""

    @property
    def requests_answered(self) -> int:
        """How many requests about other things the channel has answered so far."""

    def observed(self, listing: str, units: int, at_ms: int) -> None:
        """Hear that the channel showed so many of a listing at a time by its own clock: a drift hint."""

    def troubled(self, trouble: AccountTroubled) -> None:
        """Hear that the channel takes our access away, or will: park the account or alarm."""

    def orders_through(self, at_ms: int) -> None:
        """Hear that orders up to this time, by the channel's clock, have come in and are durable."""


class Accounts(Protocol):
    """Finds the account of a delivery."""

    def of(self, channel: str, account: str) -> Account | None:
        """Give it; None: the registry has no such account (any more)."""


class InboundMonitor(Protocol):
    """Hears what came in. Nothing here may raise or wait."""

    def heard(self, integration: str, kind: str) -> None:
        """An event was taken in; `kind` is its tag in models.channels."""

    def unmapped(self, integration: str, lines: int) -> None:
        """Lines became dead letters, as the mapping does not know them."""

    def untold(self, integration: str, orders: int) -> None:
        """Orders became dead letters, as the channel does not tell what happened to them."""


class _SilentInbound:
    def heard(self, integration: str, kind: str) -> None: ...

    def unmapped(self, integration: str, lines: int) -> None: ...

    def untold(self, integration: str, orders: int) -> None: ...


SILENT_INBOUND: Final[InboundMonitor] = _SilentInbound()
