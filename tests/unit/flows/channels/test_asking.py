"""An operator's act: to the account's own partition, and its own answer, not another's."""

from itertools import count

import pytest

from inventory_stream.flows.channels.asking import Asking, NobodyAnswersError, Wish
from models.channels import AccountRow, Act, Inbound, ReportRow, account_key, outcome_key
from models.ids import partition_of
from tests.fakes.channel_desk import FakeChannelDesk
from tests.unit.adapters.specs import entry

PARTITIONS = 8
SHOP = entry("shop-nl", "web", "shop/1")
PARTITION = partition_of("web/shop%2F1", PARTITIONS)
ACCOUNT = outcome_key("web", "shop/1", "@account")
REPORT = outcome_key("web", "shop/1", "@report")


def asking(desk: FakeChannelDesk) -> Asking:
    """Ask with ids a1, a2, ..."""
    numbers = count(1)
    return Asking(desk, PARTITIONS, lambda: f"a{next(numbers)}", lambda: 1_000, taken_seconds_max=0.05)


def owner(desk: FakeChannelDesk, *, reports: bool = False) -> None:
    """Have somebody answer as a worker does, after rows of others."""

    def answer(inbound: Inbound, partition: int) -> None:
        (act,) = (event for event in inbound.events if isinstance(event, Act))
        desk.write(partition, ACCOUNT, AccountRow(last_act_id="another"))
        desk.write(partition, ACCOUNT, AccountRow(mode="off", last_act_id=act.act_id))
        if reports:
            desk.write(partition, REPORT, ReportRow("another", 1, 2, 0, 0, 0, 0, 0))
            desk.write(partition, REPORT, ReportRow(act.act_id, 1, 2, 5, 5, 0, 0, 0))

    desk.on_ask = answer


async def test_act_goes_to_the_partition_of_the_account() -> None:
    """Its one owner reads it there, with who asked and why."""
    desk = FakeChannelDesk()
    owner(desk)
    row = await asking(desk).done(SHOP, Wish("pause", "ann", "prices", ("l1",)))
    assert row.mode == "off"
    ((inbound, partition),) = desk.asked
    assert (inbound.channel, inbound.account, partition) == ("web", "shop/1", PARTITION)
    assert account_key(inbound.channel, inbound.account) == "web/shop%2F1"
    assert desk.acts == [Act("a1", "pause", "ann", 1_000, "prices", ("l1",))]


async def test_answer_of_before_is_not_taken_for_the_answer() -> None:
    """Rows that lay there when the act was asked say nothing about it."""
    desk = FakeChannelDesk()
    desk.write(PARTITION, ACCOUNT, AccountRow(last_act_id="a1"))
    with pytest.raises(NobodyAnswersError):
        await asking(desk).done(SHOP, Wish("pause", "ann"))


async def test_nobody_who_answers_is_said_with_the_way_out() -> None:
    """The act waits; somebody has to start a worker."""
    with pytest.raises(
        NobodyAnswersError, match=r"shop-nl: no worker owns .* `inventory-stream worker channels`"
    ):
        await asking(FakeChannelDesk()).done(SHOP, Wish("kill", "ann", zeros_first=True))


async def test_report_of_the_act_is_waited_for() -> None:
    """Not the one of a schedule that ended meanwhile."""
    desk = FakeChannelDesk()
    owner(desk, reports=True)
    report = await asking(desk).reported(SHOP, Wish("reconcile", "ann", repairs=False), 1.0)
    assert (report.act_id, report.compared) == ("a1", 5)
    assert not desk.acts[0].repairs


async def test_report_that_takes_too_long_says_where_it_will_stand() -> None:
    """A long comparison goes on without its asker."""
    desk = FakeChannelDesk()
    owner(desk)
    with pytest.raises(NobodyAnswersError, match=r"not done within 0\.01 s.*diff shop-nl --last"):
        await asking(desk).reported(SHOP, Wish("reconcile", "ann"), 0.01)
