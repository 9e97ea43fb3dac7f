"""The life of orders as the demo plays it: round by round, then compared with the demo's own book."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from inventory_stream.demo.board import Board
from inventory_stream.demo.book import Book
from inventory_stream.demo.life_audit import LifeAudit
from inventory_stream.demo.life_cast import PREFIX, Cast, choose_cast
from inventory_stream.demo.life_plan import LifePlan
from inventory_stream.demo.life_report import LifeResult
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.outside import ExceptionEvents, decisions_by_metrics
from inventory_stream.demo.shelf import Position
from inventory_stream.demo.stage import LEDGER_WORKERS, Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.waiting import until
from inventory_stream.demo.watch import wait_until_decided
from models.outcomes import Outcome

EXPIRY_SECONDS_MAX: Final = 30.0
"""Longest wait for what will be paid late to expire: its deadline (1 s), the clock skew (2 s), a look."""

TOLD_SECONDS_MAX: Final = 30.0
"""Longest wait until Redis, exceptions and metrics say what is expected; then it counts what they say."""

LOOK_SECONDS: Final = 0.25
"""Between two looks at them."""


class LifeAct:
    """Orders from their reservation to their return, over the SKUs and stores of the till data."""

    def __init__(self, stage: Stage, lines: Lines, tally: Tally) -> None:
        self._stage = stage
        self._lines = lines
        self._tally = tally

    async def play(
        self,
        board: Board,
        on_hand: Mapping[Position, int],
        is_online: Callable[[Position], bool],
        seed: int,
        orders: int,
    ) -> LifeResult:
        """Play all rounds and compare.

        Args:
            board: Gets the progress.
            on_hand: What the till history left on the shelves.
            is_online: Whether a position has orders of the history, too; it is then left alone.
            seed: Of the crowd.
            orders: How many.

        Returns:
            What was found, differences included.

        Raises:
            DemoError: something did not happen in time, or the till rows sell too little.
            UnreachableError: a server went away.
        """
        cast = choose_cast(on_hand, is_online, seed, orders)
        places = {place for pair in cast.pairs for place in (pair.here, pair.there)}
        audit = LifeAudit(Book({place: on_hand[place] for place in places}))
        self._tally.listen_with(audit)
        plan = LifePlan(cast, audit.book, seed, _now_ms)
        board.say(f"life of orders: {len(cast.orders):,} orders (all generated, seed {seed}) on real SKUs")
        rounds = plan.rounds()
        for number, step in enumerate(rounds, 1):
            board.detail(f"{number} of {len(rounds)}, {step.name} ({audit.sent:,} commands so far)")
            if step.is_after_expiry:
                await until(
                    lambda: not any(plan.due_to_expire()), EXPIRY_SECONDS_MAX, "unpaid orders to expire"
                )
            # All at once, so that nothing in it hangs on when an answer to another part of it comes.
            for command in list(step.commands()):
                audit.send(command, _now_ms())
                await self._lines.packed.send(command, getattr(command, "sku", None))
            await wait_until_decided(self._stage, self._lines, self._tally)
        board.detail("all decided; Redis, events and metrics catch up")
        result = await self._compare(cast, audit, plan)
        differences = len(result.differences)
        board.detail(f"{audit.sent:,} commands as foretold, {differences:,} differences")
        board.say(
            f"life of orders: {audit.sent:,} commands, {differences:,} differences from the demo's own count"
        )
        return result

    async def _compare(self, cast: Cast, audit: LifeAudit, plan: LifePlan) -> LifeResult:
        lines, tally, book = self._lines, self._tally, audit.book
        skus = [pair.sku for pair in cast.pairs]
        events = ExceptionEvents(lines.exceptions, self._stage.settings.kafka.partitions, skus, PREFIX)
        expected = +book.exceptions  # without what was looked for and not found
        deadline = time.monotonic() + TOLD_SECONDS_MAX
        while True:
            await events.read_on()
            by_metrics = await self._decisions_by_metrics()
            unlike = tuple(audit.differences_from_redis(await lines.view.read(skus)))
            is_told = events.kinds == expected and by_metrics in (None, tally.decisions)
            if (is_told and not unlike) or time.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return LifeResult(
            orders=len(cast.orders),
            skus=len(skus),
            stores=len({store for _, store in book.shelves}),
            commands=audit.sent,
            positions=len(book.shelves),
            outcomes=dict(audit.outcomes),
            early_settled=tally.settled,
            recounts=len(plan.recounted) + 1,
            late_movements=len(plan.recounted),
            short_units=sum(max(0, -book.free(place)) for place in book.shelves),
            exceptions=dict(events.kinds),
            exceptions_expected=dict(expected),
            decisions=tally.decisions,
            decisions_by_metrics=by_metrics,
            differences=(*audit.differences(), *unlike),
            hints=_hints(cast, audit),
        )

    async def _decisions_by_metrics(self) -> int | None:
        if any(worker.exit_statuses for worker in self._stage.workers() if worker.name in LEDGER_WORKERS):
            return None
        return await decisions_by_metrics(self._stage.monitoring_urls[name] for name in LEDGER_WORKERS)


def _hints(cast: Cast, audit: LifeAudit) -> tuple[str, ...]:
    refused = [key[0] for key, outcomes in audit.heard.items() if outcomes[-1] is Outcome.RESERVATION_EXPIRED]
    sku, store = cast.market.here
    return (
        *(f"inventory-stream ledger explain reservation {name}" for name in refused[:1]),
        f"inventory-stream ledger explain position {sku} --location {store}",
        f"inventory-stream ledger explain command {PREFIX}netting-count",
        f"inventory-stream atp outlook {cast.truck.sku}",
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
