"""The projection flow on fakes: places, rebuilds, outages, freshness."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import pytest
import stamina

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.errors import CorruptLedgerError, ForeignViewError, UnreachableError
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.flows.project_partition import CHECKPOINT_AGE_MS_MAX
from inventory_stream.ports.ledger_reader import StoredRecord
from inventory_stream.ports.projection import (
    Announcement,
    Checkpoint,
    Move,
    Paths,
    SkuChange,
    Version,
    ViewOwner,
    Written,
)
from inventory_stream.settings import ProjectionSettings
from models.rows import (
    BackorderRow,
    ChannelPolicyRow,
    FenceRow,
    PoolRow,
    Row,
    backorder_key,
    channel_policy_key,
    fence_key,
    pool_key,
    position_key,
)
from tests.fakes.ledger_reader import FakeLedger, FakeRecord
from tests.fakes.projection import OURS, THEIRS, FakeProjection, FakeServer

WAIT_SECONDS_MAX = 10.0


class World:
    """One ledger, one server, as many workers as a test wants."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.server = FakeServer()
        self.reads: list[tuple[int, int]] = []
        self.now_ms = self.ledger.start_ms
        self.ledger.claim(0)

    def flow(
        self, *, is_rebuild_asked: bool = False, batch_skus_max: int = 2, owner: ViewOwner = OURS
    ) -> ProjectionFlow:
        """Give a worker."""
        return ProjectionFlow(
            FakeProjection(self.server, owner),
            self,
            LiveRows,
            ProjectionSettings(batch_skus_max=batch_skus_max),
            lambda: self.now_ms,
            is_rebuild_asked=is_rebuild_asked,
        )

    def read(
        self, partition: int, start_offset: int, end_offset: int
    ) -> AsyncIterator[Sequence[StoredRecord]]:
        """Read the ledger, and note that somebody did."""
        self.reads.append((start_offset, end_offset))
        return self.ledger.read(partition, start_offset, end_offset)

    async def end_offset(self, partition: int) -> int:
        """Ask the ledger."""
        return await self.ledger.end_offset(partition)

    @property
    def rebuilds(self) -> int:
        """How often somebody read from the beginning to the end."""
        return sum(1 for start, end in self.reads if start == 0 and end > 1)

    def state(self, row: Row) -> None:
        """Append a row of a pool, a ring-fence, a backorder or a policy."""
        self.ledger.row(0, stated_key(row), row)

    def paths(self, sku: str) -> Paths:
        """Give what the view shows of a SKU beside its locations."""
        return self.server.hashes[sku].paths

    def channel(self, name: str) -> dict[str, int | None]:
        """Give what the view shows to a channel, by SKU."""
        return {sku: there.paths.channels.get(name) for sku, there in self.server.hashes.items()}

    def shown(self, sku: str) -> dict[str, int] | None:
        """Give what the view shows of a SKU."""
        there = self.server.hashes.get(sku)
        return None if there is None else {place: units.available for place, units in there.locations.items()}


def stated_key(row: Row) -> bytes:
    """Give the key under which an owner writes a row."""
    if isinstance(row, PoolRow):
        return pool_key(row.sale_id, row.sku, row.location)
    if isinstance(row, FenceRow):
        return fence_key(row.channel, row.sku, row.location)
    if isinstance(row, BackorderRow):
        return backorder_key(row.sku, row.location)
    assert isinstance(row, ChannelPolicyRow)
    return channel_policy_key(row.channel, row.sku)


def fence(channel: str, sku: str, location: str, units: int) -> FenceRow:
    """Give a ring-fence that spills over."""
    return FenceRow(0, channel, sku, location, units, units, spill_over=True, opened_ms=1)


def pool(sale_id: str, sku: str, location: str, units: int, *, closed_ms: int = 0) -> PoolRow:
    """Give a pool that is set aside."""
    quantities = (units, units, 0)
    times = (1, 9, 0)
    row = PoolRow(0, sale_id, sku, location, *quantities, *times, 0, late_from_common=True, opened_ms=1)
    row.is_fenced, row.closed_ms = True, closed_ms
    return row


def policy(channel: str, percent: int, sku: str | None = None) -> ChannelPolicyRow:
    """Give a channel's policy that takes a percentage."""
    return ChannelPolicyRow(0, channel, sku, percent, None, 0, 0, preorder=False, version=1)


