"""The script of the demo once its servers run: workers, till sales, flash sale, kill, audit."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.demo.board import Board, Shelf, WorkerLine
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.history import History, HistoryEvent, Origin, Position
from inventory_stream.demo.journey import Journey
from inventory_stream.demo.lines import Lines, open_lines
from inventory_stream.demo.report import Result
from inventory_stream.demo.sale import SaleItem
from inventory_stream.demo.sale_act import SaleAct
from inventory_stream.demo.stage import LEDGER_WORKERS, Stage
from inventory_stream.demo.tally import SaleTally, Tally
from inventory_stream.demo.watch import LedgerWatch, undecided_records
from inventory_stream.flows.verify import verify_ledger
from inventory_stream.flows.verify_report import VerifyReport

SERVERS: Final = "Kafka and Valkey"
WORKERS: Final = "ledger workers and projection"
TILLS: Final = "till history"
SALE: Final = "flash sale"
SETTLE: Final = "everything decided"
VERIFY: Final = "ledger verify"
STEPS: Final = (SERVERS, WORKERS, TILLS, SALE, SETTLE, VERIFY)

READY_SECONDS_MAX: Final = 60.0
"""Longest wait for the first claims and heartbeats: 4 s here with everything starting at once."""

DECIDED_SECONDS_MAX: Final = 120.0
"""Longest wait until all that was sent is decided and in Redis; 5 s here after the last of the till
history, which is what piles up most."""

BOARD_SECONDS: Final = 0.25
"""Between two looks at figures and processes for the view."""

LOOP_SHARE: Final = 256
"""Commands handed over before the loop's other tasks get a turn: a millisecond of work."""

SALE_SKU: Final = "demo-flash-sale"
SALE_LOCATION: Final = "web-warehouse"


@dataclass(frozen=True, slots=True)
class Script:
    """What to play."""

    seed: int
    till_rows: int
    sale_stock_units: int
    demand_factor: int
    sale_seconds: float


@dataclass(slots=True)
class Tills:
    """What became of the till history."""

    real: int = 0
    generated: int = 0
    seconds: float = 0.0
    decided: int = 0
    expected: Mapping[Position, int] = field(default_factory=dict)


