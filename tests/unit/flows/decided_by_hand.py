"""A ledger of the real decider, one batch of commands at a time, at times that a test chooses."""

from collections.abc import Sequence

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from models import commands as c
from tests.fakes.ledger_reader import FakeLedger


class DecidedByHand:
    """One partition of a `FakeLedger`. `now_ms` starts at the ledger's first record time."""

    def __init__(self, partition: int = 0, partitions: int = 1, ledger: FakeLedger | None = None) -> None:
        self.ledger = ledger or FakeLedger()
        self.partition = partition
        self.now_ms = self.ledger.start_ms
        self._state = PartitionState(partition, partitions, Rules())
        self._state.term = self.ledger.claim(partition)

    def batch(self, *commands: c.Command, after_ms: int = 1_000, sweep: bool = False) -> None:
        """Decide commands together, so much later than the batch before; `sweep`: deadlines pass too."""
        self.now_ms += after_ms
        stock = [command for command in commands if isinstance(command, c.STOCK_COMMANDS)]
        orders = [command for command in commands if not isinstance(command, c.STOCK_COMMANDS)]
        state = self._state
        sealed_batches = decide_batch(
            state,
            self._record(state.stock_next, stock),
            self._record(state.orders_next, orders),
            self.now_ms,
            self.now_ms if sweep else 0,
        )
        for sealed in sealed_batches:
            for key, value in sealed.rows:
                headers = [("term", str(state.term).encode())] if value is None else []
                self.ledger.append(self.partition, key, value, headers)

    def _record(self, offset: int, commands: Sequence[c.Command]) -> list[DecodedRecord]:
        return [DecodedRecord(offset, self.now_ms, list(commands))] if commands else []