@pytest.fixture
def world() -> World:
    """Give a ledger with two SKUs and an empty server."""
    world = World()
    world.ledger.position(0, "S", "A", 5)
    world.ledger.position(0, "S", "B", 7)
    world.ledger.position(0, "T", "A", 1)
    return world


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until a condition holds, or fail after a deadline."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not condition():  # noqa: ASYNC110  # the condition is plain state of a fake, nobody signals it
            await asyncio.sleep(0)


async def test_empty_view_is_built_from_the_ledger(world: World) -> None:
    """A first start shows what the ledger holds, and asks for the records after it."""
    assert await world.flow().start(0) == 4
    assert world.shown("S") == {"A": 5, "B": 7}
    assert world.server.hashes["S"].version == Version(world.ledger.start_ms, 2)
    assert world.server.hashes["S"].at_ms == world.ledger.start_ms + 2


async def test_empty_ledger_starts_at_its_beginning() -> None:
    """A partition without any row is up at offset 0 and takes its first claim from there."""
    world = World()
    world.ledger = FakeLedger()
    flow = world.flow()
    assert await flow.start(0) == 0
    world.ledger.claim(0)
    world.ledger.position(0, "S", "A", 5)
    await flow.apply(0, world.ledger.after(0, 0))
    assert world.shown("S") == {"A": 5}


async def test_batch_writes_the_newest_row_of_each_position_once(world: World) -> None:
    """Of many rows of one position only the last is written, with the SKU's newest version."""
    flow = world.flow()
    position = await flow.start(0)
    for units in range(20):
        world.ledger.position(0, "S", "A", units)
    world.ledger.position(0, "S", "B", 3, reserved=5)
    await flow.apply(0, world.ledger.after(0, position))
    shown = world.server.hashes["S"]
    assert shown.version.offset == 24
    assert world.shown("S") == {"A": 19, "B": 0}
    assert shown.locations["B"].shortfall == 2


async def test_restart_resumes_at_the_checkpoint_without_a_rebuild(world: World) -> None:
    """A second worker goes on where the first one was, and reads one row only."""
    first = world.flow()
    position = await first.start(0)
    world.ledger.position(0, "S", "A", 4)
    await first.apply(0, world.ledger.after(0, position))
    await first.stop(0)
    world.reads.clear()
    assert await world.flow().start(0) == 5
    assert world.reads == [(4, 5)]


async def test_records_below_the_position_are_passed_over(world: World) -> None:
    """Records delivered twice, or from before the position, change nothing."""
    flow = world.flow()
    await flow.start(0)
    world.ledger.position(0, "S", "A", 4)
    await flow.apply(0, world.ledger.after(0, 0))
    await flow.apply(0, world.ledger.after(0, 0))
    assert world.shown("S") == {"A": 4, "B": 7}
    assert world.rebuilds == 1


async def test_new_sku_and_new_location_appear(world: World) -> None:
    """A SKU that the view never had is written whole; a new location joins an old SKU."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.position(0, "new", "A", 1)
    world.ledger.position(0, "new", "B", 2)
    world.ledger.position(0, "T", "C", 9)
    await flow.apply(0, world.ledger.after(0, position))
    assert world.shown("new") == {"A": 1, "B": 2}
    assert world.shown("T") == {"A": 1, "C": 9}
    assert world.server.brought[0] == {"S", "T", "new"}


async def test_flush_is_noticed_by_the_next_batch(world: World) -> None:
    """After a flush the next batch rebuilds everything, though it names one location only."""
    flow = world.flow()
    position = await flow.start(0)
    world.server.flush()
    world.ledger.position(0, "S", "A", 4)
    await flow.apply(0, world.ledger.after(0, position))
    assert world.shown("S") == {"A": 4, "B": 7}
    assert world.shown("T") == {"A": 1}
    assert world.rebuilds == 2


async def test_flush_is_noticed_by_the_heartbeat_when_nothing_is_decided(world: World) -> None:
    """An idle partition comes back by itself within one heartbeat."""
    flow = world.flow()
    await flow.start(0)
    world.server.flush()
    await flow.beat(0)
    assert world.shown("S") == {"A": 5, "B": 7}
    assert 0 in world.server.heartbeats


async def test_failover_to_a_lagging_server_rebuilds(world: World) -> None:
    """A server whose checkpoint is an older one of ours has lost what came after it."""
    flow = world.flow()
    position = await flow.start(0)
    old = world.server.checkpoints[0]
    world.ledger.position(0, "S", "A", 4)
    await flow.apply(0, world.ledger.after(0, position))
    world.server.checkpoints[0] = old
    del world.server.hashes["T"]
    await flow.beat(0)
    assert world.shown("T") == {"A": 1}


async def test_skus_that_the_ledger_lost_are_removed_at_the_end_of_a_rebuild(world: World) -> None:
    """What the ledger does not hold any more goes, `soldout` included; tombstones count as gone."""
    world.ledger.position(0, "gone", "A", 0)
    flow = world.flow()
    await flow.start(0)
    assert world.server.sold_out == {"gone"}
    world.ledger.tombstone(0, position_key("gone", "A"))
    await world.flow(is_rebuild_asked=True).start(0)
    assert world.shown("gone") is None
    assert world.server.sold_out == set()


async def test_tombstone_takes_a_location_away(world: World) -> None:
    """The total follows a location that the ledger gave up."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.tombstone(0, position_key("S", "A"))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.shown("S") == {"B": 7}


