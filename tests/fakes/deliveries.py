"""Deliveries of channels in memory."""

from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError
from models.channels import Inbound, decode_inbound, encode_inbound


@dataclass
class FakeDeliveries:
    """Keeps what it was sent, as it comes out of the topic. `is_gone`: Kafka does not answer."""

    kept: list[Inbound] = field(default_factory=list)
    is_gone: bool = False

    async def send(self, inbound: Inbound) -> None:
        """Keep a delivery; see the port."""
        if self.is_gone:
            raise UnreachableError("the fake broker is away")
        self.kept.append(decode_inbound(encode_inbound(inbound)))
