"""A backlog at Amazon, through the board and the sender that workers have."""

from dataclasses import replace
from pathlib import Path

from inventory_stream.adapters.channels.exchange import Exchanges
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.pace import AccountPace
from inventory_stream.flows.channels.parts import AccountParts
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.sandbox.amazon import AmazonFake
from inventory_stream.sandbox.config import integration_of
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import Specs
from tests.contract.channel_suite import RecordingDrift, until
from tests.fakes.channel_log import FakeChannelLog
from tests.fakes.ledger_mirror import FakeMapping, FakeMirror
from tests.unit.flows.channels.world import Heard, now_ms

SKUS = [f"SKU-{number}" for number in range(40)]
LISTINGS = {AmazonFake.listing_of(number, sku, None): sku for number, sku in enumerate(SKUS)}
OPTIONS = {"bulk_from": 20, "feed_poll_seconds": 0.02, "settle_seconds": 0.1}


async def test_backlog_goes_by_feed_and_zeros_never_wait_behind_it(tmp_path: Path) -> None:
    """Zeros go by PATCH beside a feed; a listing in it is left alone until it ends, then shows the newest."""
    fake = AmazonFake(dict.fromkeys(LISTINGS, 90), Specs(None))
    fake.feeds.seconds = 60.0
    mirror, heard = FakeMirror(), Heard()
    mirror.now_ms = now_ms()
    for number, sku in enumerate(SKUS):
        mirror.set(sku, 0 if number < 3 else 50 + number)
    async with running([fake]) as sandbox:
        entry = integration_of(fake, sandbox.url_of(fake.name), tmp_path)
        entry = replace(entry, raise_hold_ms=0, options={**(entry.options or {}), **OPTIONS})
        secrets = Secrets(entry.secrets or {})
        exchanges, pace = Exchanges(now_ms, allow_loopback=True), AccountPace(now_ms)
        channel = ADAPTERS[fake.name].new_channel(
            Needs(entry, secrets, exchanges, pace, RecordingDrift(), now_ms)
        )
        pace.begin(channel.caps.limits)
        mapping = FakeMapping([MappedListing(name, sku, (), 1) for name, sku in LISTINGS.items()])
        failed: list[BaseException] = []
        keeper = Keeper(FakeChannelLog(), 0, lambda: True, failed.append)
        account = Account(
            AccountParts(
                integration=entry,
                channel=channel,
                pace=pace,
                mapping=mapping,
                mirror=mirror,
                keeper=keeper,
                monitor=heard,
                exceptions=heard,
                misfits=int,
                is_leased=lambda: True,
                now_ms=now_ms,
                fail=failed.append,
                worker="here",
            ),
            lambda _: None,
        )
        account.map_listings()
        mirror.subscribe_all(account.changed)
        keeper.start()
        account.start()
        account.scan()
        try:
            await until(lambda: len(fake.account.under_way) >= 20)
            (in_feed, *_) = sorted(fake.account.under_way)
            mirror.set(LISTINGS[in_feed], 0)  # it sells out while it is in the feed
            zeros = list(LISTINGS)[:3]
            await until(lambda: all(fake.account.shown[listing] == 0 for listing in zeros))
            assert fake.account.shown[in_feed] == 90
            fake.feeds.end_now()
            await until(lambda: fake.account.shown[in_feed] == 0)
            due = {listing: mirror.stock(sku)[0].on_hand for listing, sku in LISTINGS.items()}
            await until(lambda: fake.account.shown == due, 15.0)
        finally:
            await account.stop()
            await keeper.close()
            await exchanges.close()
    assert fake.account.overlaps == 0