class Play:
    """One run of the script on a stage whose servers run."""

    def __init__(self, script: Script, stage: Stage, board: Board) -> None:
        self._script = script
        self._stage = stage
        self._board = board
        self._item = SaleItem(SALE_SKU, SALE_LOCATION, f"demo{script.seed}")
        self._tally = Tally(SaleTally(SALE_SKU, script.sale_stock_units))
        self._partitions = stage.settings.kafka.partitions
        self._tills = Tills()

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
            act = SaleAct(self._item, stage, lines, self._tally)
            watch = LedgerWatch(lines.ledger, self._partitions, self._tally, act.sale.hear)
            watching = beside.create_task(watch.run())
            keeping = beside.create_task(self._keep_board(lines))
            await self._wait_until_ready(lines, watch)
            board.begin(TILLS)
            await self._replay_tills(lines)
            board.begin(SALE)
            wanted = self._script.sale_stock_units * self._script.demand_factor
            await act.play(board, self._script.seed, wanted, self._script.sale_seconds)
            board.begin(SETTLE)
            await self._wait_until_decided(lines)
            board.begin(VERIFY)
            # The watch has heard all that there is; verify reads through the same connections.
            watching.cancel()
            verified = await self._verify(lines)
            board.finish()
            keeping.cancel()
            return await self._result(lines, watch, act, verified)

    async def _wait_until_ready(self, lines: Lines, watch: LedgerWatch) -> None:
        """Wait until every partition has an owner and a heartbeat of the projection."""
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while (
                    watch.owned_partitions < self._partitions
                    or len(await lines.view.fresh(range(self._partitions))) < self._partitions
                ):
                    self._board.detail(f"{watch.owned_partitions} of {self._partitions} partitions owned")
                    await asyncio.sleep(BOARD_SECONDS)
        except TimeoutError:
            raise DemoError(
                f"the workers were not ready after {READY_SECONDS_MAX:.0f} s\n{self._stage.log_tails()}"
            ) from None
        self._board.detail(f"{self._partitions} partitions owned by {len(LEDGER_WORKERS)} workers")

    async def _replay_tills(self, lines: Lines) -> None:
        """Send the opening stock, wait until it stands, then the history as fast as it is taken."""
        board, tills = self._board, self._tills
        board.detail("reading (real till sales; stock, deliveries and online orders are generated)")
        history = await asyncio.to_thread(History, Journey(), self._script.till_rows, self._script.seed)
        before, began = self._tally.answers, time.monotonic()
        await self._send_all(lines, history.openings(), "opening stock (generated)")
        await self._wait_until_decided(lines)
        await self._send_all(lines, history.events(), "real sales; deliveries, online orders (generated)")
        await self._wait_until_decided(lines)
        tills.seconds, tills.decided = time.monotonic() - began, self._tally.answers - before
        tills.expected = history.on_hand
        left_out = ", ".join(f"{rows:,} {reason}" for reason, rows in history.left_out.items())
        board.detail(
            f"{tills.real:,} real till sales, {tills.generated:,} generated commands in {tills.seconds:.1f} s"
        )
        board.say(
            f"till history: {tills.real:,} real sales, {tills.generated:,} generated commands; left out: "
            f"{left_out or 'none'}"
        )

    async def _send_all(self, lines: Lines, events: Iterable[HistoryEvent], what: str) -> None:
        tills = self._tills
        for number, (origin, command) in enumerate(events):
            await lines.packed.send(command, getattr(command, "sku", None))
            if origin is Origin.REAL:
                tills.real += 1
            else:
                tills.generated += 1
            if number % LOOP_SHARE == 0:
                self._board.detail(f"{what}: {tills.real:,} real, {tills.generated:,} generated")
                await asyncio.sleep(0)
        await lines.packed.flush()

    async def _wait_until_decided(self, lines: Lines) -> None:
        """Wait until @progress has passed the end of both inputs and every answer is counted."""
        await asyncio.gather(lines.single.flush(), lines.packed.flush())
        try:
            async with asyncio.timeout(DECIDED_SECONDS_MAX):
                while await undecided_records(self._tally, lines.offsets, self._partitions):  # noqa: ASYNC110
                    # The broker can only be asked.
                    await asyncio.sleep(BOARD_SECONDS)
        except TimeoutError:
            raise DemoError(
                f"not everything was decided within {DECIDED_SECONDS_MAX:.0f} s\n{self._stage.log_tails()}"
            ) from None

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

    async def _result(self, lines: Lines, watch: LedgerWatch, act: SaleAct, verified: VerifyReport) -> Result:
        tally, sale, tills = self._tally, self._tally.sale, self._tills
        workers = self._stage.workers()
        kill = act.kill
        ended = [
            f"{worker.name} (status {status})"
            for worker in workers
            for status in worker.exit_statuses[worker.name == (kill and kill.worker) :]
        ]
        return Result(
            sent=lines.sent,
            decided=tally.answers,
            repeats=tally.repeats,
            dead_letters=await lines.dead_letter_count(),
            decided_in_history=tills.decided,
            history_seconds=tills.seconds,
            history_real=tills.real,
            history_generated=tills.generated,
            history_positions=len(tills.expected),
            history_positions_wrong=sum(
                tally.on_hand.get(place) != units for place, units in tills.expected.items()
            ),
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
            repeats_same=sale.repeats_same,
            repeats_different=sale.repeats_different,
            answered_twice=sale.answered_twice,
            latency_seconds=act.latencies(in_outage=False),
            latency_outage_seconds=act.latencies(in_outage=True),
            probes_unseen=act.probes.unseen,
            killed_worker=kill.worker if kill is not None else "nobody",
            recovery_seconds=kill.recovery_seconds if kill is not None else None,
            shortfall_units=sum(tally.shortfall_units.values()),
            shortfall_skus=len({sku for sku, _ in tally.shortfall_units}),
            stale_rows=watch.alarms,
            workers_down=[worker.name for worker in workers if worker.pid is None],
            workers_ended=ended,
            verified=verified,
        )

    async def _keep_board(self, lines: Lines) -> None:
        """Keep the view's figures up to date; runs until cancelled."""
        board, tally = self._board, self._tally
        while True:
            board.sent, board.answered = lines.sent, tally.answers
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
    return "up" if not exit_statuses else f"up again after status {exit_statuses[-1]}"
