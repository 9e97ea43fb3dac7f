"""No row of an account is larger than a record may be."""

from inventory_stream.flows.channels.acts import STOPPED_LISTINGS_MAX
from inventory_stream.flows.channels.bounds import TEXT_CHARACTERS_MAX
from models.channels import (
    ACCOUNT,
    REPORT,
    AccountRow,
    AccountTroubled,
    Act,
    Differing,
    ReportRow,
    encode_outcome,
)
from tests.fakes.channel import FakeChannel
from tests.unit.flows.channels.world import account_world

RECORD_BYTES_MAX = 1_048_576
"""aiokafka's own bound of a request, and a little less than Kafka's of a record."""


async def test_stopped_listings_with_long_ids_fit_a_record_and_the_newest_stay() -> None:
    """A refused row would stop every row behind it, those of other accounts, too."""
    async with account_world(FakeChannel()) as world:
        for first in range(0, STOPPED_LISTINGS_MAX, 1_000):
            world.act(
                "pause", listings=[f"{number:05}" + "\u6f22" * 100 for number in range(first, first + 1_000)]
            )
        row = world.account.gate.row
        assert len(encode_outcome(row)) < RECORD_BYTES_MAX
        assert row.stopped_listings[-1].startswith(f"{STOPPED_LISTINGS_MAX - 1:05}")
        assert len(row.stopped_listings) > 1_000


async def test_reasons_and_reports_fit_a_record() -> None:
    """What a person or a channel writes is cut, and so is the list of what differs; its number stays."""
    async with account_world(FakeChannel()) as world:
        account = world.account
        account.act(Act("a1", "kill", "me", 1, reason="r" * RECORD_BYTES_MAX, zeros_first=True), 1)
        account.troubled(AccountTroubled("revoked", 1, "d" * RECORD_BYTES_MAX))
        long = "\U0001f4e6" * 128
        differing = tuple(Differing(long, long, 1, 2, 3) for _ in range(1_000))
        account.report(ReportRow("a2", 1, 1, 1_000, 0, 0, 1_000, 0, differing=differing))
        await world.keeper.kept()
        kept, report = world.row(ACCOUNT), world.row(REPORT)
        assert isinstance(kept, AccountRow)
        assert (len(kept.reason), len(kept.parked["revoked"])) == (TEXT_CHARACTERS_MAX, TEXT_CHARACTERS_MAX)
        assert isinstance(report, ReportRow)
        assert len(encode_outcome(report)) < RECORD_BYTES_MAX
        assert report.differing_count == 1_000
        assert len(report.differing) >= 250
