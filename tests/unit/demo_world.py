"""The life of orders over the real decisions without a broker: rounds in, rows to the demo's audit."""

from collections.abc import Callable, Mapping, Sequence

from inventory_stream.demo.book import Book
from inventory_stream.demo.life_audit import LifeAudit
from inventory_stream.demo.life_cast import Cast, choose_cast
from inventory_stream.demo.life_plan import LifePlan
from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.demo.shelf import Position
from inventory_stream.demo.tally import Tally
from inventory_stream.flows.event_rows import exceptions_of
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import STOCK_COMMANDS, Adjust, Command
from models.rows import Row, decode_row, encode_row

Change = Callable[[Row], Row]
"""What a test does to rows before the audit hears them."""

STEP_MS = 1_200
"""From one round to the next: the second round after a short deadline finds it over."""
APPEND_MS = 200
"""From a command's departure to its decision and its row: a busy machine."""


def on_hand(skus: int = 30, stores: int = 3) -> Mapping[Position, int]:
    """Give shelves as a till history might leave them, one short of a unit."""
    return {
        (f"product-{sku}", f"store-{store}"): (sku + store) % 9 - 1
        for sku in range(skus)
        for store in range(stores)
    }


class DemoWorld:
    """One partition of the ledger, in a time of its own, and the audit that hears its rows."""

    def __init__(self, seed: int, orders: int, change: Change = lambda row: row) -> None:
        shelves = on_hand()
        self.cast: Cast = choose_cast(shelves, lambda _: False, seed, orders)
        places = {place for pair in self.cast.pairs for place in (pair.here, pair.there)}
        self.audit = LifeAudit(Book({place: shelves[place] for place in places}))
        self.tally = Tally(SaleTally("nothing", 0))
        self.raised: list[str] = []
        self.decisions = 0
        self.state = PartitionState()
        self._now_ms = 1_000_000
        self._change = change
        self._offset = 0
        self._records = [0, 0]
        self.decide([Adjust(f"open:{place}", *place, units, 1) for place, units in shelves.items() if units])
        self.decisions = 0
        self.raised.clear()
        self.tally = Tally(SaleTally("nothing", 0))
        self.tally.listen_with(self.audit)
        self.plan = LifePlan(self.cast, self.audit.book, seed, lambda: self._now_ms)

    def play(self) -> None:
        """Play all rounds, each in its own batch."""
        for step in self.plan.rounds():
            self._now_ms += STEP_MS
            commands = list(step.commands())
            self._now_ms += STEP_MS
            self.send(commands)

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands of one input, as the act does, and have them decided a while later."""
        for command in commands:
            self.audit.send(command, self._now_ms)
        self._now_ms += APPEND_MS
        self.decide(commands)

    def decide(self, commands: Sequence[Command]) -> None:
        """Decide commands of one input, and let the audit hear the rows."""
        is_stock = isinstance(commands[0], STOCK_COMMANDS)
        record = DecodedRecord(self._records[is_stock], self._now_ms, commands)
        self._records[is_stock] += 1
        stock, orders = ([record], []) if is_stock else ([], [record])
        for sealed in decide_batch(self.state, stock, orders, self._now_ms, self._now_ms):
            assert not sealed.refused
            self.decisions += sum(sealed.outcomes)
            for key, value in sealed.rows:
                self._offset += 1
                row = LedgerRecord(self._offset, self._now_ms, key, value)
                self.raised += [one.detail.kind for one in exceptions_of(row)]
                if value is not None:
                    changed = encode_row(self._change(decode_row(key, value)))
                    row = row._replace(value=changed)
                self.tally.feed(0, [row])
