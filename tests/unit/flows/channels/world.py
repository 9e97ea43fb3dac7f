"""One account at its owner, with everything around it in memory."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final

from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.pace import AccountPace
from inventory_stream.flows.channels.parts import AccountParts
from inventory_stream.ports.channel import Result
from inventory_stream.ports.integrations import Integration, MappedListing
from models.channels import Act, ActKind, ListingRow, OutcomeRow, StatusRow, outcome_key
from models.events import ChannelExceptionKind
from tests.fakes.channel import FakeChannel
from tests.fakes.channel_log import FakeChannelLog
from tests.fakes.ledger_mirror import FakeMapping, FakeMirror

DEADLINE_SECONDS: Final = 5.0
"""Of waits that take milliseconds."""

INTEGRATION: Final = Integration(
    name="shop",
    adapter="fake",
    channel="shop",
    account="one",
    owner="team",
    escalation="phone",
    freshness_seconds=10.0,
    error_budget=0.01,
    mode="on",
    raise_hold_ms=0,
)


class Heard:
    """A `ChannelMonitor` and `ChannelExceptions` that keep what they hear."""

    def __init__(self) -> None:
        self.ends: list[Result] = []
        self.seconds: list[tuple[float, bool]] = []
        self.stood: list[StatusRow] = []
        self.owned: list[str] = []
        self.told: list[ChannelExceptionKind] = []

    def taken_up(self, name: str) -> None:
        """See the port."""
        self.owned.append(name)

    def given_up(self, name: str) -> None:
        """See the port."""
        self.owned.remove(name)

    def ended(self, name: str, result: Result) -> None:
        """See the port."""
        del name
        self.ends.append(result)

    def acknowledged(self, name: str, seconds: float, *, is_zero: bool) -> None:
        """See the port."""
        del name
        self.seconds.append((seconds, is_zero))

    def stands(self, name: str, status: StatusRow) -> None:
        """See the port."""
        del name
        self.stood.append(status)

    def tell(
        self,
        kind: ChannelExceptionKind,
        channel: str,
        account: str,
        *,
        at_ms: int,
        reason: str,
        listings: int = 0,
    ) -> None:
        """See the port."""
        del channel, account, at_ms, reason, listings
        self.told.append(kind)


def now_ms() -> int:
    """Give the time."""
    return time.time_ns() // 1_000_000


class AccountWorld:
    """SKUs `S0`, `S1`, ... with listings `L0`, `L1`, ... each."""

    def __init__(self, channel: FakeChannel, listings: int, integration: Integration) -> None:
        self.channel = channel
        self.mirror = FakeMirror()
        self.mirror.now_ms = now_ms()
        self.mapping = FakeMapping(
            [MappedListing(f"L{number}", f"S{number}", (), number) for number in range(listings)]
        )
        self.log = FakeChannelLog()
        self.heard = Heard()
        self.is_leased = True
        self.integration = integration
        self.restarts: list[Account] = []
        self.failed: list[BaseException] = []
        self.mends: list[int] = []
        self.keeper = Keeper(self.log, 0, lambda: self.is_leased, self.failed.append)
        self._acts = 0
        self.account = self.new_account()
        self.mirror.subscribe_all(self._changed)

    def _changed(self, skus: Collection[str]) -> None:
        self.account.changed(skus)

    def new_account(self) -> Account:
        """Give an account as an owner would make it."""
        pace = AccountPace(now_ms)
        pace.begin(self.channel.caps.limits)
        parts = AccountParts(
            integration=self.integration,
            channel=self.channel,
            pace=pace,
            mapping=self.mapping,
            mirror=self.mirror,
            keeper=self.keeper,
            monitor=self.heard,
            exceptions=self.heard,
            misfits=int,
            is_leased=lambda: self.is_leased,
            now_ms=now_ms,
            fail=self.failed.append,
            worker="here",
            mended=lambda: self.mends.append(now_ms()),
        )
        account = Account(parts, self.restarts.append)
        account.map_listings()
        return account

    def act(self, kind: ActKind, *, listings: Sequence[str] = (), zeros_first: bool = False) -> None:
        """Have an operator ask something."""
        self._acts += 1
        act = Act(
            f"act-{self._acts}", kind, "me", now_ms(), listings=tuple(listings), zeros_first=zeros_first
        )
        self.account.act(act, self._acts)

    def row(self, last: str) -> OutcomeRow | None:
        """Give the newest kept row by the last part of its key."""
        key = outcome_key("shop", "one", last)
        return dict(self.log.rows.get(0, ())).get(key)

    def kept_units(self, listing: str) -> int | None:
        """Give what is kept as acknowledged."""
        row = self.row(listing)
        return row.units if isinstance(row, ListingRow) else None

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, (
                self.channel.shown,
                self.channel.pushes,
                self.account.gate.row,
            )
            await asyncio.sleep(0.001)

    async def quiet(self) -> None:
        """Let everything that can happen at once happen."""
        for _ in range(50):
            await asyncio.sleep(0)


@asynccontextmanager
async def account_world(
    channel: FakeChannel | None = None,
    *,
    listings: int = 3,
    integration: Integration = INTEGRATION,
    stock: int | None = 10,
) -> AsyncIterator[AccountWorld]:
    """Run an account; each SKU has `stock`, None: the ledger knows none yet."""
    world = AccountWorld(channel or FakeChannel(), listings, integration)
    if stock is not None:
        for number in range(listings):
            world.mirror.set(f"S{number}", stock)
    world.keeper.start()
    world.account.start()
    world.account.scan()
    try:
        yield world
    finally:
        world.channel.release()
        await world.account.stop()
        await world.keeper.close()
        assert not world.failed
