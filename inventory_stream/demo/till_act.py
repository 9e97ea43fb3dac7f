"""The till history as the demo plays it: as fast as the ledger takes it, then compared with itself."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

from inventory_stream.demo.board import Board
from inventory_stream.demo.history import History, HistoryEvent, Origin
from inventory_stream.demo.journey import Journey
from inventory_stream.demo.lines import Lines
from inventory_stream.demo.shelf import Position
from inventory_stream.demo.stage import Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.watch import wait_until_decided, wait_until_fresh

LOOP_SHARE: Final = 256
"""Commands handed over before the loop's other tasks get a turn: some milliseconds of work."""


class TillAct:
    """Real till sales, and the generated stock, deliveries and online orders around them."""

    def __init__(self, stage: Stage, lines: Lines, tally: Tally) -> None:
        self.real = 0
        self.generated = 0
        self.seconds = 0.0
        """From the first command sent to the last decision."""
        self.redis_seconds = 0.0
        """From the last decision until Redis was fresh."""
        self.decided = 0
        self._stage = stage
        self._lines = lines
        self._tally = tally
        self.positions_wrong = 0
        """At its end: positions whose on_hand in the ledger is not what the history itself adds up to."""

    async def play(self, board: Board, till_rows: int, seed: int) -> History:
        """Send the opening stock, wait until it stands, then everything that happened.

        Returns:
            The history, which knows what each position holds now.

        Raises:
            DemoError: it was not decided, or not in Redis, in time.
            UnreachableError: a server went away.
        """
        board.detail("reading (real till sales; stock, deliveries and online orders are generated)")
        history = await asyncio.to_thread(History, Journey(), till_rows, seed)
        before, began = self._tally.answers, time.monotonic()
        await self._send(board, history.openings(), "opening stock (generated)")
        await wait_until_decided(self._stage, self._lines, self._tally)
        await self._send(board, history.events(), "real sales; deliveries, online orders (generated)")
        await wait_until_decided(self._stage, self._lines, self._tally)
        self.seconds, self.decided = time.monotonic() - began, self._tally.answers - before
        self.positions_wrong = self._wrong(history.on_hand)
        board.detail("all decided; Redis catches up")
        await wait_until_fresh(self._stage, self._lines)
        self.redis_seconds = time.monotonic() - began - self.seconds
        board.detail(
            f"{self.real:,} real till sales, {self.generated:,} generated commands in {self.seconds:.1f} s"
        )
        left_out = ", ".join(f"{rows:,} {reason}" for reason, rows in history.left_out.items())
        board.say(
            f"till history: {self.real:,} real sales, {self.generated:,} generated commands; left out: "
            f"{left_out or 'none'}"
        )
        return history

    def _wrong(self, expected: Mapping[Position, int]) -> int:
        return sum(self._tally.on_hand.get(place) != units for place, units in expected.items())

    async def _send(self, board: Board, events: Iterable[HistoryEvent], what: str) -> None:
        for number, (origin, command) in enumerate(events):
            await self._lines.packed.send(command, getattr(command, "sku", None))
            if origin is Origin.REAL:
                self.real += 1
            else:
                self.generated += 1
            if number % LOOP_SHARE == 0:
                board.detail(f"{what}: {self.real:,} real, {self.generated:,} generated")
                await asyncio.sleep(0)