async def test_asked_rebuild_happens_once_for_each_partition(world: World) -> None:
    """`--rebuild` reads all once; coming back after a rebalance does not read all again."""
    await world.flow().start(0)
    asked = world.flow(is_rebuild_asked=True)
    await asked.start(0)
    assert world.rebuilds == 2
    await asked.stop(0)
    await asked.start(0)
    assert world.rebuilds == 2


async def test_truncated_ledger_resets_higher_versions(world: World) -> None:
    """When the ledger ends below our position, its older offsets win over what is shown."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.position(0, "S", "A", 4)
    await flow.apply(0, world.ledger.after(0, position))
    world.ledger.truncate(0, 4)
    await flow.beat(0)
    assert world.shown("S") == {"A": 5, "B": 7}
    assert world.server.hashes["S"].version.offset == 2


async def test_truncated_and_regrown_ledger_is_recognised_at_start(world: World) -> None:
    """Another row where the last one lay means another ledger, even when it is as long."""
    first = world.flow()
    await first.start(0)
    await first.stop(0)
    last = world.ledger.partitions[0][3]
    world.ledger.partitions[0][3] = FakeRecord(3, last.timestamp + 99, *last[2:])
    await world.flow().start(0)
    assert world.rebuilds == 2


async def test_recreated_ledger_rebuilds_in_its_own_generation(world: World) -> None:
    """A new ledger under the same name replaces what the old one showed."""
    first = world.flow()
    await first.start(0)
    await first.stop(0)
    world.ledger = FakeLedger(start_ms=world.ledger.start_ms + 1_000_000)
    world.ledger.claim(0)
    for _ in range(10):
        world.ledger.position(0, "S", "A", 2)
    await world.flow().start(0)
    assert world.shown("S") == {"A": 2}
    assert world.shown("T") is None


async def test_old_checkpoint_rebuilds(world: World) -> None:
    """After half of the tombstones' life a checkpoint may have missed some."""
    first = world.flow()
    await first.start(0)
    await first.stop(0)
    world.now_ms += CHECKPOINT_AGE_MS_MAX - 1_000
    again = world.flow()
    await again.start(0)
    await again.stop(0)
    assert world.rebuilds == 1
    world.now_ms += 2_000
    await world.flow().start(0)
    assert world.rebuilds == 2


async def test_compacted_last_row_rebuilds(world: World) -> None:
    """Where the row before the checkpoint is gone, whose ledger it is cannot be told."""
    first = world.flow()
    await first.start(0)
    await first.stop(0)
    world.ledger.position(0, "T", "A", 2)
    world.ledger.compact(0)
    await world.flow().start(0)
    assert world.rebuilds == 2
    assert world.shown("T") == {"A": 2}


