"""What dies in the middle of the sale: the worker that owns it, and a gateway with requests under way."""

import time
from dataclasses import dataclass
from typing import Final

from inventory_stream.demo.board import Board
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.gateway_entry import GatewayEntry
from inventory_stream.demo.owners import owner_of
from inventory_stream.demo.stage import GATEWAYS, LEDGER_WORKERS, Stage
from inventory_stream.demo.tally import Tally
from inventory_stream.demo.waiting import ask_until, until

KILL_AT_SHARE_LEFT: Final = 0.5
"""The worker dies when half of the stock is promised: every unit sold twice would show."""

KILL_SECONDS_MAX: Final = 60.0
"""Longest wait for the moment of the kill; half the stock is gone within a third of the sale."""

UNDER_WAY: Final = 10
"""Requests at a gateway when it dies: they wait for the ledger, whose owner just died, so there are soon as
many. Their commands may be in Kafka or not: what only the same key can tell."""

RECOVERY_SECONDS_MAX: Final = 90.0
"""Longest wait for the next owner, and for the gateway. Expected: their restart (2 s), or the session
timeout (6 s), and the read of what there is (300k rows/s)."""


@dataclass(slots=True)
class Kill:
    """A process that was killed, when (monotonic seconds), and when it or its successor was back."""

    name: str
    at_seconds: float
    back_after_seconds: float | None = None
    under_way: int = 0
    """Requests that waited for its answer."""


class Kills:
    """Both kills. The gateway's comes while the partition has no owner: then most is under way."""

    def __init__(self, stage: Stage, tally: Tally, entry: GatewayEntry, partition: int) -> None:
        """`partition` is the sale's."""
        self.worker: Kill | None = None
        self.gateway: Kill | None = None
        self._stage = stage
        self._tally = tally
        self._entry = entry
        self._partition = partition

    @property
    def names(self) -> frozenset[str]:
        """Who was killed."""
        return frozenset(kill.name for kill in (self.worker, self.gateway) if kill is not None)

    async def play(self, board: Board) -> None:
        """Kill both and wait until both are back.

        Raises:
            DemoError: something did not happen in time.
            UnreachableError: Kafka went away.
        """
        # Asked before, because the sale goes on while Kafka is asked.
        worker = await owner_of(self._stage.settings, self._partition, LEDGER_WORKERS)
        if worker is None:
            raise DemoError(f"nobody owns partition {self._partition}\n{self._stage.log_tails()}")
        half = self._tally.sale.stock_units * KILL_AT_SHARE_LEFT
        await until(
            lambda: (self._tally.sale_available_units or 0) <= half, KILL_SECONDS_MAX, "half the sale"
        )
        term = max(self._terms(), default=-1)
        left = self._tally.sale_available_units
        killed_ms, self.worker = time.time_ns() // 1_000_000, Kill(worker, time.monotonic())
        pid = self._stage.kill(worker)
        board.say(
            f"kill -9 {worker} (pid {pid}), which owns the sale's partition {self._partition}; "
            f"{left:,} units left"
        )
        await self._kill_gateway(board)
        await until(lambda: self._first_answer_ms(term) is not None, RECOVERY_SECONDS_MAX, "the next owner")
        self.worker.back_after_seconds = ((self._first_answer_ms(term) or killed_ms) - killed_ms) / 1_000
        board.say(
            f"partition {self._partition} is decided again {self.worker.back_after_seconds:.1f} s "
            "after the kill"
        )
        await self._until_gateway_is_back(board)

    async def _kill_gateway(self, board: Board) -> None:
        name = GATEWAYS[0]
        await until(lambda: self._entry.in_flight[name] >= UNDER_WAY, KILL_SECONDS_MAX, "requests that wait")
        kill = self.gateway = Kill(name, time.monotonic(), under_way=self._entry.in_flight[name])
        pid = self._stage.kill(name)
        board.say(
            f"kill -9 {name} (pid {pid}) with {kill.under_way:,} requests under way; their callers ask "
            f"{GATEWAYS[1]} with the same keys"
        )

    async def _until_gateway_is_back(self, board: Board) -> None:
        kill = self.gateway
        assert kill is not None, "killed before"  # noqa: S101
        await ask_until(
            self._stage.gateways[kill.name].is_ready,
            RECOVERY_SECONDS_MAX,
            f"{kill.name} to be back",
            self._stage.log_tails,
        )
        kill.back_after_seconds = time.monotonic() - kill.at_seconds
        board.say(f"{kill.name} is ready again {kill.back_after_seconds:.1f} s after the kill")

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
