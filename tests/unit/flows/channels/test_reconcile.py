"""Reconcile: compares what is at rest, mends by the lanes, and leaves a mass drift to people."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from inventory_stream.flows.channels.reconcile import Looked, Reconcile, pause_seconds
from inventory_stream.ports.channel import ChannelError, Result
from inventory_stream.ports.integrations import MappedListing
from models.channels import Differing
from tests.unit.flows.channels.shop import CAPS, Stand


def reconcile(stand: Stand, *, share: float = 0.3, is_busy: bool = False) -> Reconcile:
    """Make the comparisons of an account."""
    return Reconcile(
        Looked(
            channel=stand.shop,
            board=stand.board,
            listings=lambda: stand.rows,
            now_ms=lambda: stand.now_ms,
            mass_change_share=share,
            is_busy=lambda: is_busy,
            wake=stand.wake,
            pause=stand.pause,
        )
    )


async def test_listings_in_step_agree_and_nothing_is_sent() -> None:
    """Where the channel shows what it took, a comparison changes nothing."""
    stand = Stand(250)
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.act_id, report.compared, report.agreed, report.differing_count) == ("r1", 250, 250, 0)
    assert [len(asked) for asked in stand.shop.asked] == [100, 100, 50]
    assert (stand.drain(), stand.woken) == (0, 0)


async def test_drift_is_mended_by_the_normal_lane() -> None:
    """What the channel shows otherwise is told again, with today's quantity, and reported with all sides."""
    stand = Stand(50)
    stand.shop.shown["l7"] = 99
    report = await reconcile(stand).run("r1", repairs=True)
    assert report.differing == (Differing("l7", "sku7", 10, 10, 99),)
    assert (report.differing_count, report.repaired, report.error, stand.woken) == (1, 1, "", 1)
    assert stand.drain() == 1
    assert stand.shop.shown["l7"] == 10


async def test_without_repairs_nothing_is_sent() -> None:
    """`diff` tells and mends nothing."""
    stand = Stand(50)
    stand.shop.shown["l7"] = 99
    report = await reconcile(stand).run("r1", repairs=False)
    assert (report.differing_count, report.repaired) == (1, 0)
    assert stand.drain() == 0


async def test_listing_with_something_under_way_is_not_compared() -> None:
    """A change that waits, and one that has not settled, make sides differ because they must."""
    stand = Stand(3)
    stand.want("l0", 4, 2)
    stand.now_ms += 1
    report = await reconcile(stand).run("r1", repairs=True)
    assert report.compared == 2
    assert stand.shop.asked == [["l1", "l2"]]


async def test_change_that_comes_while_the_channel_is_asked_is_no_drift() -> None:
    """An answer of before or after a change says nothing about it."""
    stand = Stand(2)
    read_back = stand.shop.read_back

    async def changing(listings: Sequence[str]) -> Mapping[str, int]:
        shown = await read_back(listings)
        stand.want("l0", 3, 2)
        return {**shown, "l0": 77}

    stand.shop.read_back = changing  # type: ignore[method-assign]  # the change comes in between
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.compared, report.differing_count) == (1, 0)


async def test_mass_drift_is_not_mended() -> None:
    """More differing than the share allows looks like a fault of ours: nobody is told anything."""
    stand = Stand(100)
    stand.shop.shown |= {f"l{number}": 0 for number in range(31)}
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.is_mass_drift, report.differing_count, report.repaired) == (True, 31, 0)
    assert "approve" in report.error
    assert stand.drain() == 0
    assert stand.board.in_step == 69


async def test_mass_drift_is_exposure() -> None:
    """What shoppers may buy beyond what is there counts as soon as it was seen, though nobody is told."""
    stand = Stand(100)
    stand.shop.shown |= {f"l{number}": 15 for number in range(31)}
    await reconcile(stand).run("r1", repairs=False)
    assert stand.board.exposure_units == 0
    await reconcile(stand).run("r2", repairs=True)
    assert stand.board.exposure_units == 31 * 5
    assert stand.drain() == 0


async def test_approved_mass_drift_is_mended() -> None:
    """Somebody has looked: then today's quantities go out."""
    stand = Stand(100)
    stand.shop.shown |= {f"l{number}": 0 for number in range(31)}
    report = await reconcile(stand).run("r1", repairs=True, allows_mass=True)
    assert (report.is_mass_drift, report.repaired, report.error) == (False, 31, "")
    assert stand.drain() == 31