async def test_rows_of_a_fenced_owner_are_dropped(world: World) -> None:
    """A row of a lower term than the newest claim shows nowhere, also after a restart (P4)."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.claim(0)
    await flow.apply(0, world.ledger.after(0, position))
    await flow.stop(0)
    again = world.flow()
    position = await again.start(0)
    world.ledger.position(0, "S", "A", 999, term=0)
    world.ledger.position(0, "S", "B", 6)
    await again.apply(0, world.ledger.after(0, position))
    assert world.shown("S") == {"A": 5, "B": 6}


async def test_undecodable_row_is_an_error(world: World) -> None:
    """A row that nobody of this version writes stops the flow instead of being guessed."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.append(0, b"p/S/A", b"\x93\x01\x00\x00")
    with pytest.raises(CorruptLedgerError, match="p/S/A"):
        await flow.apply(0, world.ledger.after(0, position))


async def test_redis_outage_is_waited_out(world: World) -> None:
    """While Redis is away a batch waits, nothing is lost, and the next ones follow by themselves."""
    flow = world.flow()
    position = await flow.start(0)
    world.server.is_down = True
    world.ledger.position(0, "S", "A", 4)
    with stamina.set_testing(True, attempts=1_000_000):
        applying = asyncio.create_task(flow.apply(0, world.ledger.after(0, position)))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not applying.done()
        world.server.is_down = False
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await applying
    assert world.shown("S") == {"A": 4, "B": 7}
    assert world.rebuilds == 1


@pytest.mark.parametrize("failing_answer", range(12))
async def test_lost_answer_at_any_step_ends_in_the_same_view(world: World, failing_answer: int) -> None:
    """Whichever answer of a batch is lost, done or not, the view ends equal and nothing is rebuilt."""
    flow = world.flow()
    position = await flow.start(0)
    world.ledger.position(0, "S", "A", 0)
    world.ledger.position(0, "S", "B", 0)
    world.ledger.position(0, "new", "A", 3)
    world.ledger.position(0, "T", "A", 9)
    answers = 0
    original = world.server.answer

    async def answer() -> None:
        nonlocal answers
        answers += 1
        await original()
        if answers == failing_answer + 1:
            raise UnreachableError("planted: this answer is lost")

    world.server.answer = answer  # type: ignore[method-assign]
    with stamina.set_testing(True, attempts=10):
        await flow.apply(0, world.ledger.after(0, position))
    assert (world.shown("S"), world.shown("T"), world.shown("new")) == (
        {"A": 0, "B": 0},
        {"A": 9},
        {"A": 3},
    )
    assert world.server.sold_out == {"S"}
    assert world.rebuilds == 1
    assert world.server.checkpoints[0].next_offset == 8


class LossyProjection(FakeProjection):
    """Does what is asked, but the answer of one write, announcement or swap is lost."""

    def __init__(self, server: FakeServer) -> None:
        super().__init__(server)
        self.calls_until_loss = -1

    def _lose(self) -> None:
        self.calls_until_loss -= 1
        if self.calls_until_loss == 0:
            raise UnreachableError("planted: done, and the answer is lost")

    async def write(self, partition: int, changes: Sequence[SkuChange]) -> Written:
        """Write, perhaps without an answer."""
        written = await super().write(partition, changes)
        self._lose()
        return written

    async def announce(self, announcements: Sequence[Announcement], move: Move | None = None) -> bool:
        """Announce, perhaps without an answer."""
        is_swapped = await super().announce(announcements, move)
        self._lose()
        return is_swapped

    async def swap(self, partition: int, expected: Checkpoint, new: Checkpoint) -> bool:
        """Swap, perhaps without an answer."""
        is_swapped = await super().swap(partition, expected, new)
        self._lose()
        return is_swapped


@pytest.mark.parametrize("lost_call", range(1, 7))
async def test_done_step_without_an_answer_is_repeated_harmlessly(world: World, lost_call: int) -> None:
    """A step that was done though its answer was lost is done again, and nothing is rebuilt."""
    view = LossyProjection(world.server)
    settings = ProjectionSettings(batch_skus_max=2)
    flow = ProjectionFlow(view, world, LiveRows, settings, lambda: world.now_ms)
    position = await flow.start(0)
    world.ledger.position(0, "S", "A", 0)
    world.ledger.position(0, "S", "B", 0)
    world.ledger.position(0, "new", "A", 3)
    world.ledger.position(0, "T", "A", 9)
    view.calls_until_loss = lost_call
    with stamina.set_testing(True, attempts=10):
        await flow.apply(0, world.ledger.after(0, position))
    assert view.calls_until_loss <= 0
    assert (world.shown("S"), world.shown("T"), world.shown("new")) == (
        {"A": 0, "B": 0},
        {"A": 9},
        {"A": 3},
    )
    assert world.server.sold_out == {"S"}
    assert world.rebuilds == 1
    assert world.server.checkpoints[0].next_offset == 8


