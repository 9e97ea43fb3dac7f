"""Reads a partition's state back from its log: the rows, not yet what a state derives from them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.ledger.state import StateLoader
from inventory_stream.ports.ledger_log import Claim, KeyedRow, LedgerLog
from models.rows import PROGRESS_KEY, decode_held

_REPLACED: Final = frozenset((b"p/", PROGRESS_KEY[:2]))
"""How the keys begin whose rows say everything anew, position and progress: a third to a half of a log that
was not compacted yet. Only the newest of each key is decoded."""
_NEWEST_MAX: Final = 50_000
"""As many of these wait to be decoded, about 15 MB: then all are, and a newer row of a key once more."""
_ROWS_PER_TURN: Final = 4_096
"""Decoded between two chances for other work: about 10 ms, far below any heartbeat."""


class Recovery:
    """One reading of a partition's log; the loader still has to `index` afterwards."""

    def __init__(self, loader: StateLoader, partition: int) -> None:
        self.is_fresh: bool = True
        """Nobody has decided anything yet: no @progress was read."""
        self._loader = loader
        self._partition = partition

    async def read(self, log: LedgerLog, claim: Claim) -> AsyncIterator[int]:
        """Load every row that counts; yields how many were read since it last did.

        Raises:
            CorruptLedgerError: a row cannot be decoded.
        """
        newest: dict[bytes, KeyedRow] = {}
        async for records in log.read(claim):
            await self._load(self._but_newest(records, newest))
            if len(newest) >= _NEWEST_MAX:
                await self._load(newest.values())
                newest.clear()
            yield len(records)
        await self._load(newest.values())

    def _but_newest(self, records: Iterable[KeyedRow], newest: dict[bytes, KeyedRow]) -> list[KeyedRow]:
        """Give the rows to be decoded now; those that a later one may replace go to `newest`."""
        now: list[KeyedRow] = []
        for record in records:
            key = record.key
            if key[:2] in _REPLACED:
                newest[key] = record
            else:
                now.append(record)
        self.is_fresh = self.is_fresh and PROGRESS_KEY not in newest
        return now

    async def _load(self, records: Iterable[KeyedRow]) -> None:
        load = self._loader.load
        for number, record in enumerate(records, 1):
            key, value = record.key, record.value
            if value is None:
                load(key, None)
            else:
                try:
                    row = decode_held(key, value)
                except ValueError as error:  # msgspec's errors are ValueErrors too
                    raise CorruptLedgerError(
                        f"ledger partition {self._partition}, offset {record.offset}, "
                        f"key {key[:80]!r}: {error}"
                    ) from error
                load(key, row, value)
            if number % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
