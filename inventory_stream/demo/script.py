"""The script of the demo once its servers run: workers, till sales, flash sale, kills, audit."""

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import Final

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.demo.board import Board, Shelf, WorkerLine
from inventory_stream.demo.channels_act import ChannelsAct
from inventory_stream.demo.channels_report import ChannelsResult
from inventory_stream.demo.life_act import LifeAct
from inventory_stream.demo.life_report import LifeResult
from inventory_stream.demo.lines import Lines, open_lines
from inventory_stream.demo.report import Result
from inventory_stream.demo.sale import SaleItem
from inventory_stream.demo.sale_act import SaleAct
from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.demo.shop import LOCATION, SALE_ID, SALE_SKU, SHOP_SKUS
from inventory_stream.demo.stage import GATEWAYS, LEDGER_WORKERS, Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.till_act import TillAct
from inventory_stream.demo.waiting import ask_until
from inventory_stream.demo.watch import LedgerWatch, wait_until_decided, wait_until_fresh
from inventory_stream.flows.verify import verify_ledger
from inventory_stream.flows.verify_report import VerifyReport

SERVERS: Final = "Kafka and Valkey"
WORKERS: Final = "ledger workers and projection"
TILLS: Final = "till history"
LIFE: Final = "life of orders"
DOORS: Final = "gateways"
SALE: Final = "flash sale"
CHANNELS: Final = "channels"
SETTLE: Final = "everything decided"
VERIFY: Final = "ledger verify"
STEPS: Final = (SERVERS, WORKERS, TILLS, LIFE, DOORS, SALE, CHANNELS, SETTLE, VERIFY)

READY_SECONDS_MAX: Final = 60.0
"""Longest wait for the first claims: 3 s here with everything starting at once."""

BOARD_SECONDS: Final = 0.25
"""Between two looks at figures and processes for the view."""


@dataclass(frozen=True, slots=True)
class Script:
    """What to play."""

    seed: int
    till_rows: int
    orders: int
    sale_stock_units: int
    demand_factor: int
    sale_seconds: float
    channels_seconds: float