async def test_stop_ends_a_wait_for_redis(world: World) -> None:
    """A partition that is taken away during an outage is let go of, with nothing half done."""
    flow = world.flow()
    position = await flow.start(0)
    world.server.is_down = True
    world.ledger.position(0, "S", "A", 4)
    applying = asyncio.create_task(flow.apply(0, world.ledger.after(0, position)))
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await asyncio.sleep(0)
        await flow.stop(0)
        await applying
    world.server.is_down = False
    assert world.shown("S") == {"A": 5, "B": 7}
    assert world.server.checkpoints[0].next_offset == 4


async def test_sleeper_that_was_replaced_does_not_move_the_checkpoint(world: World) -> None:
    """A worker that wakes after its partition went to another cannot take rows back."""
    sleeper, owner = world.flow(), world.flow()
    position = await sleeper.start(0)
    await owner.start(0)
    world.ledger.position(0, "S", "A", 4)
    old = world.ledger.after(0, position)
    world.ledger.position(0, "S", "A", 3)
    await owner.apply(0, world.ledger.after(0, position))
    waking = asyncio.create_task(sleeper.apply(0, old))
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await waking  # finds itself replaced, rebuilds, holds the place
        await owner.beat(0)
    assert world.shown("S") == {"A": 3, "B": 7}
    assert world.server.hashes["S"].version.offset == 5


async def test_sku_refused_in_a_rebuild_is_written_whole_later(world: World) -> None:
    """Where another writer was ahead, the next change of the SKU brings all of its locations."""
    flow = world.flow()
    await flow.start(0)
    ahead = world.server.hashes["S"]
    ahead.version = Version(ahead.version.generation_ms, 6)
    ahead.locations.pop("B")  # it lacks what only the rebuild knows
    await flow.stop(0)
    world.server.checkpoints.clear()
    again = world.flow()
    position = await again.start(0)
    assert world.shown("S") == {"A": 5}
    for units in (4, 3, 2, 1):
        world.ledger.position(0, "S", "A", units)
    await again.apply(0, world.ledger.after(0, position))
    assert world.shown("S") == {"A": 1, "B": 7}


async def test_heartbeat_lives_while_caught_up_however_old_the_last_row(world: World) -> None:
    """An idle partition is fresh: its position is the end that the broker gives just now."""
    flow = world.flow()
    await flow.start(0)
    world.now_ms += 3_600_000
    await flow.beat(0)
    assert 0 in world.server.heartbeats


async def test_heartbeat_disappears_when_lagging(world: World) -> None:
    """Behind the end by more than 1 s of rows nothing is said; caught up again, it is."""
    flow = world.flow()
    position = await flow.start(0)
    await flow.beat(0)
    world.server.heartbeats.clear()  # as its expiry does
    world.ledger.position(0, "S", "A", 4)
    world.now_ms = world.ledger.start_ms + 3 + 1_000
    await flow.beat(0)
    assert world.server.heartbeats == {}
    world.now_ms -= 1
    await flow.beat(0)
    assert 0 in world.server.heartbeats
    world.server.heartbeats.clear()
    world.now_ms += 60_000
    await flow.apply(0, world.ledger.after(0, position))
    await flow.beat(0)
    assert 0 in world.server.heartbeats


async def test_heartbeat_is_taken_back_when_a_rebuild_begins(world: World) -> None:
    """While a flushed view is read again nobody may believe an absent SKU."""
    flow = world.flow()
    await flow.start(0)
    await flow.beat(0)
    world.ledger.is_down = True
    world.server.checkpoints.clear()
    with stamina.set_testing(True, attempts=2), suppress(UnreachableError):
        await flow.apply(0, [FakeRecord(4, 0, b"@progress", b"\x93\x01\x00\x00")])
    assert world.server.heartbeats == {}


