"""What the registry knows of an adapter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory_stream.ports.channel import Channel, DriftMonitor, Listener, Pace
from inventory_stream.ports.integrations import Integration

if TYPE_CHECKING:
    from inventory_stream.adapters.channels.exchange import Exchange, Exchanges
    from inventory_stream.adapters.channels.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Needs:
    """What an adapter of one account is built from."""

    integration: Integration
    secrets: "Secrets"
    exchanges: "Exchanges"
    pace: Pace
    drift: DriftMonitor
    now_ms: Callable[[], int]

    def exchange(self, request_seconds: float, url: str | None = None) -> "Exchange":
        """Give the way to the account's address, or to another one of the same vendor."""
        address = self.integration.url or "" if url is None else url
        return self.exchanges.of(address, pace=self.pace, request_seconds=request_seconds)


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One kind of channel.

    `check_listing` says why a listing id cannot be one of this channel; None: it can. `check_integration`
    says what is wrong with an account's entry (url, options); None: nothing. `secrets` and
    `optional_secrets` name what an entry must and may refer to; `options` each option with its meaning, for
    the guide and for messages. `is_verified`: its requests were checked against the vendor's own
    specification.
    """

    name: str
    listing_form: str
    check_listing: Callable[[str], str | None]
    check_integration: Callable[[Integration], str | None]
    secrets: tuple[str, ...]
    optional_secrets: tuple[str, ...]
    options: Mapping[str, str]
    new_channel: Callable[[Needs], Channel]
    new_listener: Callable[[Integration, "Secrets"], Listener] | None
    is_verified: bool
