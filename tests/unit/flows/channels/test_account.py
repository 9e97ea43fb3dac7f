"""One account: what the ledger says reaches the channel, in time, in order, and only if it may."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from inventory_stream.flows.channels.breaker import FAILURES_TO_OPEN
from inventory_stream.flows.channels.changes import SCAN_FROM_SKUS
from inventory_stream.flows.channels.gate import MASS_CHANGE
from inventory_stream.flows.channels.sender import IDLE_SECONDS_MAX
from inventory_stream.flows.channels.shadow import ACT_ID
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result
from inventory_stream.ports.integrations import MappedListing
from models.channels import (
    ACCOUNT,
    REPORT,
    STATUS,
    AccountRow,
    Act,
    ActKind,
    ListingRow,
    OrderNamed,
    OrderTaken,
    ReportRow,
    SoldLine,
    StatusRow,
)
from tests.fakes.channel import FakeChannel
from tests.unit.flows.channels.world import INTEGRATION, account_world, now_ms


async def test_what_the_ledger_says_is_shown_and_kept() -> None:
    """At the start all listings, then each change; the acknowledged units are in the log."""
    async with account_world() as world:
        await world.until(lambda: world.channel.shown == {"L0": 10, "L1": 10, "L2": 10})
        world.mirror.set("S1", 4)
        await world.until(lambda: world.channel.shown["L1"] == 4)
        await world.until(lambda: world.kept_units("L1") == 4)
        assert world.heard.seconds
        assert len(world.channel.pushes[-1]) == 1


async def test_changes_while_a_request_is_in_flight_go_as_one() -> None:
    """A listing has one request in flight, and the next one says the last value, not those between."""
    async with account_world(FakeChannel(in_flight_max=4)) as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.channel.is_held = True
        pushed = len(world.channel.pushes)
        for units in range(9, 1, -1):
            world.mirror.set("S0", units)
            await world.quiet()
        assert len(world.channel.pushes) == pushed + 1
        world.channel.release()
        await world.until(lambda: world.channel.shown["L0"] == 2)
        assert len(world.channel.pushes) == pushed + 2


async def test_the_next_request_leaves_when_the_one_before_has_ended() -> None:
    """With one request at a time nothing waits for a look at the clock between two of them."""
    async with account_world(FakeChannel(batch_max=1, in_flight_max=1), listings=12) as world:
        await world.until(
            lambda: all(world.account.board.sides(f"L{n}", now_ms()).is_idle for n in range(12))
        )
        for number in range(12):
            world.mirror.set(f"S{number}", 3)
        async with asyncio.timeout(IDLE_SECONDS_MAX * 3):
            await world.until(lambda: set(world.channel.shown.values()) == {3})


async def test_the_last_slot_is_kept_for_zeros() -> None:
    """With a slow channel a sold-out SKU does not wait behind other changes."""
    async with account_world(FakeChannel(batch_max=1, in_flight_max=2), listings=5) as world:
        await world.until(lambda: len(world.channel.shown) == 5)
        world.channel.is_held = True
        pushed = len(world.channel.pushes)
        for number in range(4):
            world.mirror.set(f"S{number}", 5)
        await world.quiet()
        assert len(world.channel.pushes) == pushed + 1
        world.mirror.set("S4", 0)
        await world.quiet()
        assert [push.units for push in world.channel.pushes[-1]] == [0]
        assert len(world.channel.pushes) == pushed + 2


async def test_nothing_is_sent_while_the_group_was_not_heard_of() -> None:
    """A worker whose session may be over is silent until a heartbeat is answered."""
    async with account_world(stock=None) as world:
        world.is_leased = False
        world.mirror.set("S0", 1)
        await world.quiet()
        assert not world.channel.pushes
        world.is_leased = True
        await world.until(lambda: world.channel.shown == {"L0": 1})


async def test_nothing_is_kept_while_the_group_was_not_heard_of() -> None:
    """What a worker knew before it slept must not be written over what its successor knows."""
    async with account_world(stock=None) as world:
        world.is_leased = False
        rows = len(world.log.rows.get(0, ()))
        world.act("pause")
        await world.quiet()
        assert len(world.log.rows.get(0, ())) == rows
        world.is_leased = True
        await world.until(lambda: isinstance(world.row(ACCOUNT), AccountRow))


async def test_nothing_is_sent_while_the_group_rebalances() -> None:
    """From the begin of a rebalance on the channel is not told anything, until it is ours again."""
    async with account_world(stock=None) as world:
        await world.account.suspend()
        world.mirror.set("S0", 1)
        await world.quiet()
        assert not world.channel.pushes
        world.account.resume()
        await world.until(lambda: world.channel.shown == {"L0": 1})


async def test_a_kill_with_zeros_first_shows_zero_everywhere_and_then_nothing() -> None:
    """All listings go to zero, nothing else is sent any more; after a resume the ledger's units come back."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.act("kill", zeros_first=True)
        await world.until(lambda: set(world.channel.shown.values()) == {0})
        world.mirror.set("S0", 7)
        await world.until(lambda: world.account.board.in_step == 3)
        pushed = len(world.channel.pushes)
        world.mirror.set("S0", 8)
        await world.quiet()
        assert len(world.channel.pushes) == pushed
        assert world.account.gate.mode == "off"
        world.act("resume")
        await world.until(lambda: world.channel.shown == {"L0": 8, "L1": 10, "L2": 10})


