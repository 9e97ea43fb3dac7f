from pathlib import Path

import pytest

from inventory_stream.sandbox.faults import WAITING_MAX, Fault, Faults


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Begin at 0."""
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> Faults:
    """Have none switched on."""
    return Faults(clock)


def test_fault_ends_after_its_requests(faults: Faults) -> None:
    """A fault for two requests meets two, and the third is answered well."""
    faults.next(Fault.SERVER_ERROR, 2)
    taken = [faults.take_answer(is_write=True) for _ in range(3)]
    assert taken == [Fault.SERVER_ERROR, Fault.SERVER_ERROR, None]


def test_fault_ends_after_its_time(faults: Faults, clock: Clock) -> None:
    """A fault for ten seconds meets every request in them, and none after."""
    faults.during(Fault.BUSY, 10)
    assert faults.take_answer(is_write=False) is Fault.BUSY
    clock.now = 9.9
    assert faults.take_answer(is_write=True) is Fault.BUSY
    clock.now = 10.0
    assert faults.take_answer(is_write=True) is None
    assert faults.now == []


def test_faults_come_in_their_order(faults: Faults) -> None:
    """A script of faults is played as it was written."""
    faults.next(Fault.THROTTLED)
    faults.next(Fault.HTML)
    assert faults.now == ["throttled x1", "html x1"]
    assert [faults.take_answer(is_write=True) for _ in range(2)] == [Fault.THROTTLED, Fault.HTML]


def test_fault_of_writes_lets_reads_pass(faults: Faults) -> None:
    """A fault that is meant for writes waits for one, whatever is read before."""
    faults.next(Fault.SERVER_ERROR, scope="writes")
    assert faults.take_answer(is_write=False) is None
    assert faults.take_answer(is_write=True) is Fault.SERVER_ERROR


def test_fault_of_what_is_applied_waits_for_an_apply(faults: Faults) -> None:
    """What is done to items is no matter of how a request is answered."""
    faults.next(Fault.HALF_APPLIED)
    assert faults.take_answer(is_write=True) is None
    assert faults.take_apply() is Fault.HALF_APPLIED
    assert faults.take_apply() is None


def test_faults_that_wait_are_bounded(faults: Faults) -> None:
    """Whoever switches on without end has the newest."""
    for _ in range(WAITING_MAX + 5):
        faults.next(Fault.HTML)
    assert len(faults.now) == WAITING_MAX
    faults.clear()
    assert faults.take_answer(is_write=True) is None


def test_every_fault_is_told_on_the_page() -> None:
    """Whoever breaks a channel finds each name in docs/channels/sandbox.md."""
    page = Path("docs/channels/sandbox.md").read_text()
    assert [fault for fault in Fault if f"`{fault}`" not in page] == []