class Play:
    """One run of the script on a stage whose servers run."""

    def __init__(self, script: Script, stage: Stage, board: Board) -> None:
        self._script = script
        self._stage = stage
        self._board = board
        self._item = SaleItem(SALE_SKU, LOCATION, SALE_ID, f"demo{script.seed}")
        self._tally = Tally(SaleTally(SALE_SKU, script.sale_stock_units), SHOP_SKUS)
        self._partitions = stage.settings.kafka.partitions

    async def run(self) -> Result:
        """Play it.

        Raises:
            InventoryStreamError: it cannot go on; in an exception group when it came from beside.
        """
        board, stage = self._board, self._stage
        board.begin(WORKERS)
        await create_topics(stage.settings)
        stage.start_workers()
        async with open_lines(stage.settings) as lines, asyncio.TaskGroup() as beside:
            watch = LedgerWatch(lines.ledger, self._partitions, self._tally)
            watching = beside.create_task(watch.run())
            keeping = beside.create_task(self._keep_board(lines))
            await self._wait_until_ready(lines, watch)
            till_act = TillAct(stage, lines, self._tally)
            board.begin(TILLS)
            history = await till_act.play(board, self._script.till_rows, self._script.seed)
            board.begin(LIFE)
            life = LifeAct(stage, lines, self._tally)
            lived = await life.play(
                board, history.on_hand, history.is_online, self._script.seed, self._script.orders
            )
            board.begin(DOORS)
            board.detail("reading the ledger from its first row")
            stage.start_gateways()
            act = SaleAct(self._item, stage, lines, self._tally)
            await act.until_ready()
            board.detail(", ".join(f"{name} at {stage.gateway_urls[name]}" for name in GATEWAYS))
            board.begin(SALE)
            wanted = self._script.sale_stock_units * self._script.demand_factor
            await act.play(board, self._script.seed, wanted, self._script.sale_seconds)
            board.begin(CHANNELS)
            channels_act = ChannelsAct(stage, lines, self._item.run)
            channels = await channels_act.play(board, self._script.seed, self._script.channels_seconds)
            board.begin(SETTLE)
            await wait_until_decided(stage, lines, self._tally)
            board.begin(VERIFY)
            # The watch has heard all that there is; verify reads through the same connections.
            watching.cancel()
            verified = await self._verify(lines)
            board.finish()
            keeping.cancel()
            return await self._result(lines, watch, till_act, lived, act, channels, verified)

    async def _wait_until_ready(self, lines: Lines, watch: LedgerWatch) -> None:
        """Wait until every partition has an owner, and a heartbeat of the projection."""

        async def is_ready() -> bool:
            self._board.detail(f"{watch.owned_partitions} of {self._partitions} partitions owned")
            return watch.owned_partitions == self._partitions

        await ask_until(is_ready, READY_SECONDS_MAX, "owners of all partitions", self._stage.log_tails)
        await wait_until_fresh(self._stage, lines)
        self._board.detail(f"{self._partitions} partitions owned by {len(LEDGER_WORKERS)} workers")

    async def _verify(self, lines: Lines) -> VerifyReport:
        """Recompute every invariant from the ledger's rows, and compare Redis with them."""
        rows_read = 0

        def count(rows: int) -> None:
            nonlocal rows_read
            rows_read += rows
            self._board.detail(f"{rows_read:,} rows read")

        report = await verify_ledger(lines.ledger, LiveRows, range(self._partitions), lines.view, count)
        self._board.detail(
            f"{'sound' if report.is_sound else 'BROKEN'}: {rows_read:,} rows, "
            f"{report.skus_compared or 0:,} SKUs compared with Redis"
        )
        return report

    async def _result(
        self,
        lines: Lines,
        watch: LedgerWatch,
        tills: TillAct,
        life: LifeResult,
        act: SaleAct,
        channels: ChannelsResult,
        verified: VerifyReport,
    ) -> Result:
        tally, sale = self._tally, self._tally.sale
        workers = self._stage.workers()
        shortfalls = tally.shortfalls_but_of_life()
        kill, killed = act.kills.worker, act.kills.names | {channels.killed}
        ended = [
            f"{worker.name} (status {status})"
            for worker in workers
            for status in worker.exit_statuses[worker.name in killed :]
        ]
        return Result(
            sent=lines.sent,
            decided=tally.answers,
            decided_for_gateways=tally.shop_answers,
            repeats=tally.repeats,
            dead_letters=await lines.dead_letter_count(),
            decided_in_history=tills.decided,
            history_seconds=tills.seconds,
            history_redis_seconds=tills.redis_seconds,
            history_real=tills.real,
            history_generated=tills.generated,
            history_positions_wrong=tills.positions_wrong,
            life=life,
            sale=act.result(),
            channels=channels,
            decided_in_sale=tally.answers_between(act.began_ms, act.ended_ms),
            sale_seconds=(act.ended_ms - act.began_ms) / 1_000,
            decided_per_second_peak=tally.answers_per_second_peak,
            sale_stock_units=sale.stock_units,
            sale_wanted_units=act.sale.wanted_units,
            sale_sold_units=sale.held.sold,
            sale_granted_units=sale.granted_units,
            sale_returned_units=sale.held.given_back,
            sale_promised_peak_units=sale.promised_peak_units,
            sale_oversold_units=sale.oversold_units,
            sale_unexplained_units=sale.unexplained_units,
            repeats_same=sale.repeats_same,
            repeats_different=sale.repeats_different,
            answered_twice=sale.answered_twice,
            latency_seconds=act.probe_seconds(in_outage=False),
            latency_outage_seconds=act.probe_seconds(in_outage=True),
            probes_unseen=act.probes.unseen,
            killed_worker=kill.name if kill is not None else "nobody",
            recovery_seconds=kill.back_after_seconds if kill is not None else None,
            shortfall_units=sum(shortfalls.values()),
            shortfall_skus=len({sku for sku, _ in shortfalls}),
            stale_rows=watch.alarms,
            workers_down=[worker.name for worker in workers if worker.pid is None],
            workers_ended=ended,
            verified=verified,
        )

    async def _keep_board(self, lines: Lines) -> None:
        """Keep the view's figures up to date; runs until cancelled."""
        board, tally = self._board, self._tally
        while True:
            board.sent, board.answered = lines.sent + tally.shop_answers, tally.answers
            last_second = int(time.time()) - 1
            board.per_second = tally.answers_in_second[last_second]
            if tally.sale_available_units is not None:
                held = tally.sale.held
                board.shelf = Shelf(
                    tally.sale_available_units, held.reserved, held.sold, tally.sale.stock_units
                )
            board.workers = tuple(
                WorkerLine(
                    worker.name,
                    worker.pid,
                    _state(worker.pid, worker.exit_statuses),
                    worker.pid is not None,
                )
                for worker in self._stage.workers()
            )
            await asyncio.sleep(BOARD_SECONDS)


def _state(pid: int | None, exit_statuses: tuple[int, ...]) -> str:
    if pid is None:
        return f"down (status {exit_statuses[-1]})" if exit_statuses else "down"
    if not exit_statuses:
        return "up"
    last = exit_statuses[-1]
    return "up again after kill -9" if last == -signal.SIGKILL else f"up again after status {last}"
