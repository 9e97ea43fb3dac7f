"""The smoke check: one listing, told nothing but the truth, and every failure said."""

from dataclasses import replace

from inventory_stream.flows.channels.smoke import Smoked, smoke
from inventory_stream.ports.channel import ChannelError, Result
from models.channels import ReportRow
from tests.unit.flows.channels.shop import CAPS, Stand


async def checked(
    stand: Stand, listing: str | None = None, *, is_sending: bool = False, stopped: tuple[str, ...] = ()
) -> ReportRow:
    """Run the check."""
    smoked = Smoked(
        channel=stand.shop,
        board=stand.board,
        listings=lambda: stand.rows,
        now_ms=lambda: stand.now_ms,
        is_sending=is_sending,
        stopped=lambda: stopped,
        pause=stand.pause,
    )
    return await smoke(smoked, "act-1", listing)


async def test_listing_is_read_told_and_read_again() -> None:
    """A check that passes has sent the ledger's quantity of one listing, once."""
    stand = Stand(3)
    stand.want("l1", 4, 2)
    report = await checked(stand, "l1")
    assert (report.error, report.compared, report.agreed) == ("", 1, 1)
    assert [(push.listing, push.units) for push in stand.shop.pushed] == [("l1", 4)]
    assert stand.shop.asked == [["l1"], ["l1"]]
    assert stand.paused == [CAPS.settle_seconds]


async def test_first_listing_is_taken_without_a_name() -> None:
    """Stopped ones are passed over."""
    stand = Stand(3)
    assert (await checked(stand, stopped=("l0",))).error == ""
    assert [push.listing for push in stand.shop.pushed] == ["l1"]


async def test_each_check_is_a_request_of_its_own() -> None:
    """A channel that keeps keys must not answer a second check from its memory."""
    stand = Stand(1)
    await checked(stand)
    smoked = Smoked(
        stand.shop, stand.board, lambda: stand.rows, lambda: stand.now_ms, is_sending=False, stopped=tuple,
        pause=stand.pause,
    )  # fmt: skip
    await smoke(smoked, "act-2")
    assert len(set(stand.shop.keys)) == 2


async def test_nothing_is_sent_when_the_channel_does_not_know_the_listing() -> None:
    """The read-only look comes first, and its failure ends the check."""
    stand = Stand(1)
    stand.shop.shown.clear()
    report = await checked(stand)
    assert "does not know l0: look at the mapping, line 0" in report.error
    assert stand.shop.pushed == []


async def test_nothing_is_sent_when_the_channel_does_not_let_us_in() -> None:
    """Access that is refused is said as the channel says it."""
    stand = Stand(1)
    stand.shop.faults = [ChannelError(Result.AUTH, "401")]
    assert (await checked(stand)).error == "the channel does not tell what it shows: auth: 401"
    assert stand.shop.pushed == []


async def test_refused_push_is_a_failure() -> None:
    """What is not applied is not passed."""
    stand = Stand(1)
    stand.shop.result = Result.PERMANENT
    report = await checked(stand)
    assert report.error == "l0 was not taken: permanent: because"
    assert report.agreed == 0


async def test_channel_that_shows_something_else_is_a_failure() -> None:
    """Taken is not shown: the second look decides."""
    stand = Stand(1)
    stand.want("l0", 3, 2)
    stand.shop.is_deaf = True
    report = await checked(stand)
    assert report.error.startswith("told 3 of l0, but the channel shows 10")
    assert [(row.published, row.observed) for row in report.differing] == [(3, 10)]


async def test_listing_goes_on_after_a_failed_check() -> None:
    """The lane that was held for the check is free again, whatever came of it."""
    stand = Stand(1)
    stand.shop.result = Result.PERMANENT
    await checked(stand)
    stand.want("l0", 2, 2)
    assert stand.drain() == 1


async def test_listing_that_is_stopped_meanwhile_stays_stopped() -> None:
    """The end of a check does not undo what an operator asked during it."""
    stand = Stand(1)
    stopped: list[str] = []

    async def pause(seconds: float) -> None:
        await stand.pause(seconds)
        stopped.append("l0")
        stand.board.stop(stopped, stand.now_ms)

    smoked = Smoked(
        stand.shop, stand.board, lambda: stand.rows, lambda: stand.now_ms, is_sending=True,
        stopped=lambda: stopped, pause=pause,
    )  # fmt: skip
    await smoke(smoked, "act-1")
    stand.want("l0", 2, 2)
    assert stand.drain() == 0


async def test_listing_under_way_is_not_told_a_second_time() -> None:
    """While the account sends, only a listing at rest is checked: one request in flight per listing."""
    stand = Stand(1)
    stand.want("l0", 4, 2)
    report = await checked(stand, is_sending=True)
    assert report.error.startswith("no listing can be checked")
    assert stand.shop.pushed == []


async def test_unmapped_listing_is_named() -> None:
    """A typing mistake says itself."""
    assert (await checked(Stand(1), "nowhere")).error.startswith("'nowhere' cannot be checked: it must be")


async def test_channel_without_read_back_is_told_and_believed() -> None:
    """A webhook that takes one event has passed."""
    stand = Stand(1, replace(CAPS, can_read_back=False))
    assert (await checked(stand)).error == ""
    assert stand.shop.asked == []


async def test_channel_that_shows_late_is_left_to_the_reconcile() -> None:
    """Nobody waits half an hour before a screen."""
    stand = Stand(1, replace(CAPS, settle_seconds=1_800.0))
    stand.now_ms += 3_600_000
    report = await checked(stand)
    assert report.error == ""
    assert stand.paused == [60.0]
