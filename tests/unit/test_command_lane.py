"""A lane leaves time between its batches, and none before the first."""

import asyncio
from dataclasses import dataclass, field

import pytest

from inventory_stream.adapters.kafka.command_lane import CommandLane

LINGER_SECONDS = 5.0


@dataclass
class Batch:
    """A batch that counts."""

    values: list[bytes] = field(default_factory=list)

    def append(self, *, timestamp: int | None, key: bytes | None, value: bytes) -> object:
        """Take a record."""
        assert (timestamp, key) == (None, None)
        self.values.append(value)
        return True

    def record_count(self) -> int:
        """Say how many it has."""
        return len(self.values)


@dataclass
class Producer:
    """Acknowledges at once and writes down what came when."""

    sent: list[tuple[float, list[bytes]]] = field(default_factory=list)

    def create_batch(self) -> Batch:
        """Give a new one."""
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[None]":
        """Take one."""
        assert (topic, partition) == ("t", 0)
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), batch.values))
        acked: asyncio.Future[None] = loop.create_future()
        acked.set_result(None)
        return acked


@pytest.mark.timeout(20)
async def test_a_command_after_a_pause_leaves_at_once_and_those_after_it_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first batch waits for nobody; the next holds what came until the linger time was over."""
    loop = asyncio.get_running_loop()
    now, slept = 1_000.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        assert len(slept) == 1
        assert lane.offer(None, b"3")
        now += seconds

    producer = Producer()
    lane = CommandLane(producer, "t", 0, 100, linger_seconds=LINGER_SECONDS)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: now)
        patch.setattr(asyncio, "sleep", sleep)
        assert lane.offer(None, b"1")
        await lane.drained()
        assert (slept, producer.sent) == ([], [(1_000.0, [b"[1]"])])
        now += 2.0
        assert lane.offer(None, b"2")
        await lane.drained()
    assert slept == [3.0]
    assert producer.sent[1] == (1_005.0, [b"[2,3]"])