async def test_a_kill_counts_for_the_next_request() -> None:
    """What was taken before it ends, and not one more goes out."""
    async with account_world(FakeChannel(batch_max=1, in_flight_max=1)) as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.channel.is_held = True
        for number in range(3):
            world.mirror.set(f"S{number}", 5)
        await world.quiet()
        pushed = len(world.channel.pushes)
        world.act("kill")
        world.channel.release()
        await world.until(lambda: world.account.board.in_flight == 0)
        await world.quiet()
        assert len(world.channel.pushes) == pushed


async def test_paused_listings_wait_and_the_others_go_on() -> None:
    """An operator can stop some listings; the row that says so is kept."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.act("pause", listings=["L0"])
        world.mirror.set("S0", 1)
        world.mirror.set("S1", 1)
        await world.until(lambda: world.channel.shown["L1"] == 1)
        assert world.channel.shown["L0"] == 10
        row = world.row(ACCOUNT)
        assert isinstance(row, AccountRow)
        assert row.stopped_listings == ("L0",)
        world.act("resume", listings=["L0"])
        await world.until(lambda: world.channel.shown["L0"] == 1)


async def test_a_stopped_listing_is_stopped_when_the_mapping_brings_it_back() -> None:
    """Also one that is stopped before the new mapping was followed to its line."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        rows = world.mapping.listings("", "")
        world.act("pause", listings=["L0"])
        world.mapping.put(rows[1:])
        world.account.remap()
        await world.until(lambda: "L0" not in world.account.board.listings)
        world.mapping.put([*rows, MappedListing("L3", "S3", (), 3)])
        world.account.remap()
        world.act("pause", listings=["L3"])
        world.account.scan()
        for number in range(4):
            world.mirror.set(f"S{number}", 7)
        await world.until(lambda: world.channel.shown["L1"] == world.channel.shown["L2"] == 7)
        await world.quiet()
        assert world.channel.shown["L0"] == 10
        assert "L3" not in world.channel.shown


async def test_a_mass_change_and_its_refusal_outlive_their_worker() -> None:
    """The next owner asks again, and does not send what was refused."""
    async with account_world(FakeChannel(batch_max=1), listings=60) as world:

        def parked() -> bool:
            row = world.row(ACCOUNT)
            return isinstance(row, AccountRow) and MASS_CHANGE in row.parked

        async def replace_owner() -> None:
            await world.account.stop()
            await world.keeper.kept()
            world.account = world.new_account()
            for key, row in world.log.rows[0]:
                world.account.known(key.rpartition("/")[2], row)
            world.account.start()
            world.account.scan()
            await world.until(lambda: not world.account.changes.has_more)

        await world.until(lambda: world.account.board.in_step == 60)
        for number in range(18):
            world.mirror.set(f"S{number}", 0)
        await world.until(lambda: list(world.channel.shown.values()).count(0) == 18)
        for number in range(18, 30):
            world.mirror.set(f"S{number}", 0)
        await world.until(lambda: world.account.board.mass_change)
        await world.until(parked)
        zeros = list(world.channel.shown.values()).count(0)
        assert zeros >= 18  # too few are left to be a mass of their own
        await replace_owner()
        assert world.account.board.mass_change
        world.act("refuse")
        await world.until(lambda: not parked())
        kept_back = world.account.board.dead
        assert kept_back == 30 - zeros
        await replace_owner()
        await world.quiet()
        assert list(world.channel.shown.values()).count(0) == zeros
        assert world.account.board.dead == kept_back
        assert world.account.board.mass_change is None


