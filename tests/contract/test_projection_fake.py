"""The fake view keeps the contract of the real one."""

from dataclasses import dataclass

import pytest

from tests.contract.projection_suite import Bench, ProjectionSuite
from tests.fakes.projection import THEIRS, FakeAvailabilityView, FakeProjection, FakeServer


@dataclass
class FakeBench(Bench):
    """A bench in memory."""

    server: FakeServer

    async def flush(self) -> None:
        """See the suite."""
        self.server.flush()

    async def forget_scripts(self) -> None:
        """See the suite; the fake has none."""


class TestFakeProjection(ProjectionSuite):
    """The suite on the fake."""

    @pytest.fixture
    def bench(self) -> Bench:
        """Give an empty server."""
        server = FakeServer()
        return FakeBench(
            FakeProjection(server),
            FakeProjection(server),
            FakeAvailabilityView(server),
            FakeProjection(server, THEIRS),
            server,
        )
