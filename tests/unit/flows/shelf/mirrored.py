"""A shelf that hears what a real, pure ledger decides."""

from collections.abc import Iterable

from inventory_stream.flows.shelf.shelf import MemoryShelf
from inventory_stream.ledger.decide import DecodedRecord
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import ORDER_COMMANDS, STOCK_COMMANDS, Command
from models.outcomes import Outcome
from tests.unit.ledger.scripts import Call, Rows, answers_in, decide, fresh_state
from tests.unit.ledger.table import NOON

GENERATION_MS = 1_000


class Mirrored:
    """One partition: a ledger state, every row that it wrote, and the shelf."""

    def __init__(self) -> None:
        self.is_fresh = True
        self.is_caught_up = True
        self.state = fresh_state()
        self.records: list[LedgerRecord] = []
        self.shelf = MemoryShelf(1, lambda _sku: 0, lambda _: self.is_fresh, lambda _: self.is_caught_up)
        self._asked = 0

    def call(self, call: Call) -> list[tuple[str, Outcome]]:
        """Decide a call; gives what callers hear."""
        heard: Rows = []
        for sealed in decide(self.state, call):
            heard += sealed.rows
            self.hear(sealed.rows)
        return answers_in(heard)

    def ask(self, *commands: Command, now_ms: int = NOON) -> list[Outcome]:
        """Decide commands one after the other; gives their outcomes."""
        outcomes = []
        for command in commands:
            self._asked += 1
            record = DecodedRecord(1_000_000 + self._asked, now_ms, [command])
            stock = [record] if isinstance(command, STOCK_COMMANDS) else []
            orders = [record] if isinstance(command, ORDER_COMMANDS) else []
            ((_, outcome),) = self.call(Call(stock, orders, now_ms))
            outcomes.append(outcome)
        return outcomes

    def hear(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Have the shelf take rows that one append brought."""
        fresh = [
            LedgerRecord(len(self.records) + number, NOON + len(self.records), key, value)
            for number, (key, value) in enumerate(rows)
        ]
        self.records += fresh
        self.shelf.take(0, GENERATION_MS, fresh)