async def test_an_act_that_is_read_again_is_done_once() -> None:
    """The record of an act comes again after a crash, also behind newer ones."""
    async with account_world() as world:
        world.act("pause")
        world.act("resume")
        row = world.account.gate.row
        world.account.act(Act("act-1", "pause", "me", row.at_ms), 1)
        assert world.account.gate.mode == "on"


async def test_refused_access_parks_the_account_until_somebody_resumes_it() -> None:
    """After a refusal nothing more is sent; outside consumers hear of it once."""
    async with account_world(stock=None) as world:
        world.channel.results = [Result.AUTH]
        world.mirror.set("S0", 1)
        await world.until(lambda: "auth" in world.account.gate.row.parked)
        world.mirror.set("S1", 1)
        await world.quiet()
        assert len(world.channel.pushes) == 1
        assert world.heard.told == ["channel_access_lost"]
        assert world.mends == []
        world.act("resume")
        await world.until(lambda: world.channel.shown == {"L0": 1, "L1": 1})
        assert len(world.mends) == 1


async def test_a_channel_that_does_not_answer_is_left_alone_and_looked_at_before_pushes() -> None:
    """After some failures in a row the breaker opens; a look closes it, and what waits goes."""
    async with account_world(FakeChannel(batch_max=1, in_flight_max=1), listings=9) as world:
        await world.until(lambda: all(world.account.board.sides(f"L{n}", now_ms()).is_idle for n in range(9)))
        looks = len(world.channel.looks)
        world.channel.results = [Result.RETRYABLE] * FAILURES_TO_OPEN
        for number in range(9):
            world.mirror.set(f"S{number}", 3)
        await world.until(lambda: world.account.breaker.until_ms is not None)
        assert len(world.channel.pushes) == 9 + FAILURES_TO_OPEN
        world.account.breaker._until_ms = 0  # the pause is over
        world.account.sender.wake()
        await world.until(lambda: set(world.channel.shown.values()) == {3})
        assert len(world.channel.looks) > looks


async def test_a_channel_that_refuses_the_look_has_answered() -> None:
    """After an outage a refused look closes the breaker, as a refused push does: cuts and raises go again."""
    channel = FakeChannel(batch_max=1, in_flight_max=1)

    async def refused(listings: Sequence[str]) -> Mapping[str, int]:
        del listings
        raise ChannelError(Result.PERMANENT, "http-404")

    async with account_world(channel, listings=9) as world:
        await world.until(lambda: all(world.account.board.sides(f"L{n}", now_ms()).is_idle for n in range(9)))
        channel.results = [Result.RETRYABLE] * FAILURES_TO_OPEN
        for number in range(9):
            world.mirror.set(f"S{number}", 3)
        await world.until(lambda: world.account.breaker.until_ms is not None)
        channel.read_back = refused  # type: ignore[method-assign]
        world.account.breaker._until_ms = 0  # the pause is over
        world.account.sender.wake()
        await world.until(lambda: set(channel.shown.values()) == {3})
        assert world.account.breaker.until_ms is None


