"""Where what channels tell is kept until its owner takes it, and who hears of it."""

from typing import Final, Protocol

from models.channels import Inbound


class Deliveries(Protocol):
    """The topic `channel-inbound`, or its stand-in."""

    async def send(self, inbound: Inbound) -> None:
        """Keep a delivery; returns when it is durable, within a second.

        Raises:
            UnreachableError: it is not known to be.
        """


class WebhookMonitor(Protocol):
    """Hears of deliveries. Nothing here may raise or wait."""

    def delivered(self, integration: str, result: str) -> None:
        """A delivery ended: `taken`, `repeated`, `nothing`, `forged`, `malformed`, `not-kept`, `unknown`.

        `integration` is "" where there is none of that name.
        """

    def misfit(self, integration: str, field: str) -> None:
        """A genuine delivery does not fit what its channel documents; `field` as in `MalformedError`."""

    def unknown_kind(self, integration: str, kind: str) -> None:
        """A genuine delivery was of a kind that is not understood."""


class _SilentWebhooks:
    def delivered(self, integration: str, result: str) -> None: ...

    def misfit(self, integration: str, field: str) -> None: ...

    def unknown_kind(self, integration: str, kind: str) -> None: ...


SILENT_WEBHOOKS: Final[WebhookMonitor] = _SilentWebhooks()