async def test_heartbeat_task_speaks_for_all_partitions_until_cancelled(world: World) -> None:
    """One task serves partitions that come and go; a dead server or broker does not end it."""
    world.ledger.claim(1)
    flow = world.flow()
    await flow.start(0)
    world.server.is_down = True
    task = asyncio.create_task(flow.run_heartbeats())
    for _ in range(20):
        await asyncio.sleep(0)
    world.server.is_down = False
    await flow.start(1)
    await until(lambda: set(world.server.heartbeats) == {0, 1} or task.done())
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("overtaken_after", ["write", "announce"])
async def test_late_sold_out_of_a_replaced_worker_is_mended(world: World, overtaken_after: str) -> None:
    """A worker overtaken between writing and telling leaves `soldout` as the newest hash says."""
    sleeper, owner = LossyProjection(world.server), world.flow()
    settings = ProjectionSettings()
    flow = ProjectionFlow(sleeper, world, LiveRows, settings, lambda: world.now_ms)
    position = await flow.start(0)
    world.ledger.position(0, "T", "A", 0)
    old = world.ledger.after(0, position)
    world.ledger.position(0, "T", "A", 6)
    original = sleeper.announce

    async def overtake() -> None:
        await owner.start(0)
        await owner.apply(0, world.ledger.after(0, position))

    async def announce(announcements: Sequence[Announcement], move: Move | None = None) -> bool:
        sleeper.announce = original  # type: ignore[method-assign]
        if overtaken_after == "write":
            await overtake()
            return await original(announcements, move)
        await original(announcements)
        await overtake()
        world.server.sold_out.add("T")  # as if it had been told this very moment
        return await original((), move)

    sleeper.announce = announce  # type: ignore[method-assign]
    await flow.apply(0, old)
    assert world.shown("T") == {"A": 6}
    assert world.server.sold_out == set()


async def test_two_environments_on_one_server_do_not_take_turns(world: World) -> None:
    """The second one is refused with nothing written; the first ends, too, once its view was handed over."""
    ours = world.flow()
    await ours.start(0)
    await ours.beat(0)
    before = (dict(world.server.checkpoints), dict(world.server.heartbeats))
    with pytest.raises(ForeignViewError):
        await world.flow(owner=THEIRS).start(0)
    assert (world.server.checkpoints, world.server.heartbeats) == before
    await FakeProjection(world.server, THEIRS).take_over()
    with pytest.raises(ForeignViewError):
        await ours.beat(0)
    theirs = world.flow(owner=THEIRS, is_rebuild_asked=True)
    await theirs.start(0)
    await theirs.beat(0)
    assert world.server.heartbeats


# --- what a SKU shows beside its locations ---------------------------------------------------


async def test_first_pool_of_a_partition_makes_the_projection_remember(world: World) -> None:
    """As long as nothing is stated nothing is remembered; then positions from before count as well."""
    flow = world.flow()
    position = await flow.start(0)
    assert world.server.checkpoints[0].stated == 0
    world.state(pool("drop", "S", "A", 3))
    world.state(fence("web", "S", "B", 2))
    world.state(BackorderRow(0, "T", "A", 9, 4, None))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.paths("S") == Paths({"web": 14}, {"drop": 3}, 0, 5, 5)
    assert world.paths("T") == Paths({}, {}, 5, 5, 6)
    assert world.shown("S") == {"A": 5, "B": 7}
    assert world.server.checkpoints[0].stated == 1


async def test_fields_of_a_closed_sale_and_a_dropped_fence_go(world: World) -> None:
    """A pool that is closed and a fence whose row is gone leave nothing, and the SKU's version stays."""
    world.state(pool("drop", "S", "A", 3))
    world.state(fence("web", "S", "B", 2))
    flow = world.flow()
    position = await flow.start(0)
    assert world.paths("S") == Paths({"web": 14}, {"drop": 3}, 0, 5, 5)
    world.state(pool("drop", "S", "A", 3, closed_ms=8))
    world.ledger.tombstone(0, fence_key("web", "S", "B"))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.paths("S") == Paths({}, {}, 0, 0, 7)
    assert world.server.hashes["S"].version.offset == 2


async def test_position_change_moves_what_channels_are_shown(world: World) -> None:
    """A channel is shown common of every location, though the batch names one of them."""
    world.state(policy("web", 50))
    flow = world.flow()
    position = await flow.start(0)
    assert world.channel("web") == {"S": 6, "T": 0}
    world.ledger.position(0, "S", "A", 15)
    await flow.apply(0, world.ledger.after(0, position))
    assert world.channel("web") == {"S": 11, "T": 0}
    world.ledger.tombstone(0, position_key("S", "B"))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.channel("web") == {"S": 7, "T": 0}


