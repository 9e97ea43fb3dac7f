"""What every Redis view must do: the same tests on the fake and on a real server."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.errors import ForeignViewError
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.flows.project_paths import PartitionPaths
from inventory_stream.flows.project_rows import changes_of, latest_rows
from inventory_stream.ports.projection import (
    NO_PATHS,
    Announcement,
    AvailabilityView,
    Checkpoint,
    Extent,
    LocationUnits,
    Move,
    Paths,
    Projection,
    Refusal,
    SkuChange,
    Version,
)
from inventory_stream.settings import ProjectionSettings
from models.rows import (
    BackorderRow,
    ChannelPolicyRow,
    FenceRow,
    backorder_key,
    channel_policy_key,
    fence_key,
)
from tests.fakes.ledger_reader import FakeLedger

if TYPE_CHECKING:
    from inventory_stream.ports.ledger_log import LedgerRecord

WAIT_SECONDS_MAX = 10.0
ODD_SKUS = (
    "plain",
    "with space",
    "naïve-Größe-Ω-靴-👟",
    "{braced}",
    "a{b}c",
    "}{",
    "50%",
    "%25",
    "a/b",
    "a:b:c",
    "loc:x",
    "*?[x]",
    "x" * 128,
    "靴" * 128,
)


@dataclass
class Bench:
    """One server: two writers of it, a reader, another environment's writer, and the operator's hand."""

    writer: Projection
    rival: Projection
    view: AvailabilityView
    other: Projection

    async def flush(self) -> None:
        """Lose all data."""
        raise NotImplementedError

    async def forget_scripts(self) -> None:
        """Lose what a restart loses besides data."""
        raise NotImplementedError


async def taken(writer: Projection, partition: int) -> Checkpoint:
    """Put a checkpoint of the server's own data there, as a writer does that begins; gives it."""
    place = Checkpoint(await writer.ensure_marker(), 1_700_000_000_000, 0, 1, 1_700_000_000_000, "writer")
    await writer.take(partition, place)
    return place


def change(
    sku: str,
    offset: int,
    locations: Mapping[str, int | tuple[int, int] | None],
    extent: Extent = Extent.CHANGE,
    generation_ms: int = 1_700_000_000_000,
    paths: Paths = NO_PATHS,
) -> SkuChange:
    """Write a change shortly: units, or (available, shortfall), or None for a location that is gone."""
    return SkuChange(
        sku,
        Version(generation_ms, offset),
        generation_ms + offset,
        {
            name: None
            if units is None
            else LocationUnits(*units)
            if isinstance(units, tuple)
            else LocationUnits(units, 0)
            for name, units in locations.items()
        },
        extent,
        paths,
    )


async def seen(bench: Bench, sku: str) -> tuple[int, dict[str, int], int]:
    """Give a SKU's total, locations and offset, or fail."""
    (found,) = await bench.view.read([sku])
    assert found is not None
    return found.total, dict(found.locations), found.version.offset


