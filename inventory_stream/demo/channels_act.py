"""Channels follow the ledger while shoppers buy: one breaks, their worker dies, one sells by itself."""

import asyncio
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from inventory_stream.demo.board import Board
from inventory_stream.demo.channels_report import ChannelsResult
from inventory_stream.demo.channels_shop import BROKEN, CHANNELS, LISTINGS, SELLER
from inventory_stream.demo.gateway_entry import Gateway, GatewayEntry
from inventory_stream.demo.heard import CREATED, Request
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.sandbox_line import Channel, SandboxLine
from inventory_stream.demo.shop import CHANNEL_SKUS, LOCATION
from inventory_stream.demo.stage import CHANNEL_WORKER, Stage
from inventory_stream.demo.waiting import ASK_SECONDS, ask_until
from inventory_stream.sandbox.faults import Fault

STOCK_UNITS: Final = 30
"""Of each SKU: enough to be seen falling, few enough to sell out."""

DEMAND_FACTOR: Final = 1.3
"""Wishes for each unit, so that nearly all sell out and the zero lane has work."""

ORDER_UNITS: Final = 2
REPEATS: Final = 2
"""How often the channel's webhook comes: at least once means sometimes twice."""

SELL_AT, BREAK_AT, KILL_AT = 0.1, 0.25, 0.5
"""Shares of the act at which these happen."""

WORK_SECONDS: Final = 0.03
"""How long a channel takes for a write: shoppers are faster, and two requests at once would be seen."""

SENT_SECONDS: Final = 0.3
"""How long requests of a killed worker may still be counted: far above the sandbox's answers (40 ms)."""

READY_SECONDS_MAX: Final = 60.0
SAME_SECONDS_MAX: Final = 90.0
"""Longest wait until all show what the ledger has: the breaker's longest pause (30 s), a restart (4 s), the
group's session timeout (6 s), thrice."""

BROKEN_SECONDS_MAX: Final = 300.0
"""A channel that nobody mends is broken for longer than the act."""

CHANNEL: Final = "web"
_ID: Final = "demo-channels"


