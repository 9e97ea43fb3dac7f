"""Who hears every row that counts, of all partitions, as it is appended."""

from collections.abc import Sequence
from typing import Final, Protocol

from inventory_stream.ports.ledger_log import LedgerRecord

FRESH_SECONDS_MAX: Final = 1.0
"""A partition is fresh while its end was seen within this: what the projection's heartbeat promises readers
of Redis too (`projection.lag_ms_max`), so that an early "sold out" is never older, whoever says it."""


class TailListener(Protocol):
    """Takes rows. Called on the event loop, in the order of the partition; must not wait."""

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """Take rows that count (P4), oldest first, ending where an append of the owner ends.

        The first call for a partition begins at its first row. `generation_ms` as in `Version`.

        Raises:
            CorruptLedgerError: a row cannot be decoded; the partition is then read again from its beginning.
        """

    def start_over(self, partition: int) -> None:
        """Forget the partition: it was cut or made anew, and is read again from its beginning."""


class LedgerTail(Protocol):
    """Reads the ledger to its end and beyond, and says how far it is."""

    def is_caught_up(self, partition: int) -> bool:
        """Whether the partition was read to its end since it was begun."""

    def is_all_caught_up(self) -> bool:
        """Whether every partition was."""

    def is_fresh(self, partition: int) -> bool:
        """Whether the partition's end was seen within `FRESH_SECONDS_MAX`."""
