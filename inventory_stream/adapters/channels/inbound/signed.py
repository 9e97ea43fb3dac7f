"""Listeners whose channel signs the body by one header, and no time."""

from abc import ABC, abstractmethod
from typing import ClassVar

from inventory_stream.adapters.channels.inbound.signing import check_one
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery
from inventory_stream.ports.integrations import Integration


class SignedListener(ABC):
    """Of `ports.channel.Listener` all but `parse`; what is old is told apart by its ids alone.

    `signed_by` names the secret, `header` is where the signature stands.
    """

    signed_by: ClassVar[str]
    header: ClassVar[str]

    def __init__(self, integration: Integration, secrets: Secrets) -> None:
        self._account = integration.account
        self._secrets = secrets

    @staticmethod
    @abstractmethod
    def signature(secret: str, delivery: Delivery) -> str:
        """Sign a delivery as the channel does."""

    def verify(self, delivery: Delivery, now_ms: int) -> None:
        """See the port. No time is signed."""
        del now_ms
        expected = [self.signature(secret, delivery) for secret in self._secrets.live(self.signed_by)]
        check_one(delivery.headers.get(self.header), expected, self.header)