async def test_what_was_only_shown_to_a_log_is_not_kept_though_the_mode_is_on_when_it_ends() -> None:
    """A dry run is under way when an operator resumes: the channel shows nothing, and no row says it does."""
    channel = FakeChannel()
    goes, push = asyncio.Event(), channel.push

    async def slow(batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        ends = await push(batch, key, dry_run=dry_run)
        await goes.wait()
        return ends

    channel.push = slow  # type: ignore[method-assign]
    async with account_world(channel, integration=replace(INTEGRATION, mode="shadow")) as world:
        await world.until(lambda: channel.dry)
        world.act("resume")
        goes.set()
        await world.until(lambda: not world.account.sender.in_flight)
        world.account.observed("L0", 10, now_ms())
        await world.keeper.kept()
        assert world.kept_units("L0") is None


async def test_what_was_sent_is_kept_though_the_mode_is_shadow_when_it_ends() -> None:
    """A request is under way when an operator asks for shadow mode: the channel shows it all the same."""
    channel = FakeChannel()
    channel.is_held = True
    async with account_world(channel) as world:
        await world.until(lambda: channel.pushes)
        world.act("shadow")
        channel.release()
        await world.until(lambda: world.kept_units("L0") == 10)


async def test_in_shadow_mode_nothing_is_sent_and_differences_are_recorded() -> None:
    """All but the send; nothing counts as acknowledged, and the way back is a fresh start."""
    integration = replace(INTEGRATION, mode="shadow")
    async with account_world(integration=integration) as world:
        await world.until(lambda: world.channel.dry)
        await world.until(lambda: isinstance(world.row(STATUS), StatusRow))
        assert not world.channel.pushes
        assert world.kept_units("L0") is None
        report = world.account.shadow.report(1)
        kept = world.row(REPORT)
        found = report or kept
        assert isinstance(found, ReportRow)
        assert found.act_id == ACT_ID
        assert {one.listing: one.published for one in found.differing}["L0"] == 10
        world.act("resume")
        assert world.restarts == [world.account]


async def test_an_account_goes_on_from_what_was_kept() -> None:
    """What was acknowledged is not sent again; what changed since is."""
    async with account_world() as world:
        await world.until(lambda: world.kept_units("L2") == 10)
        await world.account.stop()
        world.mirror.set("S1", 6)
        world.account = world.new_account()
        for key, row in world.log.rows[0]:
            world.account.known(key.rsplit("/", 1)[1], row)
        pushed = len(world.channel.pushes)
        world.account.start()
        world.account.scan()
        await world.until(lambda: world.channel.shown["L1"] == 6)
        await world.quiet()
        assert [[push.listing for push in batch] for batch in world.channel.pushes[pushed:]] == [["L1"]]


async def test_a_changed_mapping_counts_without_a_restart() -> None:
    """A new listing is told, one that went is not any more, one that moved to another SKU shows that one."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.mirror.set("S9", 99)
        world.mapping.put(
            [
                MappedListing("L0", "S0", (), 1),
                MappedListing("L1", "S9", (), 2),
                MappedListing("L9", "S9", (), 3),
            ]
        )
        world.account.remap()
        world.account.scan()
        await world.until(lambda: world.channel.shown.get("L9") == 99)
        await world.until(lambda: world.channel.shown["L1"] == 99)
        world.mirror.set("S2", 1)
        await world.quiet()
        assert world.channel.shown["L2"] == 10


async def test_a_log_that_is_away_holds_no_push_up_and_gets_its_rows_later() -> None:
    """Rows wait, the newest of each listing; the channel is told meanwhile."""
    async with account_world(stock=None) as world:
        world.log.is_away = True
        world.mirror.set("S0", 5)
        await world.until(lambda: world.channel.shown == {"L0": 5})
        world.mirror.set("S0", 4)
        await world.until(lambda: world.channel.shown == {"L0": 4})
        world.log.is_away = False
        await world.until(lambda: world.kept_units("L0") == 4)


async def test_an_adapter_that_fails_costs_its_batch_a_look() -> None:
    """A mistake in an adapter is an unknown end: read back, and told again if need be."""

    class Broken(FakeChannel):
        """Fails once."""

        is_broken = True

        async def push(self, *args: object, **options: object) -> object:  # type: ignore[override]
            """Raise once."""
            if self.is_broken:
                self.is_broken = False
                await asyncio.sleep(0)
                raise KeyError("quantity")
            return await super().push(*args, **options)  # type: ignore[arg-type]

    async with account_world(Broken(), listings=1) as world:
        await world.until(lambda: world.channel.shown == {"L0": 10})
        assert world.account.figures.last_error.startswith("ambiguous: adapter-KeyError")


async def test_a_mistake_of_ours_ends_the_process() -> None:
    """An account that stood still without a word would be worse."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.account.board.ended = None  # type: ignore[assignment, method-assign]  # whatever it is
        world.mirror.set("S0", 1)
        await world.until(lambda: world.failed)
        world.failed.clear()


@pytest.mark.parametrize("kind", ["reconcile", "smoke"])
async def test_a_comparison_that_was_asked_for_is_reported(kind: ActKind) -> None:
    """The report names the act that asked."""
    async with account_world() as world:
        await world.until(lambda: all(world.account.board.sides(f"L{n}", now_ms()).is_idle for n in range(3)))
        world.act(kind)
        await world.until(lambda: isinstance(world.row(REPORT), ReportRow))
        report = world.row(REPORT)
        assert isinstance(report, ReportRow)
        assert (report.act_id, report.error) == ("act-1", "")


async def test_a_mass_drift_waits_for_approval_also_right_after_a_resume() -> None:
    """It is shown as exposure, a resume mends nothing of it, and the next comparison keeps it back again."""
    async with account_world(listings=40) as world:
        board, channel = world.account.board, world.channel
        await world.until(lambda: all(board.sides(f"L{n}", now_ms()).is_idle for n in range(40)))
        channel.shown.update({f"L{n}": 99 for n in range(30)})
        pushes = len(channel.pushes)
        for _ in range(2):
            world.act("reconcile")
            await world.until(lambda: "mass_drift" in world.account.gate.row.parked)
            assert (board.exposure_units, board.in_step) == (30 * 89, 10)
            world.act("resume")
            assert (world.account.gate.row.parked, board.exposure_units) == ({}, 0)
            await world.until(lambda: not world.account.acting.is_comparing)
        world.act("reconcile")
        await world.until(lambda: "mass_drift" in world.account.gate.row.parked)
        assert len(channel.pushes) == pushes
        world.act("approve")
        await world.until(lambda: set(channel.shown.values()) == {10})


async def test_a_policy_for_every_sku_has_all_listings_looked_at() -> None:
    """So many changed SKUs at once are looked at by listing, in portions, and none is left out."""
    async with account_world() as world:
        await world.until(lambda: world.account.board.in_step == 3)
        world.mirror.is_told = False
        for number in range(3):
            world.mirror.set(f"S{number}", 2)
        world.account.changed([f"S{number}" for number in range(SCAN_FROM_SKUS)])
        await world.until(lambda: set(world.channel.shown.values()) == {2})


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (TypeError("naive and aware"), "adapter-TypeError"),
        (RecursionError(), "adapter-RecursionError"),
        ([OrderTaken("1", 1, (SoldLine("1", 10**5_000, sku="S0"),))], "adapter-ValidationError"),
        (
            [OrderTaken("1", 1, (SoldLine("1", 1, sku="S0", reservation_id="r" * 5_000),))],
            "adapter-ValidationError",
        ),
        ([OrderTaken("1", 1, ())], "adapter-ValidationError"),
    ],
    ids=["mistake", "nesting", "units", "id", "no lines"],
)
async def test_a_mistake_in_an_adapter_costs_its_order_a_letter_and_no_worker(
    told: Exception | list[OrderTaken], code: str
) -> None:
    """Whatever an adapter raises, or tells beyond the bounds of a record, ends as a lasting refusal."""
    async with account_world() as world:
        world.channel.orders["1"] = told
        with pytest.raises(ChannelError) as raised:
            await world.account.events_of(OrderNamed("1", 1))
        assert (raised.value.result, raised.value.code) == (Result.PERMANENT, code)