class ChannelsAct:
    """One act; the gateways, the sandbox and the channel worker have been started."""

    def __init__(self, stage: Stage, lines: Lines, run: str) -> None:
        self._stage = stage
        self._lines = lines
        self._run = f"{run}-channels"
        self._bought = 0
        self._answers: list[int] = []
        self._back_seconds = 0.0
        self._broken_seconds = 0.0
        self._broken_at = 0.0
        self.killed = frozenset({CHANNEL_WORKER})

    async def play(self, board: Board, seed: int, seconds: float) -> ChannelsResult:
        """Stock the shelves, let shoppers in, break and mend, and wait until all are the same.

        Raises:
            DemoError: something did not happen in time.
            UnreachableError: a server went away.
        """
        worker = Gateway("", f"{self._stage.monitoring_urls[CHANNEL_WORKER]}/ready")
        await ask_until(worker.is_ready, READY_SECONDS_MAX, "the channel worker", self._stage.log_tails)
        await self._stock()
        async with SandboxLine(self._stage.sandbox_url) as sandbox:
            for channel in CHANNELS:
                await sandbox.slow(channel, WORK_SECONDS)
            await self._until_same(board, sandbox)
            board.say(f"{', '.join(CHANNELS)} show {STOCK_UNITS} of each of {len(CHANNEL_SKUS)} SKUs")
            began = time.monotonic()
            async with asyncio.TaskGroup() as beside:
                showing = beside.create_task(self._show(board, sandbox))
                await asyncio.gather(self._shop(seed, seconds), self._disturb(board, sandbox, began, seconds))
                showing.cancel()
            behind = await self._behind(sandbox)
            await sandbox.mend(BROKEN)
            mended = time.monotonic()
            self._broken_seconds = mended - self._broken_at
            board.say(f"{BROKEN} is mended; it shows {behind:,} units otherwise than the ledger")
            await self._until_same(board, sandbox)
            caught_up = time.monotonic() - mended
            board.say(f"all channels show what the ledger has, {caught_up:.1f} s later")
            return await self._result(board, sandbox, behind, caught_up)

    async def _stock(self) -> None:
        async with GatewayEntry(self._stage.gateways, self._stage.shop.keys.owner) as owner:
            now = datetime.now(UTC).isoformat()
            for sku in CHANNEL_SKUS:
                count = {"sku": sku, "location": LOCATION, "on_hand": STOCK_UNITS, "effective_at": now}
                await owner.post("/v1/stock/syncs", f"{self._run}-stock-{sku}", count)

    async def _shop(self, seed: int, seconds: float) -> None:
        """Buy over HTTP, at random times, what the channels list too; the first SKU is left to a channel."""
        dice = random.Random(seed)  # noqa: S311  # a crowd, no secret
        skus = CHANNEL_SKUS[1:]
        wishes = int(len(skus) * STOCK_UNITS * DEMAND_FACTOR)
        began = time.monotonic()
        door = GatewayEntry(self._stage.gateways, self._stage.shop.keys.storefront)
        async with door as entry, asyncio.TaskGroup() as crowd:
            for number in range(wishes):
                at_seconds = began + dice.uniform(0, seconds)
                crowd.create_task(self._buy(entry, number, dice.choice(skus), at_seconds))

    async def _buy(self, entry: GatewayEntry, number: int, sku: str, at_seconds: float) -> None:
        await asyncio.sleep(max(0.0, at_seconds - time.monotonic()))
        key = f"{self._run}-{number}"
        wish = {"sku": sku, "location": LOCATION, "units": 1, "ttl_seconds": 60, "channel": CHANNEL}
        held = await entry.ask(Request("reserve", key, "/v1/reservations", wish), at_seconds)
        if held is None or held.status != CREATED:
            return
        path = f"/v1/reservations/{quote(held.reservation_id, safe='')}/confirm"
        await entry.ask(Request("confirm", f"{key}-confirm", path, {}), time.monotonic())
        self._bought += 1

    async def _disturb(self, board: Board, sandbox: SandboxLine, began: float, seconds: float) -> None:
        """Sell at a channel, break another, kill the worker: each at its share of the act."""
        await _until(began + seconds * SELL_AT)
        listing = next(iter(LISTINGS[SELLER]))
        order = f"{self._run}-order"
        self._answers = await sandbox.sell(SELLER, order, listing, ORDER_UNITS, REPEATS)
        board.say(f"{SELLER} sells {ORDER_UNITS} of {CHANNEL_SKUS[0]} by itself and tells it {REPEATS} times")
        await _until(began + seconds * BREAK_AT)
        await sandbox.break_for(BROKEN, Fault.SERVER_ERROR, BROKEN_SECONDS_MAX)
        self._broken_at = time.monotonic()
        board.say(f"{BROKEN} is broken: it answers 500 to everything")
        await _until(began + seconds * KILL_AT)
        pid = self._stage.kill(CHANNEL_WORKER)
        killed = time.monotonic()
        # What the dead one had sent is still answered; the next one needs seconds to start.
        await asyncio.sleep(SENT_SECONDS)
        requests = (await sandbox.look(SELLER)).requests
        board.say(f"kill -9 {CHANNEL_WORKER} (pid {pid}), which tells all channels")

        async def is_back() -> bool:
            return (await sandbox.look(SELLER)).requests > requests

        await ask_until(is_back, SAME_SECONDS_MAX, "the next request to a channel", self._stage.log_tails)
        self._back_seconds = time.monotonic() - killed
        board.say(f"{SELLER} is told again {self._back_seconds:.1f} s after the kill")

    async def _until_same(self, board: Board, sandbox: SandboxLine) -> None:
        async def is_same() -> bool:
            looked, ledger = await self._look(board, sandbox)
            return len(ledger) == len(CHANNEL_SKUS) and not _differences(looked, ledger)

        await ask_until(
            is_same, SAME_SECONDS_MAX, "the channels to show what the ledger has", self._stage.log_tails
        )

    async def _show(self, board: Board, sandbox: SandboxLine) -> None:
        """Keep the board up to date; runs until cancelled."""
        while True:
            await self._look(board, sandbox)
            await asyncio.sleep(ASK_SECONDS)

    async def _look(
        self, board: Board, sandbox: SandboxLine
    ) -> tuple[Mapping[str, Channel], Mapping[str, int]]:
        ledger = await self._ledger()
        looked = {channel: await sandbox.look(channel) for channel in CHANNELS}
        shown = ", ".join(f"{channel} {sum(one.shown.values()):,}" for channel, one in looked.items())
        board.detail(f"units: ledger {sum(ledger.values()):,}, {shown}")
        return looked, ledger

    async def _behind(self, sandbox: SandboxLine) -> int:
        ledger, broken = await self._ledger(), await sandbox.look(BROKEN)
        return sum(
            abs(broken.shown[listing] - ledger.get(sku, 0)) for listing, sku in LISTINGS[BROKEN].items()
        )

    async def _ledger(self) -> Mapping[str, int]:
        """Ask what storefronts may sell of each SKU; channels without a policy show the same (R5, R25)."""
        rows = await self._lines.view.read(CHANNEL_SKUS)
        return {row.sku: row.locations.get(LOCATION, 0) for row in rows if row is not None}

    async def _result(
        self, board: Board, sandbox: SandboxLine, behind: int, caught_up_seconds: float
    ) -> ChannelsResult:
        looked, ledger = await self._look(board, sandbox)
        return ChannelsResult(
            listings={channel: len(listings) for channel, listings in LISTINGS.items()},
            differences=_differences(looked, ledger),
            sold_out=sum(units == 0 for one in looked.values() for units in one.shown.values()),
            orders=self._bought,
            requests={channel: one.requests for channel, one in looked.items()},
            overlaps=sum(one.overlaps for one in looked.values()),
            order_channel=SELLER,
            order_units=ORDER_UNITS,
            order_available=ledger[CHANNEL_SKUS[0]],
            order_expected=STOCK_UNITS - ORDER_UNITS,
            order_answers=self._answers,
            killed=CHANNEL_WORKER,
            back_seconds=self._back_seconds,
            broken=BROKEN,
            broken_seconds=self._broken_seconds,
            behind_units=behind,
            caught_up_seconds=caught_up_seconds,
        )


def _differences(looked: Mapping[str, Channel], ledger: Mapping[str, int]) -> list[str]:
    return [
        f"{channel} shows {looked[channel].shown.get(listing)} of {listing}, the ledger has "
        f"{ledger.get(sku)} of {sku}"
        for channel, listings in LISTINGS.items()
        for listing, sku in listings.items()
        if looked[channel].shown.get(listing) != ledger.get(sku)
    ]


async def _until(at_seconds: float) -> None:
    await asyncio.sleep(max(0.0, at_seconds - time.monotonic()))
