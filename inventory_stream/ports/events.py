"""Where events for outside consumers are published, and how far a partition's are."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

EVENTS_GROUP = "events"
"""Consumer group whose offsets on the ledger topic say how far events are, before the prefix."""


class EventTopic(Enum):
    """Topics of events, before the environment's prefix."""

    AVAILABILITY = "availability-changed"
    """Compacted by SKU."""
    EXCEPTIONS = "exceptions"
    """Kept for a time; one record per exception."""


class OutgoingEvent(NamedTuple):
    """One record to publish. `value` None takes the key out of a compacted topic."""

    topic: EventTopic
    key: str
    value: bytes | None


class PublishedTo(NamedTuple):
    """How far a ledger partition's events are published: every row below `next_offset`.

    `generation_ms` and `row_ms`, the record time of the last row before `next_offset`, tell whether it
    is still the same ledger.
    """

    next_offset: int
    generation_ms: int
    row_ms: int


class EventLog(Protocol):
    """The event topics, as the publisher of one ledger partition sees them."""

    async def claim(self) -> PublishedTo | None:
        """Take the partition over: from here on a former holder's events are refused.

        Returns:
            How far the events are; None when nothing was ever published, or it is forgotten.

        Raises:
            UnreachableError: no answer within the bound.
        """

    async def publish(self, events: Sequence[OutgoingEvent], place: PublishedTo | None) -> None:
        """Publish events, in order per key, and the place with them; returns when both are durable.

        A crash leaves both or neither to readers of committed records; others may see events that
        come again. Without a place the progress stays. One call at a time.

        Raises:
            UnreachableError: not acknowledged within the bound; what became of it is unknown, and the
                way on is a new claim.
            FencedError: somebody else claimed the partition.
        """

    async def close(self) -> None:
        """Let go of the connection without waiting for what is under way; bounded to a few seconds."""


class EventLogFactory(Protocol):
    """Makes the event log of one partition."""

    def __call__(self, partition: int) -> EventLog:
        """Describe it; `claim` connects."""