async def test_orders_are_not_asked_for_again_and_again_where_access_is_refused() -> None:
    """A vendor that refuses us is not asked every few seconds; when it lets us in, at once."""
    async with account_world() as world:
        await world.until(lambda: len(world.channel.shown) == 3)
        world.channel.orders["1"] = ChannelError(Result.AUTH, "http-401")
        for _ in range(5):
            with pytest.raises(ChannelError, match="http-401"):
                await world.account.events_of(OrderNamed("1", 1))
        assert world.channel.asked == ["1"]
        world.channel.orders["1"] = []
        world.act("resume")
        assert await world.account.events_of(OrderNamed("1", 1)) == ()


async def test_what_an_operator_keeps_back_is_not_late() -> None:
    """A change of half a minute ago that waited for `resume` is timed from there, and breaks no promise."""
    async with account_world() as world:
        await world.until(lambda: world.account.board.in_step == 3)
        world.act("pause")
        world.mirror.now_ms = now_ms() - 30_000
        world.mirror.set("S0", 7)
        await world.until(lambda: world.account.board.waiting.cuts)
        world.account.board._state.ages._since_ms[0] -= 30_000
        world.account.board._state.columns.since_ms[0] -= 30_000
        world.channel.is_held = True
        world.act("resume")
        await world.until(lambda: world.account.board.in_flight)
        world.account._look()
        assert world.account.standing_sla.is_met
        told = len(world.heard.seconds)
        world.channel.release()
        await world.until(lambda: len(world.heard.seconds) > told)
        assert world.heard.seconds[-1][0] < 5
        assert world.account.sla._bad == 0


