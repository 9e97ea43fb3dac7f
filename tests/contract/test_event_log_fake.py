"""The event log in memory."""

import pytest

from inventory_stream.ports.events import EventTopic
from tests.contract.event_log_suite import Bench, EventLogSuite
from tests.fakes.event_log import FakeEventLog, FakeEvents


class FakeBench(Bench):
    """A bench in memory."""

    def __init__(self) -> None:
        self.events = FakeEvents()

    def log(self, partition: int = 1) -> FakeEventLog:
        """See the suite."""
        return self.events.log(partition)

    async def seen(self, topic: EventTopic, partition: int = 1) -> list[tuple[str, bytes | None]]:
        """See the suite."""
        return [(key, value) for _, key, value in self.events.of(topic, partition)]


class TestFakeEventLog(EventLogSuite):
    """The suite on the fake."""

    @pytest.fixture
    def bench(self) -> FakeBench:
        """Give empty topics."""
        return FakeBench()
