"""A `SaleEntry` over the real, pure ledger in memory: its rows go through the demo's tally."""

import time
from dataclasses import dataclass, field

from inventory_stream.demo.sale import Sale
from inventory_stream.demo.tally import Tally
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import STOCK_COMMANDS, Command


@dataclass
class LedgerEntry:
    """Decides each command at once; `sale` then hears the answers."""

    tally: Tally
    sale: Sale | None = None
    state: PartitionState = field(default_factory=lambda: PartitionState(0, 1, Rules()))
    sent: list[Command] = field(default_factory=list)
    rows: list[LedgerRecord] = field(default_factory=list)

    async def send(self, command: Command) -> None:
        """Decide a command and tell what came of it."""
        self.sent.append(command)
        self.decide(command)

    def decide(self, command: Command) -> None:
        """Decide a command of either topic."""
        now_ms = time.time_ns() // 1_000_000
        is_stock = isinstance(command, STOCK_COMMANDS)
        offset = self.state.stock_next if is_stock else self.state.orders_next
        record = DecodedRecord(offset, now_ms, [command])
        for sealed in decide_batch(
            self.state, [record] if is_stock else [], [] if is_stock else [record], now_ms, 0
        ):
            fresh = [
                LedgerRecord(len(self.rows) + number, now_ms, key, value)
                for number, (key, value) in enumerate(sealed.rows)
            ]
            self.rows += fresh
            heard = self.tally.feed(0, fresh)
            if self.sale is not None:
                self.sale.hear(heard)
