"""The flash sale as the demo plays it: a crowd at two gateways, probes beside it, two kills in its middle."""

import asyncio
import math
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from inventory_stream.demo.board import Board
from inventory_stream.demo.customers import crowd, refreshers
from inventory_stream.demo.gateway_entry import GatewayEntry
from inventory_stream.demo.heard import Heard
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.probes import Probes
from inventory_stream.demo.sale import RESERVATION_TTL_SECONDS, Sale, SaleItem
from inventory_stream.demo.sale_kills import Kills
from inventory_stream.demo.sale_report import SaleResult
from inventory_stream.demo.shop import CUSTOMER_UNITS_MAX, PAGE_SKU, SPARE_SKU, SPARE_UNITS
from inventory_stream.demo.stage import Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.waiting import ask_until, until
from models.ids import partition_of

PROBES_PER_SECOND: Final = 100.0
"""Enough for a 99th percentile within a sale of seconds, and no load to speak of."""

READY_SECONDS_MAX: Final = 90.0
"""Longest wait for the gateways' first look at the whole ledger: 10 s here after the till history."""

SALE_MINUTES: Final = 60
"""How long the sale is open: longer than any demo."""

REST_SECONDS_MAX: Final = RESERVATION_TTL_SECONDS + 15.0
"""Longest wait for what is left behind to expire: its deadline, the clock skew (2 s), and one second
of looking."""

WAVES_MAX: Final = 3
"""Of customers who refresh the page for units that came back after the crowd had left."""


