"""A `MessageQueue` in memory."""

from collections.abc import Sequence

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.message_queue import QueuedMessage


class FakeMessageQueue:
    """Gives each message out again and again until it is deleted."""

    def __init__(self, *bodies: bytes) -> None:
        self.waiting = {str(number): body for number, body in enumerate(bodies)}
        self.is_gone = False

    async def receive(self, *, messages_max: int, wait_seconds: float) -> Sequence[QueuedMessage]:
        """Give the oldest; see the port."""
        assert wait_seconds >= 0
        if self.is_gone:
            raise UnreachableError("the fake queue is away")
        return [QueuedMessage(receipt, body) for receipt, body in self.waiting.items()][:messages_max]

    async def delete(self, receipts: Sequence[str]) -> None:
        """Take them out."""
        for receipt in receipts:
            del self.waiting[receipt]
