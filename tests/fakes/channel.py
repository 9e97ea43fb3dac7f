"""A channel in memory: shows what it was told, and does what a test has it do."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from models.channels import ChannelEvent, OrderNamed

CAPS = Caps(
    batch_max=10,
    in_flight_max=2,
    limits=(Limit("calls", 1_000.0, 1_000.0),),
    settle_seconds=0.0,
    request_seconds=0.2,
    takes_orders=False,
)


class FakeChannel:
    """Implements `ports.channel.Channel`.

    `results` are those of the next pushes, one word for all items; then everything is applied. While
    `is_held` pushes wait for `release`. `orders` are told or, where they are a mistake, raised.
    """

    def __init__(self, caps: Caps = CAPS, **changes: object) -> None:
        self._caps = replace(caps, **changes)  # type: ignore[arg-type]  # fields of Caps
        self.shown: dict[str, int] = {}
        self.pushes: list[tuple[Push, ...]] = []
        self.keys: list[str] = []
        self.dry: list[tuple[Push, ...]] = []
        self.looks: list[tuple[str, ...]] = []
        self.results: list[Result] = []
        self.asked: list[str] = []
        self.orders: dict[str, Sequence[ChannelEvent] | Exception] = {}
        self.is_held = False
        self._held = asyncio.Event()

    @property
    def caps(self) -> Caps:
        """See the port."""
        return self._caps

    def group_of(self, listing: str) -> str:
        """See the port: all may go together."""
        del listing
        return ""

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """See the port."""
        (self.dry if dry_run else self.pushes).append(tuple(batch))
        self.keys.append(key)
        if dry_run:
            return [Ended(push.listing, Result.APPLIED, "not-sent") for push in batch]
        if self.is_held:
            await self._held.wait()
        result = self.results.pop(0) if self.results else Result.APPLIED
        if result is Result.APPLIED:
            self.shown.update((push.listing, push.units) for push in batch)
        return [Ended(push.listing, result, f"said-{result}") for push in batch]

    def release(self) -> None:
        """Let pushes that wait end, and those to come."""
        self.is_held = False
        self._held.set()

    async def push_bulk(self, batch: Sequence[Push], key: str) -> Sequence[Ended]:
        """See the port."""
        return await self.push(batch, key)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """See the port."""
        self.looks.append(tuple(listings))
        return {listing: self.shown[listing] for listing in listings if listing in self.shown}

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """See the port."""
        self.asked.append(named.order_id)
        told = self.orders.get(named.order_id, ChannelError(Result.PERMANENT, f"no order {named.order_id}"))
        if isinstance(told, Exception):
            raise told
        return told
