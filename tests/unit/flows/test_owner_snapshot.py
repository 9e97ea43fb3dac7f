"""What an owner tells of its state: counts, windows, lag; and how seldom it tells it."""

from dataclasses import replace

import pytest

from inventory_stream.flows.owner_snapshot import count_positions, kept_of, windows_of
from inventory_stream.flows.watch_owners import LOOKS_PER_COUNT, OwnerWatch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ports.inputs import Input
from models.commands import Adjust, Reserve
from models.outcomes import Outcome
from tests.fakes.monitor import FakeOwnerMonitor
from tests.unit.flows.one_partition import Owner, World

HOUR_MS = 3_600_000


def watched_owner(world: World, monitor: FakeOwnerMonitor, watch: OwnerWatch | None = None) -> Owner:
    """Give an owner that somebody watches."""
    return Owner(world, monitor=monitor, watch=watch)


async def settled(owner: Owner) -> None:
    """Hand over all there is, and wait until it is durable."""
    await owner.feed(records_per_put=10_000)
    held = owner.world.inputs
    await owner.until(lambda: list(owner.flow.next_offsets) == [len(held[source]) for source in Input])


async def test_monitor_is_told_per_batch_and_never_per_command() -> None:
    """A thousand commands in one fetch cost a handful of calls, and each of them is counted."""
    world, monitor = World(), FakeOwnerMonitor()
    world.send(Input.STOCK, *(Adjust(f"a{n}", "S", "DC1", 1, world.now_ms) for n in range(1_000)))
    world.send(Input.ORDERS, *(Reserve(f"r{n}", f"r{n}", "S", 1, 600, location="DC1") for n in range(600)))
    owner = watched_owner(world, monitor)
    await owner.flow.open()
    await settled(owner)
    await owner.stop()
    assert monitor.outcomes == {Outcome.APPLIED: 1_000, Outcome.GRANTED: 600}
    assert monitor.calls["decided"] <= 3
    assert monitor.calls["opening"] == monitor.calls["recovered"] == monitor.calls["closed"] == 1
    assert sum(monitor.calls.values()) <= 6


async def test_letters_are_told_by_input() -> None:
    """What cannot be read is counted for the input that it came from."""
    world, monitor = World(), FakeOwnerMonitor()
    world.send_raw(Input.ORDERS, b"nonsense")
    world.send_raw(Input.ORDERS, None)
    owner = watched_owner(world, monitor)
    await owner.flow.open()
    await settled(owner)
    await owner.stop()
    assert monitor.letters == {Input.ORDERS: 2, Input.STOCK: 0}


async def test_state_is_counted() -> None:
    """The snapshot counts reservations, receipts and SKUs; positions are counted apart."""
    world, monitor = World(), FakeOwnerMonitor()
    for location in ("DC1", "DC2"):
        world.send(Input.STOCK, Adjust(f"a-{location}", "S", location, 1, world.now_ms))
    world.send(Input.ORDERS, Reserve("r1", "r1", "S", 1, 600, location="DC1"))
    world.send(Input.ORDERS, Reserve("r2", "r2", "S", 1, 600, location="DC1"))
    owner = watched_owner(world, monitor)
    await owner.flow.open()
    await settled(owner)
    assert monitor.snapshot is not None
    kept = monitor.snapshot().kept
    counted = ("live_reservations", "refused_reservations", "receipts", "skus")
    assert [kept[kind] for kind in counted] == [1, 1, 2, 1]
    assert await owner.flow.count_positions() == 2
    await owner.stop()


@pytest.mark.parametrize("is_full", [False, True])
async def test_window_is_shorter_when_the_count_decides(*, is_full: bool) -> None:
    """At the count limit the window is the age of the oldest that is kept; below it the setting (R29)."""
    world = World(rules=replace(Rules(), receipts_max=3 if is_full else 4))
    for number in range(3):
        world.now_ms += HOUR_MS
        world.send(Input.STOCK, Adjust(f"a{number}", "S", "DC1", 1, world.now_ms))
        owner = Owner(world)
        assert await owner.run_to_end()
    state = owner.flow.state
    window = windows_of(state, world.now_ms)["receipts"]
    assert kept_of(state)["receipts"] == 3
    assert window.is_by_count is is_full
    assert window.seconds == (2 * HOUR_MS if is_full else Rules().receipt_window_ms) / 1_000
    assert await count_positions(state) == 1


async def test_lag_is_what_is_not_durably_decided() -> None:
    """Undecided records are counted, and are as old at most as the newest decided one."""
    world, monitor = World(), FakeOwnerMonitor()
    watch = OwnerWatch(world, lambda: world.now_ms)
    world.send(Input.ORDERS, Reserve("r1", "r1", "S", 1, 600, location="DC1"))
    owner = watched_owner(world, monitor, watch)
    await owner.flow.open()
    await settled(owner)
    await watch.look()
    assert monitor.lags == {Input.STOCK: (0, 0.0), Input.ORDERS: (0, 0.0)}
    assert monitor.positions_told == 0
    world.now_ms += HOUR_MS
    await watch.look()
    # An hour of silence is no lag of the first record after it.
    world.now_ms += 2_000
    world.send(Input.ORDERS, Reserve("r2", "r2", "S", 1, 600, location="DC1"))
    world.send(Input.ORDERS, Reserve("r3", "r3", "S", 1, 600, location="DC1"))
    await watch.look()
    assert monitor.lags[Input.ORDERS] == (2, 2.0)
    await settled(owner)
    await watch.look()
    assert monitor.lags[Input.ORDERS] == (0, 0.0)
    await owner.stop()
    told = monitor.calls["lag"]
    await watch.look()
    assert monitor.calls["lag"] == told, "looked at after it was given up"


async def test_marker_of_a_transaction_is_no_lag() -> None:
    """An offset that no command has must not look like a record that waits for ever."""
    world, monitor = World(), FakeOwnerMonitor()
    watch = OwnerWatch(world, lambda: world.now_ms)
    owner = watched_owner(world, monitor, watch)
    world.send(Input.ORDERS, Reserve("r1", "r1", "S", 1, 600, location="DC1"))
    await owner.flow.open()
    await settled(owner)
    world.markers[Input.ORDERS] = 1
    for _ in range(2):
        await watch.look()
    assert monitor.lags[Input.ORDERS] == (0, 0.0)
    await owner.stop()


async def test_positions_are_counted_once_in_a_while() -> None:
    """Counting walks over every SKU, so most looks leave it out."""
    world, monitor = World(), FakeOwnerMonitor()
    watch = OwnerWatch(world, lambda: world.now_ms)
    owner = watched_owner(world, monitor, watch)
    await owner.flow.open()
    for _ in range(LOOKS_PER_COUNT + 1):
        await watch.look()
    assert monitor.calls["positions"] == 2
    await owner.stop()
