"""The flash sale as the demo plays it: a crowd, probes beside it, and a worker killed in its middle."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final

from inventory_stream.demo.board import Board
from inventory_stream.demo.customers import crowd, refreshers
from inventory_stream.demo.entries import KafkaEntry
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.owners import owner_of
from inventory_stream.demo.probes import Probes
from inventory_stream.demo.sale import RESERVATION_TTL_SECONDS, Sale, SaleItem
from inventory_stream.demo.stage import LEDGER_WORKERS, Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.waiting import until
from models.commands import Sync
from models.ids import partition_of

PROBES_PER_SECOND: Final = 100.0
"""Enough for a 99th percentile within a sale of seconds, and no load to speak of."""

KILL_AT_SHARE_LEFT: Final = 0.5
"""The worker dies when half of the stock is promised: every unit sold twice would show."""

KILL_SECONDS_MAX: Final = 60.0
"""Longest wait for the moment of the kill; half the stock is gone within a third of the sale."""

RECOVERY_SECONDS_MAX: Final = 90.0
"""Longest wait for the next owner. Expected: its restart (2 s), or the session timeout (6 s) and the
read of its partitions (300k rows/s)."""

REST_SECONDS_MAX: Final = RESERVATION_TTL_SECONDS + 15.0
"""Longest wait for what is left behind to expire: its deadline, the clock skew (2 s), and one second
of looking."""

WAVES_MAX: Final = 3
"""Of customers who refresh the page for units that came back after the crowd had left."""


@dataclass(slots=True)
class Kill:
    """The worker that was killed: monotonic seconds of the kill and of the first decision after it."""

    worker: str
    at_seconds: float
    recovery_seconds: float | None = None


class SaleAct:
    """One flash sale on one SKU."""

    def __init__(self, item: SaleItem, stage: Stage, lines: Lines, tally: Tally) -> None:
        self.sale = Sale(item, KafkaEntry(lines.packed, item.sku))
        self.probes = Probes(
            lines.single, lines.view, f"{item.run}-{item.sku}", stage.settings.kafka.partitions
        )
        self.kill: Kill | None = None
        self.began_ms = self.ended_ms = 0
        self._item = item
        self._stage = stage
        self._lines = lines
        self._tally = tally
        self._partition = partition_of(item.sku, stage.settings.kafka.partitions)

    async def play(self, board: Board, seed: int, wanted_units: int, sale_seconds: float) -> None:
        """Open the doors, kill the owner, let everybody finish.

        Raises:
            DemoError: something did not happen in time.
            UnreachableError: a server went away.
        """
        stock = self._tally.sale.stock_units
        await self._lines.single.send(
            Sync(f"{self._item.run}-sale-stock", self._item.sku, self._item.location, stock, _now_ms()),
            self._item.sku,
        )
        await until(lambda: self._tally.sale_available_units == stock, 30.0, "the sale's stock")
        stop_probes = asyncio.Event()
        async with asyncio.TaskGroup() as beside:
            listening = beside.create_task(self.probes.listen())
            await self.probes.warm_up()
            probing = beside.create_task(self.probes.send_at(PROBES_PER_SECOND, stop_probes))
            killing = beside.create_task(self._kill_in_the_middle(board))
            customers = crowd(seed, wanted_units, sale_seconds)
            board.say(
                f"flash sale: {len(customers):,} customers want {wanted_units:,} units of {stock:,} "
                f"(all generated, seed {seed})"
            )
            board.detail("customers come (generated)")
            self.began_ms = _now_ms()
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

    def latencies(self, *, in_outage: bool) -> list[float]:
        """Give the seconds of the probes under way while the killed worker was away, or of all others."""
        kill = self.kill
        if kill is None:
            return [] if in_outage else [sample.took_seconds for sample in self.probes.samples]
        back_at = kill.at_seconds + (math.inf if kill.recovery_seconds is None else kill.recovery_seconds)
        return [
            sample.took_seconds
            for sample in self.probes.samples
            if (kill.at_seconds <= sample.seen_seconds and sample.intended_seconds <= back_at) == in_outage
        ]

    async def _kill_in_the_middle(self, board: Board) -> None:
        """Kill the owner of the sale's partition with half of the stock promised, and time its successor."""
        half = self._tally.sale.stock_units * KILL_AT_SHARE_LEFT
        await until(
            lambda: (self._tally.sale_available_units or 0) <= half, KILL_SECONDS_MAX, "half the sale"
        )
        worker = await owner_of(self._stage.settings, self._partition, LEDGER_WORKERS)
        if worker is None:
            raise DemoError(f"nobody owns partition {self._partition}\n{self._stage.log_tails()}")
        term = max(self._terms(), default=-1)
        left = self._tally.sale_available_units
        at_ms, self.kill = _now_ms(), Kill(worker, time.monotonic())
        pid = self._stage.kill(worker)
        board.say(
            f"kill -9 {worker} (pid {pid}), which owns the sale's partition {self._partition}; "
            f"{left:,} units left"
        )
        await until(lambda: self._first_answer_ms(term) is not None, RECOVERY_SECONDS_MAX, "the next owner")
        self.kill.recovery_seconds = ((self._first_answer_ms(term) or at_ms) - at_ms) / 1_000
        board.say(
            f"partition {self._partition} is decided again {self.kill.recovery_seconds:.1f} s after the kill"
        )

    def _terms(self) -> list[int]:
        """Give the terms in which the sale's partition was decided."""
        return [term for partition, term in self._tally.first_answer_ms if partition == self._partition]

    def _first_answer_ms(self, after_term: int) -> int | None:
        """Give the record time of the first decision by a later owner than that of `after_term`."""
        times = [
            at_ms
            for (partition, term), at_ms in self._tally.first_answer_ms.items()
            if partition == self._partition and term > after_term
        ]
        return min(times, default=None)

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


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
