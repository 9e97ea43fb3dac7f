"""An owner may send only while a not too old append of its own was acknowledged (P3)."""

import asyncio

from inventory_stream.adapters.kafka.lease import Lease


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """Give the time."""
        return self.seconds


def test_lease_ends_after_its_time_without_an_append() -> None:
    """The lease holds for its seconds, counted from its beginning, and not longer."""
    clock = Clock()
    lease = Lease(5.0, clock)
    clock.seconds += 5.0
    assert not lease.expired
    clock.seconds += 0.1
    assert lease.expired


def test_lease_counts_from_when_an_acked_append_was_sent() -> None:
    """An ack that came late renews from the sending: the broker's record time may be that old."""
    clock = Clock()
    lease = Lease(5.0, clock)
    sent_at = lease.now()
    clock.seconds += 4.0
    lease.renew(sent_at)
    clock.seconds += 2.0
    assert lease.expired


def test_late_news_of_an_older_append_does_not_shorten_the_lease() -> None:
    """Only the newest append counts."""
    clock = Clock()
    lease = Lease(5.0, clock)
    clock.seconds += 4.0
    lease.renew(clock.seconds)
    lease.renew(clock.seconds - 3.0)
    assert lease.age_seconds == 0.0


async def test_watchdog_calls_when_the_lease_has_run_out() -> None:
    """An owner that appends nothing is noticed too."""
    clock = Clock()
    lease = Lease(0.05, clock)
    called = asyncio.Event()
    watching = asyncio.create_task(lease.watch(called.set))
    await asyncio.sleep(0)
    assert not called.is_set()
    clock.seconds += 1.0
    async with asyncio.timeout(10.0):
        await called.wait()
        await watching
