"""A `Desk` over the real, pure ledger in memory: every answer is one that the ledger decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from inventory_stream.flows.answers import answer_in, answer_keys
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ports.desk import Decision, DeskClosedError, NotAnsweredError
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Version
from models.commands import STOCK_COMMANDS, Command
from models.ids import encode_id
from models.rows import decode_row

START_MS = 1_700_000_000_000
"""The time at which it begins; a test moves `now_ms`."""


@dataclass
class FakeDesk:
    """One partition that decides at once. `hears` gets the rows of each decision, as a tail would bring them.

    `waited`: for how long each asked would have waited, in seconds.
    `silent`: commands are decided and nobody is answered, as when the answer is late. `lost`: nothing is
    decided either, as when Kafka is away. `closed`: nothing is taken.
    """

    now_ms: int = START_MS
    state: PartitionState = field(default_factory=lambda: PartitionState(0, 1, Rules()))
    asked: list[Command] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    rows: list[LedgerRecord] = field(default_factory=list)
    hears: Callable[[int, int, list[LedgerRecord]], None] | None = None
    silent: bool = False
    lost: bool = False
    closed: bool = False

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Decide a command; see the port."""
        assert within_seconds > 0
        if self.closed:
            raise DeskClosedError("the fake desk is closed")
        self.asked.append(command)
        self.waited.append(within_seconds)
        if self.lost:
            raise NotAnsweredError("the fake broker is away")
        decision = self.decide(command)
        if self.silent:
            raise NotAnsweredError("the fake answer is late")
        assert decision is not None, f"the ledger refused {command} as impossible"
        return decision

    async def ask_all(self, commands: Sequence[Command], within_seconds: float) -> Sequence[Decision | None]:
        """Ask one after the other; see the port."""
        decisions: list[Decision | None] = []
        for command in commands:
            try:
                decisions.append(await self.ask(command, within_seconds))
            except NotAnsweredError:
                decisions.append(None)
        return decisions

    def decide(self, command: Command) -> Decision | None:
        """Decide a command of either topic; None: a dead letter."""
        is_stock = isinstance(command, STOCK_COMMANDS)
        offset = self.state.stock_next if is_stock else self.state.orders_next
        record = [DecodedRecord(offset, self.now_ms, [command])]
        answer = None
        stock, orders = (record, []) if is_stock else ([], record)
        for sealed in decide_batch(self.state, stock, orders, self.now_ms):
            fresh = [
                LedgerRecord(len(self.rows) + at, self.now_ms, key, value)
                for at, (key, value) in enumerate(sealed.rows)
            ]
            self.rows += fresh
            keys = answer_keys(command)
            version = _newest(fresh, getattr(command, "sku", None))
            for record_ in fresh:
                if record_.key in keys and record_.value is not None:
                    answer = answer_in(decode_row(record_.key, record_.value), command, version) or answer
            if self.hears is not None:
                self.hears(0, START_MS, fresh)
        return answer


def _newest(rows: list[LedgerRecord], sku: str | None) -> Version | None:
    start = f"p/{encode_id(sku or '')}/".encode()
    offsets = [record.offset for record in rows if record.key.startswith(start)]
    return Version(START_MS, offsets[-1]) if offsets else None