class ProjectionSuite:
    """Subclass it with a fixture `bench`."""

    async def test_whole_sku_is_readable_with_every_field(self, bench: Bench) -> None:
        """A written SKU shows its locations, their sum, the shortfall, its version, time and partition."""
        whole = change("S", 5, {"A": 3, "B": (0, 2), "C": 0}, Extent.WHOLE)
        written = await bench.writer.write(3, [whole])
        (found,) = await bench.view.read(["S"])
        assert written.results == [3]
        assert found is not None
        assert (found.total, found.short, found.partition) == (3, 2, 3)
        assert found.locations == {"A": 3, "B": 0, "C": 0}
        assert (found.version, found.at_ms) == (whole.version, whole.at_ms)

    async def test_change_keeps_other_locations_and_recomputes_the_sums(self, bench: Bench) -> None:
        """Locations that a change does not name stay, and total and short follow."""
        await bench.writer.write(0, [change("S", 1, {"A": 3, "B": (0, 2)}, Extent.WHOLE)])
        written = await bench.writer.write(0, [change("S", 2, {"B": 4})])
        (found,) = await bench.view.read(["S"])
        assert written.results == [7]
        assert found is not None
        assert (found.locations, found.total, found.short) == ({"A": 3, "B": 4}, 7, 0)

    async def test_older_version_is_refused_and_changes_nothing(self, bench: Bench) -> None:
        """A lower offset, or any offset of a lower generation, is refused; an equal one is a repeat."""
        await bench.writer.write(0, [change("S", 10, {"A": 3}, Extent.WHOLE)])
        older = [
            change("S", 9, {"A": 99}),
            change("S", 9, {"A": 99}, Extent.WHOLE),
            change("S", 1_000, {"A": 99}, generation_ms=1_699_999_999_999),
        ]
        for one in older:
            assert (await bench.writer.write(0, [one])).results == [Refusal.OLDER]
        assert await seen(bench, "S") == (3, {"A": 3}, 10)
        assert (await bench.writer.write(0, [change("S", 10, {"A": 3})])).results == [3]

    async def test_versions_compare_as_numbers(self, bench: Bench) -> None:
        """Offset 9 is older than 10 though its text is greater; a later generation beats any offset."""
        await bench.writer.write(0, [change("S", 9, {"A": 1}, Extent.WHOLE)])
        assert (await bench.writer.write(0, [change("S", 10, {"A": 2})])).results == [2]
        large = 2**53 - 1
        assert (await bench.writer.write(0, [change("S", large, {"A": 3})])).results == [3]
        assert (await bench.writer.write(0, [change("S", large - 1, {"A": 4})])).results == [Refusal.OLDER]
        later = change("S", 0, {"A": 5}, generation_ms=1_700_000_000_001)
        assert (await bench.writer.write(0, [later])).results == [5]

    async def test_paths_are_readable_and_replaced_as_a_whole(self, bench: Bench) -> None:
        """Channels, sales and backorder are what the newest write names; locations stay as they were."""
        first = Paths({"web": 7, "shop": 0}, {"drop": 2, "old": 0}, 3, 5, 9)
        await bench.writer.write(0, [change("S", 1, {"A": 3, "B": 1}, Extent.WHOLE, paths=first)])
        (found,) = await bench.view.read(["S"])
        assert found is not None
        assert (found.channels, found.sales) == (first.channels, first.sales)
        assert (found.backorder, found.beside, found.total) == (3, 5, 4)
        second = Paths({"web": 1}, {}, 0, 0, 10)
        assert (await bench.writer.write(0, [change("S", 2, {"A": 0}, paths=second)])).results == [1]
        (found,) = await bench.view.read(["S"])
        assert found is not None
        assert (found.channels, found.sales, found.backorder, found.beside) == ({"web": 1}, {}, 0, 0)
        assert found.locations == {"A": 0, "B": 1}

    async def test_paths_of_one_version_are_written_in_their_order(self, bench: Bench) -> None:
        """A policy moves no position: of an equal version later paths win, and earlier ones are refused."""
        await bench.writer.write(0, [change("S", 5, {"A": 3}, Extent.WHOLE)])
        later, earlier = (Paths({"web": units}, {}, 0, 0, units) for units in (8, 7))
        assert (await bench.writer.write(0, [change("S", 5, {}, paths=later)])).results == [3]
        for extent in (Extent.CHANGE, Extent.WHOLE):
            one = change("S", 5, {"A": 3}, extent, paths=earlier)
            assert (await bench.rival.write(0, [one])).results == [Refusal.OLDER]
        (found,) = await bench.view.read(["S"])
        assert found is not None
        assert found.channels == {"web": 8}
        reset = change("S", 5, {"A": 3}, Extent.RESET, paths=earlier)
        assert (await bench.writer.write(0, [reset])).results == [3]

    async def test_sku_that_another_path_sells_is_not_sold_out(self, bench: Bench) -> None:
        """Nothing is common: it is in `soldout` only without a unit in a pool, a fence or a backorder."""
        for offset, beside in ((1, 4), (2, 0), (3, 1)):
            paths = Paths({}, {"drop": beside}, 0, beside, offset)
            one = change("S", offset, {"A": 0}, Extent.WHOLE, paths=paths)
            await bench.writer.write(0, [one])
            await bench.writer.announce([Announcement(one, 0)])
            assert set(await bench.view.sold_out()) == (set() if beside else {"S"})
        await bench.rival.announce([Announcement(change("S", 2, {"A": 0}), 0)])  # too late
        await bench.rival.settle_sold_out(["S"])
        assert set(await bench.view.sold_out()) == set()

    async def test_reset_overwrites_a_higher_version(self, bench: Bench) -> None:
        """After a truncation the ledger's word stands, though its offsets went back."""
        await bench.writer.write(0, [change("S", 10, {"A": 3, "B": 1}, Extent.WHOLE)])
        assert (await bench.writer.write(0, [change("S", 4, {"A": 2}, Extent.RESET)])).results == [2]
        assert await seen(bench, "S") == (2, {"A": 2}, 4)

    async def test_change_of_an_absent_sku_is_refused(self, bench: Bench) -> None:
        """Without its hash a change would show a SKU with locations missing."""
        assert (await bench.writer.write(0, [change("S", 1, {"A": 3})])).results == [Refusal.ABSENT]
        assert await bench.view.read(["S"]) == [None]

    async def test_whole_takes_unnamed_locations_away(self, bench: Bench) -> None:
        """What a whole SKU does not name is gone, its shortfall too."""
        await bench.writer.write(0, [change("S", 1, {"A": 3, "B": (0, 5)}, Extent.WHOLE)])
        await bench.writer.write(0, [change("S", 2, {"A": 4}, Extent.WHOLE)])
        (found,) = await bench.view.read(["S"])
        assert found is not None
        assert (found.locations, found.total, found.short) == ({"A": 4}, 4, 0)

    async def test_location_can_be_taken_away(self, bench: Bench) -> None:
        """A location of None goes; the others stay."""
        await bench.writer.write(0, [change("S", 1, {"A": 3, "B": (0, 5)}, Extent.WHOLE)])
        await bench.writer.write(0, [change("S", 2, {"B": None})])
        (found,) = await bench.view.read(["S"])
        assert found is not None
        assert (found.locations, found.total, found.short) == ({"A": 3}, 3, 0)

    async def test_very_many_locations_are_one_atomic_write(self, bench: Bench) -> None:
        """A SKU in 6,000 stores is written whole, shrunk, and summed exactly."""
        many = {f"store-{number}": (number, 1) for number in range(6_000)}
        written = await bench.writer.write(0, [change("S", 1, many, Extent.WHOLE)])
        assert written.results == [sum(range(6_000))]
        assert (await bench.writer.write(0, [change("S", 2, {"store-7": 8}, Extent.WHOLE)])).results == [8]
        assert await seen(bench, "S") == (8, {"store-7": 8}, 2)

    async def test_sum_of_large_quantities_is_a_plain_integer(self, bench: Bench) -> None:
        """1e9 units in each of 200 locations sum up without an exponent."""
        await bench.writer.write(
            0, [change("S", 1, {f"L{n}": 1_000_000_000 for n in range(200)}, Extent.WHOLE)]
        )
        assert (await seen(bench, "S"))[0] == 200_000_000_000

    async def test_odd_identifiers_never_meet(self, bench: Bench) -> None:
        """Unicode, braces, percent signs, slashes: each SKU and location keeps its own numbers."""
        odd = [change(sku, n, dict.fromkeys(ODD_SKUS, n), Extent.WHOLE) for n, sku in enumerate(ODD_SKUS)]
        written = await bench.writer.write(0, odd)
        await bench.writer.announce(
            [
                Announcement(one, total)
                for one, total in zip(odd, written.results, strict=True)
                if isinstance(total, int)
            ]
        )
        for number, sku in enumerate(ODD_SKUS):
            assert await seen(bench, sku) == (
                number * len(ODD_SKUS),
                dict.fromkeys(ODD_SKUS, number),
                number,
            )
        assert set(await bench.view.sold_out()) == {ODD_SKUS[0]}
        assert set(await bench.writer.skus(0)) == set(ODD_SKUS)

    async def test_sold_out_is_exactly_the_skus_of_which_nothing_is_left(self, bench: Bench) -> None:
        """A SKU enters `soldout` at total 0 and leaves it with the first unit."""
        for offset, units in enumerate((5, 0, 0, 1, 0)):
            one = change("S", offset, {"A": units}, Extent.WHOLE)
            other = change("T", offset, {"A": 1}, Extent.WHOLE)
            await bench.writer.write(0, [one, other])
            await bench.writer.announce([Announcement(one, units), Announcement(other, 1)])
            assert set(await bench.view.sold_out()) == ({"S"} if units == 0 else set())

    async def test_settle_mends_a_membership_that_came_too_late(self, bench: Bench) -> None:
        """A writer that was overtaken between write and announce puts `soldout` right again."""
        out, back = change("S", 1, {"A": 0}, Extent.WHOLE), change("S", 2, {"A": 4})
        await bench.writer.write(0, [out])
        await bench.rival.write(0, [back])
        await bench.rival.announce([Announcement(back, 4)])
        await bench.writer.announce([Announcement(out, 0)])  # too late: S has units
        assert set(await bench.view.sold_out()) == {"S"}
        await bench.writer.settle_sold_out(["S", "never-written"])
        assert set(await bench.view.sold_out()) == set()

    async def test_messages_of_a_sku_come_in_the_order_of_its_versions(self, bench: Bench) -> None:
        """Each announcement is one message, in order, with total, version and time."""
        changes = [change("S", offset, {"A": offset}, Extent.WHOLE) for offset in range(1, 30)]
        async with bench.view.listening() as messages, asyncio.timeout(WAIT_SECONDS_MAX):
            for one in changes:
                await bench.writer.write(0, [one])
                await bench.writer.announce([Announcement(one, one.version.offset)])
            got = [await anext(messages) for _ in changes]
        assert [(m.sku, m.total, m.version, m.at_ms) for m in got] == [
            ("S", one.version.offset, one.version, one.at_ms) for one in changes
        ]

    async def test_checkpoint_moves_only_from_what_was_expected(self, bench: Bench) -> None:
        """A swap succeeds from the expected checkpoint or when it was done already, else not."""
        first = Checkpoint(await bench.writer.ensure_marker(), 1, 2, 3, 4, "me")
        second = first._replace(next_offset=9)
        assert not await bench.writer.swap(0, first, second)
        assert await bench.writer.checkpoint(0) is None
        await bench.writer.take(0, first)
        assert await bench.writer.swap(0, first, second)
        assert await bench.writer.swap(0, first, second)
        assert await bench.writer.checkpoint(0) == second
        third = second._replace(next_offset=10)
        assert await bench.writer.announce([], Move(0, second, third))
        assert await bench.writer.checkpoint(0) == third
        assert not await bench.writer.announce([], Move(0, first, second))
        assert not await bench.rival.swap(0, first, first._replace(writer="rival"))
        assert await bench.writer.checkpoint(1) is None

    async def test_write_tells_marker_and_checkpoint(self, bench: Bench) -> None:
        """Each write shows whose data it went to, so that a flush cannot pass unseen."""
        marker = await bench.writer.ensure_marker()
        assert await bench.rival.ensure_marker() == marker
        place = Checkpoint(marker, 1, 2, 3, 4, "me")
        await bench.writer.take(5, place)
        written = await bench.writer.write(5, [change("S", 1, {"A": 1}, Extent.WHOLE)])
        assert (written.marker, written.checkpoint) == (marker, place)
        await bench.flush()
        written = await bench.writer.write(5, [change("S", 2, {"A": 1})])
        assert (written.results, written.marker, written.checkpoint) == ([Refusal.ABSENT], None, None)
        assert await bench.writer.ensure_marker() != marker

    async def test_view_of_another_environment_is_left_alone(self, bench: Bench) -> None:
        """Redis keys carry no environment: a second one is refused until an operator hands the view over."""
        marker = await bench.writer.ensure_marker()
        with pytest.raises(ForeignViewError):
            await bench.other.ensure_marker()
        assert await bench.writer.marker() == marker
        await bench.writer.take_over()  # ours already: nothing changes
        assert await bench.writer.ensure_marker() == marker
        await bench.other.take_over()
        assert await bench.other.ensure_marker() != marker
        with pytest.raises(ForeignViewError):
            await bench.writer.ensure_marker()

    async def test_forgotten_scripts_are_sent_again(self, bench: Bench) -> None:
        """A server that forgot the scripts (restart, failover) costs one more round trip, no error."""
        await bench.writer.write(0, [change("S", 1, {"A": 1}, Extent.WHOLE)])
        await bench.forget_scripts()
        changes = [change("S", 2, {"A": 2}), change("T", 3, {"A": 3}, Extent.WHOLE)]
        assert (await bench.writer.write(0, changes)).results == [2, 3]

    async def test_removed_skus_leave_no_trace(self, bench: Bench) -> None:
        """A removed SKU is in no hash, not sold out, and not listed; others stay."""
        changes = [change(sku, 1, {"A": 0}, Extent.WHOLE) for sku in ("S", "T")]
        await bench.writer.write(0, changes)
        await bench.writer.announce([Announcement(one, 0) for one in changes])
        await bench.writer.remove(0, {"S"})
        assert await bench.view.read(["S"]) == [None]
        assert set(await bench.view.sold_out()) == {"T"}
        assert set(await bench.writer.skus(0)) == {"T"}

    async def test_heartbeat_speaks_for_its_partition_only(self, bench: Bench) -> None:
        """A heartbeat lives until it is stopped, for one partition."""
        place = await taken(bench.writer, 1)
        assert await bench.writer.beat(1, place, 60_000)
        assert set(await bench.view.fresh([0, 1, 2])) == {1}
        await bench.writer.stop_beating(1)
        assert set(await bench.view.fresh([0, 1, 2])) == set()

    async def test_heartbeat_is_refused_once_the_view_is_not_as_it_was_left(self, bench: Bench) -> None:
        """After a flush, or beside another writer's checkpoint, nobody is told that the view is fresh."""
        place = await taken(bench.writer, 1)
        assert not await bench.writer.beat(1, place._replace(writer="another"), 60_000)
        await bench.flush()
        assert not await bench.writer.beat(1, place, 60_000)
        later = await taken(bench.rival, 1)
        assert later.marker != place.marker
        assert not await bench.writer.beat(1, place, 60_000)
        assert set(await bench.view.fresh([1])) == set()

    async def test_concurrent_writers_end_at_the_highest_version(self, bench: Bench) -> None:
        """Two writers of the same rows in different batches leave the newest of every SKU."""
        skus = [f"S{n}" for n in range(20)]
        await bench.writer.write(0, [change(sku, 0, {"A": 0, "B": 0}, Extent.WHOLE) for sku in skus])

        async def play(writer: Projection, seed: int) -> None:
            chance = random.Random(seed)
            offset = 1
            while offset <= 200:
                until = min(200, offset + chance.randrange(1, 9))
                for sku in skus:
                    rows = {("A" if row % 2 else "B"): row for row in range(offset, until + 1)}
                    await writer.write(0, [change(sku, until, rows)])
                offset = until + 1

        await asyncio.gather(play(bench.writer, 1), play(bench.rival, 2))
        for sku in skus:
            assert await seen(bench, sku) == (399, {"A": 199, "B": 200}, 200)

    async def test_flush_while_updates_go_on_never_shows_a_partial_sku(self, bench: Bench) -> None:
        """Flushed twice in the middle, the view ends equal to the ledger and no reader misses a location."""
        places = ("A", "B", "C")
        skus = [f"S{n}" for n in range(40)]
        ledger = FakeLedger()
        ledger.claim(0)
        for sku in skus:
            for place in places:
                ledger.position(0, sku, place, 100)
        flow = ProjectionFlow(
            bench.writer, ledger, LiveRows, ProjectionSettings(batch_skus_max=7), lambda: ledger.start_ms
        )
        partial: list[object] = []
        is_over = False

        async def watch() -> int:
            looks = 0
            while not is_over:
                shown = await bench.view.read(skus)
                partial.extend(one for one in shown if one is not None and set(one.locations) != set(places))
                looks += 1
            return looks

        watcher = asyncio.create_task(watch())
        position = await flow.start(0)
        chance = random.Random(3)
        for batch in range(60):
            for _ in range(chance.randrange(1, 40)):
                ledger.position(0, chance.choice(skus), chance.choice(places), chance.randrange(0, 3))
            state_something(ledger, chance, skus, places)
            records = ledger.after(0, position)
            position = records[-1].offset + 1
            if batch in {20, 40}:
                flushing = asyncio.create_task(bench.flush())
                await flow.apply(0, records)
                await flushing
            else:
                await flow.apply(0, records)
        await flow.beat(0)  # notices a flush that came after the last write
        await flow.show_policies(0)
        is_over = True
        assert await watcher > 0
        assert partial == []
        await assert_equal_to_ledger(bench, ledger, 0)


