"""Which reservations the ledger wrote of lately: for these no answer may be given without it."""

from collections.abc import Sequence
from typing import Final

from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import reservation_key

REMEMBERED_MIN: Final = 250_000
"""Reservations that are known at least, 100 bytes each in two halves: a minute of a flash sale at 4,000/s.
A caller repeats a request within seconds; later it asks for the reservation."""


class RecentReservations:
    """Implements `ports.ledger_tail.TailListener`.

    A shopper who holds the last unit and asks again with the same key must hear of it, though the shelf
    shows nothing any more: an early "sold out" is only for who is not known here.
    """

    def __init__(self, remembered_min: int = REMEMBERED_MIN) -> None:
        self._remembered_min = remembered_min
        # Hashes: half the memory of keys. Two keys with one hash only cost a way through the ledger.
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def knows(self, reservation_id: str) -> bool:
        """Whether the ledger wrote a row of this reservation lately."""
        hashed = hash(reservation_key(reservation_id))
        return hashed in self._newer or hashed in self._older

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """Remember reservations; see the port."""
        del partition, generation_ms
        self._newer.update(hash(record.key) for record in records if record.key.startswith(b"r/"))
        if len(self._newer) >= self._remembered_min:
            self._older, self._newer = self._newer, set()

    def start_over(self, partition: int) -> None:
        """Know what was known: it only costs a way through the ledger."""
