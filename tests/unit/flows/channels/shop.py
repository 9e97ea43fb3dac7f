"""A channel that shows what it was told, as far as the test lets it, and a board beside it."""

from collections.abc import Mapping, Sequence
from typing import Never

from inventory_stream.flows.channels.board import Board
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.projection import Version
from models.channels import OrderNamed

CAPS = Caps(batch_max=10, in_flight_max=1, limits=(Limit("calls", 10.0, 10.0),), read_back_max=100)


class Shop:
    """Implements `ports.channel.Channel`. `faults` are raised by the next read backs, one each."""

    def __init__(self, caps: Caps = CAPS) -> None:
        self.caps = caps
        self.shown: dict[str, int] = {}
        self.asked: list[list[str]] = []
        self.pushed: list[Push] = []
        self.keys: list[str] = []
        self.faults: list[ChannelError] = []
        self.result = Result.APPLIED
        self.is_deaf = False
        """Says that it took what it was told, and shows what it did before."""

    def group_of(self, listing: str) -> str:
        """See the port."""
        del listing
        return ""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """See the port."""
        del dry_run
        self.pushed += batch
        self.keys.append(key)
        if self.result is Result.APPLIED and not self.is_deaf:
            self.shown |= {push.listing: push.units for push in batch}
        return [Ended(push.listing, self.result, "because") for push in batch]

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Never:
        """See the port."""
        raise NotImplementedError(f"{len(batch)} {key}")

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """See the port."""
        self.asked.append(list(listings))
        if self.faults:
            raise self.faults.pop(0)
        return {listing: self.shown[listing] for listing in listings if listing in self.shown}

    async def events_of(self, named: OrderNamed) -> Never:
        """See the port."""
        raise NotImplementedError(named.order_id)


class Stand:
    """An account with listings `l0`, `l1`, ... that were all told 10 units, and a clock."""

    def __init__(self, listings: int, caps: Caps = CAPS) -> None:
        self.now_ms = 1_800_000_000_000
        self.shop = Shop(caps)
        self.rows = [MappedListing(f"l{number}", f"sku{number}", (), number) for number in range(listings)]
        self.board = Board(caps, account="web/shop", raise_hold_ms=0, mass_change_share=1.0)
        self.board.set_listings({row.listing: row.sku for row in self.rows}, self.now_ms)
        for row in self.rows:
            self.want(row.listing, 10, 1)
        self.paused: list[float] = []
        self.woken = 0
        self.drain()
        self.now_ms += 60_000

    def want(self, listing: str, units: int, offset: int) -> None:
        """Have the ledger say so many of a listing."""
        self.board.want(listing, Version(1, offset), units, self.now_ms, self.now_ms)

    def drain(self) -> int:
        """Send all that waits, and have it shown; gives how many items."""
        sent = 0
        while (batch := self.board.take(self.now_ms)) is not None:
            self.shop.shown |= {push.listing: push.units for push in batch.pushes}
            ends = [Ended(push.listing, Result.APPLIED) for push in batch.pushes]
            self.board.ended(batch, ends, self.now_ms)
            sent += len(batch.pushes)
        return sent

    async def pause(self, seconds: float) -> None:
        """Let time pass at once."""
        self.paused.append(seconds)
        self.now_ms += int(seconds * 1_000)

    def wake(self) -> None:
        """Hear that something is to be sent."""
        self.woken += 1
