"""The rows of one partition on their way to the log."""

from inventory_stream.flows.channels.keeper import ROWS_PER_WRITE, Keeper
from models.channels import AccountRow, ListingRow
from tests.fakes.channel_log import FakeChannelLog


async def test_what_operators_asked_is_durable_before_all_that_waits() -> None:
    """A kill does not wait for the rows of a million listings, and is known to be kept as soon as it is."""
    log, failed = FakeChannelLog(), list[BaseException]()
    keeper = Keeper(log, 0, lambda: True, failed.append)
    listings = 2 * ROWS_PER_WRITE
    keeper.keep((f"shop/one/L{number}", ListingRow(1, number, 1, 1)) for number in range(listings))
    keeper.keep_account("shop/one/@account", AccountRow(mode="on"))
    keeper.keep_account("shop/one/@account", AccountRow(mode="off"))
    were_kept = [keeper.are_accounts_kept]
    keeper.start()
    await keeper.kept()
    were_kept.append(keeper.are_accounts_kept)
    assert were_kept == [False, True]
    assert log.rows[0][0] == ("shop/one/@account", AccountRow(mode="off"))
    assert len(log.rows[0]) == 1 + listings
    await keeper.close()
    assert not failed