def state_something(
    ledger: FakeLedger, chance: random.Random, skus: Sequence[str], places: Sequence[str]
) -> None:
    """Append a row that changes what a SKU, or a channel, is shown beside common."""
    sku, place, units = chance.choice(skus), chance.choice(places), chance.randrange(0, 4)
    number = chance.randrange(0, 6)
    if number == 0:
        row = ChannelPolicyRow(0, "web", None, chance.randrange(0, 101), None, 0, 0, preorder=True, version=1)
        ledger.row(0, channel_policy_key("web", None), row)
    elif number == 1:
        fence = FenceRow(0, "web", sku, place, 9, units, spill_over=chance.random() < 0.5, opened_ms=1)
        ledger.row(0, fence_key("web", sku, place), fence)
    elif number == 2:
        ledger.tombstone(0, fence_key("web", sku, place))
    elif number == 3:
        ledger.row(0, backorder_key(sku, place), BackorderRow(0, sku, place, units, 1, None))


async def assert_equal_to_ledger(bench: Bench, ledger: FakeLedger, partition: int) -> None:
    """Fail unless the view shows each SKU exactly as the ledger's newest rows say (I6)."""
    rows = LiveRows()
    positions: dict[bytes, LedgerRecord] = {}
    stated: dict[bytes, LedgerRecord] = {}
    latest_rows(rows.feed(ledger.after(partition, 0)), positions, stated)
    paths = PartitionPaths()
    paths.take_all([*positions.values(), *stated.values()])
    changes = changes_of(positions, rows.generation_ms, Extent.WHOLE)
    found = await bench.view.read(list(changes))
    for one, shown in zip(changes.values(), found, strict=True):
        assert shown is not None, one.sku
        wanted = {place: units.available for place, units in one.locations.items() if units is not None}
        assert (shown.locations, shown.version) == (wanted, one.version)
        assert shown.total == sum(wanted.values())
        beside = paths.paths_of(one.sku)
        assert (shown.channels, shown.sales) == (beside.channels, beside.sales)
        assert (shown.backorder, shown.beside) == (beside.backorder, beside.beside)
    assert set(await bench.view.sold_out()) == {shown.sku for shown in found if shown and shown.is_sold_out}