async def test_restart_knows_what_was_stated_before_its_checkpoint(world: World) -> None:
    """A second worker computes with pools and policies that it never saw come, without a rebuild."""
    world.state(policy("web", 50))
    first = world.flow()
    position = await first.start(0)
    await first.stop(0)
    second = world.flow()
    assert await second.start(0) == position
    world.ledger.position(0, "T", "A", 9)
    await second.apply(0, world.ledger.after(0, position))
    assert world.channel("web") == {"S": 6, "T": 4}


async def test_policy_of_a_channel_reaches_every_sku_in_slices(world: World) -> None:
    """Other batches come in between, none of them is undone, and what is left survives a restart."""
    for number in range(5):
        world.ledger.position(0, f"U{number}", "A", 10)
    first = world.flow(batch_skus_max=2)
    position = await first.start(0)
    world.state(policy("web", 50))
    await first.apply(0, world.ledger.after(0, position))
    assert set(world.channel("web").values()) == {None}
    assert world.server.checkpoints[0].stated == 2
    showing = asyncio.create_task(first.show_policies(0))
    await until(lambda: set(world.channel("web").values()) != {None})
    world.ledger.position(0, "S", "A", 1)
    await first.apply(0, world.ledger.after(0, position + 1))
    assert not showing.done()
    assert world.channel("web")["S"] == 4
    await first.stop(0)
    await showing
    assert None in world.channel("web").values()
    second = world.flow(batch_skus_max=2)
    await second.start(0)
    await second.show_policies(0)
    assert world.channel("web") == {"S": 4, "T": 0} | {f"U{number}": 5 for number in range(5)}
    assert world.server.checkpoints[0].stated == 1
    assert world.rebuilds == 3  # each worker had to learn what was stated once, and the first built the view


async def test_heartbeat_task_shows_policies_when_nothing_else_happens(world: World) -> None:
    """No batch need come: the task that looks after freshness brings a policy to every SKU."""
    flow = world.flow(batch_skus_max=1)
    position = await flow.start(0)
    world.state(policy("web", 50))
    await flow.apply(0, world.ledger.after(0, position))
    task = asyncio.create_task(flow.run_heartbeats())
    await until(lambda: world.channel("web") == {"S": 6, "T": 0} or task.done())
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert world.channel("web") == {"S": 6, "T": 0}


async def test_policy_waits_for_a_server_that_is_away(world: World) -> None:
    """An outage ends a look, not the process; the next look goes on where it was."""
    flow = world.flow()
    position = await flow.start(0)
    world.state(policy("web", 50))
    await flow.apply(0, world.ledger.after(0, position))
    world.server.is_down = True
    await flow.show_policies(0)
    world.server.is_down = False
    await flow.show_policies(0)
    assert world.channel("web") == {"S": 6, "T": 0}


async def test_policy_of_one_sku_touches_no_other(world: World) -> None:
    """It is written at once, with the SKU's version as it is."""
    flow = world.flow()
    position = await flow.start(0)
    world.state(policy("web", 50, "S"))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.channel("web") == {"S": 6, "T": None}
    assert world.server.checkpoints[0].stated == 1


async def test_rebuild_restores_what_is_stated(world: World) -> None:
    """After a flush every SKU has its channels, sales and backorder again."""
    world.state(policy("web", 50))
    world.state(pool("drop", "T", "A", 1))
    flow = world.flow()
    await flow.start(0)
    before = {sku: world.paths(sku) for sku in ("S", "T")}
    world.server.flush()
    await flow.beat(0)
    assert {sku: world.paths(sku) for sku in ("S", "T")} == before
    assert before["T"] == Paths({"web": 0}, {"drop": 1}, 0, 1, 5)


async def test_statement_about_a_sku_without_stock_shows_nothing(world: World) -> None:
    """A policy may name a SKU that is nowhere yet; it counts from its first position on."""
    flow = world.flow()
    position = await flow.start(0)
    world.state(policy("web", 50, "new"))
    await flow.apply(0, world.ledger.after(0, position))
    assert world.shown("new") is None
    world.ledger.position(0, "new", "A", 8)
    await flow.apply(0, world.ledger.after(0, position + 1))
    assert world.paths("new").channels == {"web": 4}
