"""A queue of messages that are given out again until they are deleted, as Amazon SQS is one."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class QueuedMessage(NamedTuple):
    """One message. `receipt` names this giving-out, for `delete`; `body` is at most 256 KiB."""

    receipt: str
    body: bytes


class MessageQueue(Protocol):
    """One queue, read by any number of readers: each message at least once, in no order."""

    async def receive(self, *, messages_max: int, wait_seconds: float) -> Sequence[QueuedMessage]:
        """Take up to so many messages, waiting so long for the first one; they are hidden for a while.

        Raises:
            UnreachableError: the queue does not answer.
        """

    async def delete(self, receipts: Sequence[str]) -> None:
        """Take messages out for good.

        Raises:
            UnreachableError: they may be given out again.
        """
