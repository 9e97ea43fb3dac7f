"""What every event log does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from inventory_stream.errors import FencedError
from inventory_stream.ports.events import EventLog, EventTopic, OutgoingEvent, PublishedTo

AVAILABILITY, EXCEPTIONS = EventTopic.AVAILABILITY, EventTopic.EXCEPTIONS


class Bench(ABC):
    """An implementation under test, and a consumer."""

    @abstractmethod
    def log(self, partition: int = 1) -> EventLog:
        """Give a publisher's side."""

    @abstractmethod
    async def seen(self, topic: EventTopic, partition: int = 1) -> Sequence[tuple[str, bytes | None]]:
        """Give keys and values that a reader of committed records sees in one partition."""


class EventLogSuite:
    """Subclasses give the fixture `bench`."""

    async def test_nothing_published_is_no_place(self, bench: Bench) -> None:
        """A partition of which nothing was ever published begins anew, which None says."""
        log = bench.log()
        assert await log.claim() is None
        await log.close()

    async def test_events_and_place_are_there_together(self, bench: Bench) -> None:
        """Events are seen in order under their keys, and the next holder learns how far they are."""
        log = bench.log()
        await log.claim()
        place = PublishedTo(17, 1_700_000_000_000, 1_700_000_000_016)
        await log.publish(
            [
                OutgoingEvent(AVAILABILITY, "S", b"1"),
                OutgoingEvent(EXCEPTIONS, "S", b"x"),
                OutgoingEvent(AVAILABILITY, "T/ä", None),
                OutgoingEvent(AVAILABILITY, "S", b"2"),
            ],
            place,
        )
        await log.close()
        assert await bench.seen(AVAILABILITY) == [("S", b"1"), ("T/ä", None), ("S", b"2")]
        assert await bench.seen(EXCEPTIONS) == [("S", b"x")]
        assert await bench.seen(AVAILABILITY, partition=0) == []
        following = bench.log()
        assert await following.claim() == place
        await following.close()

    async def test_place_may_move_without_events_and_events_without_place(self, bench: Bench) -> None:
        """Rows that raise nothing are passed; events of a long step do not move the place before its end."""
        log = bench.log()
        await log.claim()
        await log.publish([], None)
        await log.publish([OutgoingEvent(EXCEPTIONS, "S", b"x")], None)
        await log.close()
        second = bench.log()
        assert await second.claim() is None
        await second.publish([], PublishedTo(5, 1, 2))
        await second.close()
        third = bench.log()
        assert await third.claim() == PublishedTo(5, 1, 2)
        await third.close()
        assert await bench.seen(EXCEPTIONS) == [("S", b"x")]

    async def test_replaced_holder_is_refused(self, bench: Bench) -> None:
        """A holder that slept through its replacement writes nothing: no old number follows a new one."""
        sleeper, owner = bench.log(), bench.log()
        await sleeper.claim()
        await sleeper.publish([OutgoingEvent(AVAILABILITY, "S", b"old")], PublishedTo(5, 1, 2))
        assert await owner.claim() == PublishedTo(5, 1, 2)
        with pytest.raises(FencedError):
            await sleeper.publish([OutgoingEvent(AVAILABILITY, "S", b"older still")], PublishedTo(9, 1, 3))
        await owner.publish([OutgoingEvent(AVAILABILITY, "S", b"new")], PublishedTo(7, 1, 3))
        assert await bench.seen(AVAILABILITY) == [("S", b"old"), ("S", b"new")]
        await sleeper.close()
        await owner.close()
