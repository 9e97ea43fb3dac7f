"""The fake waiting rooms keep the contract of the real ones."""

from dataclasses import dataclass

import pytest

from tests.contract.waiting_room_suite import PRESENT_SECONDS, Bench, WaitingRoomSuite
from tests.fakes.waiting_room import FakeRoomServer, FakeWaitingRooms


@dataclass
class FakeBench(Bench):
    """A bench in memory."""

    server: FakeRoomServer

    def now_ms(self) -> int:
        """See the suite."""
        return self.server.now_ms

    async def pass_ms(self, milliseconds: int) -> None:
        """See the suite."""
        self.server.now_ms += milliseconds

    async def flush(self) -> None:
        """See the suite."""
        self.server.flush()


class TestFakeWaitingRooms(WaitingRoomSuite):
    """The suite on the fake."""

    @pytest.fixture
    def bench(self) -> Bench:
        """Give an empty server."""
        server = FakeRoomServer()
        first, other = (FakeWaitingRooms(server, PRESENT_SECONDS) for _ in range(2))
        return FakeBench(first, other, server)