async def test_few_listings_are_never_a_mass_drift() -> None:
    """Of an account with five listings three may drift."""
    stand = Stand(5)
    stand.shop.shown |= {"l0": 1, "l1": 1, "l2": 1}
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.is_mass_drift, report.repaired) == (False, 3)


async def test_listing_that_the_channel_does_not_tell_is_counted_apart() -> None:
    """No answer about a listing is neither agreement nor drift."""
    stand = Stand(3)
    del stand.shop.shown["l1"]
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.compared, report.unreadable, report.differing_count) == (2, 1, 0)


async def test_only_some_listings_are_compared_when_asked() -> None:
    """An operator's `--listing` costs one request."""
    stand = Stand(500)
    report = await reconcile(stand).run("r1", repairs=True, only=("l3", "l400"))
    assert report.compared == 2
    assert stand.shop.asked == [["l3", "l400"]]


async def test_portion_is_tried_again_when_the_channel_asks_for_time() -> None:
    """A refusal for how often is waited out, as long as the channel says, and no longer than a minute."""
    stand = Stand(3)
    stand.shop.faults = [
        ChannelError(Result.THROTTLED, "429", stand.now_ms + 5_000),
        ChannelError(Result.THROTTLED, "429", stand.now_ms + 3_600_000),
    ]
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.compared, report.error) == (3, "")
    assert stand.paused == [5.0, 60.0]


@pytest.mark.parametrize(
    ("results", "asked"), [([Result.AUTH], 1), ([Result.RETRYABLE] * 3, 3), ([Result.PERMANENT], 1)]
)
async def test_channel_that_does_not_tell_ends_the_run(results: list[Result], asked: int) -> None:
    """What does not pass is not asked again; the report says why, and what was compared before counts."""
    stand = Stand(150)
    first = await reconcile(stand).run("r0", repairs=True)
    assert first.compared == 150
    stand.shop.asked.clear()
    stand.shop.faults = [ChannelError(result, "no") for result in results]
    report = await reconcile(stand).run("r1", repairs=True)
    assert report.compared == 0
    assert report.error == f"the channel does not tell: {results[-1]}: no"
    assert len(stand.shop.asked) == asked


async def test_channel_without_read_back_says_so() -> None:
    """A webhook shows nothing: the report says it instead of agreeing."""
    stand = Stand(3, replace(CAPS, can_read_back=False))
    report = await reconcile(stand).run("r1", repairs=True)
    assert (report.compared, report.error) == (0, "this channel does not tell what it shows")


async def test_pushes_go_first_but_not_for_ever() -> None:
    """A portion waits for what is to be sent, 5 s at most: a busy account is compared, too."""
    stand = Stand(150)
    report = await reconcile(stand, is_busy=True).run("r1", repairs=True)
    assert report.compared == 150
    assert sum(stand.paused) == pytest.approx(10.0, abs=0.3)


async def test_run_out_of_time_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read within an hour is read in several runs, no listing left out."""
    monkeypatch.setattr("inventory_stream.flows.channels.reconcile.RUN_SECONDS_MAX", 8.0)
    stand = Stand(450)
    runs = reconcile(stand, is_busy=True)
    reports = [await runs.run(f"r{number}", repairs=True) for number in range(3)]
    assert [report.compared for report in reports] == [200, 200, 200]
    assert reports[0].error.startswith("out of time after 200 of 450")
    asked = {listing for portion in stand.shop.asked for listing in portion}
    assert asked == {row.listing for row in stand.rows}


async def test_drift_in_a_long_list_is_mended_before_the_end() -> None:
    """A thousand listings are mended before the next thousand is read."""
    stand = Stand(2_500)
    stand.shop.shown["l3"] = 0
    repaired_after: list[int] = []
    wake = stand.wake

    def woken() -> None:
        wake()
        repaired_after.append(len(stand.shop.asked))

    stand.wake = woken  # type: ignore[method-assign]
    report = await reconcile(stand).run("r1", repairs=True)
    assert report.repaired == 1
    assert repaired_after == [10]


async def test_no_listings_are_no_fault() -> None:
    """A new account has nothing to compare."""
    stand = Stand(0)
    assert (await reconcile(stand).run("r1", repairs=True)).compared == 0
    stand.rows.append(MappedListing("new", "sku", (), 1))
    assert (await reconcile(stand).run("r2", repairs=True)).compared == 0


def test_pause_is_a_tenth_around_the_set_one() -> None:
    """Accounts that start together do not read together for ever."""
    assert [pause_seconds(900.0, chance) for chance in (0.0, 0.5, 1.0)] == pytest.approx([810, 900, 990])