class SaleAct:
    """One flash sale on one SKU."""

    def __init__(self, item: SaleItem, stage: Stage, lines: Lines, tally: Tally) -> None:
        """Prepare; the gateways have been started."""
        self.entry = GatewayEntry(stage.gateways, stage.shop.keys.storefront)
        self.sale = Sale(item, self.entry)
        self.probes = Probes(
            lines.single, lines.view, f"{item.run}-{item.sku}", stage.settings.kafka.partitions
        )
        self.kills = Kills(stage, tally, self.entry, partition_of(item.sku, stage.settings.kafka.partitions))
        self.began_ms = self.ended_ms = 0
        self._began_seconds = 0.0
        self._item = item
        self._stage = stage
        self._tally = tally

    async def until_ready(self) -> None:
        """Wait until the gateways have read the ledger.

        Raises:
            DemoError: not within READY_SECONDS_MAX.
        """
        for name, gateway in self._stage.gateways.items():
            await ask_until(gateway.is_ready, READY_SECONDS_MAX, f"{name} to be ready", self._stage.log_tails)

    async def play(self, board: Board, seed: int, wanted_units: int, sale_seconds: float) -> None:
        """Open the doors, kill an owner and a gateway, let everybody finish.

        Raises:
            DemoError: something did not happen in time.
            UnreachableError: a server went away.
        """
        stock = self._tally.sale.stock_units
        await self._open(stock)
        await until(lambda: self._tally.sale_available_units == stock, 30.0, "the sale's stock")
        stop_probes = asyncio.Event()
        async with self.entry, asyncio.TaskGroup() as beside:
            listening = beside.create_task(self.probes.listen())
            await self.probes.warm_up()
            probing = beside.create_task(self.probes.send_at(PROBES_PER_SECOND, stop_probes))
            killing = beside.create_task(self.kills.play(board))
            customers = crowd(seed, wanted_units, sale_seconds)
            board.say(
                f"flash sale over HTTP: {len(customers):,} customers want {wanted_units:,} units of "
                f"{stock:,} (all generated, seed {seed})"
            )
            board.detail("customers come (generated)")
            self.began_ms, self._began_seconds = _now_ms(), time.monotonic()
            await self.sale.open_to(customers)
            await killing
            await self._let_the_rest_sell(board, seed)
            self.ended_ms = _now_ms()
            sold = self._tally.sale.held.sold
            board.detail(
                f"{sold:,} of {stock:,} units sold, {self._tally.sale.oversold_units:,} oversold, to "
                f"{self.sale.wanted_units:,} wanted"
            )
            stop_probes.set()
            await probing
            await self.probes.drain()
            listening.cancel()

    def result(self) -> SaleResult:
        """Hold what was heard against the ledger; once the tally has heard all."""
        began, ended = self.outage
        heard = self.sale.hearings.heard
        calm = [one for one in heard if one.answered_seconds < began or one.due_seconds > ended]
        gateway = self.kills.gateway
        per_second = Counter(int(one.answered_seconds) for one in heard)
        return SaleResult(
            requests=self.sale.sent,
            seconds=(self.ended_ms - self.began_ms) / 1_000,
            per_second_peak=max(per_second.values(), default=0),
            decided_seconds=[one.took_seconds for one in calm if not one.is_early],
            early_seconds=[one.took_seconds for one in calm if one.is_early],
            not_answered=self.entry.not_answered,
            outage_seconds=ended - began,
            killed_gateway=gateway.name if gateway is not None else "nobody",
            killed_under_way=gateway.under_way if gateway is not None else 0,
            gateway_back_seconds=gateway.back_after_seconds if gateway is not None else None,
            unanswered=len(self.sale.hearings.unanswered),
            customer_units_max=self._tally.sale.customer_units_max,
            customer_units_allowed=CUSTOMER_UNITS_MAX,
            compared=self.sale.hearings.compare(self._tally.sale),
        )

    @property
    def outage(self) -> tuple[float, float]:
        """When callers felt the kills (monotonic seconds): until both were back and all who waited heard."""
        kills = [kill for kill in (self.kills.worker, self.kills.gateway) if kill is not None]
        if not kills:
            return math.inf, math.inf
        began = min(kill.at_seconds for kill in kills)
        back = max(
            kill.at_seconds + (math.inf if kill.back_after_seconds is None else kill.back_after_seconds)
            for kill in kills
        )
        return began, max([back, *_answered_of(self.sale.hearings.heard, began, back)])

    def probe_seconds(self, *, in_outage: bool) -> list[float]:
        """Give the seconds of the probes under way while the killed worker was away, or of all others."""
        kill = self.kills.worker
        if kill is None:
            return [] if in_outage else [sample.took_seconds for sample in self.probes.samples]
        back_at = kill.at_seconds + (math.inf if kill.back_after_seconds is None else kill.back_after_seconds)
        return [
            sample.took_seconds
            for sample in self.probes.samples
            if (kill.at_seconds <= sample.seen_seconds and sample.intended_seconds <= back_at) == in_outage
        ]

    async def _open(self, stock_units: int) -> None:
        """Put everything on the shelves and open the sale, as the shop's owner does."""
        item, now = self._item, datetime.now(UTC)
        async with GatewayEntry(self._stage.gateways, self._stage.shop.keys.owner) as owner:
            for sku, units in ((item.sku, stock_units), (PAGE_SKU, 1), (SPARE_SKU, SPARE_UNITS)):
                count = {
                    "sku": sku,
                    "location": item.location,
                    "on_hand": units,
                    "effective_at": now.isoformat(),
                }
                await owner.post("/v1/stock/syncs", f"{item.run}-stock-{sku}", count)
            sale = {
                "sale_id": item.sale_id,
                "starts_at": now.isoformat(),
                "ends_at": (now + timedelta(minutes=SALE_MINUTES)).isoformat(),
                "limit_per_customer": CUSTOMER_UNITS_MAX,
                "lines": [{"sku": item.sku, "location": item.location, "units": stock_units}],
            }
            await owner.post("/v1/sales", f"{item.run}-sale", sale)

    async def _let_the_rest_sell(self, board: Board, seed: int) -> None:
        """Wait until what was left behind expires, and sell it to those who kept refreshing the page."""
        sale = self._tally.sale
        for wave in range(1, WAVES_MAX + 1):
            board.detail("what was left behind expires")
            await until(lambda: sale.held.reserved == 0, REST_SECONDS_MAX, "reservations to expire")
            left = self._tally.sale_available_units or 0
            if not left:
                return
            board.say(f"{left:,} units came back and are sold to those who kept refreshing the page")
            await self.sale.open_to(refreshers(seed, wave, left))


def _answered_of(heard: list[Heard], began: float, back: float) -> list[float]:
    """Give when those were answered who waited at some moment of an outage."""
    return [
        one.answered_seconds for one in heard if one.answered_seconds >= began and one.due_seconds <= back
    ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