async def test_a_change_that_is_nothing_to_the_channel_is_not_timed() -> None:
    """The channel's bound, or the next change, takes it up: telling that version hours later is not slow."""
    async with account_world(FakeChannel(units_max=8)) as world:
        await world.until(lambda: world.account.board.in_step == 3)
        world.act("pause")
        world.mirror.set("S0", 9)
        world.mirror.set("S1", 7)
        await world.until(lambda: world.account.board.waiting.cuts)
        world.mirror.set("S1", 9)
        await world.until(lambda: not world.account.changes.has_more)
        version = world.mirror.version("S1")
        assert version is not None
        assert world.account.changes.heard_ms("L0", version, 8) is None
        assert world.account.changes.heard_ms("L1", version, 8) is None


async def test_a_change_to_what_is_in_flight_is_there_with_it() -> None:
    """A newer version that says the same units has nothing more to wait for."""
    async with account_world() as world:
        await world.until(lambda: world.account.board.in_step == 3)
        world.channel.is_held = True
        world.mirror.set("S0", 7)
        await world.until(lambda: world.account.board.in_flight)
        world.mirror.set("S0", 7)
        await world.until(lambda: not world.account.changes.has_more)
        told = len(world.heard.seconds)
        world.channel.release()
        await world.until(lambda: len(world.heard.seconds) > told)
        version = world.mirror.version("S0")
        assert version is not None
        assert world.account.changes.heard_ms("L0", version, 7) is None


async def test_a_dead_push_is_counted_once() -> None:
    """However often its batch was halved until it stood alone; its neighbours are not dead."""
    channel = FakeChannel(in_flight_max=1)
    async with account_world(channel, listings=4) as world:
        await world.until(lambda: world.account.board.in_step == 4)
        bad, good = Result.PERMANENT, Result.APPLIED
        channel.results = [bad, bad, good, bad, good]
        world.account.act(Act("shut", "pause", "me", now_ms()), 1)
        for number in range(4):
            world.mirror.set(f"S{number}", 7)
        await world.until(lambda: world.account.board.waiting.cuts == 4)
        world.account.act(Act("open", "resume", "me", now_ms()), 2)
        await world.until(lambda: world.account.board.dead and world.account.board.in_step == 3)
        assert world.account.sla._bad == 1


async def test_changes_are_heard_while_the_channel_asked_for_a_pause() -> None:
    """The board, and so the status, knows what waits, though no token comes for minutes."""
    async with account_world() as world:
        await world.until(lambda: world.account.board.in_step == 3)
        world.account.parts.pace.throttled("calls", now_ms() + 600_000)
        for number in range(3):
            world.mirror.set(f"S{number}", 0)
            await world.until(lambda count=number + 1: world.account.board.waiting.zeros == count)  # type: ignore[misc]
        assert world.account.board.exposure_units == 30


async def test_listings_without_stock_to_show_are_told() -> None:
    """Mapped to a SKU that the ledger does not know, a listing keeps what it showed: somebody has to look."""
    async with account_world() as world:
        await world.until(lambda: world.account.board.in_step == 3)
        rows = world.mapping.listings("", "")
        world.mapping.put([rows[0]._replace(sku="nobody's"), *rows[1:]])
        world.account.remap()
        world.account.scan()
        await world.until(lambda: world.account.changes.is_all_looked_at)
        world.account._tell_once()
        assert world.heard.stood[-1].unbacked == 1


async def test_a_dead_push_of_yesterday_leaves_no_row_that_says_so() -> None:
    """`channels diff --dead` reads rows: one that came into step again is written without the dead push."""
    async with account_world(listings=1) as world:
        await world.until(lambda: world.kept_units("L0") == 10)
        world.channel.results = [Result.PERMANENT]
        world.mirror.set("S0", 3)
        await world.until(lambda: isinstance(row := world.row("L0"), ListingRow) and row.dead)
        world.mirror.set("S0", 10)
        await world.until(lambda: isinstance(row := world.row("L0"), ListingRow) and not row.dead)
        assert len(world.channel.pushes) == 2
