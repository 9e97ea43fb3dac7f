"""Answers by row key, as small as they lie in the log, and which of them is forgotten first (R27, R29)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from inventory_stream.ledger.hash_index import HASH_MASK, HashIndex
from inventory_stream.ledger.receipt_chunks import (
    CHUNK_BYTES,
    CHUNK_ROWS,
    Numbered,
    ReceiptChunks,
    Timed,
    decode,
    shortened,
)
from models.outcomes import Outcome
from models.rows import ReceiptRow, receipt_key

_REMEMBERED: Final = int(Outcome.REMEMBERED)


class Receipts(Mapping[bytes, ReceiptRow]):
    """The receipts of a partition, decoded when somebody asks.

    There may be millions, and hardly one is ever asked for. A dict of their rows and a heap of their times
    took 330 bytes for each (benchmarks, scenario `memory`). So all but the latest lie in chunks, 105 bytes
    for a row of 107, found by the hash of their key and told apart by the ids in them. The latest are a
    dict, and go together when they are as many as a chunk takes: one by one that took 0.6 us more of 2.1.
    Those that wait for their order (R21) are kept as the one object that the state lists among the waiting.
    """

    __slots__ = (
        "_absent",
        "_chunk_rows",
        "_chunks",
        "_index",
        "_latest",
        "_latest_ms",
        "_packed",
        "_waiting",
        "of_orders",
    )

    def __init__(self, chunk_rows: int = CHUNK_ROWS) -> None:
        self.of_orders = 0
        """How many belong to an order command: none, and nobody need look for one."""
        self._chunk_rows = chunk_rows
        self._waiting: dict[bytes, ReceiptRow] = {}
        self._latest: dict[bytes, Timed] = {}
        # The oldest time of those that were kept since the last chunk was made.
        self._latest_ms = 0
        self._index = HashIndex()
        self._chunks = ReceiptChunks(self._take_back)
        self._packed = 0
        # A new command's key is looked for before its answer is kept: then it need not be once more.
        self._absent = b""

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest was decided, or somewhat earlier; None: none is kept, but for those that wait."""
        oldest_ms = self._chunks.oldest_ms if self._packed else None
        if not self._latest:
            return oldest_ms
        return self._latest_ms if oldest_ms is None else min(oldest_ms, self._latest_ms)

    def keep(self, key: bytes, receipt: ReceiptRow, value: bytes) -> None:
        """Keep a receipt, `value` being its row as it was written; one of the same key is replaced."""
        if key != self._absent:
            self.discard(key)
        self._absent = b""
        if receipt.reservation_id is not None:
            self.of_orders += 1
        if receipt.outcome == _REMEMBERED:
            self._waiting[key] = receipt
            return
        at_ms, latest = receipt.at_ms, self._latest
        if not latest or at_ms < self._latest_ms:
            self._latest_ms = at_ms
        latest[key] = (at_ms, key, shortened(receipt, value))
        if len(latest) >= self._chunk_rows:
            self._pack()

    def find(self, key: bytes) -> ReceiptRow | None:
        """Give a receipt, None when none is kept; a change to it is lost unless it is kept again."""
        latest = self._latest.get(key)
        if latest is not None:
            return decode(latest[2])
        for number in self._index.numbers_of(hash(key) & HASH_MASK):
            its_key, receipt = self._chunks.keyed(number)
            if its_key == key:
                return receipt
        waiting = self._waiting.get(key)
        if waiting is None:
            self._absent = key
        return waiting

    def waiting(self, key: bytes) -> ReceiptRow | None:
        """Give a receipt if it waits for its order (R21)."""
        return self._waiting.get(key)

    def discard(self, key: bytes) -> bool:
        """Forget a receipt; False: it was not there."""
        if self._latest.pop(key, None) is None and self._waiting.pop(key, None) is None:
            hashed = hash(key) & HASH_MASK
            for number in self._index.numbers_of(hashed):
                if self._chunks.keyed(number)[0] == key:
                    break
            else:
                return False
            self._index.remove(hashed, number)
            self._packed -= 1
            self._chunks.take_out(number)
        self.of_orders -= _is_of_order(key)
        return True

    def is_older(self, than_ms: int) -> bool:
        """Whether one, but for those that wait, was decided before a time."""
        return self._oldest(than_ms) is not None

    def forget_oldest(self, before_ms: int) -> tuple[bytes, ReceiptRow] | None:
        """Forget the oldest, but for those that wait, and give it; None: none is from before then."""
        oldest = self._oldest(before_ms)
        if oldest is None:
            return None
        number, key, receipt = oldest
        self._index.remove(hash(key) & HASH_MASK, number)
        self._packed -= 1
        self._chunks.take_out(number)
        self.of_orders -= _is_of_order(key)
        return key, receipt

    def rows(self) -> Iterator[ReceiptRow]:
        """Give all, in no order; none may be kept or forgotten meanwhile."""
        latest = (decode(value) for _, _, value in self._latest.values())
        return chain(self._waiting.values(), latest, self._chunks.rows())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.find(key) is not None

    def __getitem__(self, key: bytes) -> ReceiptRow:
        receipt = self.find(key)
        if receipt is None:
            raise KeyError(key)
        return receipt

    def __delitem__(self, key: bytes) -> None:
        if not self.discard(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        return (receipt_key(row.command_id, row.reservation_id) for row in self.rows())

    def __len__(self) -> int:
        return self._packed + len(self._latest) + len(self._waiting)

    def _take_back(self, number: int, row: Timed) -> None:
        """Keep a row as one of the latest, whose chunk is given up."""
        self._index.remove(hash(row[1]) & HASH_MASK, number)
        self._packed -= 1
        self._latest_ms = min(self._latest_ms, row[0]) if self._latest else row[0]
        self._latest[row[1]] = row

    def _oldest(self, before_ms: int) -> Numbered | None:
        while True:
            oldest = self._chunks.oldest(before_ms)
            # Asked afterwards, for rows of a chunk that was given up are among the latest now.
            if not self._latest or self._latest_ms >= (before_ms if oldest is None else oldest[2].at_ms + 1):
                return oldest
            self._pack()

    def _pack(self) -> None:
        """Make chunks of the latest: one, or more where chunks were given up or rows are long."""
        rows = sorted(self._latest.values())
        self._latest.clear()
        first = size_bytes = 0
        for at, (_, _, value) in enumerate(rows):
            if at - first == self._chunk_rows or size_bytes > CHUNK_BYTES:
                self._pack_some(rows[first:at])
                first, size_bytes = at, 0
            size_bytes += len(value)
        self._pack_some(rows[first:])

    def _pack_some(self, rows: Sequence[Timed]) -> None:
        number = self._chunks.add(rows)
        self._index.add([hash(key) & HASH_MASK for _, key, _ in rows], number)
        self._packed += len(rows)


def _is_of_order(key: bytes) -> bool:
    # c/<reservation id>/<command id>; identifiers hold no unescaped slash.
    return key.count(b"/") == 2
