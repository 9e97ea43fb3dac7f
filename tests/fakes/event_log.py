"""The event topics in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_stream.errors import FencedError, UnreachableError
from inventory_stream.ports.events import EventTopic, OutgoingEvent, PublishedTo


@dataclass
class FakeEvents:
    """What outlives the publishers. `is_down` refuses everything; `refuse_after` that many publications."""

    is_down: bool = False
    refusals: int = 0
    refuse_after: int | None = None
    published: list[tuple[int, OutgoingEvent]] = field(default_factory=list)
    places: dict[int, PublishedTo] = field(default_factory=dict)
    holders: dict[int, object] = field(default_factory=dict)

    def log(self, partition: int) -> "FakeEventLog":
        """Give one partition's publisher's side."""
        return FakeEventLog(self, partition)

    def of(self, topic: EventTopic, partition: int = 0) -> list[OutgoingEvent]:
        """Give what a reader of one partition sees."""
        return [event for place, event in self.published if event.topic is topic and place == partition]

    async def answer(self) -> None:
        """One round trip."""
        await asyncio.sleep(0)
        if self.is_down:
            self.refusals += 1
            raise UnreachableError("the fake broker is down")


class FakeEventLog:
    """See `inventory_stream.ports.events.EventLog`."""

    def __init__(self, events: FakeEvents, partition: int) -> None:
        self._events = events
        self._partition = partition

    async def claim(self) -> PublishedTo | None:
        """See the port."""
        await self._events.answer()
        self._events.holders[self._partition] = self
        return self._events.places.get(self._partition)

    async def publish(self, events: Sequence[OutgoingEvent], place: PublishedTo | None) -> None:
        """See the port."""
        await self._events.answer()
        if self._events.refuse_after is not None:
            if self._events.refuse_after == 0:
                raise UnreachableError("the fake broker has had enough")
            self._events.refuse_after -= 1
        if self._events.holders.get(self._partition) is not self:
            raise FencedError("somebody else publishes this partition")
        self._events.published += [(self._partition, event) for event in events]
        if place is not None:
            self._events.places[self._partition] = place

    async def close(self) -> None:
        """See the port."""
